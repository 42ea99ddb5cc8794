//! `./dev demo`: one buyer, from the shop to the login page, against what `./dev up` runs; each step printed as it happens.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a demonstration fails loudly")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::process::ExitCode;

use landfall_shared::tls;
use landfall_tests::journey::Buyer;
use landfall_tests::registering::form;
use reqwest::StatusCode;
use serde_json::Value;
use url::Url;

/// The guide's two ways.
#[derive(Clone, Copy)]
enum Way {
    /// Has a Billing Center account, and a console account that will own the workspace.
    HasAccounts,
    /// Has neither.
    Registers,
}

#[tokio::main]
async fn main() -> ExitCode {
    tls::install();
    let way = match std::env::args().nth(1).as_deref() {
        None => Way::HasAccounts,
        Some("register") => Way::Registers,
        Some(_) => {
            eprintln!(
                "demo: without a word she binds the Billing Center account that she has; `register`: she has none"
            );
            return ExitCode::from(2);
        }
    };
    let [Some(api), Some(sandbox)] = ["API_URL", "SANDBOX_URL"].map(address) else {
        eprintln!("demo: API_URL and SANDBOX_URL say where Landfall runs; ./dev demo sets them from .dev/env");
        return ExitCode::FAILURE;
    };
    if play(&api, &sandbox, way).await { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "a demonstration has no configuration: `./dev` tells it where to go")]
fn address(name: &str) -> Option<Url> {
    std::env::var(name).ok()?.parse().ok()
}

/// True once she is in the console; what stands in her way is printed.
async fn play(api: &Url, sandbox: &Url, way: Way) -> bool {
    let mut mia = Mia { buyer: Buyer::telling(api, sandbox, |line| println!("  {line}")), steps: Steps::default() };
    println!("Step one: purchase, in the shop at {sandbox}shop");
    mia.buyer.purchases().await;
    // Names that nobody had before, so that it can be played again.
    let username = format!("mia.{}", mia.buyer.instance_id);
    if matches!(way, Way::HasAccounts) {
        mia.buyer.is_known_as(&username).await;
    }

    println!("Step two: Marketplace > Purchased Services > Login Directly");
    mia.buyer.logs_in_directly().await;
    let seen = mia.watches().await;
    if seen["action"] != "choose_billing_account" {
        return stuck(&seen);
    }
    let seen = match way {
        Way::HasAccounts => mia.binds_and_creates(&username).await,
        Way::Registers => mia.registers(&username).await,
    };
    if seen["action"] != "confirm" {
        return stuck(&seen);
    }
    let binding = &seen["binding"];
    println!("  Workspace {} at site {}: Bound", text(&binding["workspace_name"]), text(&binding["site"]));

    println!("Step three: activation successful");
    let login_url = mia.buyer.confirms().await;
    let (username, password) = match way {
        Way::HasAccounts => (format!("{username}.lee"), "correct horse"),
        Way::Registers => (username, "correct horse"),
    };
    let page = mia.buyer.logs_in(&login_url, &username, password).await;
    println!("  To see for yourself: {login_url}, {username}, {password}");
    page.contains("Lab of")
}

/// A buyer whose way is watched.
struct Mia {
    buyer: Buyer,
    steps: Steps,
}

impl Mia {
    async fn watches(&mut self) -> Value {
        self.steps.watch(&mut self.buyer).await
    }

    /// Has a Billing Center account: binds it by a code, then creates a workspace as an owner who has an account.
    async fn binds_and_creates(&mut self, username: &str) -> Value {
        println!("Step two: has a Billing Center account, {username}, so she binds it");
        self.buyer.binds_billing_account(username, &format!("{username}@bills.example")).await;
        self.watches().await;
        println!("Step two: has an account of the console, so she creates a workspace that it owns");
        self.buyer.creates_workspace(&format!("Lab of {username}"), &format!("{username}@example.com")).await;
        self.watches().await
    }

    /// No Billing Center account: registers both accounts and the workspace in one go.
    async fn registers(&mut self, username: &str) -> Value {
        let email = format!("{username}@example.com");
        println!("Step two: no Billing Center account, so she registers as {username}");
        let proven = self.buyer.proves_address("registration", &email).await;
        println!("  Verification code arrived by mail; {email} is {}", text(&proven["verification"]["status"]));
        let form = form(username, &email, &format!("Lab of {username}"));
        let sent = self.buyer.sends_registration(&form).await;
        if sent.status() != StatusCode::ACCEPTED {
            println!("  Not accepted: {}", sent.text().await.unwrap_or_default());
        }
        self.watches().await
    }
}

fn text(member: &Value) -> &str {
    member.as_str().unwrap_or("nothing")
}

fn stuck(seen: &Value) -> bool {
    println!("  It goes no further: status {}, action {}, problem {}", seen["status"], seen["action"], seen["problem"]);
    false
}

/// The steps as they were when they were last printed.
#[derive(Default)]
struct Steps(RefCell<HashMap<usize, String>>);

impl Steps {
    /// Polls as the page does, and prints every step that has moved, until it is the buyer's turn or over.
    async fn watch(&self, buyer: &mut Buyer) -> Value {
        buyer
            .sees_when("the activation settles", |seen| {
                self.print(seen);
                !["running", "retrying"].contains(&seen["status"].as_str().unwrap())
            })
            .await
    }

    fn print(&self, seen: &Value) {
        for (place, step) in seen["steps"].as_array().unwrap().iter().enumerate() {
            let line = line(step);
            if self.0.borrow_mut().insert(place, line.clone()).as_ref() != Some(&line) {
                println!("  {line}");
            }
        }
    }
}

/// One step: its name, its status, and what went wrong where something did.
fn line(step: &Value) -> String {
    let line = format!("{:<24}{}", text(&step["name"]), text(&step["status"]));
    match step["problem"]["code"].as_str() {
        Some(code) => {
            format!("{line}: {code}, attempt {}, next at {}", step["attempt"], text(&step["next_attempt_at"]))
        }
        None => line,
    }
}
