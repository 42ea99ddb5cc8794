//! The table `audit`: what operators did, and why. Rows are added and never changed.

use sqlx::PgConnection;
use uuid::Uuid;

/// An operator's act.
#[derive(Debug, Clone)]
pub struct Act<'a> {
    /// The name of the operator's token.
    pub operator: &'a str,
    /// What was done, in the word of its path (contract §9).
    pub act: &'a str,
    /// To which activation.
    pub activation_id: Uuid,
    /// Why, in the operator's words.
    pub reason: &'a str,
    /// The request's trace.
    pub trace: &'a str,
}

/// Notes an act, in the transaction that carries it out.
///
/// # Errors
/// If the database fails.
pub async fn note(db: &mut PgConnection, act: &Act<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into audit (id, operator, act, activation_id, reason, trace) values ($1, $2, $3, $4, $5, $6)",
        Uuid::now_v7(),
        act.operator,
        act.act,
        act.activation_id,
        act.reason,
        act.trace,
    )
    .execute(db)
    .await?;
    Ok(())
}
