//! `/openapi.json` is true: schemathesis calls everything that it describes, and holds each answer against it.

use std::path::Path;
use std::process::Command;

use landfall_tests::journey::Buyer;
use landfall_tests::stack::Wishes;
use serde_json::json;

/// So that every call of a fuzzer is looked at, and none turned away by a limit.
const MANY: &str = "1000000";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes, and schemathesis: ./dev openapi"]
async fn every_answer_is_as_the_document_says() {
    let wishes = Wishes::default().with("ENTRIES_PER_CLIENT", MANY).with("CODES_PER_CLIENT", MANY);
    let mut stack = wishes.start().await;
    // One session that sees an activation at each stage, and another one that is there to be ended.
    let mut ann = stack.buyer();
    let at_choice = arrives(&mut ann).await;
    let at_workspaces = arrives(&mut ann).await;
    has_account(&mut ann, "ann").await;
    let bound = arrives(&mut ann).await;
    let account = has_account(&mut ann, "bea").await;
    let lab = ann.has("workspaces", json!({"name": "Lab", "billing_account_id": account, "site": "cn"})).await;
    ann.asks(reqwest::Method::POST, "/workspaces/refresh", Some(json!({}))).await;
    ann.settles().await;
    ann.binds_workspace(&lab).await;
    let mut bob = stack.buyer();
    arrives(&mut bob).await;

    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let mut schemathesis = Command::new(schemathesis());
    schemathesis
        .arg("--config-file")
        .arg(here.join("schemathesis.toml"))
        .args(["run", stack.api_url.join("openapi.json").unwrap().as_str(), "--checks", "all"])
        .current_dir(&stack.log)
        .env("LANDFALL_CHECKS", here.join("checks.py"))
        .env("LANDFALL_SESSION", ann.session_id())
        .env("LANDFALL_LEAVING", bob.session_id())
        .env("LANDFALL_AT_CHOICE", at_choice)
        .env("LANDFALL_AT_WORKSPACES", at_workspaces)
        .env("LANDFALL_BOUND", bound);
    let held = schemathesis.status().expect("schemathesis runs");
    assert!(held.success(), "an answer is not as /openapi.json says: see above");
    stack.ends_well().await;
}

/// Purchases, and clicks *Login Directly*; the same browser keeps what it could see before.
async fn arrives(buyer: &mut Buyer) -> String {
    buyer.purchases().await;
    buyer.begins_another();
    buyer.logs_in_directly().await;
    buyer.settles().await;
    buyer.activation_id.clone()
}

async fn has_account(buyer: &mut Buyer, username: &str) -> String {
    let email = format!("{username}@bills.example");
    let account = buyer.has("billing-accounts", json!({"username": username, "email": email})).await;
    buyer.binds_billing_account(username, &email).await;
    account
}

fn schemathesis() -> std::ffi::OsString {
    std::env::var_os("SCHEMATHESIS").expect("./dev openapi installs schemathesis, and says where it is")
}
