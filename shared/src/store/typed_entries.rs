//! The table `typed_entries`: how often a client has typed, and how often an Account ID did not fit an instance.

use sqlx::PgConnection;
use uuid::Uuid;

/// So many typed Account IDs may not fit an instance within a day; then only *Login Directly* helps.
pub const MISMATCHES_A_DAY: i64 = 5;
/// What is being verified will be known by then, mostly.
const VERIFIED_WITHIN: i64 = 5;

/// Lets nobody else count this client's entries until the transaction ends.
///
/// # Errors
/// If the database fails.
pub async fn lock_client(db: &mut PgConnection, client: &str) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 13))", client).fetch_one(db).await?;
    Ok(())
}

/// Lets nobody else count this instance's entries until the transaction ends.
///
/// # Errors
/// If the database fails.
pub async fn lock_instance(db: &mut PgConnection, marketplace: &str, instance_id: &str) -> Result<(), sqlx::Error> {
    let instance = format!("{marketplace} {instance_id}");
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 23))", instance).fetch_one(db).await?;
    Ok(())
}

/// For how many more seconds a client has typed so many entries within an hour.
///
/// # Errors
/// If the database fails.
pub async fn client_full_for(db: &mut PgConnection, client: &str, limit: i64) -> Result<Option<i64>, sqlx::Error> {
    // A limit of n is reached if there is an n-th latest; it is over when that one leaves the window.
    let wait = sqlx::query_scalar!(
        r#"select ceil(extract(epoch from entered_at + interval '1 hour' - now()))::bigint as "wait!"
           from typed_entries
           where client = $1 and entered_at > now() - interval '1 hour'
           order by entered_at desc offset $2 limit 1"#,
        client,
        limit - 1,
    );
    wait.fetch_optional(db).await
}

/// An instance's mismatches, and what may still become one.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// Account IDs that did not fit within a day.
    pub mismatches: i64,
    /// Entries that are being verified: none of them has been judged.
    pub open: i64,
    /// Seconds until the first of the last five mismatches is a day old, if there are as many.
    pub full_for: Option<i64>,
}

impl Places {
    /// For how many seconds nothing more may be typed. An entry that is being verified holds a place, and gives it back unless
    /// it becomes a mismatch.
    #[must_use]
    pub fn full_for(&self) -> Option<i64> {
        let taken = self.mismatches + self.open >= MISMATCHES_A_DAY;
        self.full_for.or_else(|| taken.then_some(VERIFIED_WITHIN))
    }
}

/// Counts an instance's places, which the caller has locked.
///
/// # Errors
/// If the database fails.
pub async fn places(db: &mut PgConnection, marketplace: &str, instance_id: &str) -> Result<Places, sqlx::Error> {
    sqlx::query_as!(
        Places,
        r#"with judged as materialized (
             select c.finished_at
             from activations a
             join commands c on c.activation_id = a.id
             where a.marketplace = $1 and a.instance_id = $2 and c.name = 'verify_purchase' and c.state = 'refused'
               and c.problem ->> 'code' = 'account-mismatch' and c.finished_at > now() - interval '1 day'
           )
           select (select count(*) from judged) as "mismatches!",
                  (select count(*)
                   from activations a
                   join commands c on c.activation_id = a.id
                   where a.marketplace = $1 and a.instance_id = $2 and a.state ->> 'started_by' = 'typed'
                     and c.name = 'verify_purchase' and c.state = 'ready') as "open!",
                  (select ceil(extract(epoch from finished_at + interval '1 day' - now()))::bigint
                   from judged
                   order by finished_at desc offset $3 limit 1) as full_for"#,
        marketplace,
        instance_id,
        MISMATCHES_A_DAY - 1,
    )
    .fetch_one(db)
    .await
}

/// Counts an entry.
///
/// # Errors
/// If the database fails.
pub async fn insert(
    db: &mut PgConnection,
    client: &str,
    marketplace: &str,
    instance_id: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into typed_entries (id, client, marketplace, instance_id) values ($1, $2, $3, $4)",
        Uuid::now_v7(),
        client,
        marketplace,
        instance_id,
    )
    .execute(db)
    .await?;
    Ok(())
}
