//! The page survives closing, reloading, two tabs, another device, the back button, a lost network, a restarted server and an
//! ended session; what was typed survives with it, but for passwords and codes.

use landfall_tests::browser::{BOTH, Browser};
use landfall_tests::stack::Stack;
use serde_json::json;
use thirtyfour::{Key, WindowHandle};

use super::registering::{activation_method, basic_information, company_information};
use super::{at_the_choice, named, types_code};

#[tokio::test]
async fn what_was_typed_survives_reloading_closing_and_another_language_but_no_password_and_no_code() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        let email = format!("{name}@example.com");
        basic_information(&ann, &page, &name, &email).await;
        page.types(page.says("Company name", "企业名称"), "Acme 有限公司").await;
        let place = page.place().await;

        page.driver.refresh().await.unwrap();
        assert_eq!(page.holds(page.says("Company name", "企业名称")).await, "Acme 有限公司");
        page.driver.back().await.unwrap();
        assert_eq!(page.holds(page.says("Username", "用户名")).await, name);
        assert_eq!(page.holds(page.says("E-mail", "邮箱")).await, email);
        page.reads(page.says("Proven: this address is yours.", "邮箱已验证。")).await;
        assert_eq!(page.holds(page.says("Password", "登录密码")).await, "", "a password does not survive the page");

        // Another tab, and this one closed.
        let first: WindowHandle = page.driver.window().await.unwrap();
        let second = page.driver.new_tab().await.unwrap();
        page.driver.close_window().await.unwrap();
        page.driver.switch_to_window(second).await.unwrap();
        assert_ne!(page.driver.window().await.unwrap(), first);
        page.goes_to(&place).await;
        assert_eq!(page.holds(page.says("Company name", "企业名称")).await, "Acme 有限公司");

        // The other language, at the same place.
        page.clicks(page.says("中文", "English")).await;
        page.reads(page.says("企业名称", "Company name")).await;
        assert_eq!(page.holds(page.says("企业名称", "Company name")).await, "Acme 有限公司");
        let kept = page.runs("return JSON.stringify(localStorage) + JSON.stringify(sessionStorage)", vec![]).await;
        let kept = kept.as_str().unwrap();
        assert!(kept.contains(&name) && !kept.contains("correct horse"), "{kept}");
        assert!(!kept.contains(&ann.reads_code(&email, 1).await), "{kept}");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn two_tabs_and_another_device_see_the_same_and_go_on() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        let taken = json!({"kind": "error", "code": "username-taken", "path": "POST /accounts", "times": 1});
        stack.fault("console", taken).await;
        let first = page.driver.window().await.unwrap();
        let place = page.place().await;
        let second = page.driver.new_tab().await.unwrap();
        page.driver.switch_to_window(second.clone()).await.unwrap();
        page.goes_to(&place).await;
        page.driver.switch_to_window(first).await.unwrap();
        basic_information(&ann, &page, &name, &format!("{name}@example.com")).await;
        company_information(&page, "Acme 有限公司").await;
        activation_method(&page, &format!("Lab {name}")).await;
        page.reads(page.says("Somebody else has this username", "该用户名已被占用")).await;
        page.driver.switch_to_window(second).await.unwrap();
        page.reads(page.says("Somebody else has this username", "该用户名已被占用")).await;

        // Another device: what was sent is there, to be mended; the password is asked for.
        let device = Browser::open(&stack, tongue).await;
        device.goes_to(&ann.login_link().await).await;
        device.reads(device.says("Somebody else has this username", "该用户名已被占用")).await;
        assert_eq!(device.holds(device.says("E-mail", "邮箱")).await, format!("{name}@example.com"));
        device.reads(device.says("Proven: this address is yours.", "邮箱已验证。")).await;
        device.types(device.says("Username", "用户名"), format!("{name}.2")).await;
        device.types_secret(device.says("Password", "登录密码"), "another horse").await;
        device.types_secret(device.says("Confirm password", "确认登录密码"), "another horse").await;
        device.clicks(device.says("Next", "下一步")).await;
        assert_eq!(device.holds(device.says("Company name", "企业名称")).await, "Acme 有限公司");
        device.clicks(device.says("Next", "下一步")).await;
        assert_eq!(device.holds(device.says("Workspace name", "工作空间名称")).await, format!("Lab {name}"));
        device.clicks(device.says("Activate", "立即开通")).await;
        device.is_at(device.says("Activation successful", "开通成功")).await;
        // The first window hears of it by itself.
        page.is_at(page.says("Activation successful", "开通成功")).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_lost_network_and_a_restarted_server_are_waited_for() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        let email = format!("{name}@bills.example");
        ann.has("billing-accounts", json!({"username": name, "email": email})).await;
        page.clicks(page.says("Next: Has Billing Center Account", "下一步：已有费用中心账号")).await;
        page.types(page.says("Username of the Billing Center account", "费用中心账号用户名"), &name).await;
        stack.kill_api();
        page.reads(page.says("No connection", "网络已断开")).await;
        page.looks("50-no-connection").await;
        // Asked for while nobody answers: it is sent when somebody does, once.
        page.clicks(page.says("Send code", "发送验证码")).await;
        stack.start_api().await;
        page.reads(page.says(
            "If this username exists, its e-mail address got a code.",
            "如果该用户名存在，验证码已发送到其邮箱。",
        ))
        .await;
        page.reads_no_more(page.says("No connection", "网络已断开")).await;
        page.types(page.says("Verification code", "验证码"), ann.reads_code(&email, 1).await).await;

        let offline = json!({"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        page.cdp("Network.enable", json!({})).await;
        page.cdp("Network.emulateNetworkConditions", offline).await;
        page.clicks(page.says("Bind", "绑定")).await;
        page.reads(page.says("No connection", "网络已断开")).await;
        let online = json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        page.cdp("Network.emulateNetworkConditions", online).await;
        page.is_at(page.says("Bind Workspace", "绑定工作空间")).await;
        assert_eq!(ann.mails(&email).await.len(), 1);
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn an_ended_session_says_how_to_go_on_and_keeps_what_was_typed() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        page.clicks(page.says("Next: No Billing Center Account", "下一步：没有费用中心账号")).await;
        page.types(page.says("Username", "用户名"), &name).await;
        page.types(page.says("E-mail", "邮箱"), format!("{name}@example.com")).await;
        // The page finds out by itself, at its next poll or at the next click: here it is whichever comes first.
        page.driver.delete_all_cookies().await.unwrap();
        page.clicks_if_offered(page.says("Send code", "发送验证码")).await;
        page.is_at(page.says("Your session has ended", "会话已结束")).await;
        page.looks("51-session-ended").await;
        page.driver.refresh().await.unwrap();
        page.is_at(page.says("Please come in from the marketplace", "请从云市场进入")).await;
        page.looks("52-not-signed-in").await;
        page.goes_to(&ann.login_link().await).await;
        page.clicks(page.says("Next: No Billing Center Account", "下一步：没有费用中心账号")).await;
        assert_eq!(page.holds(page.says("Username", "用户名")).await, name);
        assert_eq!(page.holds(page.says("E-mail", "邮箱")).await, format!("{name}@example.com"));
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn the_keyboard_alone_is_enough_and_an_enter_that_ends_a_composition_sends_nothing() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        let email = format!("{name}@bills.example");
        ann.has("billing-accounts", json!({"username": name, "email": email})).await;
        // A page that was just opened: the first stop of Tab is the way to the content; Enter on a link goes where it leads.
        page.driver.refresh().await.unwrap();
        page.is_at(page.says("Do you have a Billing Center account?", "您是否已有费用中心账号？")).await;
        page.presses(Key::Tab + "").await;
        assert_eq!(page.focus().await, page.says("Skip to content", "跳到正文"));
        page.presses(Key::Enter + "").await;
        assert_eq!(page.focus().await, page.says("Do you have a Billing Center account?", "您是否已有费用中心账号？"));
        page.presses(Key::Tab + Key::Tab).await;
        page.presses(Key::Enter + "").await;
        page.is_at(page.says("Bind Billing Center Account", "绑定费用中心账号")).await;
        assert_eq!(page.focus().await, page.says("Bind Billing Center Account", "绑定费用中心账号"));

        page.field(page.says("Username of the Billing Center account", "费用中心账号用户名"))
            .await
            .focus()
            .await
            .unwrap();
        page.cdp("Input.imeSetComposition", json!({"text": "安", "selectionStart": 1, "selectionEnd": 1})).await;
        let enter = json!({"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229});
        page.cdp("Input.dispatchKeyEvent", enter).await;
        page.cdp("Input.insertText", json!({"text": "安"})).await;
        let asked = stack.calls("billing_center").await.len();
        page.types(page.says("Username of the Billing Center account", "费用中心账号用户名"), &name).await;
        assert_eq!(stack.calls("billing_center").await.len(), asked, "nothing was asked for");
        assert!(!page.offers(page.says("Other username", "更换用户名")).await);

        // Enter sends the code, and Enter binds.
        page.presses(Key::Enter + "").await;
        page.reads(page.says(
            "If this username exists, its e-mail address got a code.",
            "如果该用户名存在，验证码已发送到其邮箱。",
        ))
        .await;
        page.waits_for_focus(page.says("Verification code", "验证码")).await;
        page.presses(ann.reads_code(&email, 1).await).await;
        page.presses(Key::Enter + "").await;
        page.is_at(page.says("Bind Workspace", "绑定工作空间")).await;
        assert_eq!(ann.mails(&email).await.len(), 1);
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_code_is_sent_again_after_its_pause_and_typed_in_full_width_digits() {
    let mut stack = landfall_tests::stack::Wishes::default().with("CODE_RESEND_SECONDS", "2").start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let email = format!("{}@example.com", named(tongue, "ann"));
        page.clicks(page.says("Next: No Billing Center Account", "下一步：没有费用中心账号")).await;
        page.types(page.says("E-mail", "邮箱"), &email).await;
        types_code(&ann, &page, &email).await;
        page.reads(page.says("Look into the spam folder, too.", "请同时查看垃圾邮件文件夹。")).await;
        page.reads("activation@acme.example").await;
        page.waits_for("return document.querySelector('[data-after]')?.getAttribute('aria-disabled') === 'false'")
            .await;
        page.clicks(page.says("Send again", "重新发送")).await;
        let code = ann.reads_code(&email, 2).await;
        let full_width: String = code.chars().map(|digit| char::from_u32(digit as u32 + 0xFEE0).unwrap()).collect();
        page.types(page.says("Verification code", "验证码"), full_width).await;
        page.clicks(page.says("Verify", "验证")).await;
        page.reads(page.says("Proven: this address is yours.", "邮箱已验证。")).await;
    }
    stack.ends_well().await;
}
