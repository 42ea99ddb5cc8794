//! Commands that somebody overrules: cancelled with their activation, superseded by a newer one, or tried again for an operator.

use sqlx::PgConnection;
use uuid::Uuid;

/// So many days the platforms keep an `Idempotency-Key` (contract §7).
const KEYS_ARE_KEPT_DAYS: i32 = 30;

/// Of an activation that was just cancelled: what waits for its next attempt, or is dead, is cancelled with it; what is in
/// flight runs to its outcome. A binding that was tried may have been made, whatever was heard of it: it is due at once, and
/// its end says what follows. What takes a binding back goes on.
///
/// # Errors
/// If the database fails.
pub async fn cancel_what_waits(db: &mut PgConnection, activation_id: Uuid) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query!(
        "update commands
         set state = case when name = 'bind_workspace' then 'ready' else 'cancelled' end,
             fence = fence + 1,
             due_at = case when name = 'bind_workspace' then now() end,
             not_before = case when name = 'bind_workspace' then now() else not_before end,
             dispatches = 0,
             dispatched_at = null,
             lease_until = null,
             held = false,
             attempts_shown = attempts,
             finished_at = case when name = 'bind_workspace' then null else now() end
         where activation_id = $1 and lane in ('journey', 'mail') and name <> 'unbind_workspace'
           and (state = 'dead' or (state = 'ready' and dispatched_at is null))",
        activation_id,
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected())
}

/// A command that is dead or waits for its next attempt, as an operator finds it.
#[derive(Debug, Clone, Copy)]
pub struct Retriable {
    /// The row.
    pub id: Uuid,
    /// The buyer does not see it among the steps.
    pub hidden: bool,
    /// Platforms may have forgotten its key: what was done under it could be done twice. Taking a binding back twice is taking it
    /// back.
    pub too_old: bool,
}

/// What can be tried now of an activation, which the caller has locked: what is dead, and what waits for its next attempt; in id
/// order, locked too. What is in hand is tried as it is.
///
/// # Errors
/// If the database fails.
pub async fn lock_retriable(db: &mut PgConnection, activation_id: Uuid) -> Result<Vec<Retriable>, sqlx::Error> {
    sqlx::query_as!(
        Retriable,
        r#"select id, hidden,
                  name <> 'unbind_workspace' and queued_at < now() - make_interval(days => $2) as "too_old!"
           from commands
           where activation_id = $1
             and (state = 'dead' or (state = 'ready' and dispatched_at is null and not_before > now()))
           order by id
           for update"#,
        activation_id,
        KEYS_ARE_KEPT_DAYS,
    )
    .fetch_all(db)
    .await
}

/// Makes locked commands due at once, under the same keys and with a full set of attempts.
///
/// # Errors
/// If the database fails.
pub async fn retry(db: &mut PgConnection, commands: &[Retriable]) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = commands.iter().map(|command| command.id).collect();
    sqlx::query!(
        "update commands
         set state = 'ready', fence = fence + 1, attempts = 0, attempts_shown = 0, dispatches = 0, dispatched_at = null,
             due_at = now(), not_before = now(), waiting_since = null, finished_at = null
         where id = any ($1)",
        &ids,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a dead report out of the way of a newer one, which says all that it would have said.
///
/// # Errors
/// If the database fails.
pub async fn supersede_dead_report(db: &mut PgConnection, activation_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update commands
         set state = 'cancelled', fence = fence + 1, finished_at = now()
         where activation_id = $1 and lane = 'lifecycle' and state = 'dead'",
        activation_id,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Cancels the mail that is in hand: a newer challenge, or a newer sending, takes its place.
///
/// # Errors
/// If the database fails.
pub async fn cancel_mail(db: &mut PgConnection, activation_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update commands
         set state = 'cancelled', fence = fence + 1, due_at = null, lease_until = null, held = false,
             attempts_shown = attempts, finished_at = now()
         where activation_id = $1 and lane = 'mail' and state in ('ready', 'dead') and name = 'send_verification_code'",
        activation_id,
    )
    .execute(db)
    .await?;
    Ok(())
}
