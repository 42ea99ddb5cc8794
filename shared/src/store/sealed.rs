//! The table `sealed`: passwords until whoever must have them has taken them.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::keys::KeyId;
use crate::seal::Sealed;

/// Keeps an activation's password in the place of an earlier one, in the transaction of the command that needs it.
///
/// # Errors
/// If the database fails.
pub async fn keep(db: &mut PgConnection, activation_id: Uuid, sealed: &Sealed) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into sealed (activation_id, key_id, box)
         values ($1, $2, $3)
         on conflict (activation_id) do update
         set key_id = excluded.key_id, box = excluded.box, erase_at = null",
        activation_id,
        sealed.key_id.to_i32(),
        sealed.contents,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The password of an activation, still sealed; none if it was erased.
///
/// # Errors
/// If the database fails.
pub async fn find(db: &PgPool, activation_id: Uuid) -> Result<Option<Sealed>, sqlx::Error> {
    let row = sqlx::query!("select key_id, box from sealed where activation_id = $1", activation_id);
    let row = row.fetch_optional(db).await?;
    Ok(row.map(|row| Sealed { key_id: KeyId::from_i32(row.key_id), contents: row.r#box }))
}

/// The password of an activation is on its way again: it waits for no operator.
///
/// # Errors
/// If the database fails.
pub async fn is_on_its_way(db: &mut PgConnection, activation_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("update sealed set erase_at = null where activation_id = $1", activation_id).execute(db).await?;
    Ok(())
}

/// Erases the password of an activation that was cancelled.
///
/// # Errors
/// If the database fails.
pub async fn erase(db: &mut PgConnection, activation_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from sealed where activation_id = $1", activation_id).execute(db).await?;
    Ok(())
}

/// Erases the passwords that have waited for an operator for seven days: then the buyer is asked again.
///
/// # Errors
/// If the database fails.
pub async fn erase_overdue(db: &PgPool) -> Result<u64, sqlx::Error> {
    Ok(sqlx::query!("delete from sealed where erase_at <= now()").execute(db).await?.rows_affected())
}
