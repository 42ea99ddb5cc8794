//! Operators (contract §9): who may act, what an act does at every stage, and that each stands in the audit with its reason.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use landfall_tests::caller::Caller;
use landfall_tests::journey::Buyer;
use landfall_tests::operator::{Operator, audited};
use landfall_tests::patience::until;
use landfall_tests::registering::form;
use landfall_tests::stack::{Stack, Wishes, free_port, ready, secrets};
use reqwest::Method;
use serde_json::{Value, json};

const READER: &str = "reader-token-0123456789abcdef";
const STRANGE: &str = "0199a000-0000-7000-8000-000000000000";
/// The console's answer that no retry mends, once.
fn no_idea(path: &str) -> Value {
    json!({"kind": "error", "status": 400, "code": "no-idea", "path": path, "times": 1})
}

/// A buyer at the list of her workspaces, with two that can be bound.
async fn at_the_workspaces(stack: &Stack, name: &str) -> (Buyer, [String; 2]) {
    let mut buyer = stack.buyer();
    let email = format!("{name}@bills.example");
    let account = buyer.has("billing-accounts", json!({"username": name, "email": email})).await;
    let mut workspaces = [String::new(), String::new()];
    for (number, workspace) in workspaces.iter_mut().enumerate() {
        let lab = json!({"name": format!("Lab {number} of {name}"), "billing_account_id": account, "site": "cn"});
        *workspace = buyer.has("workspaces", lab).await;
    }
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    buyer.settles().await;
    buyer.binds_billing_account(name, &email).await;
    (buyer, workspaces)
}

/// It is over in the document and on the page, and the buyer may begin anew.
async fn is_cancelled(stack: &Stack, buyer: &mut Buyer) {
    let seen = buyer.sees().await;
    assert_eq!((&seen["status"], &seen["action"]), (&json!("cancelled"), &Value::Null), "{seen:#}");
    assert_eq!(seen["problem"]["code"], "cancelled-by-operator", "{seen:#}");
    let page = buyer.api(Method::GET, &format!("activate/{}", buyer.activation_id), None).await.text().await.unwrap();
    assert!(page.contains("This activation was cancelled by our team"), "{page}");
    let holds = "select count(*) from holds where instance_id = $1";
    let holds: i64 = sqlx::query_scalar(holds).bind(&buyer.instance_id).fetch_one(&stack.pool).await.unwrap();
    assert_eq!(holds, 0);
    for call in ["registration", "workspace", "workspaces/refresh", "billing-account", "confirmation"] {
        let refused = buyer.asks(Method::POST, &format!("/{call}"), Some(json!({}))).await;
        assert_eq!(refused.status(), 409, "{call}");
    }
}

/// The commands that died, by name, with how often each was tried since.
async fn dead(stack: &Stack, activation_id: &str) -> Vec<(String, i32)> {
    let dead = "select name, attempts from commands where activation_id = $1::uuid and state = 'dead' order by name";
    sqlx::query_as(dead).bind(activation_id).fetch_all(&stack.pool).await.unwrap()
}

#[tokio::test]
async fn only_an_operator_may_act_and_only_one_whose_role_says_so() {
    let tokens = format!("ann:act:{},eve:read:{READER}", secrets::OPERATOR);
    let mut stack = Wishes::default().by_announcement().with("OPERATOR_TOKENS", &tokens).start().await;
    let mut buyer = stack.buyer();
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    let seen = buyer.settles().await;
    let (id, why) = (buyer.activation_id.clone(), json!({"reason": "asked for"}));
    let (ann, eve) = (Operator::of(&stack), Operator::with_token(&stack.api_url, READER));
    let nobody = Caller::new(&stack.api_url);
    for act in ["cancel", "retry"] {
        let path = Operator::path(&id, act);
        let near = format!("Bearer {}x", secrets::OPERATOR);
        for header in ["", "Bearer", "Bearer ", "Basic YTpi", near.as_str(), "Bearer ann", "\u{e4}", secrets::OPERATOR]
        {
            let caller = if header.is_empty() { nobody.clone() } else { nobody.with("authorization", header) };
            let refused = caller.post(&path, why.clone()).await;
            refused.is_problem(401, "not-signed-in");
            assert_eq!(refused.header("www-authenticate"), "Bearer");
        }
        // The buyer's own session is no operator's.
        let refused = buyer.api(Method::POST, &path, Some(why.clone())).await;
        assert_eq!(refused.status(), 401);
        eve.acts(&id, act, why.clone()).await.is_problem(403, "read-only");
        for unknown in [STRANGE, "nonsense", "%00"] {
            ann.acts(unknown, act, why.clone()).await.is_problem(404, "unknown-activation");
            eve.acts(unknown, act, why.clone()).await.is_problem(403, "read-only");
        }
        for malformed in [json!([]), json!({"reason": 7}), json!("asked for")] {
            ann.acts(&id, act, malformed).await.is_problem(400, "malformed-request");
        }
        let plain = ann.caller.with("content-type", "text/plain");
        plain.send(Method::POST, &path, Some(b"{}".to_vec())).await.is_problem(415, "unsupported-media-type");
        ann.acts(&id, act, json!({"reason": "x".repeat(70_000)})).await.is_problem(413, "payload-too-large");
        ann.caller.with("idempotency-key", "a b").post(&path, why.clone()).await.is_problem(400, "malformed-request");
        assert_eq!(ann.caller.get(&path).await.status, 405);
    }
    for (reason, code) in
        [(json!(null), "required"), (json!(" \n"), "required"), (json!("a\u{0}"), "invalid-characters")]
    {
        let wrong = ann.acts(&id, "cancel", json!({"reason": reason})).await.wrong_fields();
        assert_eq!(wrong, [("reason".to_owned(), code.to_owned())]);
    }
    assert_eq!(ann.acts(&id, "cancel", json!({})).await.wrong_fields()[0].1, "required");
    // The stage before the fields.
    ann.acts(&id, "retry", json!({})).await.is_problem(409, "nothing-to-do");
    assert_eq!(buyer.sees().await["version"], seen["version"], "nothing was done");
    assert_eq!(audited(&stack.pool, &id).await, []);
    stack.ends_well().await;
}

#[tokio::test]
async fn where_there_are_no_operators_nothing_answers_and_inside_only_the_inner_address() {
    let mut stack = Wishes::default().by_announcement().without("OPERATOR_TOKENS").start().await;
    let why = json!({"reason": "asked for"});
    let ann = Operator::of(&stack);
    for act in ["cancel", "retry"] {
        ann.acts(STRANGE, act, why.clone()).await.is_problem(404, "not-found");
    }
    assert!(!ann.caller.get("openapi.json").await.text.contains("/v1/operations/"));
    let inner = format!("127.0.0.1:{}", free_port());
    let tokens = format!("ann:act:{}", secrets::OPERATOR);
    let (_api, outer) = stack.another_api(&[("OPERATOR_TOKENS", &tokens), ("INTERNAL_LISTEN_ADDR", &inner)]);
    ready(&outer).await;
    let inner = format!("http://{inner}/").parse().unwrap();
    for (url, code) in [(&outer, "not-found"), (&inner, "unknown-activation")] {
        let ann = Operator::with_token(url, secrets::OPERATOR);
        ann.acts(STRANGE, "cancel", why.clone()).await.is_problem(404, code);
    }
    assert_eq!(Caller::new(&inner).get("metrics").await.status, 200);
    Caller::new(&inner).get("v1/sites").await.is_problem(404, "not-found");
    stack.ends_well().await;
}

#[tokio::test]
async fn an_activation_is_cancelled_at_every_stage_before_it_is_active() {
    let mut stack = Stack::start().await;
    let ann = Operator::of(&stack);
    // Before its purchase is verified, while that is tried again.
    stack.fault("marketplace", json!({"kind": "error", "status": 503, "retry_after": 3600})).await;
    let mut early = stack.buyer();
    early.purchases().await;
    early.logs_in_directly().await;
    early.sees_when("it is tried again", |seen| seen["status"] == "retrying").await;
    let shown = ann.cancels(&early.activation_id, " a test\npurchase ").await;
    assert_eq!((&shown["id"], &shown["status"]), (&json!(early.activation_id), &json!("cancelled")));
    assert_eq!(shown["steps"][0]["status"], "cancelled", "{shown:#}");
    is_cancelled(&stack, &mut early).await;
    stack.heal().await;
    let audit = |act: &str, reason: &str| ("test".to_owned(), act.to_owned(), reason.to_owned());
    assert_eq!(audited(&stack.pool, &early.activation_id).await, [audit("cancel", "a test\npurchase")]);
    // Where the buyer is asked: a code on its way ends with it.
    let before = early.activation_id.clone();
    early.logs_in_directly().await;
    assert_ne!(early.activation_id, before, "the instance was given back");
    early.settles().await;
    stack.fault("mail", json!({"kind": "error", "status": 451, "path": "data"})).await;
    assert_eq!(early.asks_for_code("registration", "early@example.com").await.status(), 202);
    early.sees_steps("send_verification_code", "retrying", 1).await;
    ann.cancels(&early.activation_id, "again").await;
    is_cancelled(&stack, &mut early).await;
    stack.heal().await;
    // Where an operator is waited for.
    let (mut dead_one, [workspace, _]) = at_the_workspaces(&stack, "dead").await;
    stack.fault("billing_center", no_idea("/workspaces")).await;
    assert_eq!(dead_one.asks(Method::POST, "/workspaces/refresh", Some(json!({}))).await.status(), 202);
    assert_eq!(dead_one.settles().await["status"], "needs_attention");
    ann.cancels(&dead_one.activation_id, "cannot be mended").await;
    is_cancelled(&stack, &mut dead_one).await;
    // Nothing was bound, so nothing is undone; and the buyer goes the whole way with the same workspace.
    dead_one.logs_in_directly().await;
    assert_eq!(dead_one.settles().await["action"], "choose_workspace");
    assert_eq!(stack.effects("billing_center", "DELETE", "/binding").await, 0);
    assert_eq!(dead_one.binds_workspace(&workspace).await["action"], "confirm");
    // Bound and not confirmed: it is undone.
    ann.cancels(&dead_one.activation_id, "wrong workspace").await;
    is_cancelled(&stack, &mut dead_one).await;
    dead_one.sees_steps("unbind_workspace", "succeeded", 1).await;
    assert_eq!(stack.effects("billing_center", "DELETE", "/binding").await, 1);
    dead_one.logs_in_directly().await;
    dead_one.settles().await;
    assert_eq!(dead_one.binds_workspace(&workspace).await["action"], "confirm");
    dead_one.confirms().await;
    // Active: only the marketplace ends it.
    let refused = ann.acts(&dead_one.activation_id, "cancel", json!({"reason": "too late"})).await;
    refused.is_problem(409, "nothing-to-do");
    assert_eq!(dead_one.sees().await["status"], "succeeded");
    assert_eq!(audited(&stack.pool, &dead_one.activation_id).await, []);
    stack.ends_well().await;
}

/// While the earlier binding stands the Billing Center refuses the next one, and what undoes the one could undo the other.
#[tokio::test]
async fn a_new_binding_waits_until_the_cancelled_one_is_undone() {
    let mut stack = Stack::start().await;
    let ann = Operator::of(&stack);
    let (mut buyer, [first, second]) = at_the_workspaces(&stack, "ann").await;
    assert_eq!(buyer.binds_workspace(&first).await["action"], "confirm");
    stack.fault("billing_center", json!({"kind": "error", "status": 503, "path": "DELETE /workspaces"})).await;
    let cancelled = buyer.activation_id.clone();
    ann.cancels(&cancelled, "wrong workspace").await;
    let mut old = stack.buyer();
    std::mem::swap(&mut old, &mut buyer);
    (buyer.account_id, buyer.instance_id) = (old.account_id.clone(), old.instance_id.clone());
    old.sees_steps("unbind_workspace", "retrying", 1).await;
    buyer.logs_in_directly().await;
    assert_eq!(buyer.settles().await["action"], "choose_workspace");
    let bind = json!({"bind": {"workspace_id": second}});
    assert_eq!(buyer.asks(Method::POST, "/workspace", Some(bind)).await.status(), 202);
    let seen = buyer.sees_steps("bind_workspace", "retrying", 1).await;
    assert_eq!(seen["steps"].as_array().unwrap().last().unwrap()["problem"]["code"], "not-yet", "{seen:#}");
    assert_eq!(stack.effects("billing_center", "PUT", "/binding").await, 1, "the first one's");
    stack.heal().await;
    old.sees_steps("unbind_workspace", "succeeded", 1).await;
    assert_eq!(buyer.settles().await["action"], "confirm");
    buyer.confirms().await;
    stack.is_sound(&[]).await;
    let bindings = stack.calls("billing_center").await;
    let last =
        bindings.iter().rfind(|call| call["effect"] == true && call["path"].as_str().unwrap().ends_with("/binding"));
    assert_eq!(last.unwrap()["method"], "PUT");
    stack.ends_well().await;
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

#[tokio::test]
async fn of_many_at_once_over_two_processes_one_act_is_done_and_a_repeat_is_answered_as_before() {
    let mut stack = Stack::start().await;
    let (_api, other) = stack.another_api(&[]);
    ready(&other).await;
    let operators = [Operator::of(&stack), Operator::with_token(&other, secrets::OPERATOR)];
    stack
        .fault("billing_center", json!({"kind": "error", "status": 400, "code": "no-idea", "path": "/cloud-accounts"}))
        .await;
    let mut buyer = stack.buyer();
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    assert_eq!(buyer.settles().await["status"], "needs_attention");
    let id = buyer.activation_id.clone();
    let at_once = async |act: &str| {
        let asked = (0..12).map(|n| operators[n % 2].acts(&id, act, json!({"reason": format!("{n}")})));
        let replies = join_all(asked).await;
        let done = replies.iter().filter(|reply| reply.status == 202).count();
        for refused in replies.iter().filter(|reply| reply.status != 202) {
            refused.is_problem(409, "nothing-to-do");
        }
        done
    };
    // Each retry may have died again before the next one came.
    let retried = at_once("retry").await;
    assert!(retried >= 1);
    buyer.sees_when("it died again", |seen| seen["status"] == "needs_attention").await;
    assert_eq!(audited(&stack.pool, &id).await.len(), retried);
    assert_eq!(at_once("cancel").await, 1);
    assert_eq!(audited(&stack.pool, &id).await.len(), retried + 1);
    stack.heal().await;
    buyer.logs_in_directly().await;
    buyer.settles().await;
    let keyed = operators.clone().map(|operator| Operator { caller: operator.caller.with("idempotency-key", "k1") });
    let first = keyed[0].cancels(&buyer.activation_id, "once").await;
    let again = keyed[1].acts(&buyer.activation_id, "cancel", json!({"reason": "once"})).await;
    assert_eq!((again.is(202), again.header("idempotent-replayed")), (first, "true"));
    let reused = keyed[1].acts(&buyer.activation_id, "cancel", json!({"reason": "twice"})).await;
    reused.is_problem(422, "idempotency-key-reused");
    assert_eq!(audited(&stack.pool, &buyer.activation_id).await.len(), 1);
    // Nobody changes what was noted.
    for change in ["update audit set reason = ''", "delete from audit", "truncate audit"] {
        let told = sqlx::query(sqlx::AssertSqlSafe(change.to_owned())).execute(&stack.pool).await.unwrap_err();
        assert!(told.to_string().contains("never changed"), "{change}: {told}");
    }
    stack.ends_well().await;
}
