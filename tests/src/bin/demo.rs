//! `./dev demo`: one buyer, from the shop to the login page, against what `./dev up` runs; each step printed as it happens.

#![expect(clippy::print_stdout, reason = "this is what it is for")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a demonstration fails loudly")]

use landfall_tests::journey::Buyer;
use serde_json::{Value, json};
use url::Url;

#[tokio::main]
async fn main() {
    let [Some(api), Some(sandbox)] = ["API_URL", "SANDBOX_URL"].map(address) else {
        eprintln!("demo: API_URL and SANDBOX_URL say where Landfall runs; ./dev demo sets them from .dev/env");
        std::process::exit(2);
    };
    landfall_shared::tls::install();
    let mut ann = Buyer::telling(&api, &sandbox, |said| println!("  ✓ {said}"));
    let username = format!("ann-{}", std::process::id());
    let (bills, address) = (format!("{username}@bills.example"), format!("{username}@example.com"));
    println!("What exists before: a Billing Center account and a console account of {username}");
    ann.has("billing-accounts", json!({"username": username, "email": bills})).await;
    let password = "correct horse";
    let account = json!({"username": username, "email": address, "password": password, "site": "cn"});
    ann.has("console-accounts", account).await;

    println!("Step one: purchase");
    ann.purchases().await;
    println!("Step two: start using it");
    ann.logs_in_directly().await;
    ann.settles().await;
    println!("  ✓ The marketplace confirms the purchase; the cloud account is not linked yet");
    ann.binds_billing_account(&username, &bills).await;
    ann.creates_workspace(&format!("Workspace of {username}"), &address).await;
    println!("Step three: activation successful");
    let login_url = ann.confirms().await;
    ann.logs_in(&login_url, &username, password).await;
    let seen = ann.sees().await;
    println!("What the workers did, as the page sees it ({api}activate/{}):", ann.activation_id);
    for step in seen["steps"].as_array().unwrap() {
        println!("  {}", line(step));
    }
    println!("The activation is {}.", seen["stage"].as_str().unwrap());
}

#[expect(clippy::disallowed_methods, reason = "a demonstration has no configuration: `./dev` tells it where to go")]
fn address(name: &str) -> Option<Url> {
    std::env::var(name).ok()?.parse().ok()
}

/// One step: name, outcome, attempts, when.
fn line(step: &Value) -> String {
    let text = |name: &str| step[name].as_str().unwrap_or("–").to_owned();
    let time = |name: &str| text(name).get(11..23).unwrap_or("–").to_owned();
    format!(
        "{:<24} {:<10} attempt {}   {} → {}",
        text("name"),
        text("status"),
        step["attempt"],
        time("queued_at"),
        time("finished_at")
    )
}
