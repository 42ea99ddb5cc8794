//! What a marketplace can do for the journey: look an instance up, and say what became of it.

pub mod alibaba;

use serde_json::Value;
use time::OffsetDateTime;

use crate::marketplace::alibaba::openapi::{
    DESCRIBE_INSTANCE, Instance, InstanceStatus, OpenApi, Order, OrderStatus, unreadable,
};
use crate::marketplace::alibaba::spi::SpiCall;
use crate::purchase::{MarketplaceName, Notice};
use crate::refusal::PartyError;

/// What a call that was kept as unmatched says, read once more: its token was checked when it came.
#[must_use]
pub fn notice(marketplace: MarketplaceName, kept: &Value) -> Option<Notice> {
    match marketplace {
        MarketplaceName::Alibaba => {
            let pairs = kept.as_object()?.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
            SpiCall::read(&pairs.collect(), 0).ok()?.notice()
        }
    }
}

/// A marketplace that can be asked; who has no keys for it has none, and goes by the announcement.
#[derive(Debug, Clone)]
pub enum Marketplace {
    /// Alibaba Cloud Marketplace.
    Alibaba(OpenApi),
}

/// A purchase as the marketplace itself describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The marketplace's product.
    pub product_code: Option<String>,
    /// The marketplace's specification.
    pub sku_id: Option<String>,
    /// Whether it is a trial.
    pub trial: bool,
    /// When it ends; none for a pay-as-you-go purchase.
    pub expires_at: Option<OffsetDateTime>,
    /// The order.
    pub order_id: String,
    /// Who bought it: the page's Account ID.
    pub account_id: String,
}

/// What the marketplace says of an instance (contract §4, *At the marketplace*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It can be used.
    Active(Verified),
    /// Not yet: the marketplace is still opening it, or waits for the money.
    Opening,
    /// It can be used again when it is renewed.
    Expired(Verified),
    /// It is over, or its order was refunded.
    Closed,
    /// The marketplace shows us no such instance. If it never announced it either that is `instance-not-found`, else `misconfigured`.
    Unknown,
}

impl Marketplace {
    /// Asks the marketplace for an instance and its order.
    pub async fn look_up(&self, instance_id: &str, now: OffsetDateTime) -> Result<Seen, PartyError> {
        match self {
            Self::Alibaba(open_api) => look_up(open_api, instance_id, now).await,
        }
    }
}

async fn look_up(open_api: &OpenApi, instance_id: &str, now: OffsetDateTime) -> Result<Seen, PartyError> {
    let Some(instance) = open_api.describe_instance(instance_id, now).await? else { return Ok(Seen::Unknown) };
    match &instance.status {
        InstanceStatus::Opening => Ok(Seen::Opening),
        InstanceStatus::Closed => Ok(Seen::Closed),
        InstanceStatus::Opened | InstanceStatus::Expired => {
            let order = open_api.describe_order(&instance.order_id, now).await?;
            Ok(judge(instance, order))
        }
        InstanceStatus::Other(_) => Err(unreadable(DESCRIBE_INSTANCE)),
    }
}

fn judge(instance: Instance, order: Order) -> Seen {
    if order.status != OrderStatus::Normal {
        return Seen::Closed;
    }
    let postpaid = instance.postpaid || order.postpaid;
    let expired = instance.status == InstanceStatus::Expired;
    let verified = Verified {
        product_code: instance.product_code,
        sku_id: instance.sku_id,
        trial: instance.trial,
        expires_at: instance.expires_at.filter(|_| !postpaid),
        order_id: instance.order_id,
        account_id: order.account_id,
    };
    match (expired, order.paid || postpaid) {
        (true, _) => Seen::Expired(verified),
        (false, true) => Seen::Active(verified),
        (false, false) => Seen::Opening,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn instance() -> Instance {
        Instance {
            status: InstanceStatus::Opened,
            product_code: Some("cmgj1".into()),
            sku_id: None,
            order_id: "29".into(),
            trial: false,
            expires_at: Some(datetime!(2027-01-01 0:00 UTC)),
            postpaid: false,
        }
    }

    fn order() -> Order {
        Order { account_id: "19".into(), status: OrderStatus::Normal, paid: true, postpaid: false }
    }

    fn verified() -> Verified {
        Verified {
            product_code: Some("cmgj1".into()),
            sku_id: None,
            trial: false,
            expires_at: Some(datetime!(2027-01-01 0:00 UTC)),
            order_id: "29".into(),
            account_id: "19".into(),
        }
    }

    #[test]
    fn an_opened_and_paid_instance_is_active_and_an_expired_one_expired() {
        assert_eq!(judge(instance(), order()), Seen::Active(verified()));
        let expired = Instance { status: InstanceStatus::Expired, ..instance() };
        assert_eq!(judge(expired, Order { paid: false, ..order() }), Seen::Expired(verified()));
    }

    #[test]
    fn an_unpaid_instance_is_not_yet_open() {
        assert_eq!(judge(instance(), Order { paid: false, ..order() }), Seen::Opening);
    }

    #[test]
    fn pay_as_you_go_need_not_be_paid_and_has_no_end() {
        let unpaid = Order { paid: false, ..order() };
        let active = Seen::Active(Verified { expires_at: None, ..verified() });
        assert_eq!(judge(Instance { postpaid: true, ..instance() }, unpaid.clone()), active);
        assert_eq!(judge(instance(), Order { postpaid: true, ..unpaid }), active);
    }

    #[test]
    fn a_refunded_or_deleted_order_is_closed() {
        for status in [OrderStatus::Refund, OrderStatus::Delete] {
            assert_eq!(judge(instance(), Order { status, ..order() }), Seen::Closed);
        }
    }
}
