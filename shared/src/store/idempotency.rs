//! The table `idempotency_keys`: what a `POST` was answered, so that it can be answered so again.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// An answer that was kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Which key made the body's digest.
    pub key_id: i32,
    /// The body's digest: keyed, for the body may hold a code or a password.
    pub body: Vec<u8>,
    /// The answer's status.
    pub status: i32,
    /// The activation it showed.
    pub activation_id: Option<Uuid>,
    /// The problem it was.
    pub problem: Option<Value>,
}

/// Reserves a key until the transaction ends; false while another transaction works under it.
///
/// # Errors
/// If the database fails.
pub async fn reserve(db: &mut PgConnection, caller: &[u8], key: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended(encode($1::bytea, 'hex') || $2::text, 7)) as "ours!""#,
        caller,
        key
    )
    .fetch_one(db)
    .await
}

/// What was answered under a key in the last 7 days.
///
/// # Errors
/// If the database fails.
pub async fn kept(db: &mut PgConnection, caller: &[u8], key: &str) -> Result<Option<Kept>, sqlx::Error> {
    sqlx::query_as!(
        Kept,
        "select key_id, body, status, activation_id, problem
         from idempotency_keys
         where caller = $1 and key = $2 and created_at > now() - interval '7 days'",
        caller,
        key,
    )
    .fetch_optional(db)
    .await
}

/// Keeps an answer, in the transaction of the change that it tells of.
///
/// # Errors
/// If the database fails.
pub async fn keep(db: &mut PgConnection, caller: &[u8], key: &str, answer: &Kept) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into idempotency_keys (caller, key, key_id, body, status, activation_id, problem)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (caller, key) do update
         set key_id = excluded.key_id, body = excluded.body, status = excluded.status,
             activation_id = excluded.activation_id, problem = excluded.problem, created_at = now()",
        caller,
        key,
        answer.key_id,
        answer.body,
        answer.status,
        answer.activation_id,
        answer.problem,
    )
    .execute(db)
    .await?;
    Ok(())
}
