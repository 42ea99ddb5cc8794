//! Create Workspace: with the account that the buyer has, and with one that is made.

use landfall_tests::browser::BOTH;
use landfall_tests::stack::Stack;
use landfall_tests::visitor::Visitor;
use serde_json::json;
use thirtyfour::Key;

#[tokio::test]
async fn a_workspace_is_created_for_the_account_that_the_buyer_has_at_the_chosen_site() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, _) = Visitor::at_the_workspaces(&stack, tongue, "ann").await;
        ann.clicks(ann.says("Create Workspace", "创建工作空间")).await;
        ann.reads(ann.says("are two separate platforms", "是两个独立的平台")).await;
        ann.looks("15-create-workspace").await;
        ann.clicks(ann.says("Next: Have Acme Observability Account", "下一步：已有艾克观测账号")).await;
        ann.types(ann.says("Workspace name", "工作空间名称"), ann.workspace()).await;
        // The chooser in the upper right corner and the form's field are one.
        ann.chooses(ann.says("Site", "站点"), ann.says("Singapore", "新加坡")).await;
        let fields = "return [...document.querySelectorAll('select[data-site]')].map((select) => select.value)";
        assert_eq!(ann.runs(fields, vec![]).await, json!(["sg", "sg", "sg"]));

        // Only after the right code it is told that the address has no account; then everything else is kept.
        let label = ann.says("E-mail of your", "艾克观测账号的邮箱");
        ann.types(label, ann.email()).await;
        ann.types_code(&ann.email()).await;
        ann.accepts_the_terms().await;
        ann.looks("16-create-with-account").await;
        ann.clicks(ann.says("Create", "创建")).await;
        ann.reads(ann.says("This e-mail address has no Acme Observability account", "该邮箱没有艾克观测账号")).await;
        assert_eq!(ann.holds(ann.says("Workspace name", "工作空间名称")).await, ann.workspace());
        assert_eq!(ann.holds(label).await, ann.email());
        ann.looks("25-account-unknown").await;

        let username = format!("{}.lee", ann.name);
        let owner = json!({"username": username, "email": ann.email(), "password": "correct horse", "site": "sg"});
        ann.buyer.has("console-accounts", owner).await;
        ann.clicks(ann.says("Create", "创建")).await;
        ann.is_successful().await;
        ann.reads(&username).await;
        ann.reads(ann.says("Singapore", "新加坡")).await;
        ann.confirms().await;
        ann.reads("Site: sg").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_workspace_is_created_together_with_an_account_and_a_name_that_is_taken_is_asked_for_again() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, _) = Visitor::at_the_workspaces(&stack, tongue, "ann").await;
        ann.clicks(ann.says("Create Workspace", "创建工作空间")).await;
        ann.clicks(ann.says("Next: No Acme Observability Account", "下一步：没有艾克观测账号")).await;
        ann.types(ann.says("Workspace name", "工作空间名称"), ann.workspace()).await;
        ann.ticks(ann.says("中文", "English")).await;
        ann.types(ann.says("Username", "用户名"), "taken").await;
        ann.types_password("correct horse").await;
        ann.types(ann.says("E-mail", "邮箱"), ann.email()).await;
        ann.types_code(&ann.email()).await;
        ann.chooses(ann.says("Country code of the phone number", "手机号国家/地区代码"), ann.says("Germany", "德国"))
            .await;
        ann.types(ann.says("Phone number", "手机号"), "0171 555 01-23").await;
        ann.accepts_the_terms().await;
        ann.looks("17-create-with-new-account").await;
        let taken = json!({"kind": "error", "code": "username-taken", "path": "POST /accounts", "times": 1});
        stack.fault("console", taken).await;
        ann.clicks(ann.says("Register and create workspace", "注册并创建工作空间")).await;

        ann.reads(ann.says("Somebody else has this username", "该用户名已被占用")).await;
        assert_eq!(ann.focus().await, ann.says("Username", "用户名"));
        ann.looks("26-username-taken").await;
        ann.types(ann.says("Username", "用户名"), &ann.name).await;
        // What was typed is still there, the password in this window's memory; the address stays proven. Enter sends.
        ann.presses(Key::Enter + "").await;
        ann.is_successful().await;
        let call = stack
            .calls("console")
            .await
            .into_iter()
            .rfind(|call| call["method"] == "POST" && call["path"] == "/accounts");
        let sent = call.unwrap();
        let sent =
            serde_json::from_str(sent["body"].as_str().unwrap_or_default()).unwrap_or_else(|_| sent["body"].clone());
        assert_eq!(sent["phone"], "+491715550123", "{sent:#}");
        ann.confirms().await;
        ann.reads("Site: cn").await;
        let shown = ann.buyer.logs_in(&ann.place().await, &ann.name, "correct horse").await;
        assert!(shown.contains(&ann.workspace()), "{shown}");
    }
    stack.ends_well().await;
}
