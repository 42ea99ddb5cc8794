//! Every secret is replaced while buyers are under way: nothing that was made with the old one is lost, and the old one is of no
//! use any more once it is taken away.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use landfall_tests::journey::Buyer;
use landfall_tests::registering::form;
use landfall_tests::seller::{Seller, announcement};
use landfall_tests::stack::{Stack, secrets};
use landfall_tests::supervised::rows_say;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const NEW_SECRET_KEY: &str = "YW5vdGhlciBsYW5kZmFsbCB0ZXN0IHNlY3JldCBrZXksIGZvciByb3RhdGluZw==";
const NEW_SIGNING: &str = "whsec_YW5vdGhlciBwbGF0Zm9ybSBzaWduaW5nIHNlY3JldA==";
const NEW_SECURITY_KEY: &str = "Zq3Lp8Xc5Vn1Mw7Ty2Gh9Bs4";

#[tokio::test]
async fn the_secret_key_is_replaced_with_codes_passwords_tokens_and_keys_in_flight() {
    let mut stack = Stack::start().await;
    // Ann typed both ids, has a token, and a code that she has not typed yet.
    let mut ann = stack.buyer();
    ann.is_known_as("ann").await;
    ann.purchases().await;
    let typed: Value = ann.types_both_ids().await.json().await.unwrap();
    ann.activation_id = typed["id"].as_str().unwrap().to_owned();
    let token = typed["token"].as_str().unwrap().to_owned();
    ann.settles().await;
    let keyed = json!({"purpose": "billing_account", "username": "ann"});
    let under_key = || ann.posts("/verification-codes").json(&keyed).header("idempotency-key", "rotation-1").send();
    assert_eq!(under_key().await.unwrap().status(), StatusCode::ACCEPTED);
    let anns_code = ann.reads_code("ann@bills.example", 1).await;
    // Bob's password is sealed: the console is down.
    stack.fault("console", json!({"kind": "error", "status": 503})).await;
    let mut bob = stack.buyer();
    bob.purchases().await;
    bob.logs_in_directly().await;
    bob.settles().await;
    bob.proves_address("registration", "bob@example.com").await;
    let sent = bob.sends_registration(&form("bob.lee", "bob@example.com", "Lab of bob")).await;
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    // Cat logs in now, and asks for her code when half of the processes know the new key.
    let mut cat = stack.buyer();
    cat.purchases().await;
    cat.logs_in_directly().await;
    cat.settles().await;

    stack.set("SECRET_KEY", NEW_SECRET_KEY);
    stack.set("SECRET_KEY_PREVIOUS", secrets::SECRET_KEY);
    stack.kill_api();
    stack.start_api().await;
    let asked = cat.asks_for_code("registration", "cat@example.com").await;
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    let waits = "select exists (select from attempts where outcome = 'misconfigured')";
    rows_say(&stack, "the old workers cannot derive a code of the new key, and spend no attempt", waits).await;
    stack.workers().signal("TERM");
    assert!(stack.workers().ends().await.success());
    stack.start_workers().await;
    stack.heal().await;

    // What was made with the old key, and what is made with the new one.
    let replayed = under_key().await.unwrap();
    assert_eq!(
        (replayed.status(), &replayed.headers()["idempotent-replayed"]),
        (StatusCode::ACCEPTED, &"true".parse().unwrap())
    );
    let by_token = || ann.polls_with_token(&token).send();
    assert_eq!(by_token().await.unwrap().status(), StatusCode::OK);
    let bind = json!({"username": "ann", "code": anns_code});
    assert_eq!(ann.asks(Method::POST, "/billing-account", Some(bind)).await.status(), StatusCode::ACCEPTED);
    let seen = ann.settles().await;
    assert_eq!(seen["stage"], "workspace", "{seen:#}");
    let seen = bob.settles().await;
    assert_eq!(seen["stage"], "confirmation", "{seen:#}");
    let login_url = bob.confirms().await;
    bob.logs_in(&login_url, "bob.lee", "correct horse").await;
    let cats_code = cat.reads_code("cat@example.com", 1).await;
    let mut registration = form("cat.lee", "cat@example.com", "Lab of cat");
    registration["code"] = json!(cats_code);
    let seen = cat.registers(&registration).await;
    assert_eq!(seen["stage"], "confirmation", "{seen:#}");

    // The old key goes: what it proves is over, what it does not prove goes on.
    stack.set("SECRET_KEY_PREVIOUS", "");
    stack.kill_api();
    stack.kill_workers();
    stack.start_api().await;
    stack.start_workers().await;
    assert_eq!(ann.polls_with_token(&token).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let seen = ann.creates_workspace("Lab of ann", "ann@example.com").await;
    assert_eq!(seen["stage"], "confirmation", "{seen:#}");
    stack.keeps_no_password("correct horse").await;
    stack.ends_well().await;
}

/// Workers with another signing secret take the place of the old ones, while buyers come and go.
async fn replace_workers(stack: &mut Stack, signing: &str, round: &str) {
    let over = AtomicBool::new(false);
    let (api, sandbox) = (stack.api_url.clone(), stack.sandbox_url.clone());
    let traffic = join_all((0..2).map(|lane| {
        let (over, api, sandbox) = (&over, &api, &sandbox);
        async move {
            let mut came = 0;
            while !over.load(Ordering::SeqCst) {
                Buyer::new(api, sandbox).goes_the_whole_way(&format!("{round}l{lane}n{came}")).await;
                came += 1;
            }
            came
        }
    }));
    let replacing = async {
        stack.set("PLATFORM_SIGNING_SECRET", signing);
        stack.workers().signal("TERM");
        assert!(stack.workers().ends().await.success());
        stack.start_workers().await;
        Buyer::new(&api, &sandbox).goes_the_whole_way(&format!("{round}last")).await;
        over.store(true, Ordering::SeqCst);
    };
    let (came, ()) = tokio::join!(traffic, replacing);
    println!("{round}: {came:?} buyers came meanwhile");
}

#[tokio::test]
async fn the_platforms_signing_secret_is_replaced_under_load() {
    let mut stack = Stack::start().await;
    replace_workers(&mut stack, &format!("{NEW_SIGNING},{}", secrets::SIGNING), "both").await;
    // The platforms change over while a call is in flight; it is made again, and signed for both.
    let mut ann = stack.buyer();
    ann.is_known_as("ann").await;
    ann.purchases().await;
    ann.logs_in_directly().await;
    ann.settles().await;
    ann.binds_billing_account("ann", "ann@bills.example").await;
    ann.proves_address("workspace_owner", "ann@example.com").await;
    stack.fault("console", json!({"kind": "hang"})).await;
    let create = json!({"create": {"name": "Lab of ann", "language": "en", "site": "cn", "terms_accepted": true,
                                   "owner": {"email": "ann@example.com"}}});
    assert_eq!(ann.asks(Method::POST, "/workspace", Some(create)).await.status(), StatusCode::ACCEPTED);
    stack.restart_sandbox_with("PLATFORM_SIGNING_SECRET", NEW_SIGNING).await;
    stack.heal().await;
    assert_eq!(ann.settles().await["action"], "confirm");
    replace_workers(&mut stack, NEW_SIGNING, "new").await;
    let rejected: i64 = sqlx::query_scalar("select count(*) from attempts where outcome = 'misconfigured'")
        .fetch_one(&stack.pool)
        .await
        .unwrap();
    assert_eq!(rejected, 0, "nobody ever rejected a signature");
    stack.ends_well().await;
}

#[tokio::test]
async fn the_marketplaces_security_key_is_replaced_with_links_and_calls_in_flight() {
    let mut stack = Stack::start().await;
    let mut ann = stack.buyer();
    ann.purchases().await;
    let link = ann.login_link().await;
    let old = Seller::of(&stack);
    let new = Seller::of(&stack).with_key(NEW_SECURITY_KEY);

    stack.set("ALIBABA_SECURITY_KEY", &format!("{NEW_SECURITY_KEY},{}", secrets::SECURITY_KEY));
    stack.kill_api();
    stack.start_api().await;
    assert_eq!(ann.follows(&link).await.status(), StatusCode::SEE_OTHER, "a link of the old key");
    old.announces("1234567890", "880000000001").await;
    new.announces("1234567890", "880000000002").await;
    stack.restart_sandbox_with("ALIBABA_SECURITY_KEY", NEW_SECURITY_KEY).await;
    stack.buyer().goes_the_whole_way("bob").await;

    stack.set("ALIBABA_SECURITY_KEY", NEW_SECURITY_KEY);
    stack.kill_api();
    stack.start_api().await;
    stack.buyer().goes_the_whole_way("cat").await;
    let refused = old.calls(&announcement("1234567890", "880000000003")).await.is(200);
    assert_eq!(refused["instanceId"], "0", "{refused}");
    let late = old.link(&stack.pool, "880000000001", -5).await;
    assert_eq!(old.caller.get(&late).await.status, 403);
    stack.ends_well().await;
}
