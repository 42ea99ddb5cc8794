//! Retries: when the next attempt is, what uses one up, what ends them, and what is shown meanwhile.

use landfall_tests::journey::Buyer;
use landfall_tests::operator::Operator;
use landfall_tests::patience::until;
use landfall_tests::registering::form;
use landfall_tests::stack::{Stack, Wishes};
use serde_json::{Value, json};
use sqlx::Row;

/// One row of the timeline: what became of an attempt, and how many seconds after it the next one was due.
#[derive(Debug)]
struct Attempt {
    outcome: String,
    count: i32,
    pause: f64,
}

async fn attempts(stack: &Stack, name: &str) -> Vec<Attempt> {
    let rows = sqlx::query(
        "select t.outcome, t.attempt, coalesce(extract(epoch from t.next_at - t.ended_at), 0)::float8 as pause
         from attempts t join commands c on c.id = t.command_id
         where c.name = $1
         order by t.fence",
    );
    let rows = rows.bind(name).fetch_all(&stack.pool).await.unwrap();
    rows.iter().map(|row| Attempt { outcome: row.get(0), count: row.get(1), pause: row.get(2) }).collect()
}

fn step<'a>(seen: &'a Value, name: &str) -> &'a Value {
    seen["steps"].as_array().unwrap().iter().rfind(|step| step["name"] == name).unwrap()
}

/// A buyer who has bought and logged in, whatever becomes of it.
async fn comes(stack: &Stack) -> Buyer {
    let mut buyer = stack.buyer();
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    buyer
}

/// Lets a command be tried now that has to wait for long.
async fn the_time_comes(stack: &Stack) {
    let due = "update commands set due_at = now(), not_before = now() where state = 'ready'";
    sqlx::query(due).execute(&stack.pool).await.unwrap();
}

#[tokio::test]
async fn pauses_grow_from_nothing_to_their_cap_and_every_attempt_is_in_the_timeline() {
    let wishes = Wishes::default().with("RETRY_INITIAL_MS", "100").with("RETRY_MAX_MS", "400");
    let mut stack = wishes.start().await;
    stack.fault("billing_center", json!({"kind": "error", "status": 503, "path": "/cloud-accounts", "times": 6})).await;
    let mut buyer = comes(&stack).await;
    let seen = buyer.settles().await;
    assert_eq!(seen["action"], "choose_billing_account", "{seen:#}");
    assert_eq!(
        (&step(&seen, "find_billing_account")["attempt"], seen["status"].as_str()),
        (&json!(7), Some("waiting_for_buyer"))
    );
    let attempts = attempts(&stack, "find_billing_account").await;
    assert_eq!(attempts.iter().map(|attempt| attempt.count).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    for (number, attempt) in attempts.iter().enumerate() {
        let cap = [0.1, 0.2, 0.4, 0.4, 0.4, 0.4][number];
        assert_eq!(attempt.outcome, "retry");
        assert!(
            (0.0..=cap + 0.001).contains(&attempt.pause),
            "the pause after attempt {number} is {attempt:?}, over {cap}"
        );
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_retry_after_says_is_waited_for_and_no_longer_than_an_hour() {
    let mut stack = Stack::start().await;
    let mut buyers = Vec::new();
    for (kind, seconds, least, most) in
        [("error", 20, 20.0, 21.5), ("error", 90_000, 3600.0, 3601.5), ("not_yet", 30, 30.0, 30.001)]
    {
        let fault = json!({"kind": kind, "status": if kind == "error" { json!(429) } else { Value::Null },
                           "retry_after": seconds, "path": "/cloud-accounts", "times": 1});
        stack.fault("billing_center", fault).await;
        let mut buyer = comes(&stack).await;
        let seen = buyer.sees_when("an attempt failed", |seen| seen["status"] == "retrying").await;
        assert!(!step(&seen, "find_billing_account")["next_attempt_at"].is_null(), "{seen:#}");
        let pause = attempts(&stack, "find_billing_account").await.pop().unwrap().pause;
        assert!((least..=most).contains(&pause), "{kind} with Retry-After {seconds}: {pause}");
        the_time_comes(&stack).await;
        buyer.settles().await;
        buyers.push(buyer);
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn attempts_that_are_spent_are_an_operators_matter() {
    let wishes = Wishes::default().with("RETRY_ATTEMPTS", "3").with("RETRY_MAX_MS", "200");
    let mut stack = wishes.start().await;
    stack.fault("billing_center", json!({"kind": "garbage", "path": "/cloud-accounts"})).await;
    let mut buyer = comes(&stack).await;
    let seen = buyer.settles().await;
    let failed = step(&seen, "find_billing_account");
    assert_eq!(
        (&seen["status"], &seen["problem"]["code"]),
        (&json!("needs_attention"), &json!("platform-unavailable")),
        "{seen:#}"
    );
    assert_eq!(
        (&failed["status"], &failed["attempt"], &failed["max_attempts"]),
        (&json!("failed"), &json!(3), &json!(3))
    );
    assert!(!failed["finished_at"].is_null() && failed["next_attempt_at"].is_null(), "{failed:#}");
    let outcomes: Vec<String> =
        attempts(&stack, "find_billing_account").await.into_iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, ["retry", "retry", "dead"]);
    stack.ends_with_dead(&["find_billing_account"]).await;
}

#[tokio::test]
async fn not_yet_uses_up_no_attempt_and_keeps_its_key_until_a_day_is_over() {
    let wishes = Wishes::default().with("RETRY_ATTEMPTS", "2").with("RETRY_MAX_MS", "200");
    let mut stack = wishes.start().await;
    let mut buyer = stack.buyer();
    buyer.comes_to_the_choice().await;
    buyer.proves_address("registration", "ann@example.com").await;
    stack.fault("console", json!({"kind": "not_yet", "path": "POST /workspaces", "times": 4})).await;
    let seen = buyer.registers(&form("ann", "ann@example.com", "Lab")).await;
    assert_eq!(
        (&seen["action"], &step(&seen, "create_workspace")["attempt"]),
        (&json!("confirm"), &json!(1)),
        "{seen:#}"
    );
    let calls = stack.calls("console").await;
    let made: Vec<&Value> = calls.iter().filter(|call| call["path"] == "/workspaces").collect();
    assert_eq!(made.len(), 5, "{made:#?}");
    assert!(made.iter().all(|call| call["idempotency_key"] == made[0]["idempotency_key"]), "{made:#?}");
    let outcomes: Vec<String> = attempts(&stack, "create_workspace").await.into_iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, ["later"; 4]);

    // The other side has been at it for a day.
    stack.fault("billing_center", json!({"kind": "not_yet", "status": 409, "path": "/cloud-accounts"})).await;
    let mut buyer = comes(&stack).await;
    let seen = buyer.sees_when("the other side is at it", |seen| seen["status"] == "retrying").await;
    assert_eq!(step(&seen, "find_billing_account")["problem"]["code"], "not-yet", "{seen:#}");
    let long_ago = "update commands set waiting_since = now() - interval '25 hours' where state = 'ready' and waiting_since is not null";
    until("the day is over", || async {
        (sqlx::query(long_ago).execute(&stack.pool).await.ok()?.rows_affected() == 1).then_some(())
    })
    .await;
    let seen = buyer.settles().await;
    assert_eq!((&seen["status"], &seen["problem"]["code"]), (&json!("needs_attention"), &json!("not-yet")), "{seen:#}");
    stack.ends_with_dead(&["find_billing_account"]).await;
}

/// What each party answers when it does not accept our credentials, and the metric that says so.
#[tokio::test]
async fn rejected_credentials_use_up_no_attempt_and_show_in_a_metric_until_a_call_is_accepted() {
    let wishes = Wishes::default().with("RETRY_ATTEMPTS", "2").with("RETRY_MAX_MS", "200");
    let mut stack = wishes.start().await;
    let rejected = |status: u16| json!({"kind": "error", "status": status});
    for (part, fault, step_name) in [
        (
            "marketplace",
            json!({"kind": "error", "status": 404, "code": "InvalidAccessKeyId.NotFound"}),
            "verify_purchase",
        ),
        ("billing_center", rejected(401), "find_billing_account"),
        ("billing_center", rejected(403), "find_billing_account"),
        ("console", rejected(401), "create_workspace"),
        ("mail", json!({"kind": "error", "status": 535, "path": "auth"}), "send_verification_code"),
        ("mail", json!({"kind": "error", "status": 530, "path": "mail"}), "send_verification_code"),
    ] {
        let name = format!("{part}{}", stack.number());
        let mut buyer = stack.buyer();
        buyer.is_known_as(&name).await;
        let met = match part {
            "marketplace" | "billing_center" => {
                stack.fault(part, fault.clone()).await;
                buyer.purchases().await;
                buyer.logs_in_directly().await;
                buyer.sees_when("it is retried", |seen| seen["status"] == "retrying").await
            }
            "console" => {
                buyer.comes_to_the_choice().await;
                buyer.binds_billing_account(&name, &format!("{name}@bills.example")).await;
                buyer.proves_address("workspace_owner", &format!("{name}@example.com")).await;
                stack.fault(part, fault.clone()).await;
                let create = json!({"create": {"name": name, "language": "en", "site": "cn", "terms_accepted": true,
                                               "owner": {"email": format!("{name}@example.com")}}});
                let asked = buyer.asks(reqwest::Method::POST, "/workspace", Some(create)).await;
                assert_eq!(asked.status(), 202, "{}", asked.text().await.unwrap());
                buyer.sees_when("it is retried", |seen| seen["status"] == "retrying").await
            }
            _ => {
                buyer.comes_to_the_choice().await;
                stack.fault(part, fault.clone()).await;
                let asked = buyer.asks_for_code("registration", &format!("{name}@example.com")).await;
                assert_eq!(asked.status(), 202);
                buyer.sees_steps(step_name, "retrying", 1).await
            }
        };
        assert_eq!(step(&met, step_name)["problem"]["code"], "misconfigured", "{part}: {met:#}");
        let gauge = format!("landfall_misconfigured{{party=\"{part}\"}}");
        stack.metric_is(&gauge, 1.0).await;
        // As often as it likes: no attempt is used up.
        until("it was tried more often than there are attempts", || async {
            let tried = attempts(&stack, step_name).await;
            (tried.len() > 4 && tried.iter().all(|it| it.outcome == "misconfigured" && it.count == 0)).then_some(())
        })
        .await;
        stack.heal().await;
        let seen = buyer.sees_steps(step_name, "succeeded", 1).await;
        assert_eq!(step(&seen, step_name)["attempt"], 1, "{part}: {seen:#}");
        stack.metric_is(&gauge, 0.0).await;
        buyer.settles().await;
        sqlx::query("delete from attempts").execute(&stack.pool).await.unwrap();
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_a_worker_has_held_for_a_while_shows_as_running_and_is_nobody_elses() {
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", "900").start().await;
    let (_others, url) = stack.another_workers(&[]);
    landfall_tests::supervised::answers(&url).await;
    stack
        .fault("billing_center", json!({"kind": "slow", "seconds": 5, "path": "GET /cloud-accounts", "times": 1}))
        .await;
    let mut buyer = comes(&stack).await;
    let seen = buyer.sees_steps("find_billing_account", "running", 1).await;
    assert_eq!(seen["status"], "running", "{seen:#}");
    let seen = buyer.settles().await;
    assert_eq!(step(&seen, "find_billing_account")["attempt"], 1, "{seen:#}");
    let asked = stack.calls("billing_center").await;
    let asked = asked.iter().filter(|call| call["path"].as_str().unwrap().starts_with("/cloud-accounts")).count();
    assert_eq!(asked, 1, "it was taken over although its lease was extended");
    stack.ends_well().await;
}

/// The lanes: a mail server that says nothing stops nobody's journey, and no other mail.
#[tokio::test]
async fn a_silent_mail_server_holds_up_nothing_but_its_mail() {
    let mut stack = Stack::start().await;
    let mut buyer = stack.buyer();
    buyer.is_known_as("ann").await;
    buyer.comes_to_the_choice().await;
    stack.fault("mail", json!({"kind": "hang", "seconds": 20, "path": "data", "times": 1})).await;
    let asked = buyer.asks_for_code("registration", "nobody@example.com").await;
    assert_eq!(asked.status(), 202);
    until("the mail server hangs", || async {
        let calls = stack.calls("mail").await;
        calls.iter().any(|call| call["path"] == "data").then_some(())
    })
    .await;
    let seen = buyer.sees().await;
    assert_eq!((&seen["status"], &seen["action"]), (&json!("waiting_for_buyer"), &json!("enter_code")), "{seen:#}");
    // Another way, with another mail, while the first one hangs.
    let seen = buyer.binds_billing_account("ann", "ann@bills.example").await;
    assert_eq!(seen["action"], "choose_workspace", "{seen:#}");
    let seen = buyer.creates_workspace("Lab", "ann@example.com").await;
    assert_eq!(seen["action"], "confirm", "{seen:#}");
    assert!(buyer.mails("nobody@example.com").await.is_empty(), "the mail server answered: this proves nothing");
    stack.ends_well().await;
}

/// A 200 of whoever stands in between, with a body that no platform gives: nothing was done, so it is asked again.
#[tokio::test]
async fn what_nobody_can_have_done_is_asked_again() {
    let mut stack = Wishes::default().with("RETRY_INITIAL_MS", "50").start().await;
    for (number, path) in ["/cloud-accounts/", "/workspaces/", "/instances/"].into_iter().enumerate() {
        let fault = json!({"kind": "garbage", "path": format!("PUT {path}"), "times": 2});
        stack.fault("billing_center", fault).await;
        stack.buyer().goes_the_whole_way(&format!("ann{number}")).await;
        assert_eq!(stack.effects("billing_center", "PUT", path).await, number + 1, "{path}");
    }
    // Taken back, too, when an operator cancels.
    let mut other = stack.buyer();
    other.purchases().await;
    other.logs_in_directly().await;
    other.settles().await;
    other.proves_address("registration", "ben@example.com").await;
    let seen = other.registers(&form("ben", "ben@example.com", "Lab of ben")).await;
    assert_eq!(seen["action"], "confirm", "{seen:#}");
    stack.fault("billing_center", json!({"kind": "garbage", "path": "DELETE /workspaces", "times": 2})).await;
    let _ = Operator::of(&stack).cancels(&other.activation_id, "a test").await;
    other.sees_steps("unbind_workspace", "succeeded", 1).await;
    assert_eq!(stack.effects("billing_center", "DELETE", "/workspaces/").await, 1);
    stack.ends_well().await;
}
