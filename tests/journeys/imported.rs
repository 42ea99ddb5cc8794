//! An instance that nobody announced and the marketplace's OpenAPI knows is a purchase like any other once it was verified.

use futures_util::future::join_all;
use landfall_tests::caller::Caller;
use landfall_tests::journey::Buyer;
use landfall_tests::patience::until;
use landfall_tests::seller::{Seller, announcement, sees};
use landfall_tests::stack::Stack;
use serde_json::{Value, json};

/// Somebody whose purchase the marketplace did not announce.
async fn unannounced(stack: &Stack) -> Buyer {
    let mut buyer = stack.buyer();
    buyer.purchases_with(json!({"announced": false})).await;
    buyer
}

async fn comes_to_the_choice(stack: &Stack) -> Buyer {
    let mut buyer = unannounced(stack).await;
    buyer.logs_in_directly().await;
    let seen = buyer.settles().await;
    assert_eq!(seen["action"], "choose_billing_account", "{seen:#}");
    buyer
}

/// Types both ids, and waits until the page says why it does not go on.
async fn is_told(stack: &Stack, account_id: &str, instance_id: &str, problem: &str) {
    let caller = Caller::new(&stack.api_url);
    let ids = json!({"marketplace": "alibaba", "account_id": account_id, "instance_id": instance_id});
    let entered = caller.post("v1/activations", ids).await.is(202);
    let caller = caller.with("authorization", &format!("Bearer {}", entered["token"].as_str().unwrap()));
    let path = format!("v1/activations/{}", entered["id"].as_str().unwrap());
    sees(&caller, &path, problem, |seen| seen["problem"]["code"] == problem).await;
}

/// What the Billing Center was told of an instance last.
async fn told_last(stack: &Stack, buyer: &Buyer) -> Value {
    let path = json!(format!("/instances/alibaba/{}", buyer.instance_id));
    let calls = stack.calls("billing_center").await;
    calls.iter().rev().find(|call| call["path"] == path).map_or(Value::Null, |call| call["body"].clone())
}

#[tokio::test]
async fn what_the_marketplace_says_before_the_binding_finds_it() {
    let mut stack = Stack::start().await;
    let mut ann = comes_to_the_choice(&stack).await;
    ann.marketplace_says("renew", json!({"expires_on": "2030-01-01 00:00:00"})).await;
    assert_eq!(ann.sees().await["expires_at"], "2029-12-31T16:00:00Z");
    ann.marketplace_says("upgrade", json!({"sku_id": "bigger"})).await;
    assert_eq!(ann.sees().await["sku_id"], "bigger");
    ann.marketplace_says("release", json!({})).await;
    let seen = ann.sees().await;
    assert_eq!(
        (&seen["status"], &seen["problem"]["code"]),
        (&json!("cancelled"), &json!("instance-released")),
        "{seen:#}"
    );

    // Expired, as the OpenAPI says: it waits, and goes on by itself.
    let mut ben = unannounced(&stack).await;
    ben.marketplace_says("expire", json!({})).await;
    ben.logs_in_directly().await;
    let seen = ben.settles().await;
    assert_eq!(seen["problem"]["code"], "instance-not-active", "{seen:#}");
    assert_eq!((&seen["steps"][0]["status"], &seen["steps"][0]["attempt"]), (&json!("refused"), &json!(1)), "{seen:#}");
    ben.marketplace_says("resume", json!({})).await;
    assert_eq!(ben.settles().await["action"], "choose_billing_account");
    // Nothing that is said later opens a closed one again.
    let mut fay = unannounced(&stack).await;
    fay.marketplace_says("release", json!({})).await;
    fay.marketplace_says("renew", json!({})).await;
    fay.logs_in_directly().await;
    assert_eq!(fay.settles().await["problem"]["code"], "instance-released");
    // One that is released while it waits is over.
    let mut eve = unannounced(&stack).await;
    eve.marketplace_says("expire", json!({})).await;
    eve.logs_in_directly().await;
    assert_eq!(eve.settles().await["problem"]["code"], "instance-not-active");
    eve.marketplace_says("release", json!({})).await;
    assert_eq!(eve.sees().await["problem"]["code"], "instance-released");
    stack.ends_well().await;
}

#[tokio::test]
async fn what_the_marketplace_said_before_the_import_takes_effect() {
    let mut stack = Stack::start().await;
    let seller = Seller::of(&stack);
    let says = async |action: &str, more: &[(&str, &str)], buyer: &Buyer| {
        let pairs: Vec<_> =
            [("action", action), ("instanceId", buyer.instance_id.as_str())].into_iter().chain(more.to_vec()).collect();
        assert_eq!(seller.calls(&pairs).await.text, r#"{"success":"true"}"#);
    };
    // The OpenAPI has not heard of these.
    let mut ann = unannounced(&stack).await;
    says("releaseInstance", &[], &ann).await;
    ann.logs_in_directly().await;
    assert_eq!(ann.settles().await["problem"]["code"], "instance-released");
    // What the OpenAPI says of now is newer than an expiry that was called late.
    let mut eve = unannounced(&stack).await;
    says("renewInstance", &[("orderId", "78")], &eve).await;
    says("expiredInstance", &[], &eve).await;
    eve.logs_in_directly().await;
    assert_eq!(eve.settles().await["action"], "choose_billing_account");
    eve.goes_on_from_the_choice("eve").await;
    // Expired there, and released as it was said here: over, also for who typed the ids.
    let fay = unannounced(&stack).await;
    fay.marketplace_says("expire", json!({})).await;
    says("releaseInstance", &[], &fay).await;
    is_told(&stack, &fay.account_id, &fay.instance_id, "instance-released").await;
    let mut ben = unannounced(&stack).await;
    says("upgradeInstance", &[("skuId", "bigger"), ("orderId", "77"), ("seats", "9")], &ben).await;
    ben.logs_in_directly().await;
    let seen = ben.settles().await;
    assert_eq!((&seen["action"], &seen["sku_id"]), (&json!("choose_billing_account"), &json!("bigger")), "{seen:#}");
    ben.goes_on_from_the_choice("ben").await;
    let calls = stack.calls("billing_center").await;
    let binding = calls.iter().rev().find(|call| call["path"].as_str().unwrap().ends_with("/binding")).unwrap();
    let said = |name: &str| binding["body"][name].clone();
    assert_eq!(
        (said("sku_id"), said("order_id"), said("items")),
        (json!("bigger"), json!("77"), json!({"seats": "9"}))
    );
    stack.ends_well().await;
}

#[tokio::test]
async fn what_becomes_of_a_bound_one_is_reported() {
    let mut stack = Stack::start().await;
    let mut buyer = comes_to_the_choice(&stack).await;
    buyer.goes_on_from_the_choice("ann").await;
    for (said, name, state, lands) in [
        ("expire", "suspend", "suspended", 403),
        ("resume", "resume", "active", 303),
        ("release", "release", "released", 403),
    ] {
        buyer.marketplace_says(said, json!({})).await;
        buyer.sees_steps(name, "succeeded", 1).await;
        assert_eq!(told_last(&stack, &buyer).await["state"], state);
        let link = buyer.login_link().await;
        assert_eq!(buyer.follows(&link).await.status(), lands, "{said}");
    }
    assert_eq!(buyer.sees().await["status"], "cancelled");
    stack.ends_well().await;
}

#[tokio::test]
async fn an_announcement_that_comes_after_all_is_taken() {
    let mut stack = Stack::start().await;
    let seller = Seller::of(&stack);
    let mut buyer = comes_to_the_choice(&stack).await;
    buyer.goes_on_from_the_choice("ann").await;
    let (account_id, instance_id) = (buyer.account_id.clone(), buyer.instance_id.clone());
    let refused = seller.calls(&announcement("1900000000000009", &instance_id)).await.is(200);
    assert_eq!(refused["instanceId"], "0", "{refused}");
    let mut late = announcement(&account_id, &instance_id).to_vec();
    late.push(("seats", "5"));
    let first = seller.calls(&late).await;
    assert_eq!(first.is(200)["instanceId"], instance_id.as_str());
    assert_eq!(seller.calls(&late).await.text, first.text, "the same to every repeat");
    until("the Billing Center hears of its items", || async {
        (told_last(&stack, &buyer).await["items"] == json!({"seats": "5"})).then_some(())
    })
    .await;
    stack.ends_well().await;
}

/// A stranger's guess imports nothing; of announcement and import at once one comes first, and neither is lost.
#[tokio::test]
async fn a_guess_imports_nothing_and_an_announcement_may_come_at_the_same_time() {
    let mut stack = Stack::start().await;
    let seller = Seller::of(&stack);
    let guess = unannounced(&stack).await;
    is_told(&stack, "1900000000000009", &guess.instance_id, "account-mismatch").await;
    let known = sqlx::query_scalar::<_, i64>("select count(*) from purchases where instance_id = $1");
    assert_eq!(known.bind(&guess.instance_id).fetch_one(&stack.pool).await.unwrap(), 0);

    let mut buyers: Vec<Buyer> = Vec::new();
    for _ in 0..8 {
        buyers.push(unannounced(&stack).await);
    }
    join_all(buyers.iter_mut().map(|buyer| {
        let seller = seller.clone();
        async move {
            let (account_id, instance_id) = (buyer.account_id.clone(), buyer.instance_id.clone());
            let mut late = announcement(&account_id, &instance_id).to_vec();
            late.push(("seats", "5"));
            let (answer, ()) = tokio::join!(seller.calls(&late), buyer.logs_in_directly());
            assert_eq!(answer.is(200)["instanceId"], instance_id.as_str());
            assert_eq!(buyer.settles().await["action"], "choose_billing_account");
        }
    }))
    .await;
    let complete =
        "select count(*) from purchases where items = '{\"seats\": \"5\"}' and json_typeof(answer) = 'object'";
    assert_eq!(sqlx::query_scalar::<_, i64>(complete).fetch_one(&stack.pool).await.unwrap(), 8);
    stack.ends_well().await;
}
