//! What time alone makes due: rows to be sent out (again), and codes that are over.

use sqlx::PgPool;
use uuid::Uuid;

use super::challenges::PROVEN_FOR;

/// How many rows of one step are leased at once.
pub const BATCH: i64 = 100;

/// Which of these steps have rows that are due.
///
/// # Errors
/// If the database fails.
pub async fn steps(db: &PgPool, names: &[&str]) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select step.name as "name!"
           from unnest($1::text[]) step (name)
           where exists (
             select from commands c
             where c.name = step.name and c.state = 'ready' and c.due_at <= now()
           )"#,
        names as &[&str],
    )
    .fetch_all(db)
    .await
}

/// Leases due rows of a step: they are due again later, unless an outcome comes first.
///
/// What somebody had taken and was never heard of again may be what ended him. It comes back with a chance of one in four at
/// each look, and so at another time than what was in the same hands: else one command that ends its process each time would
/// take all of them with it, again and again, until they are as dead as itself.
///
/// # Errors
/// If the database fails.
pub async fn lease(db: &PgPool, name: &str, again_after_seconds: f64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "with due as materialized (
           select id
           from commands
           where name = $1 and state = 'ready' and due_at <= now() and (lease_until is null or random() < 0.25)
           order by due_at
           limit $3
           for update skip locked
         )
         update commands c
         set due_at = now() + make_interval(secs => $2), dispatches = c.dispatches + 1, dispatched_at = now()
         from due
         where c.id = due.id
         returning c.id",
        name,
        again_after_seconds,
        BATCH,
    )
    .fetch_all(db)
    .await
}

/// Makes due, spread over some seconds, what was sent to the consumers of these steps, which had to be made again.
///
/// # Errors
/// If the database fails.
pub async fn dispatched_again(db: &PgPool, names: &[&str], over_seconds: f64) -> Result<u64, sqlx::Error> {
    let spread = sqlx::query!(
        "with sent as materialized (
           select id
           from commands
           where name = any ($1) and state = 'ready' and dispatched_at is not null and lease_until is null
           order by id
           for update skip locked
         )
         update commands c
         set due_at = least(c.due_at, now() + make_interval(secs => $2 * random())), dispatches = c.dispatches + 1
         from sent
         where c.id = sent.id",
        names as &[&str],
        over_seconds,
    )
    .execute(db)
    .await?;
    Ok(spread.rows_affected())
}

/// An activation that changed by time alone, or by being held long.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The activation.
    pub id: Uuid,
    /// Its version from now on.
    pub version: i64,
    /// Its status, unchanged.
    pub status: String,
}

/// Ends the codes whose time is over, the mails that still tried to bring them, and what was proven a day ago.
///
/// # Errors
/// If the database fails.
pub async fn expire_codes(db: &PgPool) -> Result<Vec<Changed>, sqlx::Error> {
    sqlx::query_as!(
        Changed,
        "with owners as materialized (
           select a.id
           from activations a
           where a.id in (
             (select activation_id
              from challenges
              where status in ('queued', 'sent') and expires_at <= now()
              limit 500)
             union all
             (select activation_id
              from challenges
              where status = 'proven' and proven_at <= now() - make_interval(secs => $1)
              limit 500)
           )
           order by a.id
           for update skip locked
         ),
         over as (
           update challenges c
           set status = 'expired'
           from owners
           where c.activation_id = owners.id
             and ((c.status in ('queued', 'sent') and c.expires_at <= now())
                  or (c.status = 'proven' and c.proven_at <= now() - make_interval(secs => $1)))
           returning c.id, c.activation_id
         ),
         mails as (
           update commands c
           set state = 'cancelled', fence = c.fence + 1, due_at = null, lease_until = null, held = false,
               attempts_shown = c.attempts, finished_at = now()
           from over
           where c.activation_id = over.activation_id and c.lane = 'mail' and c.state in ('ready', 'dead')
             and c.name = 'send_verification_code' and c.input ->> 'challenge_id' = over.id::text
         )
         update activations a
         set version = a.version + 1, updated_at = now()
         from (select distinct activation_id from over) o
         where a.id = o.activation_id
         returning a.id, a.version, a.status",
        PROVEN_FOR.as_seconds_f64(),
    )
    .fetch_all(db)
    .await
}
