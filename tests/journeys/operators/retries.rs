//! An operator has what died, or waits, tried now: under the same keys, with a full set of attempts, with what is still there.

use std::collections::BTreeSet;

use landfall_tests::operator::{Operator, audited};
use landfall_tests::patience::until;
use landfall_tests::registering::form;
use landfall_tests::stack::{Stack, Wishes};
use reqwest::Method;
use serde_json::{Value, json};

use super::{at_the_workspaces, no_idea};

/// The commands that died, by name, with how often each was tried since.
async fn dead(stack: &Stack, activation_id: &str) -> Vec<(String, i32)> {
    let dead = "select name, attempts from commands where activation_id = $1::uuid and state = 'dead' order by name";
    sqlx::query_as(dead).bind(activation_id).fetch_all(&stack.pool).await.unwrap()
}

#[tokio::test]
async fn what_a_platform_refused_is_tried_again_under_the_same_key() {
    let mut stack = Stack::start().await;
    let ann = Operator::of(&stack);
    let mut buyer = stack.buyer();
    buyer.comes_to_the_choice().await;
    buyer.proves_address("registration", "ann@example.com").await;
    stack.fault("console", no_idea("POST /workspaces")).await;
    let seen = buyer.registers(&form("ann", "ann@example.com", "Lab")).await;
    assert_eq!((&seen["status"], &seen["problem"]["code"]), (&json!("needs_attention"), &json!("platform-refused")));
    let shown = ann.retries(&buyer.activation_id, "the console is mended").await;
    assert_eq!((&shown["status"], &shown["problem"]), (&json!("retrying"), &Value::Null), "{shown:#}");
    let seen = buyer.settles().await;
    assert_eq!(seen["action"], "confirm", "{seen:#}");
    buyer.confirms().await;
    let calls = stack.calls("console").await;
    let asked: Vec<&Value> =
        calls.iter().filter(|call| call["method"] == "POST" && call["path"] == "/workspaces").collect();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0]["idempotency_key"], asked[1]["idempotency_key"]);
    assert!(asked[0]["idempotency_key"].is_string());
    let acts = audited(&stack.pool, &buyer.activation_id).await;
    assert_eq!(acts, [("test".to_owned(), "retry".to_owned(), "the console is mended".to_owned())]);
    ann.acts(&buyer.activation_id, "retry", json!({"reason": "once more"})).await.is_problem(409, "nothing-to-do");
    stack.ends_well().await;
}

/// Whoever has mended what was wrong need not wait for the next attempt.
#[tokio::test]
async fn what_waits_for_its_next_attempt_is_tried_now() {
    let mut stack = Stack::start().await;
    let ann = Operator::of(&stack);
    for fault in [
        json!({"kind": "error", "status": 401, "times": 1}),
        json!({"kind": "error", "status": 503, "retry_after": 3600, "times": 1}),
        json!({"kind": "not_yet", "retry_after": 3600, "times": 1}),
    ] {
        stack.fault("billing_center", fault.clone()).await;
        let mut buyer = stack.buyer();
        buyer.purchases().await;
        buyer.logs_in_directly().await;
        let waits = |seen: &Value| seen["steps"][1]["status"] == "retrying";
        buyer.sees_when("it waits", waits).await;
        ann.retries(&buyer.activation_id, "it is mended").await;
        let seen = buyer.settles().await;
        assert_eq!(
            (&seen["action"], &seen["steps"][1]["attempt"]),
            (&json!("choose_billing_account"), &json!(1)),
            "{fault}"
        );
        let keys = stack.calls("billing_center").await;
        let keys: BTreeSet<&str> = keys
            .iter()
            .filter(|call| call["path"].as_str().unwrap().ends_with(&format!("/{}", buyer.account_id)))
            .map(|call| call["idempotency_key"].as_str().unwrap())
            .collect();
        assert_eq!(keys.len(), 1, "{fault}: the same intention");
        ann.acts(&buyer.activation_id, "retry", json!({"reason": "again"})).await.is_problem(409, "nothing-to-do");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_retry_gives_a_full_set_of_attempts_also_to_a_step_after_the_end() {
    let wishes =
        Wishes::default().with("RETRY_ATTEMPTS", "2").with("RETRY_INITIAL_MS", "50").with("RETRY_MAX_MS", "100");
    let mut stack = wishes.start().await;
    let ann = Operator::of(&stack);
    let (mut buyer, [workspace, _]) = at_the_workspaces(&stack, "ann").await;
    let bind = json!({"bind": {"workspace_id": workspace}});
    stack.fault("billing_center", json!({"kind": "error", "status": 503, "path": "PUT /workspaces", "times": 3})).await;
    assert_eq!(buyer.asks(Method::POST, "/workspace", Some(bind)).await.status(), 202);
    assert_eq!(buyer.settles().await["problem"]["code"], "platform-unavailable");
    let died = ("bind_workspace".to_owned(), 2);
    assert_eq!(dead(&stack, &buyer.activation_id).await, [died]);
    // One more fails, and there is still one left.
    ann.retries(&buyer.activation_id, "it is back").await;
    let seen = buyer.settles().await;
    assert_eq!(seen["action"], "confirm", "{seen:#}");
    assert_eq!(seen["steps"].as_array().unwrap().last().unwrap()["attempt"], 2, "{seen:#}");
    buyer.confirms().await;
    // A report that died after the activation was active.
    stack.fault("billing_center", no_idea("/instances/")).await;
    buyer.marketplace_says("renew", json!({})).await;
    let seen = buyer.sees_steps("renew", "failed", 1).await;
    assert_eq!(seen["status"], "succeeded");
    let shown = ann.retries(&buyer.activation_id, "told by hand").await;
    assert_eq!(shown["status"], "succeeded");
    buyer.sees_steps("renew", "succeeded", 1).await;
    // A binding that could not be undone.
    let (mut other, [workspace, _]) = at_the_workspaces(&stack, "bob").await;
    other.binds_workspace(&workspace).await;
    stack.fault("billing_center", no_idea("DELETE /workspaces")).await;
    ann.cancels(&other.activation_id, "wrong workspace").await;
    other.sees_steps("unbind_workspace", "failed", 1).await;
    // However long ago it was: done twice, it is done.
    let older = "update commands set queued_at = now() - interval '31 days' where state = 'dead'";
    sqlx::query(older).execute(&stack.pool).await.unwrap();
    let shown = ann.retries(&other.activation_id, "it can be undone now").await;
    assert_eq!(shown["status"], "cancelled");
    other.sees_steps("unbind_workspace", "succeeded", 1).await;
    stack.ends_well().await;
}

#[tokio::test]
async fn a_password_that_was_erased_is_asked_for_again_and_an_old_command_is_not_retried() {
    let mut stack = Stack::start().await;
    let ann = Operator::of(&stack);
    let mut buyer = stack.buyer();
    buyer.comes_to_the_choice().await;
    buyer.proves_address("registration", "ann@example.com").await;
    stack.fault("console", no_idea("POST /accounts")).await;
    let filled = form("ann", "ann@example.com", "Lab");
    assert_eq!(buyer.registers(&filled).await["status"], "needs_attention");
    // A month goes by, without the password's week.
    let queued = async |days: i32| {
        let older = "update commands set queued_at = now() - make_interval(days => $1) where state = 'dead'";
        sqlx::query(older).bind(days).execute(&stack.pool).await.unwrap();
    };
    queued(31).await;
    let why = json!({"reason": "the console is mended"});
    ann.acts(&buyer.activation_id, "retry", why.clone()).await.is_problem(409, "too-old");
    assert_eq!(dead(&stack, &buyer.activation_id).await.len(), 1);
    assert_eq!(audited(&stack.pool, &buyer.activation_id).await, []);
    queued(29).await;
    sqlx::query("update sealed set erase_at = now()").execute(&stack.pool).await.unwrap();
    until("the password is erased", || async {
        let sealed = sqlx::query_scalar::<_, i64>("select count(*) from sealed");
        (sealed.fetch_one(&stack.pool).await.ok()? == 0).then_some(())
    })
    .await;
    ann.acts(&buyer.activation_id, "retry", why).await.is(202);
    let seen = buyer.settles().await;
    assert_eq!((&seen["action"], &seen["problem"]["code"]), (&json!("correct"), &json!("field-refused")), "{seen:#}");
    assert_eq!(seen["problem"]["errors"][0]["field"], "password");
    assert_eq!(buyer.registers(&filled).await["action"], "confirm");
    stack.ends_well().await;
}

/// While the password is on its way again it waits for no operator, and is there.
#[tokio::test]
async fn a_retry_within_the_week_takes_the_password_that_is_still_there() {
    let mut stack = Stack::start().await;
    let mut buyer = stack.buyer();
    buyer.comes_to_the_choice().await;
    buyer.proves_address("registration", "ann@example.com").await;
    stack.fault("console", no_idea("POST /accounts")).await;
    buyer.registers(&form("ann", "ann@example.com", "Lab")).await;
    Operator::of(&stack).retries(&buyer.activation_id, "the console is mended").await;
    assert_eq!(buyer.settles().await["action"], "confirm");
    stack.keeps_no_password("correct horse").await;
    stack.ends_well().await;
}
