//! The `OpenAPI`'s answers as they are on the wire: numbers that may be texts, and JSON inside of texts.

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{InstanceStatus, OrderStatus};

/// An error.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Refusal {
    #[serde(default)]
    pub(super) code: String,
}

/// `DescribeInstanceForIsv`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Instance {
    status: String,
    order_id: Id,
    product_code: Option<String>,
    product_sku_code: Option<String>,
    is_trial: Option<Truth>,
    end_on: Option<Id>,
    #[serde(default)]
    component_json: Value,
}

/// `DescribeOrderForIsv`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Order {
    ali_uid: Id,
    #[serde(rename = "OrderStatus")]
    status: String,
    pay_status: Option<String>,
    product_sku_code: Option<String>,
}

/// An order status that nobody documented.
pub(super) struct UnknownStatus;

/// A number, or the same as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

/// A boolean, or the same as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Truth {
    Boolean(bool),
    Text(String),
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        match id {
            Id::Number(number) => number.to_string(),
            Id::Text(text) => text,
        }
    }
}

impl From<Truth> for bool {
    fn from(truth: Truth) -> Self {
        match truth {
            Truth::Boolean(boolean) => boolean,
            Truth::Text(text) => text.eq_ignore_ascii_case("true"),
        }
    }
}

impl From<Instance> for super::Instance {
    fn from(wire: Instance) -> Self {
        Self {
            status: status(wire.status),
            product_code: wire.product_code,
            postpaid: is_postpaid(wire.product_sku_code.as_deref()),
            sku_id: package_version(wire.component_json).or(wire.product_sku_code),
            order_id: wire.order_id.into(),
            trial: wire.is_trial.is_some_and(bool::from),
            expires_at: wire.end_on.and_then(time),
        }
    }
}

impl TryFrom<Order> for super::Order {
    type Error = UnknownStatus;

    fn try_from(wire: Order) -> Result<Self, Self::Error> {
        let status = match wire.status.to_ascii_uppercase().as_str() {
            "NORMAL" => OrderStatus::Normal,
            "REFUND" => OrderStatus::Refund,
            "DELETE" => OrderStatus::Delete,
            _ => return Err(UnknownStatus),
        };
        Ok(Self {
            account_id: wire.ali_uid.into(),
            status,
            paid: wire.pay_status.is_some_and(|status| status.eq_ignore_ascii_case("PAID")),
            postpaid: is_postpaid(wire.product_sku_code.as_deref()),
        })
    }
}

fn status(text: String) -> InstanceStatus {
    match text.to_ascii_uppercase().as_str() {
        "OPENING" => InstanceStatus::Opening,
        "OPENED" => InstanceStatus::Opened,
        "EXPIRED" => InstanceStatus::Expired,
        "CLOSED" => InstanceStatus::Closed,
        _ => InstanceStatus::Other(text),
    }
}

/// SKU codes are `<productCode>-prepay` or `…-postpay`; pay-as-you-go is `postpay`.
fn is_postpaid(sku_code: Option<&str>) -> bool {
    sku_code.is_some_and(|code| code.ends_with("postpay"))
}

/// `{"package_version":"yuncode…"}`, as an object or as a text that holds one.
fn package_version(component: Value) -> Option<String> {
    let component = match component {
        Value::String(text) => serde_json::from_str(&text).ok()?,
        other => other,
    };
    component.get("package_version")?.as_str().filter(|version| !version.is_empty()).map(str::to_owned)
}

/// Milliseconds since 1970; zero is no time.
fn time(milliseconds: Id) -> Option<OffsetDateTime> {
    let milliseconds: i128 = String::from(milliseconds).parse().ok().filter(|milliseconds| *milliseconds > 0)?;
    OffsetDateTime::from_unix_timestamp_nanos(milliseconds.checked_mul(1_000_000)?).ok()
}
