//! A backup is put back while NATS and the outside world have gone on: what was in hand then is done again under the same keys,
//! and nothing is made twice.

use landfall_tests::servers::servers;
use landfall_tests::stack::{Stack, Wishes};
use landfall_tests::supervised::rows_say;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::PgPool;

/// A copy of the database as it is now, made while nobody is connected.
async fn backup(stack: &mut Stack) -> String {
    stack.kill_api();
    stack.kill_workers();
    stack.pool.close().await;
    let copy = servers().await.copy_of(&stack.database_url).await;
    stack.pool = PgPool::connect(&stack.database_url).await.unwrap();
    copy
}

/// Everything goes on with another database.
async fn restore(stack: &mut Stack, database: &str) {
    stack.kill_api();
    stack.kill_workers();
    stack.pool.close().await;
    stack.set("DATABASE_URL", database);
    database.clone_into(&mut stack.database_url);
    stack.pool = PgPool::connect(database).await.unwrap();
}

#[tokio::test]
async fn what_was_in_hand_in_a_backup_is_done_again_and_nothing_twice() {
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", "500").start().await;
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
    let in_hand = "select exists (select from commands where name = 'create_workspace' and state = 'ready')";
    rows_say(&stack, "her workspace is being created", in_hand).await;
    let backup = backup(&mut stack).await;

    // The world goes on: Ann is done, the marketplace has renewed, and Bob, whom the backup does not know, has come and gone.
    stack.heal().await;
    stack.start_api().await;
    stack.start_workers().await;
    assert_eq!(ann.settles().await["action"], "confirm");
    ann.confirms().await;
    ann.marketplace_says("renew", json!({})).await;
    ann.sees_steps("renew", "succeeded", 1).await;
    stack.buyer().goes_the_whole_way("bob").await;

    restore(&mut stack, &backup).await;
    stack.start_api().await;
    stack.start_workers().await;
    let mut again = stack.buyer();
    again.instance_id.clone_from(&ann.instance_id);
    again.logs_in_directly().await;
    assert_eq!(again.activation_id, ann.activation_id);
    let seen = again.settles().await;
    assert_eq!(
        (&seen["action"], &seen["binding"]["workspace_name"]),
        (&json!("confirm"), &json!("Lab of ann")),
        "{seen:#}"
    );
    again.confirms().await;
    assert_eq!(stack.effects("console", "POST", "/workspaces").await, 2, "hers and Bob's");
    stack.ends_well().await;
}
