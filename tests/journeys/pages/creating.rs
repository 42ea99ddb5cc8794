//! Create Workspace: with the account that the buyer has, and with one that is made.

use landfall_tests::browser::BOTH;
use landfall_tests::stack::Stack;
use serde_json::json;
use thirtyfour::Key;

use super::{at_the_workspaces, named, types_code};

#[tokio::test]
async fn a_workspace_is_created_for_the_account_that_the_buyer_has_at_the_chosen_site() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let name = named(tongue, "ann");
        let (ann, page, _) = at_the_workspaces(&stack, tongue, &name).await;
        let email = format!("{name}@example.com");
        page.clicks(page.says("Create Workspace", "创建工作空间")).await;
        page.reads(page.says("are two separate platforms", "是两个独立的平台")).await;
        page.looks("15-create-workspace").await;
        page.clicks(page.says("Next: Have Acme Observability Account", "下一步：已有艾克观测账号")).await;
        page.types(page.says("Workspace name", "工作空间名称"), format!("Lab {name}")).await;
        // The chooser in the upper right corner and the form's field are one.
        page.chooses(page.says("Site", "站点"), page.says("Singapore", "新加坡")).await;
        let fields = "return [...document.querySelectorAll('select[data-site]')].map((select) => select.value)";
        assert_eq!(page.runs(fields, vec![]).await, json!(["sg", "sg", "sg"]));

        // Only after the right code it is told that the address has no account; then everything else is kept.
        let label = page.says("E-mail of your", "艾克观测账号的邮箱");
        page.types(label, &email).await;
        types_code(&ann, &page, &email).await;
        page.ticks(page.says("I agree to the", "我已阅读并同意")).await;
        page.looks("16-create-with-account").await;
        page.clicks(page.says("Create", "创建")).await;
        page.reads(page.says("This e-mail address has no Acme Observability account", "该邮箱没有艾克观测账号"))
            .await;
        assert_eq!(page.holds(page.says("Workspace name", "工作空间名称")).await, format!("Lab {name}"));
        assert_eq!(page.holds(label).await, email);
        page.looks("25-account-unknown").await;

        let owner =
            json!({"username": format!("{name}.lee"), "email": email, "password": "correct horse", "site": "sg"});
        ann.has("console-accounts", owner).await;
        page.clicks(page.says("Create", "创建")).await;
        page.is_at(page.says("Activation successful", "开通成功")).await;
        page.reads(&format!("{name}.lee")).await;
        page.reads(page.says("Singapore", "新加坡")).await;
        page.clicks(page.says("Confirm", "确认")).await;
        page.reads("Site: sg").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_workspace_is_created_together_with_an_account_and_a_name_that_is_taken_is_asked_for_again() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let name = named(tongue, "ann");
        let (ann, page, _) = at_the_workspaces(&stack, tongue, &name).await;
        let email = format!("{name}@example.com");
        page.clicks(page.says("Create Workspace", "创建工作空间")).await;
        page.clicks(page.says("Next: No Acme Observability Account", "下一步：没有艾克观测账号")).await;
        page.types(page.says("Workspace name", "工作空间名称"), format!("Lab {name}")).await;
        page.ticks(page.says("中文", "English")).await;
        page.types(page.says("Username", "用户名"), "taken").await;
        page.types_secret(page.says("Password", "登录密码"), "correct horse").await;
        page.types_secret(page.says("Confirm password", "确认登录密码"), "correct horse").await;
        page.types(page.says("E-mail", "邮箱"), &email).await;
        types_code(&ann, &page, &email).await;
        page.chooses(
            page.says("Country code of the phone number", "手机号国家/地区代码"),
            page.says("Germany", "德国"),
        )
        .await;
        page.types(page.says("Phone number", "手机号"), "0171 555 01-23").await;
        page.ticks(page.says("I agree to the", "我已阅读并同意")).await;
        page.looks("17-create-with-new-account").await;
        let taken = json!({"kind": "error", "code": "username-taken", "path": "POST /accounts", "times": 1});
        stack.fault("console", taken).await;
        page.clicks(page.says("Register and create workspace", "注册并创建工作空间")).await;

        page.reads(page.says("Somebody else has this username", "该用户名已被占用")).await;
        assert_eq!(page.focus().await, page.says("Username", "用户名"));
        page.looks("26-username-taken").await;
        page.types(page.says("Username", "用户名"), &name).await;
        // What was typed is still there, the password in this window's memory; the address stays proven. Enter sends.
        page.presses(Key::Enter + "").await;
        page.is_at(page.says("Activation successful", "开通成功")).await;
        let call = stack
            .calls("console")
            .await
            .into_iter()
            .rfind(|call| call["method"] == "POST" && call["path"] == "/accounts");
        let sent = call.unwrap();
        let sent =
            serde_json::from_str(sent["body"].as_str().unwrap_or_default()).unwrap_or_else(|_| sent["body"].clone());
        assert_eq!(sent["phone"], "+491715550123", "{sent:#}");
        page.clicks(page.says("Confirm", "确认")).await;
        page.reads("Site: cn").await;
        let shown = ann.logs_in(&page.place().await, &name, "correct horse").await;
        assert!(shown.contains(&format!("Lab {name}")), "{shown}");
    }
    stack.ends_well().await;
}
