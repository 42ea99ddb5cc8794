//! The mail server refuses, stalls or breaks off in every phase: each mail comes to what is due, and of a code's mails that come
//! twice both say the same.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use landfall_shared::buyer::Email;
use landfall_shared::config::{Mailbox, Smtp, SmtpCredentials, SmtpSecurity};
use landfall_shared::refusal::{FaultCode, PartyError};
use landfall_tests::journey::Buyer;
use landfall_tests::patience::{until, until_within};
use landfall_tests::seller::now;
use landfall_tests::soak;
use landfall_tests::stack::{Stack, Wishes, secrets};
use landfall_workers::mail::{Letter, Limits, Mailer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

const PHASES: [&str; 7] = ["connect", "ehlo", "auth", "mail", "rcpt", "data", "final_dot"];

/// What is due after a fault that happens once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// An attempt that failed; the next one brings the mail.
    Retried,
    /// The same, and the mail comes twice: the first time nobody heard that it was taken.
    Twice,
    /// It is about ourselves, not about the mail: no attempt, and tried again.
    Misconfigured,
    /// The buyer must give another address.
    Refused,
}

impl Due {
    /// What the timeline says of the attempt: its outcome, its problem, and the attempts used up.
    fn in_the_timeline(self) -> (&'static str, &'static str, i32) {
        match self {
            Self::Retried | Self::Twice => ("retry", "mail-unavailable", 1),
            Self::Misconfigured => ("misconfigured", "misconfigured", 0),
            Self::Refused => ("refused", "mail-refused", 1),
        }
    }
}

/// Every phase and what can happen there.
fn matrix() -> Vec<(Value, Due)> {
    let reply = |phase: &str, status: u16| json!({"kind": "error", "status": status, "path": phase, "times": 1});
    let other = |phase: &str, kind: &str| json!({"kind": kind, "path": phase, "times": 1});
    let mut matrix = Vec::new();
    for phase in PHASES {
        // Before the recipient is named, a refusal for good is none of the address.
        let for_good = if ["rcpt", "data", "final_dot"].contains(&phase) { Due::Refused } else { Due::Misconfigured };
        matrix.extend([421, 451].map(|status| (reply(phase, status), Due::Retried)));
        matrix.extend([550, 554].map(|status| (reply(phase, status), for_good)));
        matrix.extend(["drop", "garbage"].map(|kind| (other(phase, kind), Due::Retried)));
    }
    // A yes where another one is due: only 354 lets go on, and only 250 says that the mail was taken.
    matrix.extend(
        [("data", 250), ("final_dot", 251), ("final_dot", 200)].map(|(at, yes)| (reply(at, yes), Due::Retried)),
    );
    matrix.push((other("final_dot", "drop_after"), Due::Twice));
    matrix
}

async fn asks(buyer: &mut Buyer, address: &str) {
    let asked = buyer.asks_for_code("registration", address).await;
    assert_eq!(asked.status(), StatusCode::ACCEPTED, "{}", asked.text().await.unwrap());
}

/// Types the code that the mails to an address bring, all of them the same one.
async fn types_the_code(buyer: &Buyer, address: &str) -> Value {
    let mails = buyer.mails(address).await;
    assert!(mails.iter().all(|mail| mail["subject"] == mails[0]["subject"]), "{mails:#?}");
    let code = buyer.reads_code(address, 1).await;
    let body = json!({"purpose": "registration", "email": address, "code": code});
    let checked = buyer.asks(Method::POST, "/verification-codes/check", Some(body)).await;
    assert_eq!(checked.status(), StatusCode::OK, "{}", checked.text().await.unwrap());
    checked.json().await.unwrap()
}

/// The Message-IDs of the mails to an address that the server was given to its end.
async fn message_ids(stack: &Stack, address: &str) -> Vec<String> {
    let calls = stack.calls("mail").await;
    let to = |call: &&Value| call["path"] == "DATA" && call["body"]["to"][0] == address;
    calls.iter().filter(to).map(|call| call["body"]["message_id"].as_str().unwrap().to_owned()).collect()
}

async fn comes_to_what_is_due(stack: &Stack, buyer: &mut Buyer, fault: &Value, due: Due) {
    let address = format!("n{}@example.com", stack.number());
    stack.fault("mail", fault.clone()).await;
    asks(buyer, &address).await;
    let status = if due == Due::Refused { "refused" } else { "sent" };
    let seen = buyer.sees_when("the mail has come to its end", |seen| seen["verification"]["status"] == status).await;
    let attempts: Vec<(String, String, i32)> = sqlx::query_as(
        "select t.outcome, t.problem ->> 'code', t.attempt from attempts t join commands c on c.id = t.command_id
         where c.activation_id = $1::uuid and c.name = 'send_verification_code'
           and c.queued_at = (select max(queued_at) from commands
                              where activation_id = $1::uuid and name = 'send_verification_code')",
    )
    .bind(&buyer.activation_id)
    .fetch_all(&stack.pool)
    .await
    .unwrap();
    let (outcome, problem, attempt) = due.in_the_timeline();
    assert_eq!(attempts, [(outcome.to_owned(), problem.to_owned(), attempt)], "{fault}");
    if due == Due::Refused {
        assert_eq!((&seen["action"], &seen["problem"]["code"]), (&json!("correct"), &json!("mail-refused")), "{fault}");
        assert!(buyer.mails(&address).await.is_empty(), "{fault}");
        let another = format!("another-{address}");
        asks(buyer, &another).await;
        buyer.reads_code(&another, 1).await;
        assert_eq!(types_the_code(buyer, &another).await["verification"]["status"], "proven", "{fault}");
        return;
    }
    let times = if due == Due::Twice { 2 } else { 1 };
    assert_eq!(buyer.mails(&address).await.len(), times, "{fault}");
    let ids = message_ids(stack, &address).await;
    assert!(
        ids.len() == times && ids.iter().all(|id| *id == ids[0] && id.contains("@acme.example")),
        "{fault}: {ids:?}"
    );
    assert_eq!(types_the_code(buyer, &address).await["verification"]["status"], "proven", "{fault}");
}

#[tokio::test]
async fn every_phase_refused_broken_off_and_garbled_comes_to_what_is_due() {
    let began = Instant::now();
    let matrix = matrix();
    // A mail server has one fault at a time: several of them, side by side.
    join_all(matrix.chunks(matrix.len().div_ceil(3)).map(one_after_the_other)).await;
    println!("{} faults in {:?}", matrix.len(), began.elapsed());
}

async fn one_after_the_other(faults: &[(Value, Due)]) {
    let mut stack = Wishes::default().with("RETRY_INITIAL_MS", "50").with("RETRY_MAX_MS", "100").start().await;
    // An activation has ten codes at most.
    for cases in faults.chunks(5) {
        let mut buyer = stack.buyer();
        buyer.comes_to_the_choice().await;
        for (fault, due) in cases {
            comes_to_what_is_due(&stack, &mut buyer, fault, *due).await;
        }
    }
    stack.ends_well().await;
}

/// A mailer for the stack's mail server, whose patience for one phase is short.
fn mailer(stack: &Stack, limits: Limits, security: SmtpSecurity) -> Mailer {
    let url: Url = stack.variable("SMTP_URL").parse().unwrap();
    let credentials = SmtpCredentials { user: "landfall".into(), password: secrets::SMTP_PASSWORD.into() };
    let (host, port) = ("127.0.0.1".into(), url.port().unwrap());
    let server = Smtp { security, host, port, credentials: Some(credentials) };
    let from = Mailbox { name: None, address: Email::parse("activation@acme.example").unwrap() };
    Mailer::new(server, from, None).unwrap().within(limits)
}

async fn letter(stack: &Stack, to: &str) -> Letter {
    Letter {
        to: to.to_owned(),
        subject: "123456 is your code".to_owned(),
        text: "A text.\n".to_owned(),
        html: "<p>A text.</p>".to_owned(),
        id: Uuid::new_v4(),
        date: now(&stack.pool).await,
    }
}

/// The limits that end a stall in a phase soon, and every other one no sooner than usual.
fn impatient_in(phase: &str) -> Limits {
    let (usual, soon) = (Limits::default(), Duration::from_millis(300));
    match phase {
        "connect" | "ehlo" => Limits { connect: soon, ..usual },
        "mail" | "rcpt" => Limits { envelope: soon, ..usual },
        "data" => Limits { data: soon, ..usual },
        "final_dot" => Limits { last_dot: soon, ..usual },
        _ => Limits { admit: soon, ..usual },
    }
}

fn is_unavailable(sent: &Result<(), PartyError>) -> bool {
    matches!(sent, Err(PartyError::Retry { fault, .. }) if fault.code == FaultCode::MailUnavailable)
}

/// What a pool of connections, or a connection that is used again, would get wrong: a mail that was given up in the middle leaves
/// an answer on its way, and the next mail takes it for its own.
#[tokio::test]
async fn a_stall_in_any_phase_is_ended_by_our_own_limit_and_the_next_mail_is_judged_by_its_own_answer() {
    let mut stack = Wishes::default().prepare().await;
    let patient = mailer(&stack, Limits::default(), SmtpSecurity::Plain);
    for phase in PHASES {
        let to = format!("{}@example.com", phase.replace('_', "-"));
        let letter = letter(&stack, &to).await;
        stack.fault("mail", json!({"kind": "hang", "path": phase, "times": 1})).await;
        let began = Instant::now();
        let sent = mailer(&stack, impatient_in(phase), SmtpSecurity::Plain).send(&letter).await;
        assert!(is_unavailable(&sent), "{phase}: {sent:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{phase}: {:?}", began.elapsed());
        stack.fault("mail", json!({"kind": "error", "status": 451, "path": "final_dot", "times": 1})).await;
        let sent = patient.send(&letter).await;
        assert!(is_unavailable(&sent), "{phase}: {sent:?}");
        assert!(stack.buyer().mails(&to).await.is_empty(), "{phase}");
        patient.send(&letter).await.unwrap();
        assert_eq!(stack.buyer().mails(&to).await.len(), 1, "{phase}");
    }

    // Whoever called is gone in the middle of DATA, as when a process is told to stop.
    let letter = letter(&stack, "gone@example.com").await;
    stack.fault("mail", json!({"kind": "hang", "path": "final_dot", "times": 1})).await;
    let hangs = until("the mail hangs", || async {
        let calls = stack.calls("mail").await;
        (calls.last()?["path"] == "final_dot" && calls.last()?["problem"] == "fault: hang").then_some(())
    });
    tokio::select! {
        sent = patient.send(&letter) => panic!("it hung nowhere: {sent:?}"),
        () = hangs => {}
    }
    stack.fault("mail", json!({"kind": "error", "status": 451, "path": "final_dot", "times": 1})).await;
    assert!(is_unavailable(&patient.send(&letter).await));
    assert!(stack.buyer().mails("gone@example.com").await.is_empty());
    patient.send(&letter).await.unwrap();

    // Where TLS is asked for and not offered, nothing is said in plain.
    let before = stack.calls("mail").await.len();
    let sent = mailer(&stack, Limits::default(), SmtpSecurity::StartTls).send(&letter).await;
    assert!(matches!(sent, Err(PartyError::Misconfigured { .. })), "{sent:?}");
    assert_eq!(stack.calls("mail").await.len(), before);
    stack.start_api().await;
    stack.start_workers().await;
    stack.ends_well().await;
}

/// The long run: the same stalls in the real process, with the limits that it really has.
#[tokio::test]
async fn a_stall_in_any_phase_is_ended_by_the_workers() {
    if soak::asked().is_none() {
        return;
    }
    let mut stack = Stack::start().await;
    let mut buyers = Vec::new();
    for phase in PHASES {
        let mut buyer = stack.buyer();
        buyer.comes_to_the_choice().await;
        stack.fault("mail", json!({"kind": "hang", "path": phase, "times": 1})).await;
        let address = format!("{}@example.com", phase.replace('_', "-"));
        asks(&mut buyer, &address).await;
        until("the mail hangs", || async {
            let calls = stack.calls("mail").await;
            (calls.last()?["path"] == phase && calls.last()?["problem"] == "fault: hang").then_some(())
        })
        .await;
        buyers.push((buyer, address));
    }
    for (buyer, address) in &buyers {
        until_within(Duration::from_mins(5), "the mail comes after all", || async {
            (buyer.mails(address).await.len() == 1).then_some(())
        })
        .await;
        types_the_code(buyer, address).await;
    }
    stack.ends_well().await;
}
