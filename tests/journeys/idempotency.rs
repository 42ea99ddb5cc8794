//! `Idempotency-Key` (contract §3): what is the same request, what it is answered, and for how long.

use futures_util::future::join_all;
use landfall_tests::caller::{Caller, Reply};
use landfall_tests::seller::{Seller, sees};
use landfall_tests::stack::{Stack, Wishes};
use reqwest::Method;
use serde_json::{Value, json};

const ACCOUNT: &str = "1987654321012345";

async fn at_the_choice(stack: &Stack, instance_id: &str) -> (Seller, Caller, String) {
    let seller = Seller::of(stack);
    seller.announces(ACCOUNT, instance_id).await;
    let (ann, path) = seller.logs_in(&stack.pool, instance_id).await;
    sees(&ann, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    (seller, ann, path)
}

async fn challenges(stack: &Stack) -> i64 {
    sqlx::query_scalar("select count(*) from challenges").fetch_one(&stack.pool).await.unwrap()
}

#[tokio::test]
async fn the_same_request_has_one_effect_and_the_same_answer() {
    let mut stack = Wishes::default().by_announcement().with("CODE_RESEND_SECONDS", "0").start().await;
    let (seller, ann, path) = at_the_choice(&stack, "400610001").await;
    let codes = format!("{path}/verification-codes");
    let ask = json!({"purpose": "registration", "email": "ann@example.com"});
    for key in [String::new(), " ".into(), "a b".into(), "k".repeat(256), "k\u{e9}".into(), "k\tj".into()] {
        ann.with("idempotency-key", &key).post(&codes, ask.clone()).await.is_problem(400, "malformed-request");
    }
    assert_eq!(challenges(&stack).await, 0);
    let printable: String = ('!'..='~').collect();
    for key in ["1".to_owned(), "k".repeat(255), printable, "k, j".replace(' ', "")] {
        assert_eq!(ann.with("idempotency-key", &key).post(&codes, ask.clone()).await.status, 202, "{key}");
    }
    let sends =
        async || sqlx::query_scalar::<_, i32>("select sends from challenges").fetch_one(&stack.pool).await.unwrap();
    assert_eq!(sends().await, 4);
    let keyed = ann.with("idempotency-key", "1");
    sees(&ann, &path, "the mails are out", |seen| seen["verification"]["status"] == "sent").await;
    let replayed = keyed.post(&codes, ask.clone()).await;
    assert_eq!((replayed.header("idempotent-replayed"), sends().await), ("true", 4));
    // It shows the activation as it is now.
    assert_eq!(replayed.is(202), ann.get(&path).await.is(200));
    // Another body, other bytes, another path: another request. Another caller: another key.
    for other in [r#"{"purpose":"registration","email":"bob@example.com"}"#.to_owned(), format!("{ask} ")] {
        let other = keyed.with("content-type", "application/json").send(Method::POST, &codes, Some(other.into())).await;
        other.is_problem(422, "idempotency-key-reused");
    }
    keyed.post(&format!("{codes}/check"), ask.clone()).await.is_problem(422, "idempotency-key-reused");
    keyed.post(&format!("{path}/confirmation"), ask.clone()).await.is_problem(422, "idempotency-key-reused");
    let (other, _) = seller.logs_in(&stack.pool, "400610001").await;
    other.with("idempotency-key", "1").post(&codes, ask.clone()).await.is_problem(429, "too-many-codes");
    let _ = keyed.get(&path).await.is(200);
    // Keys live seven days.
    let age = async |hours: i32| {
        let older = sqlx::query("update idempotency_keys set created_at = now() - $1 * interval '1 hour'");
        older.bind(f64::from(hours)).execute(&stack.pool).await.unwrap();
    };
    age(7 * 24 - 1).await;
    assert_eq!(keyed.post(&codes, ask.clone()).await.header("idempotent-replayed"), "true");
    age(7 * 24 + 1).await;
    keyed.post(&codes, ask).await.is_problem(429, "too-many-codes");
    stack.ends_well().await;
}

#[tokio::test]
async fn answers_that_would_stay_the_same_are_stored_and_no_others() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let (_, ann, path) = at_the_choice(&stack, "400620001").await;
    let with = |key: &str| ann.with("idempotency-key", key);
    let codes = format!("{path}/verification-codes");
    let replays = async |key: &str, call: &str, body: Value| {
        let first = with(key).post(call, body.clone()).await;
        let again = with(key).post(call, body).await;
        assert_eq!((again.status, first.header("idempotent-replayed")), (first.status, ""));
        let is_replay = again.header("idempotent-replayed") == "true";
        assert!(!is_replay || first.status < 400 || again.text == first.text, "{} {}", first.text, again.text);
        (first.status, is_replay)
    };
    // 2xx, 409, 410 and 422 are.
    assert_eq!(replays("a", &codes, json!({"purpose": "registration", "email": "eve@example.com"})).await, (202, true));
    assert_eq!(replays("b", &format!("{path}/workspace"), json!({})).await, (409, true));
    assert_eq!(replays("c", &codes, json!({"purpose": "registration", "email": "x"})).await, (422, true));
    let wrong = json!({"purpose": "registration", "email": "eve@example.com", "code": "000000"});
    assert_eq!(replays("d", &format!("{codes}/check"), wrong.clone()).await, (422, true));
    assert_eq!(ann.get(&path).await.is(200)["verification"]["attempts_left"], 4, "a replay is no try");
    sqlx::query("update challenges set expires_at = now()").execute(&stack.pool).await.unwrap();
    assert_eq!(replays("e", &format!("{codes}/check"), wrong).await, (410, true));
    // 400, 415 and 429 are not: the key is as good as new.
    for _ in 0..2 {
        let _ = ann.post(&codes, json!({"purpose": "registration", "email": "eve@example.com"})).await;
        sqlx::query("update challenges set expires_at = now()").execute(&stack.pool).await.unwrap();
    }
    let ask = json!({"purpose": "registration", "email": "eve@example.com"});
    assert_eq!(replays("f", &codes, ask).await, (429, false));
    assert_eq!(with("f").post(&codes, json!({"purpose": "registration", "email": "f@example.com"})).await.status, 202);
    for (key, kind, body) in [("g", "application/json", "{"), ("h", "text/plain", "{}")] {
        let malformed = with(key).with("content-type", kind).send(Method::POST, &codes, Some(body.into())).await;
        assert!([400, 415].contains(&malformed.status));
        assert_eq!(with(key).post(&codes, json!({"purpose": "x"})).await.status, 422);
    }
    // 401, 403 and 404 come before the key.
    let body = json!({"purpose": "x"});
    ann.without("cookie")
        .with("idempotency-key", "i")
        .post(&codes, body.clone())
        .await
        .is_problem(401, "not-signed-in");
    with("i").with("origin", "https://evil.example").post(&codes, body.clone()).await.is_problem(403, "cross-origin");
    assert_eq!(with("i").post(&codes, body).await.header("idempotent-replayed"), "");
    // `in-progress` is not: what was in hand is done a moment later.
    let bodies: String = sqlx::query_scalar("select string_agg(k::text, '') from idempotency_keys k")
        .fetch_one(&stack.pool)
        .await
        .unwrap();
    assert!(!bodies.contains("eve@example.com"), "a body is kept: {bodies}");
    stack.ends_well().await;
}

#[tokio::test]
async fn what_is_in_hand_is_no_answer_to_keep() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let (_, ann, path) = at_the_choice(&stack, "400630001").await;
    let ask = json!({"purpose": "registration", "email": "ann@example.com"});
    ann.post(&format!("{path}/verification-codes"), ask.clone()).await.is(202);
    sees(&ann, &path, "the code is out", |seen| seen["verification"]["status"] == "sent").await;
    let code = stack.buyer().reads_code("ann@example.com", 1).await;
    stack.kill_workers();
    let mut form = landfall_tests::registering::form("ann.lee", "ann@example.com", "Lab");
    form["code"] = json!(code);
    ann.post(&format!("{path}/registration"), form).await.is(202);
    let keyed = ann.with("idempotency-key", "k");
    let ask = json!({"purpose": "registration", "email": "bob@example.com"});
    let refused = keyed.post(&format!("{path}/verification-codes"), ask.clone()).await;
    refused.is_problem(409, "in-progress");
    assert!(!refused.header("retry-after").is_empty());
    // The name turns out to be taken: it is the buyer's turn again, and the same request under the same key is taken now.
    stack
        .fault("console", json!({"kind": "error", "code": "username-taken", "path": "POST /accounts", "times": 1}))
        .await;
    stack.start_workers().await;
    sees(&ann, &path, "the buyer is asked", |seen| seen["problem"]["code"] == "username-taken").await;
    let taken = keyed.post(&format!("{path}/verification-codes"), ask).await;
    assert_eq!((taken.status, taken.header("idempotent-replayed")), (202, ""));
    stack.ends_well().await;
}

#[tokio::test]
async fn at_once_one_request_is_carried_out_and_the_others_are_told_to_wait() {
    let mut stack = Wishes::default().by_announcement().with("CODE_RESEND_SECONDS", "0").start().await;
    let (_api, other) = stack.another_api(&[]);
    landfall_tests::stack::ready(&other).await;
    let (seller, ann, path) = at_the_choice(&stack, "400640001").await;
    let codes = format!("{path}/verification-codes");
    let callers = [ann.with("idempotency-key", "k"), ann.at(&other).with("idempotency-key", "k")];
    let ask = json!({"purpose": "registration", "email": "ann@example.com"});
    let answers = join_all((0..30).map(|n| callers[n % 2].post(&codes, ask.clone()))).await;
    for reply in &answers {
        match reply.status {
            202 => {}
            _ => drop(reply.is_problem(409, "idempotency-in-flight")),
        }
    }
    let fresh = answers.iter().filter(|reply| reply.status == 202 && reply.header("idempotent-replayed").is_empty());
    assert_eq!(fresh.count(), 1);
    assert_eq!(callers[1].post(&codes, ask).await.header("idempotent-replayed"), "true");
    let sent: (i64, i64) =
        sqlx::query_as("select count(*), sum(sends) from challenges").fetch_one(&stack.pool).await.unwrap();
    assert_eq!(sent, (1, 1));
    // The first call has no caller yet: address and user agent are.
    let ids = json!({"marketplace": "alibaba", "account_id": "1", "instance_id": "400640002"});
    let strangers = ["one", "two"].map(|agent| seller.caller.with("user-agent", agent).with("idempotency-key", "k"));
    let entries = join_all((0..10).map(|_| strangers[0].post("v1/activations", ids.clone()))).await;
    let entered: Vec<Value> = entries.iter().filter(|reply| reply.status == 202).map(Reply::json).collect();
    assert!(entries.iter().all(|reply| [202, 409].contains(&reply.status)) && !entered.is_empty());
    assert!(entered.iter().all(|answer| answer["id"] == entered[0]["id"] && answer["token"] == entered[0]["token"]));
    let replayed = strangers[0].post("v1/activations", ids.clone()).await;
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    let (again, cookie) = (replayed.is(202), replayed.cookie());
    assert_eq!((&again["id"], &again["token"]), (&entered[0]["id"], &entered[0]["token"]));
    let own = format!("v1/activations/{}", again["id"].as_str().unwrap());
    for caller in [
        seller.caller.with("authorization", &format!("Bearer {}", again["token"].as_str().unwrap())),
        seller.caller.with("cookie", &cookie),
    ] {
        sees(&caller, &own, "nobody knows it", |seen| seen["problem"]["code"] == "instance-not-found").await;
    }
    let another = strangers[1].post("v1/activations", ids).await.is(202);
    assert_ne!(another["id"], again["id"]);
    let own = format!("v1/activations/{}", another["id"].as_str().unwrap());
    let caller = seller.caller.with("authorization", &format!("Bearer {}", another["token"].as_str().unwrap()));
    sees(&caller, &own, "nobody knows it", |seen| seen["problem"]["code"] == "instance-not-found").await;
    stack.ends_well().await;
}
