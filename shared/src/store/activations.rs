//! The tables `activations` and `holds`.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::commands::decode;
use crate::activation::Activation;
use crate::buyer::InstanceId;
use crate::purchase::MarketplaceName;

/// An activation, locked until the transaction ends.
#[derive(Debug, Clone)]
pub struct Locked {
    /// The activation.
    pub activation: Activation,
    /// Its version.
    pub version: i64,
    /// Page tokens carry it.
    pub epoch: i32,
    /// The database's time.
    pub now: OffsetDateTime,
}

/// Puts a new activation in.
///
/// # Errors
/// If the database fails.
pub async fn insert(db: &mut PgConnection, activation: &Activation) -> Result<(), sqlx::Error> {
    let state = decode(serde_json::to_value(activation))?;
    sqlx::query!(
        "insert into activations (id, marketplace, instance_id, account_id, stage, status, problem, state)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        activation.id,
        activation.marketplace.as_str(),
        activation.instance_id.as_str(),
        activation.account_id.as_ref().map(crate::buyer::AccountId::as_str),
        activation.stage.as_str(),
        activation.status().as_str(),
        activation.problem(),
        state,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Locks one.
///
/// # Errors
/// If the database fails.
pub async fn lock(db: &mut PgConnection, id: Uuid) -> Result<Option<Locked>, sqlx::Error> {
    let row =
        sqlx::query!(r#"select version, state, epoch, now() as "now!" from activations where id = $1 for update"#, id)
            .fetch_optional(db)
            .await?;
    row.map(|row| {
        let activation = decode(serde_json::from_value(row.state))?;
        Ok(Locked { activation, version: row.version, epoch: row.epoch, now: row.now })
    })
    .transpose()
}

/// Locks every unfinished activation of an instance, and the one that holds it; in id order, as every writer does.
///
/// # Errors
/// If the database fails.
pub async fn lock_of_instance(
    db: &mut PgConnection,
    marketplace: MarketplaceName,
    instance_id: &InstanceId,
) -> Result<Vec<(Locked, bool)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select a.version, a.state, a.epoch, now() as "now!",
                  exists (select from holds h where h.activation_id = a.id) as "holds!"
           from activations a
           where a.marketplace = $1 and a.instance_id = $2 and a.status <> 'cancelled'
           order by a.id
           for update of a"#,
        marketplace.as_str(),
        instance_id.as_str(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let activation = decode(serde_json::from_value(row.state))?;
            Ok((Locked { activation, version: row.version, epoch: row.epoch, now: row.now }, row.holds))
        })
        .collect()
}

/// Whether an activation of the instance was bound until the marketplace ended it.
///
/// # Errors
/// If the database fails.
pub async fn was_bound(
    db: &mut PgConnection,
    marketplace: MarketplaceName,
    instance_id: &InstanceId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
             select from activations
             where marketplace = $1 and instance_id = $2 and status = 'cancelled' and problem = 'instance-released'
               and stage in ('confirmation', 'active')
           ) as "was_bound!""#,
        marketplace.as_str(),
        instance_id.as_str(),
    )
    .fetch_one(db)
    .await
}

/// Writes a locked activation back as a new version. A cancelled one holds its instance no longer.
///
/// # Errors
/// If the database fails.
pub async fn save(db: &mut PgConnection, activation: &Activation) -> Result<i64, sqlx::Error> {
    let state = decode(serde_json::to_value(activation))?;
    let saved = sqlx::query!(
        r#"with freed as (delete from holds where activation_id = $1 and $6 = 'cancelled')
           update activations
           set version = version + 1, state = $2, account_id = $3, stage = $4, problem = $5, status = $6, updated_at = now()
           where id = $1
           returning version"#,
        activation.id,
        state,
        activation.account_id.as_ref().map(crate::buyer::AccountId::as_str),
        activation.stage.as_str(),
        activation.problem(),
        activation.status().as_str(),
    )
    .fetch_one(db)
    .await?;
    Ok(saved.version)
}

/// Ends the page tokens that were given before.
///
/// # Errors
/// If the database fails.
pub async fn raise_epoch(db: &mut PgConnection, id: Uuid) -> Result<i32, sqlx::Error> {
    let raised = sqlx::query!("update activations set epoch = epoch + 1 where id = $1 returning epoch", id);
    Ok(raised.fetch_one(db).await?.epoch)
}

/// Shows a change that stands in another table.
///
/// # Errors
/// If the database fails.
pub async fn touch(db: &mut PgConnection, id: Uuid) -> Result<i64, sqlx::Error> {
    let touched = sqlx::query!(
        "update activations set version = version + 1, updated_at = now() where id = $1 returning version",
        id
    );
    Ok(touched.fetch_one(db).await?.version)
}
