//! A code's tries and life, and how often it is sent.

use futures_util::future::join_all;
use landfall_tests::stack::{Wishes, ready};
use serde_json::json;

use super::{ACCOUNT, Ann, code, registration, start, wait, with, wrong};

#[tokio::test]
async fn a_code_has_five_tries_and_a_right_one_costs_none() {
    let mut stack = start().await;
    let ann = Ann::at_the_choice(&stack, ACCOUNT, "400710001").await;
    let email = "ann@first.example";
    let asked = ann.asks(registration(email)).await.is(202);
    let shown = &asked["verification"];
    assert_eq!((&asked["status"], &asked["action"]), (&json!("waiting_for_buyer"), &json!("enter_code")));
    assert_eq!((&shown["purpose"], &shown["sent_to"]), (&json!("registration"), &json!("a***@first.example")));
    assert_eq!((&shown["sends_left"], &shown["attempts_left"]), (&json!(3), &json!(5)));
    let first = code(&ann.mails(email, 1).await[0]);
    ann.sees_when("the mail is out", |seen| seen["verification"]["status"] == "sent").await;
    // Of another purpose, address or form it is no code, and costs no try.
    let other = ann.checks(with(registration("bob@first.example"), &first)).await;
    assert_eq!(other.is_problem(422, "code-invalid")["attempts_left"], 0);
    for malformed in ["12345", "1234567", "abcdef", "12345a"] {
        let wrong = ann.checks(with(registration(email), malformed)).await.wrong_fields();
        assert_eq!(wrong, [("code".to_owned(), "invalid-format".to_owned())]);
    }
    for left in (0..5).rev() {
        let before = ann.sees().await["version"].as_i64();
        let tried = ann.checks(with(registration(email), &wrong(&[&first]))).await;
        assert_eq!(tried.is_problem(422, "code-invalid")["attempts_left"], left);
        let seen = ann.sees().await;
        assert_eq!(seen["verification"]["attempts_left"], left);
        assert!(seen["version"].as_i64() > before, "it shows");
    }
    ann.checks(with(registration(email), &first)).await.is_problem(410, "code-expired");
    let seen = ann.sees().await;
    assert_eq!((&seen["verification"]["status"], &seen["action"]), (&json!("spent"), &json!("choose_billing_account")));
    // The next request makes a new one, at once, with tries of its own.
    assert_eq!(ann.asks(registration(&email.to_uppercase())).await.status, 202);
    let second = ann.mails(email, 2).await;
    assert_eq!(second[1]["to"], email.to_uppercase(), "as it was typed");
    let second = code(&second[1]);
    for typed in
        [format!(" {} {} ", &second[..3], &second[3..]), second.chars().map(full_width).collect(), second.clone()]
    {
        let seen = ann.checks(with(registration(email), &typed)).await.is(200);
        let shown = &seen["verification"];
        assert_eq!((&shown["status"], &shown["attempts_left"]), (&json!("proven"), &json!(5)), "{typed}");
    }
    // Wrong ones end no proof, but there are no more than five of them either: a form without a code goes on.
    for left in (0..5).rev() {
        let tried = ann.checks(with(registration(email), &wrong(&[&first, &second]))).await;
        assert_eq!(tried.is_problem(422, "code-invalid")["attempts_left"], left);
        assert_eq!(ann.sees().await["verification"]["status"], "proven");
    }
    ann.checks(with(registration(email), &wrong(&[&second]))).await.is_problem(410, "code-expired");
    let form = ann.caller.post(&format!("{}/registration", ann.path), json!({"email": email})).await.wrong_fields();
    assert!(form.iter().all(|(field, _)| field != "code"), "{form:?}");
    sqlx::query("update challenges set tries = 0").execute(&stack.pool).await.unwrap();
    // Proven for a day, also when the code's own ten minutes are over.
    let check = async || ann.checks(with(registration(email), &second)).await;
    ann.later(3600).await;
    assert_eq!(check().await.status, 200);
    ann.later(23 * 3600 + 60).await;
    check().await.is_problem(410, "code-expired");
    stack.ends_well().await;
}

fn full_width(digit: char) -> char {
    char::from_u32(u32::from(digit) - u32::from('0') + u32::from('０')).unwrap()
}

#[tokio::test]
async fn a_code_is_sent_again_after_a_pause_and_four_times_at_most() {
    let mut stack = start().await;
    let ann = Ann::at_the_choice(&stack, ACCOUNT, "400720001").await;
    let email = "ann@again.example";
    for sends in 1..=4_usize {
        let asked = ann.asks(registration(email)).await.is(202);
        assert_eq!(asked["verification"]["sends_left"], 4 - sends);
        let sent = ann.mails(email, sends).await;
        assert!(sent.iter().all(|mail| code(mail) == code(&sent[0])), "within its life the same code");
        let paused = wait(&ann.asks(registration(&email.to_uppercase())).await);
        assert!((1..=if sends < 4 { 60 } else { 600 }).contains(&paused), "{paused}");
        sqlx::query("update challenges set resend_at = now()").execute(&stack.pool).await.unwrap();
    }
    let refused = wait(&ann.asks(registration(email)).await);
    assert!((60..=600).contains(&refused), "{refused}");
    // Another address may be asked at once; and this one again when the code is over.
    assert_eq!(ann.asks(registration("bob@again.example")).await.status, 202);
    ann.mails("bob@again.example", 1).await;
    ann.later(601).await;
    let seen = ann.sees_when("the codes are over", |seen| seen["verification"]["status"] == "expired").await;
    assert_eq!(seen["action"], "choose_billing_account");
    let first = code(&ann.mails(email, 4).await[0]);
    ann.checks(with(registration(email), &first)).await.is_problem(410, "code-expired");
    assert_eq!(ann.asks(registration(email)).await.is(202)["verification"]["sends_left"], 3);
    assert_ne!(code(&ann.mails(email, 5).await[4]), first);
    stack.ends_well().await;
}

#[tokio::test]
async fn fifty_at_once_over_two_processes_have_five_tries() {
    let mut stack = Wishes::default().by_announcement().with("DATABASE_CONNECTIONS", "8").start().await;
    let (_api, other) = stack.another_api(&[]);
    ready(&other).await;
    let ann = Ann::at_the_choice(&stack, ACCOUNT, "400740001").await;
    let _ = ann.asks(registration("ann@race.example")).await.is(202);
    let right = code(&ann.mails("ann@race.example", 1).await[0]);
    let guess = with(registration("ann@race.example"), &wrong(&[&right]));
    let callers = [ann.caller.clone(), ann.caller.at(&other)];
    let path = format!("{}/verification-codes/check", ann.path);
    let tries = join_all((0..50).map(|n| callers[n % 2].post(&path, guess.clone()))).await;
    let mut left: Vec<i64> = Vec::new();
    for reply in &tries {
        match reply.status {
            422 => left.push(reply.is_problem(422, "code-invalid")["attempts_left"].as_i64().unwrap()),
            // Whoever waited too long for the others was not compared.
            503 => drop(reply.is_problem(503, "unavailable")),
            _ => drop(reply.is_problem(410, "code-expired")),
        }
    }
    left.sort_unstable();
    assert_eq!(left, [0, 1, 2, 3, 4]);
    ann.checks(with(registration("ann@race.example"), &right)).await.is_problem(410, "code-expired");
    // As many who ask at once make one challenge, and one mail.
    let ask = registration("bob@race.example");
    let path = format!("{}/verification-codes", ann.path);
    let asked = join_all((0..20).map(|n| callers[n % 2].post(&path, ask.clone()))).await;
    assert_eq!(asked.iter().filter(|reply| reply.status == 202).count(), 1);
    ann.sees_when("the mail is out", |seen| seen["verification"]["status"] == "sent").await;
    assert_eq!(ann.mails("bob@race.example", 1).await.len(), 1);
    stack.ends_well().await;
}
