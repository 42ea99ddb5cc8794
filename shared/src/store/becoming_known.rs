//! A purchase becomes known: the marketplace announces it, or shows it to us although it never did. What it has said of it before
//! takes effect, and every activation of the instance is told.

use serde_json::Value;
use sqlx::PgConnection;

use super::said::{self, Writing};
use super::{marketplace_calls, purchases};
use crate::activation::Activation;
use crate::dispatch::News;
use crate::marketplace;
use crate::purchase::{Purchase, PurchaseState};

/// The marketplace announces it, and this is what that is answered. Whoever calls holds the instance
/// ([`purchases::lock_instance`]) and found nothing there.
///
/// # Errors
/// If the database fails.
pub async fn announced(
    db: &mut PgConnection,
    mut purchase: Purchase,
    answer: &Value,
    writing: Writing<'_>,
) -> Result<Vec<News>, sqlx::Error> {
    catch_up(db, &mut purchase).await?;
    purchases::insert(db, &purchase, Some(answer)).await?;
    tell(db, &purchase, writing).await
}

/// The marketplace shows it, as it is now: what was said of it before is older than that, but nothing opens a released one again.
/// As above.
///
/// # Errors
/// If the database fails.
pub async fn imported(
    db: &mut PgConnection,
    mut purchase: Purchase,
    writing: Writing<'_>,
) -> Result<Vec<News>, sqlx::Error> {
    let seen = purchase.state;
    catch_up(db, &mut purchase).await?;
    if purchase.state != PurchaseState::Released {
        purchase.state = seen;
    }
    purchases::insert(db, &purchase, None).await?;
    tell(db, &purchase, writing).await
}

/// It was imported, and the marketplace announces it after all: what only an announcement says is added.
///
/// # Errors
/// If the database fails.
pub async fn announced_late(
    db: &mut PgConnection,
    mut purchase: Purchase,
    announcement: Purchase,
    answer: &Value,
    writing: Writing<'_>,
) -> Result<Vec<News>, sqlx::Error> {
    purchases::answered(db, &purchase, answer).await?;
    if !purchase.complete_from(announcement) {
        return Ok(Vec::new());
    }
    purchases::save(db, &purchase).await?;
    tell(db, &purchase, writing).await
}

async fn catch_up(db: &mut PgConnection, purchase: &mut Purchase) -> Result<(), sqlx::Error> {
    let (marketplace, instance_id) = (purchase.marketplace, purchase.instance_id.as_str());
    for kept in marketplace_calls::take_unmatched(db, marketplace, instance_id).await? {
        if let Some(notice) = marketplace::notice(marketplace, &kept) {
            notice.take_effect(purchase);
        }
    }
    Ok(())
}

async fn tell(db: &mut PgConnection, purchase: &Purchase, writing: Writing<'_>) -> Result<Vec<News>, sqlx::Error> {
    let becomes_known = |activation: &mut Activation, holds| activation.purchase_known(purchase, holds);
    said::tell(db, purchase.marketplace, &purchase.instance_id, writing, becomes_known).await
}
