//! The marketplace's calls (contract §2): every form of them, good and bad, and what becomes of them.

use futures_util::future::join_all;
use landfall_tests::seller::{Seller, announcement, query, sees};
use landfall_tests::stack::{Stack, Wishes, secrets};
use reqwest::Method;
use serde_json::{Value, json};

const NEXT_KEY: &str = "Hn4Wc8Zt2Jq6Rb1Ys9Dk5Mx7";

async fn start() -> (Stack, Seller) {
    let keys = format!("{},{NEXT_KEY}", secrets::SECURITY_KEY);
    let stack = Wishes::default().by_announcement().with("ALIBABA_SECURITY_KEY", &keys).start().await;
    let seller = Seller::of(&stack);
    (stack, seller)
}

/// The announcement with some parameters changed, added, or (with `None`) left out.
fn changed<'a>(instance_id: &'a str, changes: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    let mut pairs = announcement("1987654321012345", instance_id).to_vec();
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.extend(value.map(|value| (*name, value)));
    }
    pairs
}

fn is_refused(answer: &Value) -> bool {
    let said = answer["message"].as_str().is_some_and(|message| !message.is_empty());
    said && (answer["instanceId"] == "0" || answer["success"] == "false" || answer["success"] == json!(false))
}

#[tokio::test]
async fn every_call_is_answered_as_the_marketplace_reads_it() {
    let (mut stack, seller) = start().await;
    announcements_are_answered_alike(&stack, &seller).await;
    lifecycle_calls_are_taken(&seller).await;
    bad_tokens_are_refused(&seller).await;
    malformed_calls_are_refused(&seller).await;
    what_is_optional_may_be_absent(&seller).await;
    parameters_are_decoded_as_a_servlet_does(&stack, &seller).await;
    long_calls_are_refused_by_count_and_by_bytes(&seller).await;
    forms_come_the_same_way(&seller).await;
    both_keys_are_good_while_rotating(&seller).await;
    unknown_parameters_are_kept(&stack, &seller).await;
    who_only_looks_changes_nothing(&stack, &seller).await;
    stack.ends_well().await;
}

async fn announcements_are_answered_alike(stack: &Stack, seller: &Seller) {
    let first = seller.calls(&announcement("1987654321012345", "400010001")).await;
    assert_eq!(first.header("content-type"), "application/json");
    let (api, sandbox) = (stack.api_url.as_str(), stack.sandbox_url.as_str());
    let expected = json!({"instanceId": "400010001", "appInfo": {
        "frontEndUrl": format!("{api}activate"),
        "adminUrl": format!("{sandbox}console/login?site=cn"),
        "authUrl": format!("{api}marketplaces/alibaba/login"),
        "username": "1987654321012345",
    }});
    assert_eq!(first.is(200), expected);
    for changes in [vec![], vec![("orderId", Some("77")), ("trial", Some("true")), ("color", Some("red"))]] {
        let again = seller.calls(&changed("400010001", &changes)).await;
        assert_eq!(again.text, first.text, "the same answer to every repeat");
    }
    let other = seller.calls(&announcement("1900000000000009", "400010001")).await.is(200);
    assert!(other["instanceId"] == "0" && is_refused(&other), "{other}");
    // At once and many times over it is announced once, and answered alike.
    let parameters = announcement("1987654321012345", "400010002");
    let at_once = join_all((0..20).map(|_| seller.calls(&parameters))).await;
    assert!(at_once.iter().all(|answer| answer.text == at_once[0].text && answer.json()["instanceId"] == "400010002"));
}

async fn lifecycle_calls_are_taken(seller: &Seller) {
    seller.announces("1987654321012345", "400010003").await;
    let more: [(&str, &[(&str, &str)]); 5] = [
        ("renewInstance", &[("orderId", "31"), ("expiredOn", "2031-05-06 07:08:09")]),
        ("upgradeInstance", &[("skuId", "yuncode2"), ("orderId", "32")]),
        ("expiredInstance", &[]),
        ("resumeInstance", &[("productCode", "cmgj000001"), ("skuId", "yuncode2")]),
        ("releaseInstance", &[("isRefund", "true")]),
    ];
    for instance_id in ["400010003", "400010099", "400010003"] {
        for (action, more) in more {
            let pairs: Vec<_> = [("action", action), ("instanceId", instance_id)].iter().chain(more).copied().collect();
            let taken = seller.calls(&pairs).await;
            assert_eq!(taken.text, r#"{"success":"true"}"#, "{action} of {instance_id}");
        }
        let paid =
            [("action", "orderPay"), ("requestId", "r-1"), ("aliUid", "1987654321012345"), ("orderBizId", instance_id)];
        let paid = [paid.as_slice(), &[("orderId", "33"), ("productCode", "cmgj1"), ("skuId", "y")]].concat();
        assert_eq!(seller.calls(&paid).await.text, r#"{"success":true}"#);
    }
}

async fn bad_tokens_are_refused(seller: &Seller) {
    let unsigned = query(&announcement("1987654321012345", "400010004"));
    let good = seller.token_of(&unsigned);
    let other = seller.clone().with_key("another key");
    for token in ["", "&token=", "&token=0", "&token=安", &format!("&token={}", other.token_of(&unsigned))] {
        let refused = seller.calls_raw(&format!("{unsigned}{token}")).await.is(200);
        assert!(refused["instanceId"] == "0" && is_refused(&refused), "{token}: {refused}");
    }
    // What was signed is every parameter: one more, one less or another spoils it.
    for spoilt in
        [format!("{unsigned}&x=1&token={good}"), format!("{}&token={good}", unsigned.replace("false", "true"))]
    {
        assert!(is_refused(&seller.calls_raw(&spoilt).await.is(200)), "{spoilt}");
    }
    for (action, success) in
        [("expiredInstance", json!("false")), ("orderPay", json!(false)), ("brewCoffee", json!("false"))]
    {
        let refused = seller.calls_raw(&format!("action={action}&instanceId=1&token=0")).await.is(200);
        assert_eq!(refused, json!({"success": success, "message": "bad token"}), "{action}");
    }
    assert!(is_refused(&seller.caller.get("marketplaces/alibaba/spi").await.is(200)));
    let upper = seller.calls_raw(&format!("{unsigned}&token={}", good.to_uppercase())).await.is(200);
    assert_eq!(upper["instanceId"], "400010004");
}

async fn malformed_calls_are_refused(seller: &Seller) {
    let digits = "1".repeat(33);
    let ids = ["", " ", "a", "１２３", "-1", "1.0", "+1", "1 ", " 1", "0x1", "1\n", "1&2", &digits];
    for name in ["aliUid", "orderBizId", "orderId"] {
        for value in ids {
            let refused = seller.calls(&changed("400010005", &[(name, Some(value))])).await.is(200);
            assert!(refused["instanceId"] == "0" && is_refused(&refused), "{name}={value}: {refused}");
        }
    }
    for name in ["aliUid", "orderBizId", "orderId", "productCode", "skuId", "trial"] {
        assert!(is_refused(&seller.calls(&changed("400010005", &[(name, None)])).await.is(200)), "without {name}");
    }
    for value in ["True", "TRUE", "1", "0", "yes", " true", "true ", "null", ""] {
        assert!(is_refused(&seller.calls(&changed("400010005", &[("trial", Some(value))])).await.is(200)), "{value}");
        let released = [("action", "releaseInstance"), ("instanceId", "400010005"), ("isRefund", value)];
        assert_eq!(is_refused(&seller.calls(&released).await.is(200)), !value.is_empty(), "isRefund={value}");
    }
    for value in [
        "2031-05-06",
        "2031-05-06T07:08:09",
        "2031-05-06 07:08",
        "2031-05-06 07:08:09Z",
        "2031-02-30 07:08:09",
        "2031-13-01 00:00:00",
        "2031-05-06 24:00:00",
        "2031-05-06 07:60:00",
        "31-05-06 07:08:09",
        " 2031-05-06 07:08:09",
        "2031-05-06  07:08:09",
        "2031/05/06 07:08:09",
        "1930000000",
        "never",
        "２０３１-05-06 07:08:09",
    ] {
        assert!(
            is_refused(&seller.calls(&changed("400010005", &[("expiredOn", Some(value))])).await.is(200)),
            "{value}"
        );
    }
    for action in
        ["", "createinstance", "CreateInstance", "verify", "bindDomain", "getInstanceStatus", "createInstance "]
    {
        let refused = seller.calls(&changed("400010005", &[("action", Some(action))])).await.is(200);
        assert_eq!(refused["success"], "false", "{action}: {refused}");
    }
    assert!(is_refused(&seller.calls(&changed("400010005", &[("action", None)])).await.is(200)));
    assert!(is_refused(&seller.calls(&changed("400010005", &[("note", Some("a\0b"))])).await.is(200)), "a NUL");
    for missing in [
        vec![("action", "renewInstance"), ("instanceId", "1")],
        vec![("action", "renewInstance"), ("orderId", "1")],
        vec![("action", "upgradeInstance"), ("instanceId", "1")],
        vec![("action", "resumeInstance"), ("instanceId", "1"), ("skuId", "y")],
        vec![("action", "expiredInstance")],
        vec![("action", "releaseInstance"), ("instanceId", &digits)],
        vec![("action", "orderPay"), ("orderBizId", "1"), ("orderId", "1")],
    ] {
        assert!(is_refused(&seller.calls(&missing).await.is(200)), "{missing:?}");
    }
}

async fn what_is_optional_may_be_absent(seller: &Seller) {
    for call in [
        vec![("action", "renewInstance"), ("instanceId", "400010006"), ("orderId", "1")],
        vec![("action", "renewInstance"), ("instanceId", "400010006"), ("orderId", "2"), ("expiredOn", "")],
        vec![
            ("action", "renewInstance"),
            ("instanceId", "400010006"),
            ("orderId", "3"),
            ("expiredOn", "2001-01-01 00:00:00"),
        ],
        vec![("action", "upgradeInstance"), ("instanceId", "400010006"), ("skuId", "y")],
        vec![("action", "releaseInstance"), ("instanceId", "400010006")],
        vec![("action", "releaseInstance"), ("instanceId", "400010006"), ("orderId", "4")],
    ] {
        assert_eq!(seller.calls(&call).await.text, r#"{"success":"true"}"#, "{call:?}");
    }
    let longest = "9".repeat(32);
    assert_eq!(seller.calls(&announcement(&longest, &longest)).await.is(200)["instanceId"], longest.as_str());
}

async fn parameters_are_decoded_as_a_servlet_does(stack: &Stack, seller: &Seller) {
    let rest = "action=createInstance&aliUid=1987654321012345&orderId=29&productCode=cmgj1&skuId=y&trial=false";
    for (n, more) in [
        "expiredOn=2031-05-06+07:08:09",
        "expiredOn=2031-05-06%2007%3a08%3A09",
        "template=&Count=2&count=3&%E5%90%8D=%E5%80%BC",
        "flag",
        "latin=%FF%FE&half=%E5%90",
        "=nameless&&",
        "aliUid=1900000000000001&skuId=other",
        "x=%2B%26%3D%25",
    ]
    .into_iter()
    .enumerate()
    {
        let unsigned = format!("{rest}&orderBizId=40002{n:04}&{more}");
        let answer = seller.calls_raw(&seller.sign(&unsigned)).await.is(200);
        assert_eq!(answer["instanceId"], format!("40002{n:04}"), "{more}");
        // Of a repeated name the first counts.
        assert_eq!(answer["appInfo"]["username"], "1987654321012345");
    }
    let twice = format!("{rest}&orderBizId=400020100");
    let good = seller.token_of(&twice);
    assert!(is_refused(&seller.calls_raw(&format!("token=0&{twice}&token={good}")).await.is(200)));
    assert_eq!(seller.calls_raw(&format!("token={good}&{twice}&token=0")).await.is(200)["instanceId"], "400020100");
    let expires: Vec<String> =
        sqlx::query_scalar("select expires_at::text from purchases where instance_id in ('400020000', '400020001')")
            .fetch_all(&stack.pool)
            .await
            .unwrap();
    assert_eq!(expires, ["2031-05-05 23:08:09+00", "2031-05-05 23:08:09+00"], "Asia/Shanghai");
}

async fn long_calls_are_refused_by_count_and_by_bytes(seller: &Seller) {
    let with = |instance_id: &str, more: usize| {
        let items: Vec<String> = (0..more).map(|n| format!("item{n}")).collect();
        let mut pairs = announcement("1987654321012345", instance_id).to_vec();
        pairs.extend(items.iter().map(|item| (item.as_str(), "1")));
        query(&pairs)
    };
    // Seven parameters, the token, and the rest.
    assert_eq!(seller.calls_raw(&seller.sign(&with("400030001", 56))).await.is(200)["instanceId"], "400030001");
    let refused = seller.calls_raw(&seller.sign(&with("400030002", 57))).await.is(200);
    assert!(refused["instanceId"] == "0" && is_refused(&refused), "{refused}");
    for (instance_id, bytes, taken) in
        [("400030003", 16 * 1024, true), ("400030004", 16 * 1024 + 1, false), ("400030005", 40 * 1024, false)]
    {
        let begun = format!("{}&note=", query(&announcement("1987654321012345", instance_id)));
        let unsigned = format!("{begun}{}", "x".repeat(bytes - begun.len() - "&token=".len() - 32));
        let call = seller.sign(&unsigned);
        assert_eq!(call.len(), bytes);
        for answer in [seller.calls_raw(&call).await.is(200), seller.posts_raw(&call).await.is(200)] {
            assert_eq!(answer["instanceId"], if taken { instance_id } else { "0" });
            assert_eq!(is_refused(&answer), !taken);
        }
    }
    // What is longer than we ever read is still answered in the form of its action.
    let endless = format!("{}&note={}", query(&announcement("1", "400030006")), "x".repeat(2_000_000));
    let refused = seller.posts_raw(&endless).await.is(200);
    assert!(refused["instanceId"] == "0" && is_refused(&refused), "{refused}");
}

async fn forms_come_the_same_way(seller: &Seller) {
    let form = seller.sign(&query(&announcement("1987654321012345", "400040001")));
    assert_eq!(seller.posts_raw(&form).await.is(200)["instanceId"], "400040001");
    let split = "instanceId=400040001&action=expiredInstance";
    let token = seller.token_of(split);
    let caller = seller.caller.with("content-type", "application/x-www-form-urlencoded");
    let path = "marketplaces/alibaba/spi?instanceId=400040001";
    let both = caller.send(Method::POST, path, Some(format!("action=expiredInstance&token={token}").into())).await;
    assert_eq!(both.text, r#"{"success":"true"}"#);
    for method in [Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        seller.caller.send(method, "marketplaces/alibaba/spi", None).await.is_problem(405, "method-not-allowed");
    }
}

async fn both_keys_are_good_while_rotating(seller: &Seller) {
    let rotated = seller.clone().with_key(NEXT_KEY);
    rotated.announces("1987654321012345", "400050001").await;
    seller.announces("1987654321012345", "400050001").await;
    let both = format!("{},{NEXT_KEY}", secrets::SECURITY_KEY);
    let wrong = seller.clone().with_key(&both);
    assert!(is_refused(&wrong.calls(&announcement("1987654321012345", "400050002")).await.is(200)));
}

async fn who_only_looks_changes_nothing(stack: &Stack, seller: &Seller) {
    let call = seller.sign(&query(&announcement("1987654321012345", "400070001")));
    let looked = seller.caller.send(Method::HEAD, &format!("marketplaces/alibaba/spi?{call}"), None).await;
    assert_eq!((looked.status, looked.header("allow")), (405, "GET, POST"));
    let there = sqlx::query_scalar::<_, i64>("select count(*) from purchases where instance_id = '400070001'");
    assert_eq!(there.fetch_one(&stack.pool).await.unwrap(), 0);
}

async fn unknown_parameters_are_kept(stack: &Stack, seller: &Seller) {
    let pairs =
        changed("400060001", &[("package_version", Some("yuncode1")), ("Count", Some("2")), ("容量", Some("5 TB"))]);
    assert_eq!(seller.calls(&pairs).await.is(200)["instanceId"], "400060001");
    let kept = || async {
        let items = sqlx::query_scalar::<_, Value>("select items from purchases where instance_id = '400060001'");
        items.fetch_one(&stack.pool).await.unwrap()
    };
    assert_eq!(kept().await, json!({"package_version": "yuncode1", "Count": "2", "容量": "5 TB"}));
    let upgrade =
        [("action", "upgradeInstance"), ("instanceId", "400060001"), ("skuId", "y"), ("orderId", "5"), ("Count", "7")];
    assert_eq!(seller.calls(&upgrade).await.text, r#"{"success":"true"}"#);
    assert_eq!(kept().await, json!({"package_version": "yuncode1", "Count": "7", "容量": "5 TB"}));
}

#[tokio::test]
async fn what_came_before_the_announcement_is_applied_in_its_order() {
    let (mut stack, seller) = start().await;
    let told = async |action: &str, more: &[(&str, &str)]| {
        let pairs: Vec<_> = [("action", action), ("instanceId", "400070001")].iter().chain(more).copied().collect();
        assert_eq!(seller.calls(&pairs).await.text, r#"{"success":"true"}"#);
    };
    told("expiredInstance", &[]).await;
    told("renewInstance", &[("orderId", "31"), ("expiredOn", "2031-05-06 07:08:09")]).await;
    told("upgradeInstance", &[("orderId", "32"), ("skuId", "yuncode9")]).await;
    told("expiredInstance", &[]).await;
    seller.announces("1987654321012345", "400070001").await;
    let (ann, path) = seller.logs_in(&stack.pool, "400070001").await;
    let seen =
        sees(&ann, &path, "the instance has expired", |seen| seen["problem"]["code"] == "instance-not-active").await;
    assert_eq!(
        (&seen["status"], &seen["action"], &seen["stage"]),
        (&json!("waiting_for_buyer"), &json!("correct"), &json!("purchase"))
    );
    // The order of the renewal above: a late repeat changes nothing. A new one does.
    told("renewInstance", &[("orderId", "31"), ("expiredOn", "2031-05-06 07:08:09")]).await;
    assert_eq!(ann.get(&path).await.is(200)["problem"]["code"], "instance-not-active");
    told("renewInstance", &[("orderId", "33"), ("expiredOn", "2032-05-06 07:08:09")]).await;
    let seen = sees(&ann, &path, "it goes on by itself", |seen| seen["stage"] == "billing_account").await;
    assert_eq!((&seen["sku_id"], &seen["expires_at"]), (&json!("yuncode9"), &json!("2032-05-05T23:08:09Z")));
    let kept: Vec<(String, bool)> = sqlx::query_as(
        "select verdict, applied_at is not null from marketplace_calls where instance_id = '400070001' order by received_at",
    )
    .fetch_all(&stack.pool)
    .await
    .unwrap();
    let kept: Vec<_> = kept.iter().map(|(verdict, applied)| (verdict.as_str(), *applied)).collect();
    let unmatched = ("unmatched", true);
    assert_eq!(kept[..4], [unmatched; 4]);
    assert_eq!(kept[4..], [("accepted", false), ("repeated", false), ("accepted", false)]);
    stack.ends_well().await;
}

#[tokio::test]
async fn calls_are_recorded_without_token_and_a_flood_of_bad_ones_is_counted() {
    let (mut stack, seller) = start().await;
    let signed = seller.sign(&query(&announcement("1987654321012345", "400080001")));
    assert_eq!(seller.calls_raw(&signed).await.is(200)["instanceId"], "400080001");
    let guessed = "f00dfeedf00dfeedf00dfeedf00dfeed";
    let bad: Vec<_> =
        (0..150).map(|n| format!("action=expiredInstance&instanceId={n}&n=%00&token={guessed}")).collect();
    // Two processes count together.
    let (_api, other) = stack.another_api(&[]);
    landfall_tests::stack::ready(&other).await;
    let elsewhere = Seller::at(&stack, &seller.caller.at(&other));
    let sellers = [&seller, &elsewhere];
    let answers = join_all(bad.iter().enumerate().map(|(n, call)| sellers[n % 2].calls_raw(call))).await;
    for answer in answers {
        assert_eq!(answer.is(200), json!({"success": "false", "message": "bad token"}));
    }
    assert!(is_refused(&seller.calls(&[("action", "brewCoffee")]).await.is(200)));
    let verdicts: Vec<(String, i64)> =
        sqlx::query_as("select verdict, count(*) from marketplace_calls group by verdict order by verdict")
            .fetch_all(&stack.pool)
            .await
            .unwrap();
    assert_eq!(verdicts, [("accepted".into(), 1), ("bad-token".into(), 60), ("refused".into(), 1)]);
    for seller in sellers {
        let metrics = seller.caller.get("metrics").await.text;
        assert!(metrics.contains("landfall_marketplace_calls_total{verdict=\"bad-token\"} 75"), "{metrics}");
    }
    let rows: String = sqlx::query_scalar("select string_agg(c::text, '') from marketplace_calls c")
        .fetch_one(&stack.pool)
        .await
        .unwrap();
    let token = signed.rsplit_once("&token=").unwrap().1;
    for text in [rows, stack.logs()] {
        assert!(!text.contains(token) && !text.contains(guessed), "a token stands somewhere");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn without_a_key_there_is_no_marketplace() {
    let mut stack = Wishes::default().without("ALIBABA_SECURITY_KEY").prepare().await;
    stack.start_api().await;
    stack.start_workers().await;
    let seller = Seller::of(&stack);
    seller.calls(&announcement("1", "2")).await.is_problem(404, "not-found");
    let link = seller.link(&stack.pool, "2", 0).await;
    seller.caller.get(&link).await.is_problem(404, "not-found");
    stack.ends_well().await;
}
