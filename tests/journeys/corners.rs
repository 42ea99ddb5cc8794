//! The corners where two things happen at once, or where what was made before a refusal must be used.

use landfall_tests::journey::Buyer;
use landfall_tests::registering::{changed, form};
use landfall_tests::stack::Stack;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn at_the_choice(stack: &Stack) -> Buyer {
    let mut buyer = Buyer::new(&stack.api_url, &stack.sandbox_url);
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    assert_eq!(buyer.settles().await["action"], "choose_billing_account");
    buyer
}

/// At the list, with one workspace that can be bound.
async fn at_the_list(stack: &Stack) -> (Buyer, String) {
    let mut buyer = at_the_choice(stack).await;
    let account = buyer.has("billing-accounts", json!({"username": "ann", "email": "ann@bills.example"})).await;
    let lab = json!({"name": "Lab", "billing_account_id": account, "site": "cn"});
    let lab = buyer.has("workspaces", lab).await;
    assert_eq!(buyer.binds_billing_account("ann", "ann@bills.example").await["action"], "choose_workspace");
    (buyer, lab)
}

async fn asks_to_bind(buyer: &Buyer, workspace_id: &str) {
    let asked = buyer.asks(Method::POST, "/workspace", Some(json!({"bind": {"workspace_id": workspace_id}}))).await;
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
}

async fn effects(stack: &Stack, part: &str, method: &str, path: &str) -> Vec<Value> {
    let calls = stack.calls(part).await;
    let is = |call: &Value| {
        call["method"] == method && call["effect"] == true && call["path"].as_str().unwrap().contains(path)
    };
    calls.into_iter().filter(is).collect()
}

fn told(seen: &Value) -> (&Value, &Value, &Value) {
    (&seen["stage"], &seen["action"], &seen["problem"]["code"])
}

#[tokio::test]
async fn a_binding_in_doubt_at_the_release_is_known_before_the_release_is_told() {
    let mut stack = Stack::start().await;
    let (mut ann, lab) = at_the_list(&stack).await;
    let later = json!({"kind": "error", "status": 503, "retry_after": 3000, "path": "/binding", "times": 1});
    stack.fault("billing_center", later).await;
    asks_to_bind(&ann, &lab).await;
    ann.sees_steps("bind_workspace", "retrying", 1).await;
    ann.marketplace_says("release", json!({})).await;
    let seen = ann.sees_steps("release", "succeeded", 1).await;
    assert_eq!((&seen["status"], &seen["problem"]["code"]), (&json!("cancelled"), &json!("instance-released")));
    let bound = effects(&stack, "billing_center", "PUT", "/binding").await;
    let released = effects(&stack, "billing_center", "PUT", "/instances").await;
    assert_eq!((bound.len(), released.len()), (1, 1), "{released:#?}");
    stack.ends_well().await;
}

#[tokio::test]
async fn nothing_is_bound_for_a_suspended_instance_until_it_is_renewed() {
    let mut stack = Stack::start().await;
    let (mut ann, lab) = at_the_list(&stack).await;
    ann.marketplace_says("expire", json!({})).await;
    let seen = ann.binds_workspace(&lab).await;
    assert_eq!(told(&seen), (&json!("workspace"), &json!("correct"), &json!("instance-not-active")), "{seen:#}");
    assert!(effects(&stack, "billing_center", "PUT", "/binding").await.is_empty());
    ann.marketplace_says("renew", json!({})).await;
    let seen = ann.sees_when("it goes on by itself", |seen| seen["stage"] == "confirmation").await;
    assert_eq!(seen["binding"]["workspace_id"], json!(lab));
    stack.ends_well().await;
}

#[tokio::test]
async fn a_report_that_is_dead_stands_in_the_way_of_no_newer_one() {
    let mut stack = Stack::start().await;
    let (mut ann, lab) = at_the_list(&stack).await;
    ann.binds_workspace(&lab).await;
    ann.confirms().await;
    let no_idea = json!({"kind": "error", "status": 400, "code": "no-idea", "path": "/instances", "times": 1});
    stack.fault("billing_center", no_idea).await;
    ann.marketplace_says("renew", json!({})).await;
    ann.sees_steps("renew", "failed", 1).await;
    ann.marketplace_says("expire", json!({})).await;
    ann.sees_steps("suspend", "succeeded", 1).await;
    // No buyer can mend what the Billing Center refuses of a report: an operator must look.
    let refused = json!({"kind": "error", "code": "refused", "path": "/instances", "times": 1});
    stack.fault("billing_center", refused).await;
    ann.marketplace_says("renew", json!({})).await;
    let seen = ann.sees_steps("renew", "failed", 1).await;
    assert_eq!(seen["steps"].as_array().unwrap().last().unwrap()["problem"]["code"], "platform-refused");
    stack.ends_with_dead(&["renew"]).await;
}

#[tokio::test]
async fn a_workspace_whose_binding_was_refused_is_bound_by_the_mended_form_and_not_made_again() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    ann.proves_address("registration", "ann@example.com").await;
    let taken = json!({"kind": "error", "code": "workspace-not-bindable", "path": "/binding", "times": 1});
    stack.fault("billing_center", taken).await;
    let filled = form("ann.lee", "ann@example.com", "Lab");
    let seen = ann.registers(&filled).await;
    assert_eq!(told(&seen), (&json!("workspace"), &json!("correct"), &json!("workspace-not-bindable")), "{seen:#}");
    assert_eq!(seen["workspaces"][0]["name"], "Lab", "what was made is listed");
    // Asking for the list again does not take the mending away.
    let refreshed = ann.asks(Method::POST, "/workspaces/refresh", Some(json!({}))).await;
    assert_eq!(refreshed.status(), StatusCode::ACCEPTED);
    ann.settles().await;
    let seen = ann.registers(&filled).await;
    assert_eq!(seen["stage"], "confirmation", "{seen:#}");
    assert_eq!(effects(&stack, "console", "POST", "/workspaces").await.len(), 1);
    stack.ends_well().await;
}

#[tokio::test]
async fn another_owner_is_another_account_and_a_made_one_needs_its_password_for_the_billing_center() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    ann.proves_address("registration", "ann@example.com").await;
    stack
        .fault(
            "billing_center",
            json!({"kind": "error", "code": "username-taken", "path": "POST /accounts", "times": 1}),
        )
        .await;
    let filled = form("ann.lee", "ann@example.com", "Lab");
    let seen = ann.registers(&filled).await;
    assert_eq!(told(&seen), (&json!("billing_account"), &json!("correct"), &json!("username-taken")), "{seen:#}");
    let without = ann.sends_registration(&changed(filled.clone(), json!({"password": null}))).await;
    assert_eq!(without.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let without: Value = without.json().await.unwrap();
    assert_eq!(
        (&without["errors"][0]["field"], &without["errors"][0]["code"]),
        (&json!("password"), &json!("required"))
    );

    stack
        .fault("console", json!({"kind": "error", "code": "workspace-name-taken", "path": "/workspaces", "times": 1}))
        .await;
    let seen = ann.registers(&changed(filled, json!({"username": "ann.bills"}))).await;
    assert_eq!(told(&seen), (&json!("workspace"), &json!("correct"), &json!("workspace-name-taken")), "{seen:#}");
    ann.proves_address("new_workspace_owner", "bob@example.com").await;
    let owner = json!({"username": "bob", "password": "a horse of bob", "email": "bob@example.com"});
    let create =
        json!({"create": {"name": "Attic", "language": "en", "site": "cn", "terms_accepted": true, "owner": owner}});
    let seen = ann.asks_for_workspace(create).await;
    assert_eq!(seen["stage"], "confirmation", "{seen:#}");
    let login_url = ann.confirms().await;
    let page = ann.logs_in(&login_url, "bob", "a horse of bob").await;
    assert!(page.contains("Attic"), "{page}");
    stack.keeps_no_password("correct horse").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn what_was_retried_and_succeeded_is_retrying_no_longer() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    ann.proves_address("registration", "ann@example.com").await;
    stack.fault("console", json!({"kind": "error", "status": 503, "path": "POST /accounts", "times": 1})).await;
    stack.fault("billing_center", json!({"kind": "slow", "seconds": 2, "path": "POST /accounts", "times": 1})).await;
    let sent = ann.sends_registration(&form("ann.lee", "ann@example.com", "Lab")).await;
    assert_eq!(sent.status(), StatusCode::ACCEPTED);
    let opening =
        |seen: &Value| seen["steps"].as_array().unwrap().iter().any(|step| step["name"] == "open_billing_account");
    let seen = ann.sees_when("the Billing Center account is being opened", opening).await;
    assert_eq!(seen["status"], "running", "{seen:#}");
    assert_eq!(ann.settles().await["stage"], "confirmation");
    stack.ends_well().await;
}

#[tokio::test]
async fn a_mail_server_that_wants_us_to_sign_in_says_nothing_of_the_address() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    stack.fault("mail", json!({"kind": "error", "status": 535, "path": "rcpt"})).await;
    assert_eq!(ann.asks_for_code("registration", "ann@example.com").await.status(), StatusCode::ACCEPTED);
    let misconfigured = |seen: &Value| seen["steps"][2]["problem"]["code"] == "misconfigured";
    let seen = ann.sees_when("the mail waits for an operator", misconfigured).await;
    assert_eq!((&seen["verification"]["status"], &seen["problem"]), (&json!("queued"), &Value::Null));
    let metrics =
        || async { reqwest::get(stack.workers_url.join("metrics").unwrap()).await.unwrap().text().await.unwrap() };
    assert!(metrics().await.contains(r#"landfall_misconfigured{party="mail"} 1"#));
    stack.heal().await;
    ann.sees_when("the mail is sent", |seen| seen["verification"]["status"] == "sent").await;
    assert!(metrics().await.contains(r#"landfall_misconfigured{party="mail"} 0"#));
    stack.ends_well().await;
}

#[tokio::test]
async fn a_proven_address_stays_proven_while_a_newer_code_is_on_its_way() {
    let mut stack = landfall_tests::stack::Wishes::default().with("CODE_RESEND_SECONDS", "0").start().await;
    let mut ann = at_the_choice(&stack).await;
    ann.proves_address("registration", "ann@example.com").await;
    assert_eq!(ann.asks_for_code("registration", "ann@example.com").await.status(), StatusCode::ACCEPTED);
    let seen = ann.registers(&form("ann.lee", "ann@example.com", "Lab")).await;
    assert_eq!(seen["stage"], "confirmation", "{seen:#}");
    stack.ends_well().await;
}
