//! How an activation is polled (contract §4): versions, waits, the stream, and the document itself.

use std::time::{Duration, Instant};

use futures_util::future::{join_all, select_all};
use landfall_tests::caller::Caller;
use landfall_tests::events::Came;
use landfall_tests::patience::until;
use landfall_tests::seller::{Seller, sees};
use landfall_tests::stack::{Stack, Wishes};
use landfall_tests::supervised::rows_say;
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

/// A change that anybody sees: a code is asked for.
async fn changes(ann: &Caller, path: &str, email: &str) {
    let body = json!({"purpose": "registration", "email": email});
    let _ = ann.post(&format!("{path}/verification-codes"), body).await.is(202);
}

/// Waits until every mail is out, so that the version stands still.
async fn rests(ann: &Caller, path: &str) -> i64 {
    let seen = sees(ann, path, "the mail is out", |seen| {
        seen["steps"].as_array().unwrap().iter().all(|step| step["status"] == "succeeded")
    })
    .await;
    seen["version"].as_i64().unwrap()
}

#[tokio::test]
async fn a_version_is_answered_once_and_waited_for() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let (_, ann, path) = at_the_choice(&stack, "400310001").await;
    let first = ann.get(&path).await;
    let version = first.is(200)["version"].as_i64().unwrap();
    assert_eq!((first.header("etag"), first.header("cache-control")), (format!("\"{version}\"").as_str(), "no-store"));
    assert_eq!(first.header("retry-after"), "", "it is the buyer's turn");
    let (tag, old) = (format!("\"{version}\""), format!("\"{}\"", version - 1));
    for known in [tag.clone(), format!("W/{tag}"), format!("{old}, {tag}"), format!("\"x\",W/{tag}"), "*".to_owned()] {
        let same = ann.with("if-none-match", &known).get(&path).await;
        assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", tag.as_str()), "{known}");
        assert_eq!(same.header("cache-control"), "no-store");
    }
    for known in [old.clone(), "\"x\"".to_owned(), version.to_string() + "0", String::new()] {
        assert_eq!(ann.with("if-none-match", &known).get(&path).await.status, 200, "{known}");
    }
    // What is new is answered at once, however long the wait.
    let held = ann.with("prefer", "wait=25");
    let news = held.with("if-none-match", &old).get(&path).await;
    assert_eq!((news.status, news.header("preference-applied")), (200, "wait=25"));
    // What is not is held: until the time is over, or something changes.
    for (prefer, applied) in [("wait=0", "wait=0"), ("respond-async, wait=1", "wait=1"), ("WAIT = \"1\"", "wait=1")] {
        let same = ann.with("prefer", prefer).with("if-none-match", &tag).get(&path).await;
        assert_eq!((same.status, same.header("preference-applied")), (304, applied), "{prefer}");
        let same = ann.with("prefer", prefer).get(&path).await;
        assert_eq!((same.status, same.header("etag"), same.header("preference-applied")), (200, tag.as_str(), applied));
    }
    for prefer in ["wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "return=minimal"] {
        assert_eq!(ann.with("prefer", prefer).get(&path).await.header("preference-applied"), "", "{prefer}");
    }
    let began = Instant::now();
    assert_eq!(ann.with("prefer", "wait=2").get(&path).await.status, 200);
    assert!(began.elapsed() >= Duration::from_secs(2), "it was not held");
    let long = ann.with("prefer", "wait=99999999999999999999");
    let (woken, also, ()) = tokio::join!(
        async { long.with("if-none-match", &tag).get(&path).await },
        async { long.get(&path).await },
        changes(&ann, &path, "ann@example.com"),
    );
    for woken in [woken, also] {
        assert_eq!(woken.header("preference-applied"), "wait=25");
        assert!(woken.is(200)["version"].as_i64().unwrap() > version);
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_caller_has_twenty_open_waits_and_no_more() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let (_, ann, path) = at_the_choice(&stack, "400320001").await;
    let version = rests(&ann, &path).await;
    let mut streams = join_all((0..5).map(|_| ann.streams(&path))).await;
    for stream in &mut streams {
        assert_eq!(stream.next_event().await.unwrap().0, version);
    }
    let held = ann.with("prefer", "wait=25");
    let waits = (0..16).map(|_| Box::pin(held.get(&path)));
    // Five streams, fifteen waits, and one too many, which is answered at once.
    let (answered, _, waits) = select_all(waits).await;
    assert_eq!(answered.is(200)["version"], version);
    let mut surplus = ann.streams(&path).await;
    assert_eq!(surplus.next_event().await.unwrap().0, version);
    assert_eq!(surplus.next().await, None, "one event and its end");
    // Somebody else may wait.
    let (other, _) = Seller::of(&stack).logs_in(&stack.pool, "400320001").await;
    let other = other.with("prefer", "wait=25");
    let (waits, other, ()) = tokio::join!(join_all(waits), other.get(&path), changes(&ann, &path, "ann@example.com"));
    for woken in waits.iter().chain([&other]) {
        assert!(woken.is(200)["version"].as_i64().unwrap() > version);
    }
    for stream in &mut streams {
        assert!(stream.next_event().await.unwrap().0 > version);
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn versions_are_streamed_until_the_end() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let (seller, ann, path) = at_the_choice(&stack, "400330001").await;
    let version = rests(&ann, &path).await;
    let mut stream = ann.streams(&path).await;
    let (id, data) = stream.next_event().await.unwrap();
    assert_eq!((id, &data), (version, &ann.get(&path).await.is(200)));
    // Who has seen it gets what is new, and a comment while there is nothing.
    let mut resumed = ann.with("last-event-id", &version.to_string()).streams(&path).await;
    assert_eq!(resumed.next().await, Some(Came::Comment), "the heartbeat");
    changes(&ann, &path, "ann@example.com").await;
    let (id, data) = resumed.next_event().await.unwrap();
    assert!(id > version && data["version"] == id, "{data}");
    let mut outdated = ann.with("last-event-id", &version.to_string()).streams(&path).await;
    assert!(outdated.next_event().await.unwrap().0 > version);
    let mut garbled = ann.with("last-event-id", "x").streams(&path).await;
    assert!(garbled.next_event().await.is_some());
    // Every stream ends with the final state, and whoever has seen that is told not to come again. A mail that is on its way
    // would still come to its end after that.
    rests(&ann, &path).await;
    let release = [("action", "releaseInstance"), ("instanceId", "400330001")];
    assert_eq!(seller.calls(&release).await.text, r#"{"success":"true"}"#);
    let mut last = 0;
    for mut stream in [stream, resumed, outdated, garbled] {
        let mut seen = json!(null);
        while let Some((id, data)) = stream.next_event().await {
            (last, seen) = (id, data);
        }
        assert_eq!((&seen["status"], &seen["problem"]["code"]), (&json!("cancelled"), &json!("instance-released")));
    }
    let over = ann.with("accept", "text/event-stream").with("last-event-id", &last.to_string());
    assert_eq!(over.get(&path).await.status, 204);
    let mut late = ann.streams(&path).await;
    assert_eq!((late.next_event().await.unwrap().0, late.next().await), (last, None));
    seller.caller.with("accept", "text/event-stream").get(&path).await.is_problem(401, "not-signed-in");
    stack.ends_well().await;
}

#[tokio::test]
async fn waits_and_streams_end_with_the_session_and_with_the_process() {
    let mut stack = Wishes::default().by_announcement().start().await;
    let seller = Seller::of(&stack);
    seller.announces(ACCOUNT, "400340001").await;
    let ids = json!({"marketplace": "alibaba", "account_id": ACCOUNT, "instance_id": "400340001"});
    let typed = seller.caller.post("v1/activations", ids).await.is(202);
    let path = format!("v1/activations/{}", typed["id"].as_str().unwrap());
    let stranger = seller.caller.with("authorization", &format!("Bearer {}", typed["token"].as_str().unwrap()));
    sees(&stranger, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    let mut stream = stranger.streams(&path).await;
    let seen = stream.next_event().await.unwrap().1;
    let held = stranger.with("prefer", "wait=25");
    let logs_in = async {
        waits_are_open(&stack, 2).await;
        seller.logs_in(&stack.pool, "400340001").await
    };
    let (held, (ann, _)) = tokio::join!(held.get(&path), logs_in);
    held.is_problem(401, "not-signed-in");
    while let Some((_, later)) = stream.next_event().await {
        assert_eq!(
            (&later["started_by"], &seen["started_by"]),
            (&json!("typed"), &json!("typed")),
            "seen after its end"
        );
    }
    let mut stream = ann.streams(&path).await;
    assert!(stream.next_event().await.is_some());
    let held = ann.with("prefer", "wait=25");
    let stop = async {
        waits_are_open(&stack, 2).await;
        stack.api().signal("TERM");
    };
    let (held, ()) = tokio::join!(held.get(&path), stop);
    assert_eq!(held.status, 200, "answered with what there is");
    while stream.next().await.is_some() {}
    let began = Instant::now();
    until("the process has ended", || {
        let ended = stack.api().ended().is_some().then_some(());
        async move { ended }
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(10), "it waited for its own streams");
    stack.start_api().await;
    stack.ends_well().await;
}

async fn waits_are_open(stack: &Stack, waits: usize) {
    let metrics = Caller::new(&stack.api_url);
    let gauge = &format!("landfall_open_waits {waits}");
    until("so many waits are open", || async {
        metrics.get("metrics").await.text.lines().any(|line| line == gauge).then_some(())
    })
    .await;
}

#[tokio::test]
async fn it_is_said_when_to_ask_again_while_something_is_in_hand() {
    let mut stack = Wishes::default().by_announcement().prepare().await;
    stack.start_api().await;
    let seller = Seller::of(&stack);
    seller.announces(ACCOUNT, "400350001").await;
    // No workers: it stays in hand.
    let (ann, path) = seller.logs_in(&stack.pool, "400350001").await;
    let seen = ann.get(&path).await.is(200);
    assert_eq!((&seen["status"], &seen["steps"][0]["status"]), (&json!("running"), &json!("queued")));
    let set = async |sql: &'static str| {
        sqlx::query(sql).execute(&stack.pool).await.unwrap();
    };
    let said = async || ann.get(&path).await.header("retry-after").to_owned();
    for (since, again) in [("1", "1"), ("9", "1"), ("11", "2"), ("58", "2"), ("62", "5"), ("298", "5"), ("302", "15")] {
        sqlx::query("update activations set updated_at = now() - $1 * interval '1 second'")
            .bind(since.parse::<f64>().unwrap())
            .execute(&stack.pool)
            .await
            .unwrap();
        assert_eq!(said().await, again, "{since} s after the last change");
        assert_eq!(ann.with("if-none-match", "*").get(&path).await.header("retry-after"), again);
    }
    // Never later than the next attempt.
    set("update commands set dispatched_at = null, attempts = 3, attempts_shown = 3, not_before = now() + interval '9 seconds',
         due_at = now() + interval '1 hour', problem = '{\"code\":\"internal\",\"detail\":\"x\"}'")
    .await;
    let step = ann.get(&path).await.is(200)["steps"][0].clone();
    assert_eq!(
        (&step["status"], &step["attempt"], &step["problem"]["code"]),
        (&json!("retrying"), &json!(3), &json!("internal"))
    );
    assert!(step["next_attempt_at"].is_string() && ["8", "9"].contains(&said().await.as_str()));
    set("update commands set not_before = now() - interval '1 hour'").await;
    assert_eq!(said().await, "1");
    set("update commands set due_at = now()").await;
    stack.start_workers().await;
    sees(&ann, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    assert_eq!(said().await, "");
    stack.ends_well().await;
}

#[tokio::test]
async fn the_document_has_every_member_at_every_stage() {
    let mut stack = Stack::start().await;
    let mut ann = stack.buyer();
    let account = ann.has("billing-accounts", json!({"username": "ann", "email": "ann@bills.example"})).await;
    let lab = json!({"name": "Lab", "billing_account_id": account, "site": "sg"});
    let id = ann.has("workspaces", lab).await;
    ann.has("workspaces", json!({"name": "Old", "billing_account_id": account, "site": "cn", "bindable": false})).await;
    ann.purchases_with(json!({"expires_on": "2031-05-06 07:08:09"})).await;
    ann.logs_in_directly().await;
    let seen = ann.settles().await;
    is_whole(&seen);
    assert_eq!((&seen["marketplace"], &seen["trial"]), (&json!("alibaba"), &json!(false)));
    assert_eq!(seen["expires_at"], "2031-05-05T23:08:09Z");
    for member in ["verification", "billing_account", "binding", "login_url", "problem"] {
        assert_eq!(seen[member], json!(null), "{member}");
    }
    assert_eq!(seen["workspaces"], json!([]));
    let names: Vec<_> = seen["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["verify_purchase", "find_billing_account"]);
    let step = &seen["steps"][0];
    assert_eq!(
        (&step["status"], &step["attempt"], &step["max_attempts"]),
        (&json!("succeeded"), &json!(1), &json!(200))
    );
    assert_eq!((&step["next_attempt_at"], &step["problem"]), (&json!(null), &json!(null)));
    let seen = ann.binds_billing_account("ann", "ann@bills.example").await;
    is_whole(&seen);
    assert_eq!(seen["billing_account"]["username"], "a***");
    let verification = &seen["verification"];
    assert_eq!((&verification["status"], &verification["sent_to"]), (&json!("spent"), &json!(null)));
    assert_eq!((&verification["sends_left"], &verification["attempts_left"]), (&json!(3), &json!(5)));
    let workspaces = seen["workspaces"].as_array().unwrap();
    let listed = |name: &str| workspaces.iter().find(|workspace| workspace["name"] == name).unwrap();
    assert_eq!((&listed("Lab")["id"], &listed("Lab")["bindable"]), (&json!(id), &json!(true)));
    assert!(listed("Old")["bindable"] == false && listed("Old")["reason"].is_string());
    let seen = ann.binds_workspace(&id).await;
    is_whole(&seen);
    assert_eq!((&seen["binding"]["workspace_name"], &seen["binding"]["site"]), (&json!("Lab"), &json!("sg")));
    ann.confirms().await;
    let seen = ann.sees().await;
    is_whole(&seen);
    assert_eq!(seen["login_url"], format!("{}console/login?site=sg", stack.sandbox_url));
    assert_eq!(
        (&seen["status"], &seen["stage"], &seen["action"]),
        (&json!("succeeded"), &json!("active"), &json!(null))
    );
    let asked = ann.asks(Method::POST, "/confirmation", None).await;
    assert_eq!(asked.status(), 200, "confirming again changes nothing");
    stack.ends_well().await;
}

fn members(value: &Value) -> Vec<&str> {
    let mut members: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    members
}

fn is_whole(seen: &Value) {
    let mut whole = [
        "id",
        "version",
        "marketplace",
        "account_id",
        "instance_id",
        "started_by",
        "product_code",
        "sku_id",
        "trial",
        "expires_at",
        "status",
        "stage",
        "action",
        "steps",
        "verification",
        "billing_account",
        "workspaces",
        "binding",
        "login_url",
        "problem",
        "created_at",
        "updated_at",
    ];
    whole.sort_unstable();
    assert_eq!(members(seen), whole);
    let is_time = |value: &Value| {
        let text = value.as_str().unwrap();
        text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T'
    };
    assert!(is_time(&seen["created_at"]) && is_time(&seen["updated_at"]), "{seen}");
    for step in seen["steps"].as_array().unwrap() {
        let of_a_step =
            ["attempt", "finished_at", "max_attempts", "name", "next_attempt_at", "problem", "queued_at", "status"];
        assert_eq!(members(step), of_a_step);
        assert!(is_time(&step["queued_at"]) && (step["finished_at"].is_null() || is_time(&step["finished_at"])));
    }
    if !seen["verification"].is_null() {
        let of_it = ["attempts_left", "expires_at", "purpose", "resend_at", "sends_left", "sent_to", "status"];
        assert_eq!(members(&seen["verification"]), of_it);
        assert!(is_time(&seen["verification"]["expires_at"]) && is_time(&seen["verification"]["resend_at"]));
    }
    if !seen["billing_account"].is_null() {
        assert_eq!(members(&seen["billing_account"]), ["bound_at", "username"]);
    }
    for workspace in seen["workspaces"].as_array().unwrap() {
        assert_eq!(members(workspace), ["bindable", "id", "language", "name", "reason", "site"]);
    }
    if !seen["binding"].is_null() {
        assert_eq!(members(&seen["binding"]), ["bound_at", "site", "workspace_id", "workspace_name"]);
        assert!(is_time(&seen["binding"]["bound_at"]));
    }
}

/// A worker that dies has begun an attempt: that shows with the next outcome, and not before, for only that is a new version.
#[tokio::test]
async fn what_shows_changes_with_the_version_only_also_when_a_worker_dies() {
    let mut stack = Stack::start().await;
    let mut ann = stack.buyer();
    ann.comes_to_the_choice().await;
    stack.fault("mail", json!({"kind": "hang", "path": "data"})).await;
    assert_eq!(ann.asks_for_code("registration", "ann@example.com").await.status(), 202);
    let seen = ann.sees_steps("send_verification_code", "running", 1).await;
    stack.kill_workers();
    stack.start_workers().await;
    let again = "select exists (select from commands where lane = 'mail' and attempts = 2 and lease_until > now())";
    rows_say(&stack, "another worker has it", again).await;
    assert_eq!(ann.sees().await, seen);
    // The mail server keeps hanging for whoever hangs already.
    stack.kill_workers();
    stack.heal().await;
    stack.start_workers().await;
    ann.reads_code("ann@example.com", 1).await;
    let seen = ann.sees_steps("send_verification_code", "succeeded", 1).await;
    assert!(seen["steps"].as_array().unwrap().last().unwrap()["attempt"].as_i64() >= Some(2), "{seen:#}");
    stack.ends_well().await;
}
