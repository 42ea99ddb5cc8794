//! The `OpenAPI`'s client against a loopback server that checks signatures as the marketplace does.

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;
use crate::loopback::{Asked, Loopback, json as answer};
use crate::marketplace::alibaba::acs3::{Signed, sha256_hex};
use crate::marketplace::{Marketplace, Seen, Verified};

const NOW: OffsetDateTime = datetime!(2026-11-24 12:00:00 UTC);

async fn start(answers: Vec<Response>) -> (Loopback, OpenApi) {
    let server = Loopback::start(answers).await;
    let key = AccessKey { id: "AK".into(), secret: SecretString::from("secret") };
    let open_api = OpenApi::new(Http::new(Vec::new()).unwrap(), Url::parse(&server.url).unwrap(), key);
    (server, open_api)
}

fn instance(status: &str) -> Value {
    json!({"RequestId": "r", "InstanceId": 400_012_345, "Status": status, "ProductCode": "cmgj1",
        "ProductSkuCode": "cmgj1-prepay", "OrderId": 290_000_000_000_101_u64, "IsTrial": false,
        "EndOn": 1_602_259_200_000_u64, "ComponentJson": "{\"package_version\":\"yuncode1\"}"})
}

fn order() -> Value {
    json!({"AliUid": 1_900_000_000_000_017_u64, "OrderStatus": "NORMAL", "PayStatus": "PAID", "ProductSkuCode": "cmgj1-prepay"})
}

fn verified() -> Verified {
    Verified {
        product_code: Some("cmgj1".into()),
        sku_id: Some("yuncode1".into()),
        trial: false,
        expires_at: Some(datetime!(2020-10-09 16:00 UTC)),
        order_id: "290000000000101".into(),
        account_id: "1900000000000017".into(),
    }
}

fn check_signature(asked: &Asked, parameter: (&str, &str)) {
    let names =
        ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];
    let headers = names.map(|name| (name, asked.header(name)));
    let signed = Signed { method: asked.method.as_str(), query: &[parameter], headers: &headers, body: &asked.body };
    let signature = signed.signature(&SecretString::from("secret"));
    let expected = format!("ACS3-HMAC-SHA256 Credential=AK,SignedHeaders={},Signature={signature}", names.join(";"));
    assert_eq!(asked.header("authorization"), expected);
    assert_eq!(asked.header("x-acs-content-sha256"), sha256_hex(b""));
    assert_eq!((asked.header("x-acs-date"), asked.header("x-acs-version")), ("2026-11-24T12:00:00Z", "2015-11-01"));
    assert_eq!(asked.uri.to_string(), format!("/?{}={}", parameter.0, parameter.1));
}

async fn look_up(answers: Vec<Response>) -> Result<Seen, PartyError> {
    let (_server, open_api) = start(answers).await;
    Marketplace::Alibaba(open_api).look_up("400012345", NOW).await
}

async fn refused(status: u16, body: &Value) -> Result<Option<Instance>, PartyError> {
    let (_server, open_api) = start(vec![answer(status, body)]).await;
    open_api.describe_instance("400012345", NOW).await
}

#[tokio::test]
async fn an_instance_and_its_order_are_asked_for_with_two_signed_calls() {
    let (server, open_api) = start(vec![answer(200, &instance("OPENED")), answer(200, &order())]).await;
    let seen = Marketplace::Alibaba(open_api).look_up("400012345", NOW).await;
    assert_eq!(seen, Ok(Seen::Active(verified())));
    let asked = server.asked();
    check_signature(&asked[0], ("InstanceId", "400012345"));
    check_signature(&asked[1], ("OrderId", "290000000000101"));
    assert_eq!(asked[0].header("x-acs-action"), "DescribeInstanceForIsv");
    assert_eq!(asked[1].header("x-acs-action"), "DescribeOrderForIsv");
    assert_ne!(asked[0].header("x-acs-signature-nonce"), asked[1].header("x-acs-signature-nonce"));
}

#[tokio::test]
async fn numbers_may_be_texts_and_a_pay_as_you_go_instance_has_no_end() {
    let instance = json!({"Status": "Opened", "OrderId": "290000000000101", "ProductCode": "cmgj1", "IsTrial": "true",
        "ProductSkuCode": "postpay", "EndOn": "1602259200000", "ComponentJson": {"package_version": "yuncode1"}});
    let order = json!({"AliUid": "1900000000000017", "OrderStatus": "NORMAL", "PayStatus": "UNPAID"});
    let seen = look_up(vec![answer(200, &instance), answer(200, &order)]).await;
    assert_eq!(seen, Ok(Seen::Active(Verified { trial: true, expires_at: None, ..verified() })));
}

#[tokio::test]
async fn without_a_package_version_the_sku_code_is_the_specification() {
    for component in [json!(null), json!("{}"), json!("no json"), json!({"package_version": ""})] {
        let mut instance = instance("OPENED");
        instance["ComponentJson"] = component;
        let (_server, open_api) = start(vec![answer(200, &instance)]).await;
        let seen = open_api.describe_instance("400012345", NOW).await.unwrap().unwrap();
        assert_eq!(seen.sku_id.as_deref(), Some("cmgj1-prepay"));
    }
}

#[tokio::test]
async fn every_status_is_seen_as_what_it_means() {
    let seen = |status| look_up(vec![answer(200, &instance(status)), answer(200, &order())]);
    assert_eq!(seen("OPENING").await, Ok(Seen::Opening));
    assert_eq!(seen("CLOSED").await, Ok(Seen::Closed));
    assert_eq!(seen("EXPIRED").await, Ok(Seen::Expired(verified())));
    assert!(matches!(seen("READYING").await, Err(PartyError::Retry { .. })));
}

#[tokio::test]
async fn illegal_permission_is_an_unknown_instance_but_not_an_unknown_order() {
    for status in [400, 403, 500] {
        let illegal = || answer(status, &json!({"Code": "IllegalPermission", "Message": "Permission Denied."}));
        assert_eq!(look_up(vec![illegal()]).await, Ok(Seen::Unknown));
        let order = look_up(vec![answer(200, &instance("OPENED")), illegal()]).await;
        assert!(matches!(order, Err(PartyError::Misconfigured { party: Party::Marketplace, .. })));
    }
}

#[tokio::test]
async fn a_rejected_key_is_misconfigured() {
    for (status, code) in [
        (404, "InvalidAccessKeyId.NotFound"),
        (400, "InvalidAccessKeyId.Inactive"),
        (400, "SignatureDoesNotMatch"),
        (500, "SignatureDoesNotMatch"),
        (403, "NoPermission"),
        (401, ""),
    ] {
        let error = refused(status, &json!({"Code": code})).await.unwrap_err();
        let PartyError::Misconfigured { party: Party::Marketplace, fault } = error else { panic!("{error:?}") };
        assert_eq!(fault.code, FaultCode::Misconfigured);
    }
}

#[tokio::test]
async fn throttling_faults_and_what_cannot_be_read_are_tried_again() {
    for (status, body) in [
        (400, json!({"Code": "Throttling.User"})),
        (403, json!({"Code": "Throttling"})),
        (500, json!({"Code": "UnknownError"})),
        (503, json!("busy")),
        (302, json!({})),
        (200, json!({"Status": "OPENED"})),
        (200, json!([])),
    ] {
        let error = refused(status, &body).await.unwrap_err();
        let PartyError::Retry { fault, .. } = error else { panic!("{error:?}") };
        assert_eq!(fault.code, FaultCode::MarketplaceUnavailable);
    }
}

#[tokio::test]
async fn the_marketplaces_pause_is_honoured() {
    let busy = (http::StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "7")]).into_response();
    let error = look_up(vec![busy]).await.unwrap_err();
    assert!(matches!(error, PartyError::Retry { after: Some(after), .. } if after == Duration::from_secs(7)));
}
