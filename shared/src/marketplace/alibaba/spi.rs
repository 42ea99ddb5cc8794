//! The marketplace's calls to us (its production SPI): what each of them says, and what it is answered (contract §2).

mod fields;
mod answer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::token::Parameters;
use crate::purchase::Notice;
use fields::Fields;

pub use answer::{AppInfo, SpiAnswer};

/// The most parameters of a call (contract §2).
pub const MOST_PARAMETERS: usize = 64;

/// The longest query or form, in bytes (contract §2).
pub const LONGEST_CALL: usize = 16 * 1024;

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A purchase was paid, or a trial ordered.
    CreateInstance,
    /// A renewal, or an overdue bill, was paid.
    RenewInstance,
    /// Another specification was bought.
    UpgradeInstance,
    /// The period is over, or a bill overdue.
    ExpiredInstance,
    /// The instance is over for good.
    ReleaseInstance,
    /// A debt of hybrid billing was cleared.
    ResumeInstance,
    /// A message: an order was paid.
    OrderPay,
}

/// A well-formed call; its token is another matter ([`super::token::SecurityKeys::verify`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpiCall {
    /// createInstance.
    Create(Announcement),
    /// renewInstance.
    Renew(Renewal),
    /// upgradeInstance.
    Upgrade(Upgrade),
    /// expiredInstance.
    Expire {
        /// The instance.
        instance_id: String,
    },
    /// releaseInstance.
    Release {
        /// The instance.
        instance_id: String,
        /// Whether the buyer gets the money back, where the call says so.
        is_refund: Option<bool>,
        /// The order, where the call says so.
        order_id: Option<String>,
    },
    /// resumeInstance.
    Resume {
        /// The instance.
        instance_id: String,
        /// The marketplace's product.
        product_code: String,
        /// The marketplace's specification.
        sku_id: String,
    },
    /// orderPay.
    OrderPay(OrderPay),
}

/// The marketplace announces a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The cloud account (`aliUid`), the page's Account ID.
    pub account_id: String,
    /// The instance (`orderBizId`), the page's Product Instance ID.
    pub instance_id: String,
    /// The order.
    pub order_id: String,
    /// The marketplace's product.
    pub product_code: String,
    /// The marketplace's specification.
    pub sku_id: String,
    /// Whether it is a trial.
    pub trial: bool,
    /// When it ends; none for a pay-as-you-go purchase.
    pub expires_at: Option<OffsetDateTime>,
    /// The extra billing items: what the call says beyond its documented parameters.
    pub items: BTreeMap<String, String>,
}

/// A renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The instance.
    pub instance_id: String,
    /// The order.
    pub order_id: String,
    /// When it ends now; absent for an overdue bill.
    pub expires_at: Option<OffsetDateTime>,
    /// The extra billing items.
    pub items: BTreeMap<String, String>,
}

/// An upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The instance.
    pub instance_id: String,
    /// The order, where the call says so.
    pub order_id: Option<String>,
    /// The new specification.
    pub sku_id: String,
    /// The extra billing items with their new totals.
    pub items: BTreeMap<String, String>,
}

/// A paid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPay {
    /// The cloud account.
    pub account_id: String,
    /// The instance.
    pub instance_id: String,
    /// The order.
    pub order_id: String,
}

/// What is wrong with a call; the sentence names parameters and shows no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More than [`LONGEST_CALL`].
    #[error("the call is longer than 16 KiB")]
    TooLong,
    /// More than [`MOST_PARAMETERS`].
    #[error("the call has more than 64 parameters")]
    TooMany,
    /// A NUL, which nobody can store.
    #[error("a parameter contains a NUL character")]
    Nul,
    /// No such action.
    #[error("unknown action")]
    UnknownAction,
    /// A parameter that must be there is missing or empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter is not of its form.
    #[error("{0} is malformed")]
    Field(&'static str),
}

impl Action {
    /// The action that the parameters name, where we know it.
    #[must_use]
    pub fn of(parameters: &Parameters) -> Option<Self> {
        match parameters.get("action")? {
            "createInstance" => Some(Self::CreateInstance),
            "renewInstance" => Some(Self::RenewInstance),
            "upgradeInstance" => Some(Self::UpgradeInstance),
            "expiredInstance" => Some(Self::ExpiredInstance),
            "releaseInstance" => Some(Self::ReleaseInstance),
            "resumeInstance" => Some(Self::ResumeInstance),
            "orderPay" => Some(Self::OrderPay),
            _ => None,
        }
    }

    /// The parameters that are documented for it; the others are kept as items.
    fn documented(self) -> &'static [&'static str] {
        match self {
            Self::CreateInstance => &[
                "action",
                "aliUid",
                "orderBizId",
                "orderId",
                "productCode",
                "skuId",
                "trial",
                "expiredOn",
                "template",
                "ecsInstanceId",
            ],
            Self::RenewInstance => &["action", "instanceId", "orderId", "expiredOn", "ecsInstanceId"],
            Self::UpgradeInstance => &["action", "instanceId", "skuId", "orderId"],
            Self::ExpiredInstance => &["action", "instanceId"],
            Self::ReleaseInstance => &["action", "instanceId", "isRefund", "orderId", "ecsInstanceId"],
            Self::ResumeInstance => &["action", "instanceId", "productCode", "skuId"],
            Self::OrderPay => &["action", "requestId", "aliUid", "orderBizId", "orderId", "productCode", "skuId"],
        }
    }
}

impl SpiCall {
    /// Reads a call. `raw_length` is the length of the query, or form, as it came, in bytes.
    pub fn read(parameters: &Parameters, raw_length: usize) -> Result<Self, Malformed> {
        if raw_length > LONGEST_CALL {
            return Err(Malformed::TooLong);
        }
        if parameters.count() > MOST_PARAMETERS {
            return Err(Malformed::TooMany);
        }
        if parameters.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return Err(Malformed::Nul);
        }
        let action = Action::of(parameters).ok_or(Malformed::UnknownAction)?;
        Fields { parameters, action }.call()
    }

    /// The instance that the call is about.
    #[must_use]
    pub fn instance_id(&self) -> &str {
        match self {
            Self::Create(Announcement { instance_id, .. })
            | Self::Renew(Renewal { instance_id, .. })
            | Self::Upgrade(Upgrade { instance_id, .. })
            | Self::Expire { instance_id }
            | Self::Release { instance_id, .. }
            | Self::Resume { instance_id, .. }
            | Self::OrderPay(OrderPay { instance_id, .. }) => instance_id,
        }
    }

    /// The order by which a repeat is known.
    #[must_use]
    pub fn order_id(&self) -> Option<&str> {
        match self {
            Self::Create(Announcement { order_id, .. })
            | Self::Renew(Renewal { order_id, .. })
            | Self::OrderPay(OrderPay { order_id, .. }) => Some(order_id),
            Self::Upgrade(upgrade) => upgrade.order_id.as_deref(),
            Self::Expire { .. } | Self::Release { .. } | Self::Resume { .. } => None,
        }
    }

    /// What it means for a purchase that is known. An announcement makes one known, and orderPay means nothing for it.
    #[must_use]
    pub fn notice(&self) -> Option<Notice> {
        match self.clone() {
            Self::Create(_) | Self::OrderPay(_) => None,
            Self::Renew(Renewal { order_id, expires_at, items, .. }) => {
                Some(Notice::Renewed { order_id, expires_at, items })
            }
            Self::Upgrade(Upgrade { order_id, sku_id, items, .. }) => {
                Some(Notice::Upgraded { order_id, sku_id, items })
            }
            Self::Expire { .. } => Some(Notice::Suspended),
            Self::Release { .. } => Some(Notice::Released),
            Self::Resume { .. } => Some(Notice::Resumed),
        }
    }
}
