//! The table `purchases`: what the marketplace sold, as it stands now.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::PgConnection;

use super::commands::decode;
use crate::buyer::{AccountId, InstanceId};
use crate::purchase::{MarketplaceName, Purchase, PurchaseState, Purchased};

/// Puts a purchase in, with what its announcement was answered; one that was never announced has no answer yet.
///
/// # Errors
/// If the database fails, or the purchase is there.
pub async fn insert(db: &mut PgConnection, purchase: &Purchase, answer: Option<&Value>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into purchases (marketplace, instance_id, account_id, order_id, product_code, sku_id, trial, expires_at,
                                items, state, version, answer)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::json)",
        purchase.marketplace.as_str(),
        purchase.instance_id.as_str(),
        purchase.account_id.as_str(),
        purchase.sold.order_id.as_deref().unwrap_or_default(),
        purchase.sold.product_code,
        purchase.sold.sku_id,
        purchase.sold.trial,
        purchase.sold.expires_at,
        decode(serde_json::to_value(&purchase.items))?,
        purchase.state.as_str(),
        purchase.version,
        // The column is not null: earlier versions read it as a JSON value, which null is, too.
        answer.unwrap_or(&Value::Null).to_string(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes what a purchase's announcement was answered that came after all.
///
/// # Errors
/// If the database fails.
pub async fn answered(db: &mut PgConnection, purchase: &Purchase, answer: &Value) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update purchases
         set answer = $3::text::json, announced_at = now()
         where marketplace = $1 and instance_id = $2",
        purchase.marketplace.as_str(),
        purchase.instance_id.as_str(),
        answer.to_string(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Lets nobody else announce, change or log in to an instance until the transaction ends, also where there is no row yet that
/// could be locked: what the marketplace says of an unknown instance would miss its announcement.
///
/// # Errors
/// If the database fails.
pub async fn lock_instance(
    db: &mut PgConnection,
    marketplace: MarketplaceName,
    instance_id: &InstanceId,
) -> Result<(), sqlx::Error> {
    let instance = format!("{} {instance_id}", marketplace.as_str());
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 17))", instance).fetch_one(db).await?;
    Ok(())
}

/// Locks a purchase; with it comes what its announcement was answered, if there was one.
///
/// # Errors
/// If the database fails.
pub async fn lock(
    db: &mut PgConnection,
    marketplace: MarketplaceName,
    instance_id: &InstanceId,
) -> Result<Option<(Purchase, Option<Value>)>, sqlx::Error> {
    let row = sqlx::query!(
        "select account_id, order_id, product_code, sku_id, trial, expires_at, items, state, version, answer
         from purchases
         where marketplace = $1 and instance_id = $2
         for update",
        marketplace.as_str(),
        instance_id.as_str(),
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let answer = Some(row.answer).filter(|answer| !answer.is_null());
        let purchase = Purchase {
            marketplace,
            instance_id: instance_id.clone(),
            account_id: decode(AccountId::parse(&row.account_id).map_err(|_| "bad account id"))?,
            sold: Purchased {
                order_id: Some(row.order_id),
                product_code: row.product_code,
                sku_id: row.sku_id,
                trial: row.trial,
                expires_at: row.expires_at,
            },
            items: decode(serde_json::from_value::<BTreeMap<_, _>>(row.items))?,
            state: decode(PurchaseState::parse(&row.state).ok_or("unknown state"))?,
            version: row.version,
            announced: answer.is_some(),
        };
        Ok((purchase, answer))
    })
    .transpose()
}

/// Writes a locked purchase back.
///
/// # Errors
/// If the database fails.
pub async fn save(db: &mut PgConnection, purchase: &Purchase) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update purchases
         set order_id = $3, sku_id = $4, expires_at = $5, items = $6, state = $7, version = $8, product_code = $9, trial = $10,
             updated_at = now()
         where marketplace = $1 and instance_id = $2",
        purchase.marketplace.as_str(),
        purchase.instance_id.as_str(),
        purchase.sold.order_id.as_deref().unwrap_or_default(),
        purchase.sold.sku_id,
        purchase.sold.expires_at,
        decode(serde_json::to_value(&purchase.items))?,
        purchase.state.as_str(),
        purchase.version,
        purchase.sold.product_code,
        purchase.sold.trial,
    )
    .execute(db)
    .await?;
    Ok(())
}
