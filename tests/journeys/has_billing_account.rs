//! The way of a buyer who has a Billing Center account: from the shop to the login page.

use landfall_tests::journey::Buyer;
use landfall_tests::stack::Stack;
use serde_json::json;

#[tokio::test]
async fn a_purchase_becomes_a_bound_workspace_and_a_login_that_works() {
    let mut stack = Stack::start().await;
    let mut ann = Buyer::new(&stack.api_url, &stack.sandbox_url);
    ann.has("billing-accounts", json!({"username": "ann", "email": "ann@bills.example"})).await;
    let owner = json!({"username": "ann.lee", "email": "ann@example.com", "password": "correct horse", "site": "cn"});
    ann.has("console-accounts", owner).await;

    // The longest Account ID there is.
    ann.purchases_with(json!({"account_id": "19".repeat(16)})).await;
    ann.logs_in_directly().await;
    let seen = ann.settles().await;
    assert_eq!(seen["stage"], "billing_account", "{seen:#}");
    assert_eq!(seen["action"], "choose_billing_account");
    assert_eq!(seen["account_id"], json!(ann.account_id));

    let seen = ann.binds_billing_account("ann", "ann@bills.example").await;
    assert_eq!((&seen["stage"], &seen["action"]), (&json!("workspace"), &json!("choose_workspace")), "{seen:#}");
    let seen = ann.creates_workspace("Lab", "ann@example.com").await;
    assert_eq!((&seen["stage"], &seen["action"]), (&json!("confirmation"), &json!("confirm")), "{seen:#}");
    assert_eq!(seen["binding"]["workspace_name"], "Lab");
    let login_url = ann.confirms().await;
    let seen = ann.sees().await;
    assert_eq!((&seen["stage"], &seen["status"]), (&json!("active"), &json!("succeeded")));
    let page = ann.logs_in(&login_url, "ann.lee", "correct horse").await;
    assert!(page.contains("Lab"), "{page}");
    for call in stack.calls("billing_center").await.iter().chain(&stack.calls("console").await) {
        let headers = &call["headers"];
        assert_eq!(
            (&headers["webhook-id"], &headers["idempotency-key"]),
            (&call["idempotency_key"], &call["idempotency_key"])
        );
        assert!(headers["webhook-signature"].as_str().unwrap().starts_with("v1,"), "{headers}");
        let said = ["webhook-timestamp", "traceparent", "accept-language"].map(|name| headers[name].is_string());
        assert_eq!(said, [true; 3], "{headers}");
    }
    stack.ends_well().await;
}
