//! The table `challenges`: codes that were asked for, and every limit on them.

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Tries of one challenge, counted before the comparison.
pub const TRIES: i32 = 5;
/// Sendings of one challenge.
pub const SENDS: i32 = 4;
/// So long an address stays proven.
pub const PROVEN_FOR: Duration = Duration::hours(24);
/// New challenges of one address, or username, within an hour.
const OF_A_TARGET_AN_HOUR: i64 = 3;
/// The same within a day.
const OF_A_TARGET_A_DAY: i64 = 8;
/// New challenges of one activation.
const OF_AN_ACTIVATION: i64 = 10;
/// New challenges for one cloud account within a day.
const OF_AN_ACCOUNT_A_DAY: i64 = 20;

/// A challenge as it stands.
#[derive(Debug, Clone)]
pub struct Challenge {
    /// Its id; the code is derived from it.
    pub id: Uuid,
    /// What the code is for.
    pub purpose: String,
    /// The address or username, as it is counted.
    pub target: String,
    /// Where the mail goes, once that is known.
    pub email: Option<String>,
    /// The username as it was typed: a Billing Center may tell Ann from ann.
    pub username: Option<String>,
    /// Of a username: the account that it named.
    pub account: Option<Value>,
    /// The key that makes its code.
    pub key_id: i32,
    /// The language of the page that asked.
    pub language: String,
    /// How it stands.
    pub status: String,
    /// Sendings so far.
    pub sends: i32,
    /// Tries so far.
    pub tries: i32,
    /// The end of its life.
    pub expires_at: OffsetDateTime,
    /// Not sent again before.
    pub resend_at: OffsetDateTime,
    /// When the right code came.
    pub proven_at: Option<OffsetDateTime>,
}

/// Whose code is asked for.
#[derive(Debug, Clone)]
pub struct Asking<'a> {
    /// The activation, which the caller has locked.
    pub activation_id: Uuid,
    /// What the code is for.
    pub purpose: &'a str,
    /// The address or username, as it is counted.
    pub target: &'a str,
    /// Which of the two it is: a username may read like an address, and is counted by itself.
    pub is_username: bool,
    /// The cloud account, once known.
    pub account_id: Option<&'a str>,
    /// The client address of a typed entry.
    pub client: Option<&'a str>,
}

/// A challenge that is to be put in.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub asking: Asking<'a>,
    /// Where the mail goes, if that is known.
    pub email: Option<&'a str>,
    /// The username as it was typed, if it is one that must be looked up.
    pub username: Option<&'a str>,
    /// The key that makes its code.
    pub key_id: i32,
    /// The language of the page that asks.
    pub language: &'a str,
    /// Its life, in seconds.
    pub life: f64,
    /// The resend pause, in seconds.
    pub pause: f64,
}

/// The latest challenge for this purpose and target, locked. An address is the same without regard to case; a username is
/// the Billing Center's, which may tell Ann from ann.
///
/// # Errors
/// If the database fails.
pub async fn lock_latest(
    db: &mut PgConnection,
    activation_id: Uuid,
    purpose: &str,
    (target, username): (&str, Option<&str>),
) -> Result<Option<Challenge>, sqlx::Error> {
    sqlx::query_as!(
        Challenge,
        "select id, purpose, target, email, username, account, key_id, language, status, sends, tries, expires_at, resend_at, proven_at
         from challenges
         where activation_id = $1 and purpose = $2 and target = $3 and username is not distinct from $4
         order by created_at desc, id desc
         limit 1
         for update",
        activation_id,
        purpose,
        target,
        username,
    )
    .fetch_optional(db)
    .await
}

/// The latest challenge for this purpose and target that is proven still, locked: a newer one that is not does not hide it.
///
/// # Errors
/// If the database fails.
pub async fn lock_proven(
    db: &mut PgConnection,
    activation_id: Uuid,
    purpose: &str,
    (target, username): (&str, Option<&str>),
) -> Result<Option<Challenge>, sqlx::Error> {
    sqlx::query_as!(
        Challenge,
        "select id, purpose, target, email, username, account, key_id, language, status, sends, tries, expires_at, resend_at, proven_at
         from challenges
         where activation_id = $1 and purpose = $2 and target = $3 and username is not distinct from $4
           and status = 'proven' and proven_at > now() - make_interval(secs => $5)
         order by proven_at desc, id desc
         limit 1
         for update",
        activation_id,
        purpose,
        target,
        username,
        PROVEN_FOR.as_seconds_f64(),
    )
    .fetch_optional(db)
    .await
}

/// A challenge by its id.
///
/// # Errors
/// If the database fails.
pub async fn find(db: &PgPool, id: Uuid) -> Result<Option<Challenge>, sqlx::Error> {
    sqlx::query_as!(
        Challenge,
        "select id, purpose, target, email, username, account, key_id, language, status, sends, tries, expires_at, resend_at, proven_at
         from challenges
         where id = $1",
        id,
    )
    .fetch_optional(db)
    .await
}

/// Which limits on new challenges are reached, and for how many more seconds.
#[derive(Debug, Clone)]
pub struct Full {
    /// Three of this target in an hour.
    pub target_hour: Option<i64>,
    /// Eight of this target in a day.
    pub target_day: Option<i64>,
    /// Ten of this activation: that one does not pass, so it is asked again after a day.
    pub activation: Option<i64>,
    /// Twenty of this cloud account in a day.
    pub account_day: Option<i64>,
    /// `CODES_PER_CLIENT` of this client, for typed entries, in an hour.
    pub client_hour: Option<i64>,
}

/// Counts what limits a new challenge. The counted stay the same until the transaction ends: whoever counts the same waits.
///
/// # Errors
/// If the database fails.
pub async fn full(db: &mut PgConnection, asking: &Asking<'_>, codes_per_client: i64) -> Result<Full, sqlx::Error> {
    let mut counted_by = vec![format!("target {} {}", asking.is_username, asking.target)];
    counted_by.extend(asking.account_id.map(|account| format!("account {account}")));
    counted_by.extend(asking.client.map(|client| format!("client {client}")));
    // In one order for everybody, or two of them wait for each other.
    counted_by.sort_unstable();
    for counted in &counted_by {
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 11))", counted).fetch_one(&mut *db).await?;
    }
    // A limit of n is reached if there is an n-th latest; it is over when that one leaves the window.
    sqlx::query_as!(
        Full,
        "select
           (select ceil(extract(epoch from created_at + interval '1 hour' - now()))::bigint
            from challenges
            where target = $1 and (username is not null) = $10 and created_at > now() - interval '1 hour'
            order by created_at desc offset $5 limit 1) as target_hour,
           (select ceil(extract(epoch from created_at + interval '1 day' - now()))::bigint
            from challenges
            where target = $1 and (username is not null) = $10 and created_at > now() - interval '1 day'
            order by created_at desc offset $6 limit 1) as target_day,
           (select 86400::bigint from challenges where activation_id = $2 offset $7 limit 1) as activation,
           (select ceil(extract(epoch from created_at + interval '1 day' - now()))::bigint
            from challenges
            where account_id = $3 and created_at > now() - interval '1 day'
            order by created_at desc offset $8 limit 1) as account_day,
           (select ceil(extract(epoch from created_at + interval '1 hour' - now()))::bigint
            from challenges
            where client = $4 and created_at > now() - interval '1 hour'
            order by created_at desc offset $9 limit 1) as client_hour",
        asking.target,
        asking.activation_id,
        asking.account_id,
        asking.client,
        OF_A_TARGET_AN_HOUR - 1,
        OF_A_TARGET_A_DAY - 1,
        OF_AN_ACTIVATION - 1,
        OF_AN_ACCOUNT_A_DAY - 1,
        codes_per_client - 1,
        asking.is_username,
    )
    .fetch_one(db)
    .await
}

/// Puts a new challenge in.
///
/// # Errors
/// If the database fails.
pub async fn insert(db: &mut PgConnection, new: &New<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into challenges (id, activation_id, purpose, target, email, username, key_id, language, client, account_id,
                                 expires_at, resend_at)
         values ($1, $2, $3, $4, $5, $12, $6, $7, $8, $9,
                 now() + make_interval(secs => $10), now() + make_interval(secs => $11))",
        new.id,
        new.asking.activation_id,
        new.asking.purpose,
        new.asking.target,
        new.email,
        new.key_id,
        new.language,
        new.asking.client,
        new.asking.account_id,
        new.life,
        new.pause,
        new.username,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that a challenge's code is sent once more.
///
/// # Errors
/// If the database fails.
pub async fn send_again(db: &mut PgConnection, id: Uuid, pause: f64, language: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update challenges
         set sends = sends + 1, status = 'queued', language = $3, resend_at = now() + make_interval(secs => $2)
         where id = $1",
        id,
        pause,
        language,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes a try that was wrong; the last one spends a challenge that is not proven yet.
///
/// # Errors
/// If the database fails.
pub async fn wrong(db: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update challenges
         set tries = tries + 1, status = case when tries + 1 >= $2 and status <> 'proven' then 'spent' else status end
         where id = $1",
        id,
        TRIES,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that the right code came: it costs no try.
///
/// # Errors
/// If the database fails.
pub async fn proven(db: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("update challenges set status = 'proven', proven_at = coalesce(proven_at, now()) where id = $1", id)
        .execute(db)
        .await?;
    Ok(())
}
