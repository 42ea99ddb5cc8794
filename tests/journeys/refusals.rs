//! Every problem that a buyer can be told: reached through the outside world over HTTP, and mended.

use landfall_tests::journey::Buyer;
use landfall_tests::registering::form;
use landfall_tests::stack::{Stack, Wishes};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn told(seen: &Value) -> [&str; 4] {
    ["status", "stage", "action"]
        .map(|member| seen[member].as_str().unwrap_or("null"))
        .into_iter()
        .chain([seen["problem"]["code"].as_str().unwrap_or("null")])
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

async fn bought(stack: &Stack) -> Buyer {
    let mut buyer = Buyer::new(&stack.api_url, &stack.sandbox_url);
    buyer.purchases().await;
    buyer
}

async fn at_the_choice(stack: &Stack) -> Buyer {
    let mut buyer = bought(stack).await;
    buyer.logs_in_directly().await;
    buyer.settles().await;
    buyer
}

async fn at_the_workspaces(stack: &Stack, username: &str) -> (Buyer, String) {
    let mut buyer = at_the_choice(stack).await;
    let email = format!("{username}@bills.example");
    let account = buyer.has("billing-accounts", json!({"username": username, "email": email})).await;
    let seen = buyer.binds_billing_account(username, &email).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "workspace", "choose_workspace", "null"]);
    (buyer, account)
}

async fn types(buyer: &mut Buyer) {
    let entered = buyer.types_both_ids().await;
    assert_eq!(entered.status(), StatusCode::ACCEPTED);
    entered.json::<Value>().await.unwrap()["id"].as_str().unwrap().clone_into(&mut buyer.activation_id);
}

async fn change(stack: &Stack, instance_id: &str, what: &str) {
    let url = stack.sandbox_url.join(&format!("sandbox/instances/{instance_id}/{what}")).unwrap();
    let answer = reqwest::Client::new().post(url).json(&json!({})).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
}

#[tokio::test]
async fn a_mistyped_entry_is_told_why_and_blocks_nobody() {
    let mut stack = Stack::start().await;
    let mut ann = bought(&stack).await;
    let mut bob = Buyer::new(&stack.api_url, &stack.sandbox_url);
    (bob.account_id, bob.instance_id) = ("1999".into(), ann.instance_id.clone());
    types(&mut bob).await;
    assert_eq!(told(&bob.settles().await), ["waiting_for_buyer", "purchase", "correct", "account-mismatch"]);
    bob.instance_id = "99999999".into();
    types(&mut bob).await;
    assert_eq!(told(&bob.settles().await), ["waiting_for_buyer", "purchase", "correct", "instance-not-found"]);
    ann.logs_in_directly().await;
    assert_eq!(told(&ann.settles().await), ["waiting_for_buyer", "billing_account", "choose_billing_account", "null"]);
    (bob.instance_id, bob.account_id) = (ann.instance_id.clone(), ann.account_id.clone());
    let refused = bob.types_both_ids().await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "already-started");
    stack.ends_well().await;
}

#[tokio::test]
async fn an_expired_instance_waits_and_goes_on_by_itself_when_it_is_renewed() {
    let mut stack = Stack::start().await;
    let mut ann = bought(&stack).await;
    change(&stack, &ann.instance_id, "expire").await;
    ann.logs_in_directly().await;
    assert_eq!(told(&ann.settles().await), ["waiting_for_buyer", "purchase", "correct", "instance-not-active"]);
    change(&stack, &ann.instance_id, "renew").await;
    let seen = ann.sees_when("the renewal is taken up", |seen| seen["stage"] == "billing_account").await;
    assert!(seen["problem"].is_null(), "{seen:#}");
    ann.settles().await;
    stack.ends_well().await;
}

#[tokio::test]
async fn a_released_instance_ends_its_activation() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    change(&stack, &ann.instance_id, "release").await;
    let seen = ann.sees_when("the release is shown", |seen| seen["status"] == "cancelled").await;
    assert_eq!(told(&seen), ["cancelled", "billing_account", "null", "instance-released"]);
    let late = ann.asks_for_account_code("ann").await;
    assert_eq!(late.json::<Value>().await.unwrap()["code"], "out-of-turn");
    stack.ends_well().await;
}

#[tokio::test]
async fn names_that_the_console_has_come_back_as_questions() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    let had = json!({"username": "ann.lee", "email": "old@example.com", "password": "an old horse", "site": "cn"});
    let owner = ann.has("console-accounts", had).await;
    assert!(!owner.is_empty());
    ann.proves_address("registration", "ann@example.com").await;
    let seen = ann.registers(&form("ann.lee", "ann@example.com", "Lab")).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "correct", "username-taken"]);
    ann.has("billing-accounts", json!({"username": "somebody", "email": "ann@example.com"})).await;
    let seen = ann.registers(&form("ann.lee2", "ann@example.com", "Lab")).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "correct", "email-taken"]);
    // At the Billing Center the way out is to bind the account that has the address.
    let seen = ann.binds_billing_account("somebody", "ann@example.com").await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "workspace", "choose_workspace", "null"]);
    stack.ends_well().await;
}

#[tokio::test]
async fn workspaces_that_cannot_be_had_are_told_and_others_can() {
    let mut stack = Stack::start().await;
    let (mut ann, account) = at_the_workspaces(&stack, "ann").await;
    let workspace = json!({"name": "Lab", "billing_account_id": account, "site": "cn"});
    let lab = ann.has("workspaces", workspace).await;
    let owner = json!({"username": "ann.lee", "email": "ann@example.com", "password": "correct horse", "site": "cn"});
    ann.has("console-accounts", owner).await;
    let seen = ann.creates_workspace("Lab", "ann@example.com").await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "workspace", "correct", "workspace-name-taken"]);

    // Somebody binds it between the list and the buyer's choice.
    let refreshed = ann.asks(Method::POST, "/workspaces/refresh", Some(json!({}))).await;
    assert_eq!(refreshed.status(), StatusCode::ACCEPTED);
    let seen = ann.settles().await;
    assert_eq!(seen["workspaces"][0]["id"], json!(lab), "{seen:#}");
    let gone = json!({"kind": "error", "status": 404, "code": "workspace-unknown", "path": "/binding", "times": 1});
    stack.fault("billing_center", gone).await;
    let seen = ann.binds_workspace(&lab).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "workspace", "correct", "workspace-not-bindable"]);
    let bound = json!({"kind": "error", "code": "instance-already-bound", "path": "/binding", "times": 1});
    stack.fault("billing_center", bound).await;
    let seen = ann.binds_workspace(&lab).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "workspace", "correct", "instance-already-bound"]);

    // An owner whose address has no account hears so only after the right code.
    let seen = ann.creates_workspace("Attic", "nobody@example.com").await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "workspace", "correct", "account-unknown"]);
    let seen = ann.binds_workspace(&lab).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "confirmation", "confirm", "null"]);
    stack.ends_well().await;
}

#[tokio::test]
async fn a_cloud_account_that_is_linked_goes_straight_to_the_list_and_to_no_other_account() {
    let mut stack = Stack::start().await;
    let (ann, _) = at_the_workspaces(&stack, "ann").await;
    let mut again = Buyer::new(&stack.api_url, &stack.sandbox_url);
    again.purchases_with(json!({"account_id": ann.account_id})).await;
    // A typed entry proves an account all the same, sees nothing of it, and can take no other.
    types(&mut again).await;
    let seen = again.settles().await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "choose_billing_account", "null"]);
    assert_eq!(seen["billing_account"], json!({"username": null, "bound_at": null}));
    again.has("billing-accounts", json!({"username": "bob", "email": "bob@bills.example"})).await;
    let registers = again.sends_registration(&form("bob", "bob@example.com", "Lab")).await;
    assert_eq!(registers.json::<Value>().await.unwrap()["code"], "out-of-turn");
    let seen = again.binds_billing_account("bob", "bob@bills.example").await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "correct", "cloud-account-linked-elsewhere"]);
    // Login Directly proves who the buyer is: the list comes at once.
    again.logs_in_directly().await;
    let seen = again.settles().await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "workspace", "choose_workspace", "null"]);
    assert_eq!((&seen["started_by"], &seen["billing_account"]["username"]), (&json!("login"), &json!("a***")));
    stack.ends_well().await;
}

#[tokio::test]
async fn the_vendors_own_refusals_come_in_the_vendors_words() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    ann.proves_address("registration", "ann@example.com").await;
    let filled = form("ann.lee", "ann@example.com", "Lab");
    let field = json!({"kind": "error", "code": "invalid-field", "path": "POST /accounts", "times": 1});
    stack.fault("console", field).await;
    let seen = ann.registers(&filled).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "correct", "field-refused"]);
    assert_eq!(seen["problem"]["errors"][0]["detail"], "The sandbox was told to refuse this call.", "{seen:#}");
    let refused = json!({"kind": "error", "code": "refused", "path": "POST /accounts", "times": 1});
    stack.fault("billing_center", refused).await;
    let seen = ann.registers(&filled).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "correct", "refused-by-vendor"]);
    assert_eq!(seen["problem"]["detail"], "The sandbox was told to refuse this call.");
    let seen = ann.registers(&filled).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "confirmation", "confirm", "null"]);
    stack.ends_well().await;
}

#[tokio::test]
async fn an_address_that_the_mail_server_refuses_can_be_changed() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    stack.fault("mail", json!({"kind": "error", "status": 550, "path": "rcpt", "times": 1})).await;
    let asked = ann.asks_for_code("registration", "nobody@example.com").await;
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    let seen = ann.sees_when("the refusal is shown", |seen| seen["verification"]["status"] == "refused").await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "correct", "mail-refused"]);
    let seen = ann.proves_address("registration", "ann@example.com").await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "choose_billing_account", "null"]);
    stack.ends_well().await;
}

#[tokio::test]
async fn a_username_that_the_billing_center_refuses_is_told_in_its_words() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    for (code, shown) in [("invalid-field", "field-refused"), ("refused", "refused-by-vendor")] {
        let fault = json!({"kind": "error", "status": 422, "code": code, "path": "GET /accounts?", "times": 1});
        stack.fault("billing_center", fault).await;
        let asked = ann.asks_for_account_code(&format!("ann{}", shown.len())).await;
        assert_eq!(asked.status(), StatusCode::ACCEPTED);
        let seen = ann.sees_when("the refusal is shown", |seen| seen["verification"]["status"] == "refused").await;
        assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "correct", shown]);
    }
    stack.ends_well().await;
}

/// The fault, the step that meets it, and the code that its retries show.
fn faults_that_pass() -> [(&'static str, Value, &'static str, &'static str); 5] {
    [
        ("marketplace", json!({"kind": "error", "status": 500}), "verify_purchase", "marketplace-unavailable"),
        ("marketplace", json!({"kind": "error", "status": 403}), "verify_purchase", "misconfigured"),
        ("billing_center", json!({"kind": "garbage"}), "find_billing_account", "platform-unavailable"),
        ("billing_center", json!({"kind": "not_yet"}), "find_billing_account", "not-yet"),
        ("billing_center", json!({"kind": "error", "status": 401}), "find_billing_account", "misconfigured"),
    ]
}

#[tokio::test]
async fn what_is_retried_says_what_and_why_and_when() {
    let mut stack = Stack::start().await;
    for (part, fault, step, code) in faults_that_pass() {
        stack.fault(part, fault.clone()).await;
        let mut ann = bought(&stack).await;
        ann.logs_in_directly().await;
        let last = |seen: &Value| seen["steps"].as_array().unwrap().last().cloned().unwrap();
        let seen = ann
            .sees_when(code, |seen| {
                let step = last(seen);
                step["problem"]["code"] == code && !step["next_attempt_at"].is_null()
            })
            .await;
        assert_eq!((seen["status"].as_str(), last(&seen)["name"].as_str()), (Some("retrying"), Some(step)), "{fault}");
        assert_eq!((seen["problem"].is_null(), last(&seen)["status"].as_str()), (true, Some("retrying")), "{fault}");
        stack.heal().await;
        assert_eq!(ann.settles().await["stage"], "billing_account", "{fault}");
    }
    // A mail on its way never changes the status: the mail's own step says that it is tried again.
    let mut ann = at_the_choice(&stack).await;
    stack.fault("mail", json!({"kind": "error", "status": 451, "path": "data"})).await;
    assert_eq!(ann.asks_for_code("registration", "ann@example.com").await.status(), StatusCode::ACCEPTED);
    let retried = |seen: &Value| seen["steps"][2]["problem"]["code"] == "mail-unavailable";
    let seen = ann.sees_when("the mail is retried", retried).await;
    assert_eq!(told(&seen), ["waiting_for_buyer", "billing_account", "enter_code", "null"]);
    stack.heal().await;
    ann.sees_when("the mail is sent", |seen| seen["verification"]["status"] == "sent").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn what_no_retry_mends_needs_an_operator_and_says_so() {
    let mut stack = Wishes::default().with("RETRY_ATTEMPTS", "2").start().await;
    stack.fault("billing_center", json!({"kind": "error", "status": 400, "code": "no-idea"})).await;
    let mut ann = bought(&stack).await;
    ann.logs_in_directly().await;
    let seen = ann.settles().await;
    assert_eq!(told(&seen), ["needs_attention", "billing_account", "null", "platform-refused"]);
    assert_eq!(seen["steps"][1]["status"], "failed");
    stack.heal().await;
    // All attempts spent: the last fault is the one that is told.
    stack.fault("marketplace", json!({"kind": "garbage"})).await;
    let mut bob = bought(&stack).await;
    bob.logs_in_directly().await;
    let seen = bob.settles().await;
    assert_eq!(told(&seen), ["needs_attention", "purchase", "null", "marketplace-unavailable"]);
    assert_eq!((seen["steps"][0]["attempt"].as_i64(), seen["steps"][0]["max_attempts"].as_i64()), (Some(2), Some(2)));
    stack.ends_with_dead(&["find_billing_account", "verify_purchase"]).await;
}
