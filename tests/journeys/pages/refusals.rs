//! What registering can be refused: each comes back as a question, with everything else kept.

use landfall_tests::browser::{BOTH, Browser, Tongue};
use landfall_tests::journey::Buyer;
use landfall_tests::stack::Stack;
use serde_json::json;

use super::registering::{activation_method, basic_information, company_information};
use super::{at_the_choice, named, types_code};

/// Registers up to and with *Activate*.
async fn registers(stack: &Stack, tongue: Tongue, name: &str) -> (Buyer, Browser) {
    let (ann, page) = at_the_choice(stack, tongue).await;
    basic_information(&ann, &page, name, &format!("{name}@example.com")).await;
    company_information(&page, "Acme").await;
    activation_method(&page, &format!("Lab {name}")).await;
    (ann, page)
}

/// Through all parts to *Activate*, with what is still typed.
async fn activates_again(page: &Browser) {
    page.clicks(page.says("Next", "下一步")).await;
    page.clicks(page.says("Next", "下一步")).await;
    page.clicks(page.says("Activate", "立即开通")).await;
}

#[tokio::test]
async fn a_username_that_is_taken_is_asked_for_again() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let name = named(tongue, "ann");
        stack.buyer().has("billing-accounts", json!({"username": name, "email": "first@example.com"})).await;
        let (_, page) = registers(&stack, tongue, &name).await;
        page.reads(page.says("Somebody else has this username", "该用户名已被占用")).await;
        page.reads(page.says("Everything else is kept.", "其他内容均已保留。")).await;
        assert_eq!(page.focus().await, page.says("Username", "用户名"));
        assert_eq!(page.holds(page.says("E-mail", "邮箱")).await, format!("{name}@example.com"));
        page.looks("27-username-taken-registering").await;
        page.types(page.says("Username", "用户名"), &format!("{name}.2")).await;
        activates_again(&page).await;
        page.is_at(page.says("Activation successful", "开通成功")).await;
        assert_eq!(page.text().await.matches(&format!("{name}.2")).count(), 2, "both accounts");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn an_address_that_has_an_account_may_use_it() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let name = named(tongue, "ann");
        let old = json!({"username": format!("{name}.old"), "email": format!("{name}@example.com"), "password": "old horse", "site": "cn"});
        stack.buyer().has("console-accounts", old).await;
        let (_, page) = registers(&stack, tongue, &name).await;
        page.reads(page.says("There is an account with this e-mail address already", "该邮箱已注册过账号")).await;
        page.looks("28-email-taken").await;
        page.clicks(page.says("Use my existing account", "使用我已有的账号")).await;
        page.is_at(page.says("Activation successful", "开通成功")).await;
        // Both accounts with their usernames: the one that was there, and the new one of the Billing Center.
        page.reads(&format!("{name}.old")).await;
        page.looks("29-existing-account-used").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn an_address_that_the_billing_center_knows_leads_to_binding() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let name = named(tongue, "ann");
        let email = format!("{name}@example.com");
        stack.buyer().has("billing-accounts", json!({"username": format!("{name}.old"), "email": email})).await;
        let (ann, page) = registers(&stack, tongue, &name).await;
        page.reads(page.says("There is an account with this e-mail address already", "该邮箱已注册过账号")).await;
        page.reads(page.says("account is made and stays as it is:", "账号已创建，保持不变：")).await;
        page.looks("30-email-taken-at-the-billing-center").await;
        page.clicks(page.says("Bind my Billing Center account", "绑定我的费用中心账号")).await;
        page.types(page.says("Username of the Billing Center account", "费用中心账号用户名"), format!("{name}.old"))
            .await;
        types_code(&ann, &page, &email).await;
        page.clicks(page.says("Bind", "绑定")).await;
        page.is_at(page.says("Bind Workspace", "绑定工作空间")).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_workspace_name_that_is_taken_is_asked_for_alone() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let name = named(tongue, "ann");
        let taken = json!({"kind": "error", "code": "workspace-name-taken", "path": "/workspaces", "times": 1});
        stack.fault("console", taken).await;
        let (_, page) = registers(&stack, tongue, &name).await;
        page.is_at(page.says("Your accounts are made. One thing is left.", "账号已创建，还差一步。")).await;
        page.reads(page.says("There is a workspace with this name already", "该工作空间名称已被使用")).await;
        page.looks("31-workspace-name-taken").await;
        page.types(page.says("Workspace name", "工作空间名称"), format!("Lab {name} 2")).await;
        page.ticks(page.says("I agree to the", "我已阅读并同意")).await;
        page.clicks(page.says("Activate", "立即开通")).await;
        page.is_at(page.says("Activation successful", "开通成功")).await;
        page.reads(&format!("Lab {name} 2")).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_the_vendor_says_is_shown_as_plain_text() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let name = named(tongue, "ann");
        stack
            .fault("console", json!({"kind": "error", "code": "invalid-field", "path": "POST /accounts", "times": 1}))
            .await;
        let (_, page) = registers(&stack, tongue, &name).await;
        page.reads(page.says("Some entries have to be changed", "部分内容需要修改")).await;
        page.reads("The sandbox was told to refuse this call.").await;
        page.looks("32-field-refused").await;
        stack.fault("console", json!({"kind": "error", "code": "refused", "path": "POST /accounts", "times": 1})).await;
        activates_again(&page).await;
        page.reads(page.says("This could not be accepted as it is", "当前内容未被接受")).await;
        page.reads("The sandbox was told to refuse this call.").await;
        page.looks("33-refused-by-vendor").await;
        activates_again(&page).await;
        page.is_at(page.says("Activation successful", "开通成功")).await;
    }
    stack.ends_well().await;
}
