//! The table `marketplace_calls`: everything a marketplace said, with what became of it.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::purchase::MarketplaceName;

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It took effect.
    Accepted,
    /// It had taken effect before.
    Repeated,
    /// Its instance is not known yet: kept, and applied when it is announced or imported.
    Unmatched,
    /// It cannot be accepted; `detail` says why.
    Refused,
    /// Its token is wrong.
    BadToken,
}

impl Verdict {
    /// The word in the column `verdict`, and in the metric.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Repeated => "repeated",
            Self::Unmatched => "unmatched",
            Self::Refused => "refused",
            Self::BadToken => "bad-token",
        }
    }
}

/// A call as it is recorded: without its token.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Who called.
    pub marketplace: MarketplaceName,
    /// Its `action`, or what stood there.
    pub action: &'a str,
    /// The instance it is about, if it named one well.
    pub instance_id: Option<&'a str>,
    /// The order it is about.
    pub order_id: Option<&'a str>,
    /// Its parameters, without the token.
    pub parameters: &'a Value,
    /// What became of it.
    pub verdict: Verdict,
    /// Why not.
    pub detail: Option<&'a str>,
}

/// Records a call.
///
/// # Errors
/// If the database fails.
pub async fn record(db: &mut PgConnection, call: &Call<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        // Not the transaction's beginning: of two calls for one instance the one that waited for the other came later.
        "insert into marketplace_calls
           (id, marketplace, action, instance_id, order_id, parameters, verdict, detail, received_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp())",
        Uuid::now_v7(),
        call.marketplace.as_str(),
        call.action,
        call.instance_id,
        call.order_id,
        call.parameters,
        call.verdict.as_str(),
        call.detail,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Of the calls with a bad token at most so many a minute are recorded (contract §2).
pub const BAD_TOKENS_A_MINUTE: i64 = 60;

/// Records a call with a bad token, where there is room in this minute; false if it was one too many. Whoever counts waits
/// for the others until the transaction ends.
///
/// # Errors
/// If the database fails.
pub async fn record_bad_token(db: &mut PgConnection, call: &Call<'_>) -> Result<bool, sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('bad token', 19))").fetch_one(&mut *db).await?;
    let recorded = sqlx::query!(
        "insert into marketplace_calls (id, marketplace, action, instance_id, order_id, parameters, verdict, detail)
         select $1, $2, $3, $4, $5, $6, 'bad-token', $7
         where $8 > (
           select count(*)
           from marketplace_calls
           where verdict = 'bad-token' and received_at > now() - interval '1 minute'
         )",
        Uuid::now_v7(),
        call.marketplace.as_str(),
        call.action,
        call.instance_id,
        call.order_id,
        call.parameters,
        call.detail,
        BAD_TOKENS_A_MINUTE,
    )
    .execute(db)
    .await?;
    Ok(recorded.rows_affected() == 1)
}

/// Whether an order's renewal or upgrade has taken effect, or is kept, already: late repeats change nothing.
///
/// # Errors
/// If the database fails.
pub async fn is_repeated(db: &mut PgConnection, call: &Call<'_>) -> Result<bool, sqlx::Error> {
    let Some(order_id) = call.order_id else { return Ok(false) };
    sqlx::query_scalar!(
        r#"select exists (
             select from marketplace_calls
             where marketplace = $1 and instance_id = $2 and action = $3 and order_id = $4
               and verdict in ('accepted', 'unmatched')
           ) as "repeated!""#,
        call.marketplace.as_str(),
        call.instance_id,
        call.action,
        order_id,
    )
    .fetch_one(db)
    .await
}

/// An unmatched call's parameters: `action` is among them.
pub type Parameters = Value;

/// Takes the unmatched calls of an instance, oldest first, to be applied now that it is known.
///
/// # Errors
/// If the database fails.
pub async fn take_unmatched(
    db: &mut PgConnection,
    marketplace: MarketplaceName,
    instance_id: &str,
) -> Result<Vec<Parameters>, sqlx::Error> {
    let mut rows = sqlx::query!(
        "update marketplace_calls
         set applied_at = now()
         where marketplace = $1 and instance_id = $2 and verdict = 'unmatched' and applied_at is null
         returning id, received_at, parameters",
        marketplace.as_str(),
        instance_id,
    )
    .fetch_all(db)
    .await?;
    // The database's clock, and where it stood still the order of the ids.
    rows.sort_by_key(|row| (row.received_at, row.id));
    Ok(rows.into_iter().map(|row| row.parameters).collect())
}
