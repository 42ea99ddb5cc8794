//! What a code's mail says, and what becomes of it on its way.

use landfall_tests::patience::until;
use landfall_tests::stack::Wishes;
use serde_json::{Value, json};

use super::{ACCOUNT, Ann, code, mails, registration, start};

#[tokio::test]
async fn a_code_mail_says_what_the_code_does_and_nothing_else() {
    let mut stack = start().await;
    let ann = Ann::at_the_choice(&stack, ACCOUNT, "400760001").await;
    let languages = [("en-GB,en;q=0.9,zh;q=0.1", "en@mail.example"), ("fr;q=0.9, zh-CN;q=0.8", "zh@mail.example")];
    for (language, email) in languages {
        let asking =
            Ann { stack: &stack, caller: ann.caller.with("accept-language", language), path: ann.path.clone() };
        let _ = asking.asks(registration(email)).await.is(202);
        let mail = ann.mails(email, 1).await.remove(0);
        let code = code(&mail);
        let is_chinese = email.starts_with("zh");
        assert!(mail["subject"].as_str().unwrap().contains(if is_chinese {
            "艾克观测"
        } else {
            "Acme Observability"
        }));
        for form in ["text", "html"] {
            let words = mail[form].as_str().unwrap();
            assert!(words.contains(&code) && words.contains(ACCOUNT), "{words}");
            let promise = if is_chinese { "绝不会" } else { "Nobody will ever ask you for this code" };
            assert!(words.contains(promise), "{words}");
            for never in ["http", "href", "www.", "400760001", email] {
                assert!(!words.contains(never), "{never} in {words}");
            }
        }
        assert_eq!(mail["to"], email);
    }
    // The page's own choice of language outweighs the browser's.
    let caller = ann
        .caller
        .with("cookie", &format!("{}; landfall_language=zh", ann.caller.header("cookie")))
        .with("accept-language", "en");
    let chosen = Ann { stack: &stack, caller, path: ann.path.clone() };
    let _ = chosen.asks(registration("chosen@mail.example")).await.is(202);
    assert!(ann.mails("chosen@mail.example", 1).await[0]["subject"].as_str().unwrap().contains("艾克观测"));
    stack.ends_well().await;
}

#[tokio::test]
async fn a_mail_on_its_way_stops_nobody_and_a_refused_address_is_said() {
    let mut stack = start().await;
    let ann = Ann::at_the_choice(&stack, ACCOUNT, "400770001").await;
    // The server asks us to come back later: the buyer may go on meanwhile.
    stack.fault("mail", json!({"kind": "error", "path": "rcpt", "status": 451})).await;
    let _ = ann.asks(registration("ann@slow.example")).await.is(202);
    let seen = ann
        .sees_when("it is tried again", |seen| {
            seen["steps"].as_array().unwrap().last().unwrap()["problem"]["code"] == "mail-unavailable"
        })
        .await;
    assert_eq!(
        (&seen["status"], &seen["action"], &seen["problem"]),
        (&json!("waiting_for_buyer"), &json!("enter_code"), &json!(null))
    );
    let step = seen["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&step["name"], &step["status"]), (&json!("send_verification_code"), &json!("retrying")));
    assert_eq!(seen["verification"]["status"], "queued");
    // Another address takes its place; the first mail is not sent any more.
    let _ = ann.asks(registration("bob@slow.example")).await.is(202);
    stack.heal().await;
    ann.mails("bob@slow.example", 1).await;
    let seen = ann.sees_when("the mail is out", |seen| seen["verification"]["status"] == "sent").await;
    let statuses: Vec<_> =
        seen["steps"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["succeeded", "succeeded", "cancelled", "succeeded"]);
    assert_eq!(mails(&stack, "ann@slow.example", 0).await.len(), 0);
    // An address that the server refuses.
    stack.fault("mail", json!({"kind": "error", "path": "rcpt", "status": 550})).await;
    let _ = ann.asks(registration("eve@slow.example")).await.is(202);
    let seen = ann.sees_when("it is refused", |seen| seen["verification"]["status"] == "refused").await;
    assert_eq!((&seen["status"], &seen["action"]), (&json!("waiting_for_buyer"), &json!("correct")));
    assert_eq!(seen["problem"]["code"], "mail-refused");
    // The buyer goes back to an address of before: it is what the document speaks of from then on.
    stack.heal().await;
    ann.later(60).await;
    let _ = ann.asks(registration("bob@slow.example")).await.is(202);
    ann.mails("bob@slow.example", 2).await;
    let seen = ann.sees_when("the mail is out again", |seen| seen["verification"]["status"] == "sent").await;
    assert_eq!(
        (&seen["verification"]["sent_to"], &seen["action"]),
        (&json!("b***@slow.example"), &json!("enter_code"))
    );
    stack.fault("mail", json!({"kind": "error", "path": "rcpt", "status": 550})).await;
    // Ten refusals in an hour are too many requests, whatever is asked.
    for n in 0..7 {
        let _ = ann.asks(registration(&format!("eve{n}@slow.example"))).await.is(202);
        ann.sees_when("it is refused", |seen| seen["verification"]["status"] == "refused").await;
    }
    sqlx::query("delete from challenges where target like 'eve%'").execute(&stack.pool).await.unwrap();
    for n in 7..9 {
        let _ = ann.asks(registration(&format!("eve{n}@slow.example"))).await.is(202);
        ann.sees_when("it is refused", |seen| seen["verification"]["status"] == "refused").await;
    }
    stack.heal().await;
    for call in ["verification-codes", "verification-codes/check", "billing-account", "registration"] {
        let body = json!({"purpose": "billing_account", "username": "ann", "code": "123456"});
        let refused = ann.caller.post(&format!("{}/{call}", ann.path), body).await;
        refused.is_problem(429, "too-many-requests");
        assert!((3_000..=3_600).contains(&refused.header("retry-after").parse::<i64>().unwrap()), "{call}");
    }
    sqlx::query("update commands set finished_at = finished_at - interval '61 minutes' where state = 'refused'")
        .execute(&stack.pool)
        .await
        .unwrap();
    assert_eq!(ann.asks(registration("fay@slow.example")).await.status, 202);
    stack.ends_well().await;
}

#[tokio::test]
async fn a_code_that_is_over_shows_within_ten_seconds_and_its_mail_ends() {
    let mut stack = Wishes::default().by_announcement().with("CODE_TTL_SECONDS", "1").start().await;
    let ann = Ann::at_the_choice(&stack, ACCOUNT, "400780001").await;
    stack.fault("mail", json!({"kind": "error", "path": "rcpt", "status": 451})).await;
    let asked = ann.asks(registration("ann@short.example")).await.is(202);
    let seen = ann.sees_when("it is over", |seen| seen["verification"]["status"] == "expired").await;
    assert!(seen["version"].as_i64() > asked["version"].as_i64());
    assert_eq!((&seen["status"], &seen["action"]), (&json!("waiting_for_buyer"), &json!("choose_billing_account")));
    assert_eq!(seen["steps"].as_array().unwrap().last().unwrap()["status"], "cancelled");
    let expired = time(&seen["updated_at"]) - time(&seen["verification"]["expires_at"]);
    assert!(expired < time::Duration::seconds(10), "{expired}");
    stack.heal().await;
    stack.ends_well().await;
}

/// The attempt comes before the clock: whoever reports a code as over waits for the activation, and what waits is not expired.
#[tokio::test]
async fn a_mail_that_finds_its_code_over_is_cancelled_and_not_done() {
    let wishes =
        Wishes::default().by_announcement().with("RETRY_INITIAL_MS", "3600000").with("RETRY_MAX_MS", "3600000");
    let mut stack = wishes.start().await;
    let ann = Ann::at_the_choice(&stack, ACCOUNT, "400790001").await;
    stack.fault("mail", json!({"kind": "error", "path": "rcpt", "status": 451})).await;
    let _ = ann.asks(registration("ann@over.example")).await.is(202);
    let mail = |seen: &Value| seen["steps"].as_array().unwrap().last().unwrap().clone();
    ann.sees_when("it waits for its next attempt", |seen| mail(seen)["status"] == "retrying").await;
    let mut clock = stack.pool.begin().await.unwrap();
    sqlx::query("select from activations for update").execute(&mut *clock).await.unwrap();
    for now in [
        "update challenges set expires_at = now() - interval '1 second'",
        "update commands set due_at = now(), not_before = now() where lane = 'mail' and state = 'ready'",
    ] {
        sqlx::query(now).execute(&stack.pool).await.unwrap();
    }
    until("the attempt reports", || async {
        let waits = "select count(*) from pg_stat_activity where application_name = 'landfall-workers'
                     and datname = current_database() and wait_event_type = 'Lock'";
        (sqlx::query_scalar::<_, i64>(waits).fetch_one(&stack.pool).await.ok()? > 0).then_some(())
    })
    .await;
    clock.rollback().await.unwrap();
    let seen = ann.sees_when("it is over", |seen| seen["verification"]["status"] == "expired").await;
    assert_eq!(mail(&seen)["status"], "cancelled", "{seen:#}");
    stack.heal().await;
    stack.ends_well().await;
}

fn time(text: &Value) -> time::OffsetDateTime {
    time::OffsetDateTime::parse(text.as_str().unwrap(), &time::format_description::well_known::Rfc3339).unwrap()
}
