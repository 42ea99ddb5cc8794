//! The page survives closing, reloading, two tabs, another device, the back button, a lost network, a restarted server and an
//! ended session; what was typed survives with it, but for passwords and codes.

use landfall_tests::browser::{BOTH, Browser};
use landfall_tests::stack::{Stack, Wishes};
use landfall_tests::visitor::Visitor;
use serde_json::json;
use thirtyfour::{Key, WindowHandle};

/// Everything that this browser keeps of the page.
async fn kept(page: &Browser) -> String {
    let kept = page.runs("return JSON.stringify(localStorage) + JSON.stringify(sessionStorage)", vec![]).await;
    kept.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_typed_survives_reloading_closing_and_another_language_but_no_password_and_no_code() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.fills_in_basic_information().await;
        let company = ann.says("Company name", "企业名称");
        ann.types(company, "Acme 有限公司").await;
        let place = ann.place().await;

        ann.driver.refresh().await.unwrap();
        assert_eq!(ann.holds(company).await, "Acme 有限公司");
        ann.driver.back().await.unwrap();
        assert_eq!(ann.holds(ann.says("Username", "用户名")).await, ann.name);
        assert_eq!(ann.holds(ann.says("E-mail", "邮箱")).await, ann.email());
        ann.address_is_proven().await;
        assert_eq!(ann.holds(ann.says("Password", "登录密码")).await, "", "a password does not survive the page");

        // Another tab, and this one closed.
        let first: WindowHandle = ann.driver.window().await.unwrap();
        let second = ann.driver.new_tab().await.unwrap();
        ann.driver.close_window().await.unwrap();
        ann.driver.switch_to_window(second).await.unwrap();
        assert_ne!(ann.driver.window().await.unwrap(), first);
        ann.goes_to(&place).await;
        assert_eq!(ann.holds(company).await, "Acme 有限公司");

        // The other language, at the same place.
        ann.clicks(ann.says("中文", "English")).await;
        ann.reads(ann.says("企业名称", "Company name")).await;
        assert_eq!(ann.holds(ann.says("企业名称", "Company name")).await, "Acme 有限公司");
        let kept = kept(&ann).await;
        assert!(kept.contains(&ann.name) && !kept.contains("correct horse"), "{kept}");
        assert!(!kept.contains(&ann.buyer.reads_code(&ann.email(), 1).await), "{kept}");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_is_typed_in_two_tabs_at_once_is_kept_of_both() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.chooses_to_register().await;
        ann.types(ann.says("Username", "用户名"), &ann.name).await;
        let first = ann.driver.window().await.unwrap();
        let place = ann.place().await;
        let second = ann.driver.new_tab().await.unwrap();
        ann.driver.switch_to_window(second).await.unwrap();
        ann.goes_to(&place).await;
        assert_eq!(ann.holds(ann.says("Username", "用户名")).await, ann.name);
        ann.types(ann.says("E-mail", "邮箱"), ann.email()).await;
        ann.driver.switch_to_window(first).await.unwrap();
        ann.types(ann.says("Phone number", "手机号"), "555 01 23").await;
        ann.types_password("correct horse").await;
        ann.driver.refresh().await.unwrap();
        assert_eq!(ann.holds(ann.says("E-mail", "邮箱")).await, ann.email());
        assert_eq!(ann.holds(ann.says("Phone number", "手机号")).await, "555 01 23");
        assert!(!kept(&ann).await.contains("correct horse"));
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn two_tabs_and_another_device_see_the_same_and_go_on() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        let taken = json!({"kind": "error", "code": "username-taken", "path": "POST /accounts", "times": 1});
        stack.fault("console", taken).await;
        let first = ann.driver.window().await.unwrap();
        let place = ann.place().await;
        let second = ann.driver.new_tab().await.unwrap();
        ann.driver.switch_to_window(second.clone()).await.unwrap();
        ann.goes_to(&place).await;
        ann.driver.switch_to_window(first).await.unwrap();
        ann.registers().await;
        ann.reads(ann.says("Somebody else has this username", "该用户名已被占用")).await;
        ann.driver.switch_to_window(second).await.unwrap();
        ann.reads(ann.says("Somebody else has this username", "该用户名已被占用")).await;

        // Another device: what was sent is there, to be mended; the password is asked for.
        let device = Visitor::with(stack.buyer(), &stack, tongue, "ann").await;
        device.goes_to(&ann.buyer.login_link().await).await;
        device.reads(device.says("Somebody else has this username", "该用户名已被占用")).await;
        assert_eq!(device.holds(device.says("E-mail", "邮箱")).await, ann.email());
        device.address_is_proven().await;
        device.types(device.says("Username", "用户名"), format!("{}.2", ann.name)).await;
        device.types_password("another horse").await;
        device.goes_on().await;
        assert_eq!(device.holds(device.says("Company name", "企业名称")).await, "Acme");
        device.goes_on().await;
        assert_eq!(device.holds(device.says("Workspace name", "工作空间名称")).await, ann.workspace());
        device.activates().await;
        device.is_successful().await;
        // The first window hears of it by itself.
        ann.is_successful().await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_lost_network_and_a_restarted_server_are_waited_for() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.has_billing_account().await;
        ann.chooses_to_bind().await;
        ann.types_billing_username(&ann.name).await;
        stack.kill_api();
        ann.reads(ann.says("No connection", "网络已断开")).await;
        ann.looks("50-no-connection").await;
        // Asked for while nobody answers: it is sent when somebody does, once.
        ann.clicks(ann.says("Send code", "发送验证码")).await;
        stack.start_api().await;
        ann.reads(ann.says(
            "If this username exists, its e-mail address got a code.",
            "如果该用户名存在，验证码已发送到其邮箱。",
        ))
        .await;
        ann.reads_no_more(ann.says("No connection", "网络已断开")).await;
        assert_eq!(ann.holds(ann.billing_username()).await, ann.name);
        ann.types(ann.says("Verification code", "验证码"), ann.buyer.reads_code(&ann.billing_email(), 1).await).await;

        let network =
            |offline: bool| json!({"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        ann.cdp("Network.enable", json!({})).await;
        ann.cdp("Network.emulateNetworkConditions", network(true)).await;
        ann.clicks(ann.says("Bind", "绑定")).await;
        ann.reads(ann.says("No connection", "网络已断开")).await;
        assert_eq!(ann.holds(ann.billing_username()).await, ann.name);
        ann.cdp("Network.emulateNetworkConditions", network(false)).await;
        ann.is_at_the_list().await;
        assert_eq!(ann.buyer.mails(&ann.billing_email()).await.len(), 1);
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn an_ended_session_says_how_to_go_on_and_keeps_what_was_typed() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.chooses_to_register().await;
        ann.types(ann.says("Username", "用户名"), &ann.name).await;
        ann.types(ann.says("E-mail", "邮箱"), ann.email()).await;
        // The page finds out by itself, at its next poll or at the next click: here it is whichever comes first.
        ann.driver.delete_all_cookies().await.unwrap();
        ann.clicks_if_offered(ann.says("Send code", "发送验证码")).await;
        ann.is_at(ann.says("Your session has ended", "登录已失效")).await;
        ann.looks("51-session-ended").await;
        ann.driver.refresh().await.unwrap();
        ann.is_at(ann.says("Please come in from the marketplace", "请从云市场进入")).await;
        ann.looks("52-not-signed-in").await;
        ann.logs_in_directly().await;
        ann.chooses_to_register().await;
        assert_eq!(ann.holds(ann.says("Username", "用户名")).await, ann.name);
        assert_eq!(ann.holds(ann.says("E-mail", "邮箱")).await, ann.email());
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn the_keyboard_alone_is_enough_and_an_enter_that_ends_a_composition_sends_nothing() {
    /// Whether a key that is pressed while composing, as the browsers tell it, does what it does otherwise.
    const ENTER: &str = "
        const pressed = { key: 'Enter', bubbles: true, cancelable: true, ...arguments[0] };
        return document.activeElement.dispatchEvent(new KeyboardEvent('keydown', pressed));";
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.has_billing_account().await;
        // A page that was just opened: the first stop of Tab is the way to the content; Enter on a link goes where it leads.
        ann.driver.refresh().await.unwrap();
        ann.is_at_the_choice().await;
        ann.presses(Key::Tab + "").await;
        assert_eq!(ann.focus().await, ann.says("Skip to content", "跳到正文"));
        ann.presses(Key::Enter + "").await;
        assert_eq!(ann.focus().await, ann.says("Do you have a Billing Center account?", "您是否已有费用中心账号？"));
        ann.presses(Key::Tab + Key::Tab).await;
        ann.presses(Key::Enter + "").await;
        ann.is_at(ann.says("Bind Billing Center Account", "绑定费用中心账号")).await;
        assert_eq!(ann.focus().await, ann.says("Bind Billing Center Account", "绑定费用中心账号"));

        // Chinese is composed in the field, and Enter takes what was composed; Safari tells that by the old key code alone.
        ann.field(ann.billing_username()).await.focus().await.unwrap();
        ann.cdp("Input.imeSetComposition", json!({"text": "安", "selectionStart": 1, "selectionEnd": 1})).await;
        let enter = json!({"type": "rawKeyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229});
        ann.cdp("Input.dispatchKeyEvent", enter).await;
        ann.cdp("Input.insertText", json!({"text": "安"})).await;
        assert_eq!(ann.runs(ENTER, vec![json!({"isComposing": true})]).await, json!(false));
        assert_eq!(ann.runs(ENTER, vec![json!({"keyCode": 229})]).await, json!(false));
        assert_eq!(ann.runs(ENTER, vec![json!({"keyCode": 13})]).await, json!(true));
        let asked = stack.calls("billing_center").await.len();
        ann.types_billing_username(&ann.name).await;
        assert_eq!(stack.calls("billing_center").await.len(), asked, "nothing was asked for");
        assert!(!ann.offers(ann.says("Other username", "更换用户名")).await);

        // Enter sends the code, and Enter binds.
        ann.presses(Key::Enter + "").await;
        ann.reads(ann.says(
            "If this username exists, its e-mail address got a code.",
            "如果该用户名存在，验证码已发送到其邮箱。",
        ))
        .await;
        ann.waits_for_focus(ann.says("Verification code", "验证码")).await;
        ann.presses(ann.buyer.reads_code(&ann.billing_email(), 1).await).await;
        ann.presses(Key::Enter + "").await;
        ann.is_at_the_list().await;
        assert_eq!(ann.buyer.mails(&ann.billing_email()).await.len(), 1);
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_code_is_sent_again_after_its_pause_and_typed_in_full_width_digits() {
    let mut stack = Wishes::default().with("CODE_RESEND_SECONDS", "2").start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.chooses_to_register().await;
        ann.types(ann.says("E-mail", "邮箱"), ann.email()).await;
        ann.types_code(&ann.email()).await;
        ann.reads(ann.says("Look into the spam folder, too.", "请同时查看垃圾邮件文件夹。")).await;
        ann.reads("activation@acme.example").await;
        ann.waits_for("return document.querySelector('[data-after]')?.getAttribute('aria-disabled') === 'false'").await;
        ann.clicks(ann.says("Send again", "重新发送")).await;
        let code = ann.buyer.reads_code(&ann.email(), 2).await;
        let full_width: String = code.chars().map(|digit| char::from_u32(digit as u32 + 0xFEE0).unwrap()).collect();
        ann.types(ann.says("Verification code", "验证码"), full_width).await;
        ann.clicks(ann.says("Verify", "验证")).await;
        ann.address_is_proven().await;
    }
    stack.ends_well().await;
}
