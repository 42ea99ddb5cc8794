//! The two answers of the `OpenAPI`, in Alibaba's own field names and forms.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::Order;
use crate::{clock, marketplace::Instance};

/// `DescribeInstanceForIsv`: no `AliUid`; no `EndOn` for pay-as-you-go; the `…Json` fields are JSON inside a text.
#[must_use]
pub fn instance(instance: &Instance, order_id: &str) -> Value {
    let bought = milliseconds(instance.bought_at);
    let mut answer = json!({
        "RequestId": request_id(),
        "InstanceId": number(&instance.instance_id),
        "Status": instance.status,
        "ProductType": "APP",
        "ProductCode": instance.product_code,
        "ProductName": "Commercial Plan",
        "ProductSkuCode": sku_code(instance),
        "OrderId": number(order_id),
        "IsTrial": instance.trial,
        "CreatedOn": bought,
        "BeganOn": bought,
        "AppJson": instance.app_info.as_ref().map_or_else(|| "{}".to_owned(), ToString::to_string),
        "HostJson": "{}",
        "ExtendJson": "{}",
        "ComponentJson": components(instance),
        "SupplierName": "Sandbox",
    });
    let end = instance.expires_on.as_deref().and_then(clock::parse_marketplace_date);
    if let (Some(end), Some(members)) = (end, answer.as_object_mut()) {
        members.insert("EndOn".to_owned(), milliseconds(end));
    }
    answer
}

/// `DescribeOrderForIsv`: the one call that tells the buyer's Account ID.
#[must_use]
pub fn order(instance: &Instance, order: &Order) -> Value {
    let prepaid = instance.expires_on.is_some();
    let mut answer = json!({
        "RequestId": request_id(),
        "OrderId": number(&order.id),
        "AliUid": number(&instance.account_id),
        "ProductCode": instance.product_code,
        "ProductSkuCode": sku_code(instance),
        "ProductName": "Commercial Plan",
        "OrderType": order.kind,
        "OrderStatus": order.status,
        "PayStatus": if prepaid { "PAID" } else { "UNPAID" },
        "PeriodType": if prepaid { "MONTH" } else { "ONCE" },
        "CreatedOn": milliseconds(order.at),
        "Quantity": 1,
        "OriginalPrice": 0.0,
        "TotalPrice": 0.0,
        "PaymentPrice": 0.0,
        "CouponPrice": 0.0,
        "InstanceIds": [instance.instance_id],
        "Components": components(instance),
    });
    if let (true, Some(members)) = (prepaid, answer.as_object_mut()) {
        members.insert("PaidOn".to_owned(), milliseconds(order.at));
    }
    answer
}

/// A fresh id of an answer, in Alibaba's form.
#[must_use]
pub fn request_id() -> String {
    uuid::Uuid::new_v4().hyphenated().to_string().to_uppercase()
}

fn sku_code(instance: &Instance) -> String {
    let billing = if instance.expires_on.is_some() { "prepay" } else { "postpay" };
    format!("{}-{billing}", instance.product_code)
}

fn components(instance: &Instance) -> String {
    json!({"package_version": instance.sku_id}).to_string()
}

fn number(digits: &str) -> Value {
    digits.parse::<i64>().map_or_else(|_| json!(digits), Value::from)
}

fn milliseconds(at: OffsetDateTime) -> Value {
    json!(at.unix_timestamp() * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::types::Json;
    use time::macros::datetime;

    fn bought(expires_on: Option<&str>) -> Instance {
        Instance {
            instance_id: "400012345".into(),
            account_id: "1900000000000001".into(),
            product_code: "cmgj1".into(),
            sku_id: "yuncode1".into(),
            trial: false,
            expires_on: expires_on.map(Into::into),
            items: Json::default(),
            status: "OPENED".into(),
            app_info: None,
            bought_at: datetime!(2026-11-24 00:00:00 UTC),
        }
    }

    #[test]
    fn pay_as_you_go_is_postpay_and_has_no_end() {
        let answer = instance(&bought(None), "2001");
        assert_eq!(answer["ProductSkuCode"], "cmgj1-postpay");
        assert_eq!(answer["InstanceId"], 400_012_345);
        assert_eq!(answer["ComponentJson"], "{\"package_version\":\"yuncode1\"}");
        assert!(answer.get("EndOn").is_none() && answer.get("AliUid").is_none());
    }

    #[test]
    fn a_prepaid_end_is_milliseconds_of_shanghai_time() {
        let answer = instance(&bought(Some("2020-10-10 00:00:00")), "2001");
        assert_eq!(answer["EndOn"], 1_602_259_200_000_i64);
    }

    #[test]
    fn an_order_tells_the_account_and_its_instances_as_texts() {
        let made = Order {
            id: "2001".into(),
            kind: "NEW".into(),
            status: "NORMAL".into(),
            at: datetime!(2026-11-24 00:00:00 UTC),
            instance_id: "400012345".into(),
        };
        let answer = order(&bought(None), &made);
        assert_eq!(answer["AliUid"], 1_900_000_000_000_001_i64);
        assert_eq!(answer["InstanceIds"], json!(["400012345"]));
        assert_eq!(answer["PayStatus"], "UNPAID");
    }
}
