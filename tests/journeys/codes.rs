//! Verification codes (contract §3): every limit, what a right code is good for, what nobody learns, and what the mail says.

use landfall_tests::caller::{Caller, Reply};
use landfall_tests::patience::until;
use landfall_tests::seller::{Seller, sees};
use landfall_tests::stack::{Stack, Wishes};
use serde_json::{Value, json};

mod life;
mod limits;
mod hidden;
mod mailed;

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
