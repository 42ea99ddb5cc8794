//! No Billing Center account: the three parts of registering, the code, and *Activate*.

use landfall_tests::browser::{BOTH, Browser};
use landfall_tests::journey::Buyer;
use landfall_tests::stack::Wishes;

use super::{at_the_choice, named, types_code};

/// Part one, with an address that is proven there and then.
pub async fn basic_information(buyer: &Buyer, page: &Browser, name: &str, email: &str) {
    page.clicks(page.says("Next: No Billing Center Account", "下一步：没有费用中心账号")).await;
    page.types(page.says("Username", "用户名"), name).await;
    page.types(page.says("E-mail", "邮箱"), email).await;
    types_code(buyer, page, email).await;
    page.clicks(page.says("Verify", "验证")).await;
    page.reads(page.says("Proven: this address is yours.", "邮箱已验证。")).await;
    page.types_secret(page.says("Password", "登录密码"), "correct horse").await;
    page.types_secret(page.says("Confirm password", "确认登录密码"), "correct horse").await;
    page.clicks(page.says("Next", "下一步")).await;
}

/// Part two.
pub async fn company_information(page: &Browser, name: &str) {
    page.types(page.says("Company name", "企业名称"), name).await;
    page.clicks(page.says("Next", "下一步")).await;
}

/// Part three, and *Activate*.
pub async fn activation_method(page: &Browser, workspace: &str) {
    page.types(page.says("Workspace name", "工作空间名称"), workspace).await;
    page.ticks(page.says("I agree to the", "我已阅读并同意")).await;
    page.clicks(page.says("Activate", "立即开通")).await;
}

#[tokio::test]
async fn a_buyer_without_accounts_registers_in_three_parts_and_logs_in() {
    let mut stack = Wishes::default().with("TERMS_URL", "https://acme.example/terms").start().await;
    for tongue in BOTH {
        let (buyer, page) = at_the_choice(&stack, tongue).await;
        page.looks("02-choice").await;
        let (name, workspace) = (named(tongue, "ann.lee"), named(tongue, "Lab"));
        let email = format!("{name}@example.com");
        page.clicks(page.says("Next: No Billing Center Account", "下一步：没有费用中心账号")).await;
        page.reads(page.says(
            "It is also your Billing Center username and can’t be changed later.",
            "同时也是您的费用中心用户名，之后无法更改。",
        ))
        .await;
        page.looks("03-basic-information").await;

        // The rules stand there before; what is missing is named, and the focus goes there.
        page.clicks(page.says("Next", "下一步")).await;
        page.reads(page.says("Please fill this in.", "请填写此项。")).await;
        assert_eq!(page.focus().await, page.says("Username", "用户名"));
        page.types(page.says("Username", "用户名"), &name).await;
        page.types(page.says("E-mail", "邮箱"), &email).await;
        page.types_secret(page.says("Password", "登录密码"), "correct horse").await;
        page.types_secret(page.says("Confirm password", "确认登录密码"), "correct house").await;
        page.clicks(page.says("Next", "下一步")).await;
        page.reads(page.says("The two passwords differ.", "两次输入的密码不一致。")).await;
        page.types_secret(page.says("Confirm password", "确认登录密码"), "correct horse").await;
        page.clicks(page.says("Next", "下一步")).await;
        page.reads(page.says("Send a code to this address, and enter it here.", "请先向该邮箱发送验证码并填写。"))
            .await;

        types_code(&buyer, &page, &email).await;
        page.looks("04-code").await;
        page.types(page.says("Verification code", "验证码"), "000000").await;
        page.clicks(page.says("Verify", "验证")).await;
        page.reads(page.says(
            "This is not the code that was sent. Compare it with the latest e-mail. Tries left: 4",
            "验证码不正确。请与最新一封邮件核对。剩余次数：4",
        ))
        .await;
        // Pasted as a mail program groups it.
        let code = buyer.reads_code(&email, 1).await;
        let (one, two) = code.split_at(3);
        page.field(page.says("Verification code", "验证码")).await.clear().await.unwrap();
        page.pastes(page.says("Verification code", "验证码"), &format!("{one} {two}")).await;
        page.clicks(page.says("Verify", "验证")).await;
        page.reads(page.says("Proven: this address is yours.", "邮箱已验证。")).await;
        page.clicks(page.says("Next", "下一步")).await;

        page.types(page.says("Company name", "企业名称"), "Acme <b>有限公司</b> & Söhne").await;
        page.chooses(page.says("Country or region", "国家/地区"), page.says("China", "中国")).await;
        page.looks("05-company").await;
        page.clicks(page.says("Next", "下一步")).await;
        page.types(page.says("Workspace name", "工作空间名称"), &workspace).await;
        page.reads(&buyer.account_id).await;
        page.clicks(page.says("Activate", "立即开通")).await;
        page.reads(page.says("Please agree to the terms.", "请先同意条款。")).await;
        page.ticks(page.says("I agree to the", "我已阅读并同意")).await;
        page.looks("06-activation-method").await;
        page.clicks(page.says("Activate", "立即开通")).await;

        page.is_at(page.says("Activation successful", "开通成功")).await;
        page.reads(page.says("Bound", "已绑定")).await;
        page.looks("07-successful").await;
        assert_eq!(page.text().await.matches(&name).count(), 2, "both accounts stand there with their username");
        page.clicks(page.says("Confirm", "确认")).await;
        page.reads("Site: cn").await;
        let shown = buyer.logs_in(&page.place().await, &name, "correct horse").await;
        assert!(shown.contains(&workspace), "{shown}");
    }
    stack.ends_well().await;
}
