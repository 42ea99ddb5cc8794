//! The parameters of a call, each read to its type.

use std::collections::BTreeMap;

use super::{Action, Announcement, Malformed, OrderPay, Renewal, SpiCall, Upgrade};
use crate::marketplace::alibaba::token::Parameters;
use crate::marketplace::alibaba::{is_id, parse_time};

/// The parameters of one action, read by name.
pub(super) struct Fields<'a> {
    pub(super) parameters: &'a Parameters,
    pub(super) action: Action,
}

impl Fields<'_> {
    pub(super) fn call(&self) -> Result<SpiCall, Malformed> {
        Ok(match self.action {
            Action::CreateInstance => SpiCall::Create(self.announcement()?),
            Action::RenewInstance => SpiCall::Renew(Renewal {
                instance_id: self.id("instanceId")?,
                order_id: self.id("orderId")?,
                expires_at: self.optional("expiredOn", parse_time)?,
                items: self.items(),
            }),
            Action::UpgradeInstance => SpiCall::Upgrade(Upgrade {
                instance_id: self.id("instanceId")?,
                order_id: self.optional("orderId", parse_id)?,
                sku_id: self.required("skuId", parse_name)?,
                items: self.items(),
            }),
            Action::ExpiredInstance => SpiCall::Expire { instance_id: self.id("instanceId")? },
            Action::ReleaseInstance => SpiCall::Release {
                instance_id: self.id("instanceId")?,
                is_refund: self.optional("isRefund", parse_truth)?,
                order_id: self.optional("orderId", parse_id)?,
            },
            Action::ResumeInstance => SpiCall::Resume {
                instance_id: self.id("instanceId")?,
                product_code: self.required("productCode", parse_name)?,
                sku_id: self.required("skuId", parse_name)?,
            },
            Action::OrderPay => SpiCall::OrderPay(OrderPay {
                account_id: self.id("aliUid")?,
                instance_id: self.id("orderBizId")?,
                order_id: self.id("orderId")?,
            }),
        })
    }

    fn announcement(&self) -> Result<Announcement, Malformed> {
        Ok(Announcement {
            account_id: self.id("aliUid")?,
            instance_id: self.id("orderBizId")?,
            order_id: self.id("orderId")?,
            product_code: self.required("productCode", parse_name)?,
            sku_id: self.required("skuId", parse_name)?,
            trial: self.required("trial", parse_truth)?,
            expires_at: self.optional("expiredOn", parse_time)?,
            items: self.items(),
        })
    }

    fn id(&self, name: &'static str) -> Result<String, Malformed> {
        self.required(name, parse_id)
    }

    fn required<T>(&self, name: &'static str, parse: fn(&str) -> Option<T>) -> Result<T, Malformed> {
        self.optional(name, parse)?.ok_or(Malformed::Missing(name))
    }

    fn optional<T>(&self, name: &'static str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Malformed> {
        match self.parameters.get(name) {
            None | Some("") => Ok(None),
            Some(value) => parse(value).map(Some).ok_or(Malformed::Field(name)),
        }
    }

    fn items(&self) -> BTreeMap<String, String> {
        let unknown = |name: &&str| !self.action.documented().contains(name);
        let items = self.parameters.without_token().into_iter().filter(|(name, _)| unknown(name));
        items.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

fn parse_id(text: &str) -> Option<String> {
    is_id(text).then(|| text.to_owned())
}

fn parse_truth(text: &str) -> Option<bool> {
    text.parse().ok()
}

/// The token does not protect the borders between parameters, so `&` and `=` could carry a neighbour along.
fn parse_name(text: &str) -> Option<String> {
    (!text.contains(['&', '='])).then(|| text.to_owned())
}
