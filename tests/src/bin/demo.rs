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

#[tokio::main]
async fn main() -> ExitCode {
    tls::install();
    let [Some(api), Some(sandbox)] = ["API_URL", "SANDBOX_URL"].map(address) else {
        eprintln!("demo: API_URL and SANDBOX_URL say where Landfall runs; ./dev demo sets them from .dev/env");
        return ExitCode::FAILURE;
    };
    if play(&api, &sandbox).await { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "a demonstration has no configuration: `./dev` tells it where to go")]
fn address(name: &str) -> Option<Url> {
    std::env::var(name).ok()?.parse().ok()
}

/// True once she is in the console; what stands in her way is printed.
async fn play(api: &Url, sandbox: &Url) -> bool {
    let mut buyer = Buyer::telling(api, sandbox, |line| println!("  {line}"));
    let steps = Steps::default();

    println!("Step one: purchase, in the shop at {sandbox}shop");
    buyer.purchases().await;

    println!("Step two: Marketplace > Purchased Services > Login Directly");
    buyer.logs_in_directly().await;
    let seen = steps.watch(&mut buyer).await;
    if seen["action"] != "choose_billing_account" {
        return stuck(&seen);
    }
    // Names that nobody had before, so that it can be played again.
    let username = format!("mia.{}", buyer.instance_id);
    let email = format!("{username}@example.com");
    println!("Step two: no Billing Center account, so she registers as {username}");
    let proven = buyer.proves_address("registration", &email).await;
    println!("  Verification code arrived by mail; {email} is {}", text(&proven["verification"]["status"]));
    let form = form(&username, &email, &format!("Lab of {username}"));
    let sent = buyer.sends_registration(&form).await;
    if sent.status() != StatusCode::ACCEPTED {
        println!("  Not accepted: {}", sent.text().await.unwrap_or_default());
        return false;
    }
    let seen = steps.watch(&mut buyer).await;
    if seen["action"] != "confirm" {
        return stuck(&seen);
    }
    let binding = &seen["binding"];
    println!("  Workspace {} at site {}: Bound", text(&binding["workspace_name"]), text(&binding["site"]));

    println!("Step three: activation successful");
    let login_url = buyer.confirms().await;
    let password = text(&form["password"]);
    let page = buyer.logs_in(&login_url, &username, password).await;
    println!("  To see for yourself: {login_url}, {username}, {password}");
    page.contains("Lab of")
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
