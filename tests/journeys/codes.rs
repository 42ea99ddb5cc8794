//! Verification codes (contract §3): every limit, what a right code is good for, what nobody learns, and what the mail says.

use futures_util::future::join_all;
use landfall_tests::caller::{Caller, Reply};
use landfall_tests::patience::until;
use landfall_tests::seller::{Seller, sees};
use landfall_tests::stack::{Stack, Wishes, ready};
use serde_json::{Value, json};

const ACCOUNT: &str = "1987654321012345";

/// A buyer at the choice of Billing Center account, by *Login Directly*.
struct Ann<'a> {
    stack: &'a Stack,
    caller: Caller,
    path: String,
}

impl<'a> Ann<'a> {
    async fn at_the_choice(stack: &'a Stack, account_id: &str, instance_id: &str) -> Self {
        let seller = Seller::of(stack);
        seller.announces(account_id, instance_id).await;
        let (caller, path) = seller.logs_in(&stack.pool, instance_id).await;
        sees(&caller, &path, "the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
        Self { stack, caller, path }
    }

    async fn asks(&self, body: Value) -> Reply {
        self.caller.post(&format!("{}/verification-codes", self.path), body).await
    }

    async fn checks(&self, body: Value) -> Reply {
        self.caller.post(&format!("{}/verification-codes/check", self.path), body).await
    }

    async fn sees(&self) -> Value {
        self.caller.get(&self.path).await.is(200)
    }

    async fn sees_when(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        sees(&self.caller, &self.path, what, is).await
    }

    /// The mails to an address, once there are so many.
    async fn mails(&self, to: &str, least: usize) -> Vec<Value> {
        mails(self.stack, to, least).await
    }

    /// All challenges are so much older.
    async fn later(&self, seconds: i32) {
        sqlx::query(
            "update challenges set created_at = created_at - $1 * interval '1 second',
               expires_at = expires_at - $1 * interval '1 second', resend_at = resend_at - $1 * interval '1 second',
               proven_at = proven_at - $1 * interval '1 second'",
        )
        .bind(f64::from(seconds))
        .execute(&self.stack.pool)
        .await
        .unwrap();
    }
}

async fn mails(stack: &Stack, to: &str, least: usize) -> Vec<Value> {
    let sandbox = Caller::new(&stack.sandbox_url);
    let query = landfall_tests::seller::query(&[("to", to)]);
    until("the mails arrive", || async {
        let mails = sandbox.get(&format!("sandbox/mails?{query}")).await.is(200)["mails"].as_array().unwrap().clone();
        (mails.len() >= least).then_some(mails)
    })
    .await
}

fn code(mail: &Value) -> String {
    let subject = mail["subject"].as_str().unwrap();
    let digits: String = subject.chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(digits.len(), 6, "the code stands in the subject's first words: {subject}");
    digits
}

/// A code that is none of these.
fn wrong(right: &[&str]) -> String {
    (0..=9).map(|n| format!("{n:06}")).find(|code| !right.contains(&code.as_str())).unwrap()
}

fn registration(email: &str) -> Value {
    json!({"purpose": "registration", "email": email})
}

fn with(mut body: Value, code: &str) -> Value {
    body["code"] = json!(code);
    body
}

fn wait(reply: &Reply) -> i64 {
    reply.is_problem(429, "too-many-codes");
    reply.header("retry-after").parse().unwrap()
}

async fn start() -> Stack {
    Wishes::default().by_announcement().start().await
}

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
async fn challenges_are_counted_by_address_activation_account_and_client() {
    let mut stack = Wishes::default().by_announcement().with("CODES_PER_CLIENT", "4").start().await;
    // Three an hour and eight a day for one address, without regard to case, whoever asks.
    let one = Ann::at_the_choice(&stack, "1900000000000001", "400730001").await;
    let two = Ann::at_the_choice(&stack, "1900000000000002", "400730002").await;
    let spent = async || {
        sqlx::query("update challenges set tries = 5, status = 'spent'").execute(&stack.pool).await.unwrap();
    };
    let email = |n: usize| if n.is_multiple_of(2) { "ann@count.example" } else { "ANN@Count.Example" };
    let mut asked = 0;
    for (ann, times) in [(&one, 2), (&two, 1), (&one, 2), (&two, 1), (&one, 2)] {
        for _ in 0..times {
            let refused = ann.asks(registration(email(asked))).await;
            if asked > 0 && asked % 3 == 0 && refused.status == 429 {
                let hour = wait(&refused);
                assert!((3_500..=3_600).contains(&hour), "{hour}");
                one.later(3601).await;
                assert_eq!(ann.asks(registration(email(asked))).await.status, 202);
            } else {
                assert_eq!(refused.status, 202, "{asked}: {}", refused.text);
            }
            spent().await;
            asked += 1;
        }
    }
    assert_eq!(asked, 8);
    one.later(3601).await;
    let day = wait(&two.asks(registration(email(0))).await);
    assert!((70_000..=86_400).contains(&day), "{day}");
    // Ten for one activation: `one` has had six.
    for n in 0..4 {
        assert_eq!(one.asks(registration(&format!("n{n}@count.example"))).await.status, 202);
    }
    wait(&one.asks(registration("n4@count.example")).await);
    // Twenty for one Account ID a day, over its activations.
    let three = Ann::at_the_choice(&stack, "1900000000000001", "400730003").await;
    let four = Ann::at_the_choice(&stack, "1900000000000001", "400730004").await;
    for n in 0..9 {
        assert_eq!(three.asks(registration(&format!("a{n}@count.example"))).await.status, 202);
    }
    assert_eq!(four.asks(registration("a9@count.example")).await.status, 202);
    wait(&four.asks(registration("a10@count.example")).await);
    one.later(86_400).await;
    assert_eq!(four.asks(registration("a10@count.example")).await.status, 202);
    // For typed entries CODES_PER_CLIENT an hour, too.
    let seller = Seller::of(&stack);
    seller.announces(ACCOUNT, "400730005").await;
    let ids = json!({"marketplace": "alibaba", "account_id": ACCOUNT, "instance_id": "400730005"});
    let typed = seller.caller.post("v1/activations", ids).await.is(202);
    let caller = seller.caller.with("authorization", &format!("Bearer {}", typed["token"].as_str().unwrap()));
    let typist = Ann { stack: &stack, caller, path: format!("v1/activations/{}", typed["id"].as_str().unwrap()) };
    typist.sees_when("the buyer is asked", |seen| seen["action"] == "choose_billing_account").await;
    for n in 0..4 {
        assert_eq!(typist.asks(registration(&format!("t{n}@count.example"))).await.status, 202);
    }
    let hour = wait(&typist.asks(registration("t4@count.example")).await);
    assert!((3_500..=3_600).contains(&hour), "{hour}");
    assert_eq!(
        four.asks(registration("t4@count.example")).await.status,
        202,
        "Login Directly is not counted by client"
    );
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

/// The document without what differs between any two activations.
fn alike(mut seen: Value, username: &str) -> String {
    for member in ["id", "account_id", "instance_id", "created_at", "updated_at"] {
        seen[member] = json!(null);
    }
    for time in ["expires_at", "resend_at"] {
        seen["verification"][time] = json!(null);
    }
    for step in seen["steps"].as_array_mut().unwrap() {
        step["queued_at"] = json!(null);
        step["finished_at"] = json!(step["finished_at"].is_null());
    }
    seen.to_string().replace(username, "NAME")
}

#[tokio::test]
async fn nothing_tells_whether_a_username_exists() {
    let mut stack = start().await;
    let sandbox = Caller::new(&stack.sandbox_url);
    let _ = sandbox
        .post("sandbox/billing-accounts", json!({"username": "Known.One", "email": "k@bills.example"}))
        .await
        .is(201);
    let buyers = [
        (Ann::at_the_choice(&stack, "1900000000000001", "400750001").await, "kNOWN.oNE"),
        (Ann::at_the_choice(&stack, "1900000000000002", "400750002").await, "uNKNO.oNE"),
    ];
    let mut told: Vec<Vec<String>> = Vec::new();
    for (ann, username) in &buyers {
        let ask = json!({"purpose": "billing_account", "username": format!(" {username}\n")});
        let mut heard = Vec::new();
        let mut hear = |reply: &Reply| {
            let mut body = reply.json();
            body["trace_id"] = json!(null);
            let body = if body["id"].is_string() { alike(body, username) } else { body.to_string() };
            heard.push(format!("{} {body}", reply.status));
        };
        let settled = async || {
            ann.sees_when("the name was looked up", |seen| {
                seen["verification"]["status"] == "sent"
                    && seen["steps"].as_array().unwrap().iter().all(|step| step["status"] == "succeeded")
            })
            .await
        };
        let asked = ann.asks(ask.clone()).await;
        let shown = asked.is(202)["verification"].clone();
        assert_eq!((&shown["sent_to"], &shown["attempts_left"]), (&json!(null), &json!(5)));
        hear(&asked);
        let seen = settled().await;
        assert_eq!((&seen["verification"]["status"], &seen["action"]), (&json!("sent"), &json!("enter_code")));
        // Whatever becomes of the hidden mail shows nowhere: the version stands still.
        sqlx::query("update challenges set resend_at = now()").execute(&stack.pool).await.unwrap();
        hear(&ann.asks(ask.clone()).await);
        settled().await;
        hear(&ann.caller.get(&ann.path).await);
        hear(&ann.asks(ask.clone()).await);
        for _ in 0..6 {
            hear(&ann.checks(with(ask.clone(), "000000")).await);
        }
        hear(
            &ann.caller
                .post(&format!("{}/billing-account", ann.path), with(json!({"username": username}), "000001"))
                .await,
        );
        hear(&ann.caller.post(&format!("{}/billing-account", ann.path), json!({"username": username})).await);
        hear(&ann.caller.get(&ann.path).await);
        hear(&ann.asks(ask.clone()).await);
        settled().await;
        hear(&ann.caller.get(&ann.path).await);
        told.push(heard);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(mails(&stack, "k@bills.example", 3).await.len(), 3);
    // Its mail cannot be delivered: that is an operator's matter, and shows to nobody else.
    stack.fault("mail", json!({"kind": "error", "path": "rcpt", "status": 550})).await;
    sqlx::query("update challenges set tries = 5, status = 'spent'").execute(&stack.pool).await.unwrap();
    for (ann, username) in &buyers {
        let ask = json!({"purpose": "billing_account", "username": username});
        assert_eq!(ann.asks(ask).await.status, 202);
        let seen = ann.sees_when("the name was looked up", |seen| seen["verification"]["status"] == "sent").await;
        assert_eq!((&seen["action"], &seen["problem"]), (&json!("enter_code"), &json!(null)));
    }
    until("the hidden mail was refused", || async {
        let refused = sqlx::query_scalar::<_, i64>("select count(*) from commands where hidden and state = 'refused'");
        (refused.fetch_one(&stack.pool).await.unwrap() == 1).then_some(())
    })
    .await;
    for (ann, _) in &buyers {
        assert_eq!(ann.sees().await["verification"]["status"], "sent");
    }
    stack.heal().await;
    stack.ends_well().await;
}

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

fn time(text: &Value) -> time::OffsetDateTime {
    time::OffsetDateTime::parse(text.as_str().unwrap(), &time::format_description::well_known::Rfc3339).unwrap()
}
