//! The wire forms, frozen: what pages poll, problems, messages, mails, and what the marketplace and the platforms are told.
//! A snapshot that changes is a broken promise to whoever reads it, and no out-of-date fixture.

use futures_util::StreamExt;
use landfall_tests::journey::Buyer;
use landfall_tests::patience::until;
use landfall_tests::registering::form;
use landfall_tests::stack::{Stack, Wishes};
use reqwest::Method;
use serde_json::{Value, json};

const PROMISE: &str = "A wire form. If this changed, a client breaks: mend the code, not the snapshot.";

fn frozen(name: &str, text: &str) {
    insta::with_settings!({ description => PROMISE, omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, text);
    });
}

/// What varies stands as its kind: ids, times, and numbers of the test's own.
fn redacted(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once(' ')) {
        if c.is_ascii_alphanumeric() || "-:._".contains(c) {
            word.push(c);
        } else {
            out.push_str(&kind(&word));
            word.clear();
            out.push(c);
        }
    }
    out.trim_end().to_owned()
}

fn kind(word: &str) -> String {
    let (word, tail) = match word.strip_suffix(['.', ':']) {
        Some(bare) => (bare, &word[bare.len()..]),
        None => (word, ""),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = word.len() >= 20 && word.as_bytes()[10] == b'T' && digits(&word[..4]) && word.ends_with('Z');
    let is_uuid = word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    let is_hex = word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_port = word.starts_with("127.0.0.1:") && digits(&word[10..]);
    let kind = match word {
        _ if is_time => "<time>",
        _ if is_uuid => "<uuid>",
        _ if is_hex => "<hex>",
        _ if is_port => "<host>",
        _ if digits(word) && word.len() == 6 => "<code>",
        _ if digits(word) && word.len() > 6 => "<digits>",
        _ if word.starts_with("ws_") || word.starts_with("ba_") || word.starts_with("ca_") => "<platform-id>",
        _ => word,
    };
    format!("{kind}{tail}")
}

fn pretty(value: &Value) -> String {
    redacted(&serde_json::to_string_pretty(value).unwrap())
}

fn document(name: &str, seen: &Value) {
    let mut seen = seen.clone();
    // How often it changed on the way here is no part of the form.
    seen["version"] = json!("<version>");
    if seen["workspaces"].as_array().is_some_and(|list| !list.is_empty()) {
        for listed in seen["workspaces"].as_array_mut().unwrap() {
            listed["id"] = json!("<platform-id>");
        }
    }
    if seen["binding"].is_object() {
        seen["binding"]["workspace_id"] = json!("<platform-id>");
    }
    frozen(&format!("document-{name}"), &pretty(&seen));
}

/// The document once everything in hand has ended: a mail may still be on its way to its end when the page goes on.
async fn quiet(buyer: &mut Buyer) -> Value {
    buyer
        .sees_when("everything has ended", |seen| {
            seen["steps"].as_array().unwrap().iter().all(|step| !step["finished_at"].is_null())
        })
        .await
}

async fn at_the_choice(stack: &Stack) -> Buyer {
    let mut buyer = stack.buyer();
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    buyer.settles().await;
    buyer
}

#[tokio::test]
async fn what_pages_poll_is_frozen_at_every_stage() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    document("choice", &ann.sees().await);
    ann.is_known_as("ann").await;
    assert_eq!(ann.asks_for_account_code("ann").await.status(), 202);
    let sent = ann.sees_when("the look-up is done", |seen| seen["verification"]["status"] == "sent").await;
    document("enter-code", &sent);
    let code = ann.reads_code("ann@bills.example", 1).await;
    let bind = json!({"username": "ann", "code": code});
    assert_eq!(ann.asks(Method::POST, "/billing-account", Some(bind)).await.status(), 202);
    ann.settles().await;
    document("workspaces", &quiet(&mut ann).await);
    ann.creates_workspace("Lab", "ann@example.com").await;
    document("bound", &quiet(&mut ann).await);
    ann.confirms().await;
    document("active", &quiet(&mut ann).await);

    let mut bob = at_the_choice(&stack).await;
    bob.has("billing-accounts", json!({"username": "bob", "email": "other@example.com"})).await;
    bob.proves_address("registration", "bob@example.com").await;
    bob.registers(&form("bob", "bob@example.com", "Den")).await;
    document("correct", &quiet(&mut bob).await);
    bob.marketplace_says("release", json!({})).await;
    document("cancelled", &bob.sees_when("it is over", |seen| seen["status"] == "cancelled").await);
    stack.ends_well().await;
}

#[tokio::test]
async fn what_needs_an_operator_is_frozen() {
    let mut stack = Wishes::default().start().await;
    stack.fault("billing_center", json!({"kind": "error", "status": 400, "code": "no-idea"})).await;
    let mut ann = at_the_choice(&stack).await;
    document("needs-attention", &ann.sees().await);
    stack.ends_with_dead(&["find_billing_account"]).await;
}

#[tokio::test]
async fn problems_are_frozen() {
    let mut stack = Stack::start().await;
    let mut ann = at_the_choice(&stack).await;
    let stranger = stack.buyer();
    let asked = [
        ("not-signed-in", stranger.api(Method::GET, &format!("v1/activations/{}", ann.activation_id), None).await),
        ("unknown-activation", ann.api(Method::GET, &format!("v1/activations/{}", uuid::Uuid::nil()), None).await),
        ("malformed-request", ann.asks(Method::POST, "/registration", Some(json!({"username": 7}))).await),
        ("out-of-turn", ann.asks(Method::POST, "/confirmation", Some(json!({}))).await),
        ("invalid-field", ann.asks(Method::POST, "/registration", Some(json!({"email": "nobody"}))).await),
        ("code-invalid", {
            let body = json!({"purpose": "registration", "email": "ann@example.com", "code": "000000"});
            ann.asks(Method::POST, "/verification-codes/check", Some(body)).await
        }),
        ("too-many-codes", {
            assert_eq!(ann.asks_for_code("registration", "ann@example.com").await.status(), 202);
            ann.asks_for_code("registration", "ann@example.com").await
        }),
        ("not-found", ann.api(Method::GET, "v1/nothing", None).await),
    ];
    for (name, answer) in asked {
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let body: Value = answer.json().await.unwrap();
        frozen(&format!("problem-{name}"), &format!("{kind}\n{}", pretty(&body)));
    }
    ann.settles().await;
    stack.ends_well().await;
}

#[tokio::test]
async fn messages_are_frozen_and_hold_ids_alone() {
    let mut stack = Wishes::default().prepare().await;
    let client = async_nats::connect(&stack.nats_url).await.unwrap();
    let mut all = client.subscribe(format!("{}landfall.>", stack.prefix)).await.unwrap();
    client.flush().await.unwrap();
    stack.start_workers().await;
    stack.start_api().await;
    let mut ann = stack.buyer();
    ann.purchases().await;
    ann.logs_in_directly().await;
    ann.settles().await;
    let mut forms = std::collections::BTreeSet::new();
    // Whatever else came before: these three kinds must have come.
    while forms.len() < 3 {
        let message = all.next().await.unwrap();
        let subject = redacted(message.subject.strip_prefix(&stack.prefix).unwrap());
        let subject = subject.rsplit_once('.').map_or(subject.clone(), |(head, last)| format!("{head}.{}", kind(last)));
        let payload = redacted(std::str::from_utf8(&message.payload).unwrap());
        let version = payload.find("\"version\":").map(|at| at + 10);
        let payload = match version {
            Some(at) => {
                format!("{}<version>{}", &payload[..at], payload[at..].trim_start_matches(|c: char| c.is_ascii_digit()))
            }
            None => payload,
        };
        if payload.contains("running") || !payload.contains("status") {
            forms.insert(format!("{subject}  {payload}"));
        }
    }
    frozen("messages", &forms.into_iter().collect::<Vec<_>>().join("\n"));
    stack.ends_well().await;
}

#[tokio::test]
async fn mails_are_frozen_in_both_languages() {
    let mut stack = Stack::start().await;
    for (language, email) in [("en", "ann@example.com"), ("zh-CN", "mei@example.com")] {
        let mut ann = at_the_choice(&stack).await;
        ann.reads(language);
        assert_eq!(ann.asks_for_code("registration", email).await.status(), 202);
        let mail = until("the mail comes", || async { ann.mails(email).await.pop() }).await;
        let part = |name: &str| redacted(mail[name].as_str().unwrap());
        frozen(&format!("mail-{language}"), &format!("{}\n\n{}\n\n{}", part("subject"), part("text"), part("html")));
    }
    stack.ends_well().await;
}
