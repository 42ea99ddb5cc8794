//! What happens to an instance after it was bought: renewed, upgraded, expired, resumed, released.

use std::collections::BTreeMap;

use serde::Deserialize;
use sqlx::{PgConnection, types::Json};
use time::Duration;

use super::{Instance, spi};
use crate::{app::App, clock, invent};

/// One thing that happens at the marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The next period is paid, or an overdue bill.
    Renew,
    /// Another specification, or more of the billing items.
    Upgrade,
    /// The period is over, or a bill overdue.
    Expire,
    /// The debt of a hybrid-billing product is cleared.
    Resume,
    /// The end.
    Release,
}

/// What a change may say of itself.
#[derive(Debug, Default, Deserialize)]
pub struct Details {
    /// The new end of a renewed period.
    pub expires_on: Option<String>,
    /// The new specification.
    pub sku_id: Option<String>,
    /// The new totals of the extra billing items.
    #[serde(default)]
    pub items: BTreeMap<String, String>,
    /// Whether a release pays the money back.
    pub refund: Option<bool>,
}

impl Change {
    /// The change of that name in the control API.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "renew" => Some(Self::Renew),
            "upgrade" => Some(Self::Upgrade),
            "expire" => Some(Self::Expire),
            "resume" => Some(Self::Resume),
            "release" => Some(Self::Release),
            _ => None,
        }
    }

    const fn action(self) -> &'static str {
        match self {
            Self::Renew => "renewInstance",
            Self::Upgrade => "upgradeInstance",
            Self::Expire => "expiredInstance",
            Self::Resume => "resumeInstance",
            Self::Release => "releaseInstance",
        }
    }

    const fn status(self) -> &'static str {
        match self {
            Self::Renew | Self::Upgrade | Self::Resume => "OPENED",
            Self::Expire => "EXPIRED",
            Self::Release => "CLOSED",
        }
    }
}

/// Changes an instance for the `OpenAPI`, then tells the seller.
pub async fn make(app: &App, instance: &Instance, change: Change, details: Details) -> Result<spi::Told, sqlx::Error> {
    let mut changed = instance.clone();
    // Over for good: what is said late brings nothing back.
    if instance.status != Change::Release.status() {
        change.status().clone_into(&mut changed.status);
    }
    if change == Change::Renew {
        changed.expires_on = details.expires_on.or_else(|| instance.expires_on.as_deref().map(a_month_later));
    }
    if change == Change::Upgrade {
        changed.sku_id = details.sku_id.unwrap_or_else(|| format!("{}plus", instance.sku_id));
        changed.items.0.extend(details.items);
    }
    let refund = details.refund.unwrap_or(false);
    let order_id = keep(app, &changed, change, refund).await?;
    spi::tell(app, &changed, change.action(), told(&changed, change, order_id.as_deref(), refund)).await
}

/// What the call says besides the action; only renewals and upgrades have an order of their own.
fn told(instance: &Instance, change: Change, order_id: Option<&str>, refund: bool) -> Vec<(String, String)> {
    let mut parameters = spi::parameters(&[("instanceId", &instance.instance_id)]);
    let mut say = |name: &str, value: &str| parameters.push((name.to_owned(), value.to_owned()));
    if let Some(order_id) = order_id {
        say("orderId", order_id);
    }
    match change {
        Change::Renew => {
            if let Some(date) = &instance.expires_on {
                say("expiredOn", date);
            }
        }
        Change::Upgrade => {
            say("skuId", &instance.sku_id);
            parameters.extend(instance.items.0.clone());
        }
        Change::Expire => {}
        Change::Resume => {
            say("productCode", &instance.product_code);
            say("skuId", &instance.sku_id);
        }
        Change::Release => say("isRefund", if refund { "true" } else { "false" }),
    }
    parameters
}

async fn keep(app: &App, changed: &Instance, change: Change, refund: bool) -> Result<Option<String>, sqlx::Error> {
    let mut transaction = app.database.begin().await?;
    sqlx::query(
        "update instances
         set status = $2, sku_id = $3, expires_on = $4, items = $5
         where instance_id = $1",
    )
    .bind(&changed.instance_id)
    .bind(&changed.status)
    .bind(&changed.sku_id)
    .bind(&changed.expires_on)
    .bind(Json(&changed.items.0))
    .execute(&mut *transaction)
    .await?;
    let order_id = match change {
        Change::Renew => Some(order(&mut transaction, &changed.instance_id, "RENEW").await?),
        Change::Upgrade => Some(order(&mut transaction, &changed.instance_id, "UPGRADE").await?),
        Change::Expire | Change::Resume | Change::Release => None,
    };
    if refund {
        sqlx::query(
            "update orders
             set order_status = 'REFUND'
             where instance_id = $1",
        )
        .bind(&changed.instance_id)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(order_id)
}

/// Keeps a new order and gives its id.
pub async fn order(database: &mut PgConnection, instance_id: &str, order_type: &str) -> Result<String, sqlx::Error> {
    let order_id = invent::digits('2', 14);
    sqlx::query(
        "insert into orders (order_id, instance_id, order_type, order_status, ordered_at)
         values ($1, $2, $3, 'NORMAL', $4)",
    )
    .bind(&order_id)
    .bind(instance_id)
    .bind(order_type)
    .bind(clock::now())
    .execute(database)
    .await?;
    Ok(order_id)
}

fn a_month_later(date: &str) -> String {
    let end = clock::parse_marketplace_date(date).map(|end| end + Duration::days(30));
    end.map_or_else(|| date.to_owned(), clock::marketplace_date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_period_ends_thirty_days_later() {
        assert_eq!(a_month_later("2026-11-30 00:00:00"), "2026-12-30 00:00:00");
    }

    #[test]
    fn only_the_contracts_changes_have_a_name() {
        assert_eq!(Change::named("expire").map(Change::action), Some("expiredInstance"));
        assert_eq!(Change::named("downgrade"), None);
    }
}
