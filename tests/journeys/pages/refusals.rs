//! What registering can be refused: each comes back as a question, with everything else kept.

use landfall_tests::browser::{BOTH, Tongue};
use landfall_tests::stack::Stack;
use landfall_tests::visitor::Visitor;
use serde_json::json;

/// Registers up to and with *Activate*.
async fn registering(stack: &Stack, tongue: Tongue) -> Visitor {
    let ann = Visitor::at_the_choice(stack, tongue, "ann").await;
    ann.registers().await;
    ann
}

/// Through all parts to *Activate*, with what is still typed.
async fn activates_again(ann: &Visitor) {
    ann.goes_on().await;
    ann.goes_on().await;
    ann.activates().await;
}

#[tokio::test]
async fn a_username_that_is_taken_is_asked_for_again() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        let first = json!({"username": ann.name, "email": format!("first.{}", ann.email())});
        ann.buyer.has("billing-accounts", first).await;
        ann.registers().await;
        ann.reads(ann.says("Somebody else has this username", "该用户名已被占用")).await;
        ann.reads(ann.says("Everything else is kept.", "其他内容均已保留。")).await;
        assert_eq!(ann.focus().await, ann.says("Username", "用户名"));
        assert_eq!(ann.holds(ann.says("E-mail", "邮箱")).await, ann.email());
        ann.looks("27-username-taken-registering").await;
        let other = format!("{}.2", ann.name);
        ann.types(ann.says("Username", "用户名"), &other).await;
        activates_again(&ann).await;
        ann.is_successful().await;
        assert_eq!(ann.text().await.matches(&other).count(), 2, "both accounts");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn an_address_that_has_an_account_may_use_it() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        let username = format!("{}.old", ann.name);
        let old = json!({"username": username, "email": ann.email(), "password": "old horse", "site": "cn"});
        ann.buyer.has("console-accounts", old).await;
        ann.registers().await;
        ann.reads(ann.says("There is an account with this e-mail address already", "该邮箱已注册过账号")).await;
        ann.looks("28-email-taken").await;
        ann.clicks(ann.says("Use my existing account", "使用我已有的账号")).await;
        ann.is_successful().await;
        // Both accounts with their usernames: the one that was there, and the new one of the Billing Center.
        ann.reads(&username).await;
        ann.looks("29-existing-account-used").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn an_address_that_the_billing_center_knows_leads_to_binding() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        let username = format!("{}.old", ann.name);
        ann.buyer.has("billing-accounts", json!({"username": username, "email": ann.email()})).await;
        ann.registers().await;
        ann.reads(ann.says("There is an account with this e-mail address already", "该邮箱已注册过账号")).await;
        ann.reads(ann.says("account is made and stays as it is:", "账号已创建，保持不变：")).await;
        ann.looks("30-email-taken-at-the-billing-center").await;
        ann.clicks(ann.says("Bind my Billing Center account", "绑定我的费用中心账号")).await;
        ann.types_billing_username(&username).await;
        ann.types_code(&ann.email()).await;
        ann.clicks(ann.says("Bind", "绑定")).await;
        ann.is_at_the_list().await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_workspace_name_that_is_taken_is_asked_for_alone() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let taken = json!({"kind": "error", "code": "workspace-name-taken", "path": "/workspaces", "times": 1});
        stack.fault("console", taken).await;
        let ann = registering(&stack, tongue).await;
        ann.is_at(ann.says("Your accounts are made. One thing is left.", "账号已创建，还差一步。")).await;
        ann.reads(ann.says("There is a workspace with this name already", "该工作空间名称已被使用")).await;
        ann.looks("31-workspace-name-taken").await;
        let other = format!("{} 2", ann.workspace());
        ann.types(ann.says("Workspace name", "工作空间名称"), &other).await;
        ann.activates().await;
        ann.is_successful().await;
        ann.reads(&other).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_username_that_the_billing_center_refuses_is_told_where_it_was_typed() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.chooses_to_bind().await;
        let fault = json!({"kind": "error", "status": 422, "code": "refused", "path": "GET /accounts?", "times": 1});
        stack.fault("billing_center", fault).await;
        ann.types_billing_username("ann").await;
        ann.clicks(ann.says("Send code", "发送验证码")).await;
        ann.reads(ann.says("This could not be accepted as it is", "提交的内容未通过")).await;
        ann.reads("The sandbox was told to refuse this call.").await;
        ann.looks("34-username-refused").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_the_vendor_says_is_shown_as_plain_text() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let refuses = |code: &str| json!({"kind": "error", "code": code, "path": "POST /accounts", "times": 1});
        stack.fault("console", refuses("invalid-field")).await;
        let ann = registering(&stack, tongue).await;
        ann.reads(ann.says("Some entries have to be changed", "部分内容需要修改")).await;
        ann.reads("The sandbox was told to refuse this call.").await;
        ann.looks("32-field-refused").await;
        stack.fault("console", refuses("refused")).await;
        activates_again(&ann).await;
        ann.reads(ann.says("This could not be accepted as it is", "提交的内容未通过")).await;
        ann.reads("The sandbox was told to refuse this call.").await;
        ann.looks("33-refused-by-vendor").await;
        activates_again(&ann).await;
        ann.is_successful().await;
    }
    stack.ends_well().await;
}
