//! Calls as the marketplace makes them, and as it should not.

use serde_json::json;
use time::macros::datetime;

use super::*;

const CREATE: &str = "action=createInstance&aliUid=19&orderBizId=400012345&orderId=29&productCode=cmgj1&skuId=yuncode1&trial=false&token=aa";

fn read(raw: &str) -> Result<SpiCall, Malformed> {
    SpiCall::read(&Parameters::parse(raw.as_bytes()), raw.len())
}

fn items(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn an_announcement_keeps_what_nobody_documented() {
    let raw = format!(
        "{CREATE}&Count=2&Count=3&package_version=yuncode1&template=&ecsInstanceId=i&expiredOn=2031-05-06+07%3A08%3A09"
    );
    let announcement = Announcement {
        account_id: "19".into(),
        instance_id: "400012345".into(),
        order_id: "29".into(),
        product_code: "cmgj1".into(),
        sku_id: "yuncode1".into(),
        trial: false,
        expires_at: Some(datetime!(2031-05-05 23:08:09 UTC)),
        items: items(&[("Count", "2"), ("package_version", "yuncode1")]),
    };
    assert_eq!(read(&raw), Ok(SpiCall::Create(announcement)));
}

#[test]
fn what_is_optional_may_be_absent_or_empty() {
    for raw in [
        CREATE,
        &format!("{CREATE}&expiredOn="),
        "action=renewInstance&instanceId=4&orderId=29",
        "action=upgradeInstance&instanceId=4&skuId=yuncode2",
        "action=expiredInstance&instanceId=4",
        "action=releaseInstance&instanceId=4",
        "action=releaseInstance&instanceId=4&isRefund=&orderId=",
        "action=resumeInstance&instanceId=4&productCode=cmgj1&skuId=yuncode1",
        "action=orderPay&aliUid=19&orderBizId=4&orderId=29",
    ] {
        assert!(read(raw).is_ok(), "{raw}");
    }
}

#[test]
fn later_calls_say_what_changed() {
    let renewal = Renewal {
        instance_id: "4".into(),
        order_id: "29".into(),
        expires_at: Some(datetime!(2031-05-05 23:08:09 UTC)),
        items: BTreeMap::new(),
    };
    let raw = "action=renewInstance&instanceId=4&orderId=29&expiredOn=2031-05-06%2007%3A08%3A09";
    assert_eq!(read(raw), Ok(SpiCall::Renew(renewal)));
    let upgrade = Upgrade {
        instance_id: "4".into(),
        order_id: Some("29".into()),
        sku_id: "yuncode2".into(),
        items: items(&[("Count", "2"), ("Num", "3")]),
    };
    let raw = "Count=2&Num=3&action=upgradeInstance&instanceId=4&orderId=29&skuId=yuncode2";
    assert_eq!(read(raw), Ok(SpiCall::Upgrade(upgrade)));
    let release = SpiCall::Release { instance_id: "4".into(), is_refund: Some(true), order_id: Some("29".into()) };
    assert_eq!(read("action=releaseInstance&instanceId=4&isRefund=true&orderId=29"), Ok(release));
}

#[test]
fn every_required_parameter_is_missed() {
    let (fields, _) = CREATE.rsplit_once('&').unwrap();
    for pair in fields.split('&') {
        let name = pair.split_once('=').unwrap().0;
        for without in [CREATE.replace(pair, ""), CREATE.replace(pair, &format!("{name}="))] {
            let expected = if name == "action" { Malformed::UnknownAction } else { Malformed::Missing("") };
            let found = read(&without).unwrap_err();
            assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&expected), "{name}");
        }
    }
}

#[test]
fn what_is_not_of_its_form_is_malformed() {
    for (from, to) in [
        ("aliUid=19", "aliUid=1a"),
        ("aliUid=19", "aliUid=%EF%BC%91"),
        ("orderBizId=400012345", "orderBizId=123456789012345678901234567890123"),
        ("orderId=29", "orderId=-29"),
        ("orderId=29", "orderId=+29"),
        ("trial=false", "trial=False"),
        ("trial=false", "trial=0"),
        ("skuId=yuncode1", "skuId=a%26b%3Dc"),
        ("trial=false", "trial=false&expiredOn=2031-05-06"),
    ] {
        assert!(matches!(read(&CREATE.replace(from, to)), Err(Malformed::Field(_))), "{to}");
    }
    let release = "action=releaseInstance&instanceId=4&isRefund=yes";
    assert_eq!(read(release), Err(Malformed::Field("isRefund")));
    assert_eq!(read("action=expiredInstance"), Err(Malformed::Missing("instanceId")));
    for action in ["", "action=", "action=bindDomain&instanceId=4", "action=CreateInstance&instanceId=4"] {
        assert_eq!(read(action), Err(Malformed::UnknownAction), "{action}");
    }
    assert_eq!(read(&format!("{CREATE}&note=%00")), Err(Malformed::Nul));
}

#[test]
fn a_call_has_at_most_64_parameters_and_16_kib() {
    let many = |count: usize| format!("{CREATE}{}", "&a=1".repeat(count - 8));
    assert!(read(&many(64)).is_ok());
    assert_eq!(read(&many(65)), Err(Malformed::TooMany));
    let long = |length: usize| format!("{CREATE}&a={}", "x".repeat(length - CREATE.len() - 3));
    assert!(read(&long(16 * 1024)).is_ok());
    assert_eq!(read(&long(16 * 1024 + 1)), Err(Malformed::TooLong));
}

#[test]
fn answers_have_the_forms_of_the_marketplaces_samples() {
    let app_info = AppInfo {
        front_end_url: "https://a/activate".into(),
        admin_url: "https://console".into(),
        auth_url: "https://a/login".into(),
        username: "19".into(),
    };
    let created = SpiAnswer::Created { instance_id: "4".into(), app_info };
    let expected = json!({"instanceId": "4", "appInfo": {"frontEndUrl": "https://a/activate",
        "adminUrl": "https://console", "authUrl": "https://a/login", "username": "19"}});
    assert_eq!(json!(created), expected);
    let refused = |action| json!(SpiAnswer::refused(action, "bad token"));
    assert_eq!(refused(Some(Action::CreateInstance)), json!({"instanceId": "0", "message": "bad token"}));
    assert_eq!(refused(Some(Action::RenewInstance)), json!({"success": "false", "message": "bad token"}));
    assert_eq!(refused(Some(Action::OrderPay)), json!({"success": false, "message": "bad token"}));
    assert_eq!(refused(None), json!({"success": "false", "message": "bad token"}));
    assert_eq!(json!(SpiAnswer::taken(Action::ExpiredInstance)), json!({"success": "true"}));
    assert_eq!(json!(SpiAnswer::taken(Action::OrderPay)), json!({"success": true}));
}
