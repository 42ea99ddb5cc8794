//! What the marketplace sold, and what it has said since.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::buyer::{AccountId, InstanceId};

/// The marketplaces that Landfall knows; the name is the same in URLs, rows and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketplaceName {
    /// Alibaba Cloud Marketplace (云市场).
    Alibaba,
}

impl MarketplaceName {
    /// The name in URLs, rows and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alibaba => "alibaba",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text == "alibaba").then_some(Self::Alibaba)
    }
}

/// How an instance stands at the marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurchaseState {
    /// Paid for, in use.
    Active,
    /// Expired or overdue: frozen, not deleted.
    Suspended,
    /// Over for good.
    Released,
}

impl PurchaseState {
    /// The word in the column `state` and at the Billing Center (contract §7).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Released => "released",
        }
    }

    /// Reads the column back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "suspended" => Some(Self::Suspended),
            "released" => Some(Self::Released),
            _ => None,
        }
    }
}

/// What was sold, as far as an activation needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchased {
    /// The order that bought it.
    pub order_id: Option<String>,
    /// The product.
    pub product_code: Option<String>,
    /// What was chosen of it.
    pub sku_id: Option<String>,
    /// A trial.
    pub trial: Option<bool>,
    /// When it ends; null for pay-as-you-go.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
}

/// A purchase that was announced, or imported from the marketplace's `OpenAPI`: the row as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Who sold it.
    pub marketplace: MarketplaceName,
    /// The Product Instance ID.
    pub instance_id: InstanceId,
    /// The cloud account that bought it.
    pub account_id: AccountId,
    /// What was sold.
    pub sold: Purchased,
    /// The marketplace's extra billing items.
    pub items: BTreeMap<String, String>,
    /// How it stands.
    pub state: PurchaseState,
    /// Rises with everything the marketplace says.
    pub version: i64,
    /// The marketplace has announced it; else it only shows it to us.
    pub announced: bool,
}

impl Purchase {
    /// Which version a binding tells. It has no word for a purchase that is not in use: then that is still to be told.
    #[must_use]
    pub fn told_by_binding(&self) -> i64 {
        match self.state {
            PurchaseState::Active => self.version,
            PurchaseState::Suspended | PurchaseState::Released => self.version - 1,
        }
    }

    /// Adds what an announcement says that came late; false if that is nothing new. What is known is as new, or newer.
    pub fn complete_from(&mut self, announcement: Self) -> bool {
        let before = self.clone();
        let (sold, announced) = (&mut self.sold, announcement.sold);
        sold.product_code = sold.product_code.take().or(announced.product_code);
        sold.sku_id = sold.sku_id.take().or(announced.sku_id);
        sold.trial = sold.trial.or(announced.trial);
        sold.expires_at = sold.expires_at.or(announced.expires_at);
        let known = std::mem::take(&mut self.items);
        self.items = announcement.items.into_iter().chain(known).collect();
        let changed = *self != before;
        self.version += i64::from(changed);
        changed
    }
}

/// What the marketplace can say of a purchase that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Renewed, or an overdue bill was paid: in use (again) until then.
    Renewed {
        /// The renewal's order.
        order_id: String,
        /// The new end; null for pay-as-you-go.
        expires_at: Option<OffsetDateTime>,
        /// Extra billing items that came along.
        items: BTreeMap<String, String>,
    },
    /// Another specification or other quantities; the end stays.
    Upgraded {
        /// The upgrade's order, where it was named.
        order_id: Option<String>,
        /// The new specification.
        sku_id: String,
        /// Extra billing items with the new totals.
        items: BTreeMap<String, String>,
    },
    /// Expired or overdue.
    Suspended,
    /// Given back (hybrid billing).
    Resumed,
    /// Over for good.
    Released,
}

impl Notice {
    /// Takes in what the marketplace says; false if that changes nothing. A released instance stays released, whatever
    /// comes late.
    pub fn take_effect(self, purchase: &mut Purchase) -> bool {
        if purchase.state == PurchaseState::Released {
            return false;
        }
        let before = purchase.clone();
        match self {
            Self::Renewed { order_id, expires_at, items } => {
                purchase.sold.order_id = Some(order_id);
                purchase.sold.expires_at = expires_at.or(purchase.sold.expires_at);
                purchase.items.extend(items);
                purchase.state = PurchaseState::Active;
            }
            Self::Upgraded { order_id, sku_id, items } => {
                purchase.sold.order_id = order_id.or(purchase.sold.order_id.take());
                purchase.sold.sku_id = Some(sku_id);
                purchase.items.extend(items);
            }
            Self::Suspended => purchase.state = PurchaseState::Suspended,
            Self::Resumed => purchase.state = PurchaseState::Active,
            Self::Released => purchase.state = PurchaseState::Released,
        }
        let changed = *purchase != before;
        purchase.version += i64::from(changed);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bought() -> Purchase {
        Purchase {
            marketplace: MarketplaceName::Alibaba,
            instance_id: InstanceId::parse("400012345").unwrap(),
            account_id: AccountId::parse("19").unwrap(),
            sold: Purchased {
                order_id: Some("1".into()),
                product_code: None,
                sku_id: None,
                trial: Some(false),
                expires_at: None,
            },
            items: BTreeMap::new(),
            state: PurchaseState::Active,
            version: 1,
            announced: true,
        }
    }

    #[test]
    fn an_announcement_that_comes_late_adds_what_was_not_known_and_overrules_nothing() {
        let mut known = Purchase { announced: false, ..bought() };
        known.sold.sku_id = Some("bigger".into());
        known.items.insert("seats".into(), "9".into());
        let mut announcement = bought();
        announcement.sold.sku_id = Some("small".into());
        announcement.sold.product_code = Some("cmgj1".into());
        announcement.items = [("seats", "5"), ("Count", "2")].map(|(name, value)| (name.into(), value.into())).into();
        assert!(known.complete_from(announcement.clone()));
        let sold = (known.sold.sku_id.as_deref(), known.sold.product_code.as_deref());
        assert_eq!((sold, known.version), ((Some("bigger"), Some("cmgj1")), 2));
        assert_eq!(
            known.items,
            [("seats", "9"), ("Count", "2")].map(|(name, value)| (name.into(), value.into())).into()
        );
        assert!(!known.complete_from(announcement), "nothing new");
    }

    #[test]
    fn a_renewal_puts_a_suspended_instance_back_in_use() {
        let mut purchase = bought();
        Notice::Suspended.take_effect(&mut purchase);
        assert_eq!(purchase.state, PurchaseState::Suspended);
        Notice::Renewed { order_id: "2".into(), expires_at: None, items: BTreeMap::new() }.take_effect(&mut purchase);
        assert_eq!((purchase.state, purchase.version), (PurchaseState::Active, 3));
        assert_eq!(purchase.sold.order_id.as_deref(), Some("2"));
    }

    #[test]
    fn nothing_brings_a_released_instance_back() {
        let mut purchase = bought();
        Notice::Released.take_effect(&mut purchase);
        Notice::Resumed.take_effect(&mut purchase);
        assert_eq!((purchase.state, purchase.version), (PurchaseState::Released, 2));
    }
}
