//! Who sends the mails: the workers know it, and the pages, which the API renders, tell the buyer whom to look for.

use sqlx::PgConnection;

/// Notes the sender's address; the latest worker to start is right.
///
/// # Errors
/// If the database fails.
pub async fn note(db: &mut PgConnection, address: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into mail_sender (address) values ($1) on conflict (one) do update set address = excluded.address",
        address,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The sender's address; none before a worker has ever started.
///
/// # Errors
/// If the database fails.
pub async fn address(db: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("select address from mail_sender").fetch_optional(db).await
}
