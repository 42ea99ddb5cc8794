//! No Billing Center account: registering in one go, and every way in which it can be refused half-way.

use landfall_tests::journey::Buyer;
use landfall_tests::registering::{changed, form};
use landfall_tests::stack::Stack;
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn at_the_choice(stack: &Stack) -> Buyer {
    let mut buyer = Buyer::new(&stack.api_url, &stack.sandbox_url);
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    let seen = buyer.settles().await;
    assert_eq!((&seen["stage"], &seen["action"]), (&json!("billing_account"), &json!("choose_billing_account")));
    buyer
}

fn steps(seen: &Value) -> Vec<&str> {
    seen["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect()
}

fn problem(seen: &Value) -> (&Value, &Value, &Value) {
    (&seen["stage"], &seen["action"], &seen["problem"]["code"])
}

async fn effects(stack: &Stack, part: &str, method: &str, path: &str) -> Vec<Value> {
    let calls = stack.calls(part).await;
    calls
        .into_iter()
        .filter(|call| call["method"] == method && call["path"] == path && call["effect"] == true)
        .collect()
}

#[tokio::test]
async fn registering_makes_both_accounts_and_the_workspace_and_binds_it() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    let proven = ann.proves_address("registration", "ann@example.com").await;
    assert_eq!(
        (&proven["verification"]["status"], &proven["action"]),
        (&json!("proven"), &json!("choose_billing_account"))
    );
    let seen = ann.registers(&form("ann.lee", "ann@example.com", "Lab")).await;
    assert_eq!((&seen["stage"], &seen["action"]), (&json!("confirmation"), &json!("confirm")), "{seen:#}");
    assert_eq!(
        steps(&seen),
        [
            "verify_purchase",
            "find_billing_account",
            "send_verification_code",
            "register_buyer",
            "open_billing_account",
            "bind_billing_account",
            "create_workspace",
            "bind_workspace"
        ]
    );
    assert_eq!(seen["verification"]["status"], "spent");
    assert_eq!(seen["billing_account"]["username"], "a***");
    let login_url = ann.confirms().await;
    let page = ann.logs_in(&login_url, "ann.lee", "correct horse").await;
    assert!(page.contains("Lab"), "{page}");
    let opened = effects(&stack, "billing_center", "POST", "/accounts").await;
    assert_eq!(opened.len(), 1);
    stack.keeps_no_password("correct horse").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn a_name_that_the_billing_center_has_is_a_question_before_anything_is_made() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    ann.has("billing-accounts", json!({"username": "ann.lee", "email": "other@example.com"})).await;
    ann.proves_address("registration", "ann@example.com").await;
    let seen = ann.registers(&form("ann.lee", "ann@example.com", "Lab")).await;
    assert_eq!(problem(&seen), (&json!("billing_account"), &json!("correct"), &json!("username-taken")), "{seen:#}");
    assert!(effects(&stack, "console", "POST", "/accounts").await.is_empty());
    stack.keeps_no_password("correct horse").await;
    // The address is still proven: the mended form needs no code.
    let seen = ann.registers(&form("ann.lee2", "ann@example.com", "Lab")).await;
    assert_eq!(seen["stage"], "confirmation", "{seen:#}");
    stack.ends_well().await;
}

#[tokio::test]
async fn what_was_made_before_a_refusal_is_used_and_nothing_is_made_twice() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    // Somebody takes the name at the Billing Center between the question and the opening.
    let taken = json!({"kind": "error", "code": "username-taken", "path": "POST /accounts", "times": 1});
    stack.fault("billing_center", taken).await;
    ann.proves_address("registration", "ann@example.com").await;
    let seen = ann.registers(&form("ann.lee", "ann@example.com", "Lab")).await;
    assert_eq!(problem(&seen), (&json!("billing_account"), &json!("correct"), &json!("username-taken")), "{seen:#}");
    assert_eq!(steps(&seen).last(), Some(&"open_billing_account"));

    // The mended name is the Billing Center's alone; the workspace's name turns out to be taken.
    stack
        .fault("console", json!({"kind": "error", "code": "workspace-name-taken", "path": "/workspaces", "times": 1}))
        .await;
    let seen =
        ann.registers(&changed(form("ann.bills", "ann@example.com", "Lab"), json!({"password": "other horse"}))).await;
    assert_eq!(problem(&seen), (&json!("workspace"), &json!("correct"), &json!("workspace-name-taken")), "{seen:#}");

    let seen = ann.registers(&form("ann.bills", "ann@example.com", "Lab 2")).await;
    assert_eq!(
        (&seen["stage"], &seen["binding"]["workspace_name"]),
        (&json!("confirmation"), &json!("Lab 2")),
        "{seen:#}"
    );
    for (part, path, username) in [("console", "/accounts", "ann.lee"), ("billing_center", "/accounts", "ann.bills")] {
        let made = effects(&stack, part, "POST", path).await;
        assert_eq!(made.len(), 1, "{part}: {made:#?}");
        assert!(made[0].to_string().contains(username) || made[0]["body"].is_null(), "{part}: {made:#?}");
    }
    let login_url = ann.confirms().await;
    ann.logs_in(&login_url, "ann.lee", "correct horse").await;
    stack.keeps_no_password("correct horse").await;
    stack.keeps_no_password("other horse").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn an_address_that_has_an_account_is_used_without_a_password() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    let had = json!({"username": "ann.old", "email": "ann@example.com", "password": "an old horse", "site": "cn"});
    ann.has("console-accounts", had).await;
    ann.proves_address("registration", "ann@example.com").await;
    let seen = ann.registers(&form("ann.lee", "ann@example.com", "Lab")).await;
    assert_eq!(problem(&seen), (&json!("billing_account"), &json!("correct"), &json!("email-taken")), "{seen:#}");
    assert_eq!(steps(&seen).last(), Some(&"register_buyer"));
    let existing = changed(form("ann.lee", "ann@example.com", "Lab"), json!({"password": null}));
    let seen = ann.registers(&existing).await;
    assert_eq!(seen["stage"], "confirmation", "{seen:#}");
    let login_url = ann.confirms().await;
    let page = ann.logs_in(&login_url, "ann.old", "an old horse").await;
    assert!(page.contains("Lab"), "{page}");
    stack.ends_well().await;
}

#[tokio::test]
async fn without_a_password_an_unknown_address_is_said_after_its_code() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    ann.proves_address("registration", "ann@example.com").await;
    let seen = ann.registers(&changed(form("ann.lee", "ann@example.com", "Lab"), json!({"password": ""}))).await;
    assert_eq!(problem(&seen), (&json!("billing_account"), &json!("correct"), &json!("account-unknown")), "{seen:#}");
    stack.ends_well().await;
}

#[tokio::test]
async fn a_form_is_told_everything_that_is_wrong_at_once() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    let nothing = ann.sends_registration(&json!({})).await;
    assert_eq!(nothing.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let told: Value = nothing.json().await.unwrap();
    let fields: Vec<&str> =
        told["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    let required = [
        "username",
        "email",
        "company.name",
        "workspace.name",
        "workspace.language",
        "workspace.site",
        "terms_accepted",
    ];
    assert_eq!(fields, required);
    // A code is owed, and says so as a field.
    let owed = ann.sends_registration(&form("ann.lee", "ann@example.com", "Lab")).await;
    assert_eq!(owed.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let told: Value = owed.json().await.unwrap();
    assert_eq!((&told["errors"][0]["field"], &told["errors"][0]["code"]), (&json!("code"), &json!("required")));
    stack.ends_well().await;
}

#[tokio::test]
async fn a_workspace_can_be_created_with_an_account_of_its_own() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    ann.has("billing-accounts", json!({"username": "ann", "email": "ann@bills.example"})).await;
    ann.binds_billing_account("ann", "ann@bills.example").await;
    ann.proves_address("new_workspace_owner", "ann@example.com").await;
    let create = |name: &str| {
        json!({"create": {"name": name, "language": "en", "site": "sg", "terms_accepted": true,
               "owner": {"username": "ann.lee", "password": "correct horse", "email": "ann@example.com"}}})
    };
    stack
        .fault("console", json!({"kind": "error", "code": "workspace-name-taken", "path": "/workspaces", "times": 1}))
        .await;
    let seen = ann.asks_for_workspace(create("Lab")).await;
    assert_eq!(problem(&seen), (&json!("workspace"), &json!("correct"), &json!("workspace-name-taken")), "{seen:#}");
    let seen = ann.asks_for_workspace(create("Lab 2")).await;
    assert_eq!((&seen["stage"], &seen["binding"]["site"]), (&json!("confirmation"), &json!("sg")), "{seen:#}");
    assert_eq!(effects(&stack, "console", "POST", "/accounts").await.len(), 1, "the account is made once");
    let login_url = ann.confirms().await;
    let page = ann.logs_in(&login_url, "ann.lee", "correct horse").await;
    assert!(page.contains("Lab 2"), "{page}");
    stack.keeps_no_password("correct horse").await;
    stack.ends_well().await;
}
