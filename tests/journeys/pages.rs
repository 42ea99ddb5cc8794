//! The buyer's pages in a real Chromium, in both languages: every branch of the guide, looked at as a person would.

mod binding;
mod brand;
mod creating;
mod entry;
mod registering;
mod refusals;
mod standing;
mod polling;
mod surviving;

use landfall_tests::browser::{Browser, Tongue};
use landfall_tests::journey::Buyer;
use landfall_tests::stack::Stack;
use serde_json::json;

/// A buyer with a browser, who has purchased and clicked *Login Directly*.
async fn arrived(stack: &Stack, tongue: Tongue) -> (Buyer, Browser) {
    let mut buyer = stack.buyer();
    buyer.purchases().await;
    let browser = Browser::open(stack, tongue).await;
    browser.goes_to(&buyer.login_link().await).await;
    (buyer, browser)
}

/// The same at the choice of Billing Center account.
async fn at_the_choice(stack: &Stack, tongue: Tongue) -> (Buyer, Browser) {
    let (mut buyer, page) = arrived(stack, tongue).await;
    page.is_at(page.says("Do you have a Billing Center account?", "您是否已有费用中心账号？")).await;
    page.place().await.path().rsplit('/').next().unwrap().clone_into(&mut buyer.activation_id);
    (buyer, page)
}

/// The same with a Billing Center account that is bound already.
async fn at_the_workspaces(stack: &Stack, tongue: Tongue, name: &str) -> (Buyer, Browser, String) {
    let (buyer, page) = at_the_choice(stack, tongue).await;
    let email = format!("{name}@bills.example");
    let account = buyer.has("billing-accounts", json!({"username": name, "email": email})).await;
    binds_account(&buyer, &page, name, &email).await;
    (buyer, page, account)
}

/// *Has Billing Center Account*: username, code, *Bind*.
async fn binds_account(buyer: &Buyer, page: &Browser, name: &str, email: &str) {
    let before = buyer.mails(email).await.len();
    page.clicks(page.says("Next: Has Billing Center Account", "下一步：已有费用中心账号")).await;
    page.types(page.says("Username of the Billing Center account", "费用中心账号用户名"), name).await;
    page.clicks(page.says("Send code", "发送验证码")).await;
    page.reads(
        page.says(
            "If this username exists, its e-mail address got a code.",
            "如果该用户名存在，验证码已发送到其邮箱。",
        ),
    )
    .await;
    page.types(page.says("Verification code", "验证码"), buyer.reads_code(email, before + 1).await).await;
    page.clicks(page.says("Bind", "绑定")).await;
    page.is_at(page.says("Bind Workspace", "绑定工作空间")).await;
}

/// Sends a code and types it: the latest mail's.
async fn types_code(buyer: &Buyer, page: &Browser, email: &str) {
    let before = buyer.mails(email).await.len();
    page.clicks(page.says("Send code", "发送验证码")).await;
    let code = buyer.reads_code(email, before + 1).await;
    page.types(page.says("Verification code", "验证码"), code).await;
}

/// A name for each language: two of them travel in one test.
fn named(tongue: Tongue, name: &str) -> String {
    match tongue {
        Tongue::English => name.to_owned(),
        Tongue::Chinese => format!("{name}.zh"),
    }
}
