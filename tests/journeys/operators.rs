//! Operators (contract §9): who may act, what an act does at every stage, and that each stands in the audit with its reason.

use futures_util::future::join_all;
use landfall_tests::caller::Caller;
use landfall_tests::journey::Buyer;
use landfall_tests::operator::{Operator, audited};
use landfall_tests::stack::{Stack, Wishes, free_port, ready, secrets};
use reqwest::Method;
use serde_json::{Value, json};

mod retries;

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
