//! No Billing Center account: the three parts of registering, the code, and *Activate*.

use landfall_tests::browser::BOTH;
use landfall_tests::stack::Wishes;
use landfall_tests::visitor::Visitor;

#[tokio::test]
async fn a_buyer_without_accounts_registers_in_three_parts_and_logs_in() {
    let mut stack = Wishes::default().with("TERMS_URL", "https://acme.example/terms").start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann.lee").await;
        ann.looks("02-choice").await;
        let workspace = ann.says("Lab", "实验室");
        ann.chooses_to_register().await;
        ann.reads(ann.says(
            "It is also your Billing Center username and can’t be changed later.",
            "同时也是您的费用中心用户名，之后无法更改。",
        ))
        .await;
        ann.looks("03-basic-information").await;

        // The rules stand there before; what is missing is named, and the focus goes there.
        ann.goes_on().await;
        ann.reads(ann.says("Please fill this in.", "请填写此项。")).await;
        assert_eq!(ann.focus().await, ann.says("Username", "用户名"));
        ann.types(ann.says("Username", "用户名"), &ann.name).await;
        ann.types(ann.says("E-mail", "邮箱"), ann.email()).await;
        ann.types_password("correct horse").await;
        ann.types_secret(ann.says("Confirm password", "确认登录密码"), "correct house").await;
        ann.goes_on().await;
        ann.reads(ann.says("The two passwords differ.", "两次输入的密码不一致。")).await;
        ann.types_password("correct horse").await;
        ann.goes_on().await;
        ann.reads(ann.says("Send a code to this address, and enter it here.", "请先向该邮箱发送验证码并填写。")).await;

        ann.types_code(&ann.email()).await;
        ann.reads(ann.says("A code was sent to", "验证码已发送至")).await;
        ann.looks("04-code").await;
        ann.types(ann.says("Verification code", "验证码"), "000000").await;
        ann.clicks(ann.says("Verify", "验证")).await;
        ann.reads(ann.says(
            "This is not the code that was sent. Compare it with the latest e-mail. Tries left: 4",
            "验证码不正确。请与最新一封邮件核对。剩余次数：4",
        ))
        .await;
        // Pasted as a mail program groups it.
        let code = ann.buyer.reads_code(&ann.email(), 1).await;
        let (one, two) = code.split_at(3);
        ann.field(ann.says("Verification code", "验证码")).await.clear().await.unwrap();
        ann.pastes(ann.says("Verification code", "验证码"), &format!("{one} {two}")).await;
        ann.clicks(ann.says("Verify", "验证")).await;
        ann.address_is_proven().await;
        ann.goes_on().await;

        ann.types(ann.says("Company name", "企业名称"), "Acme <b>有限公司</b> & Söhne").await;
        ann.chooses(ann.says("Country or region", "国家/地区"), ann.says("China", "中国")).await;
        ann.looks("05-company").await;
        ann.goes_on().await;
        ann.types(ann.says("Workspace name", "工作空间名称"), workspace).await;
        ann.reads(&ann.buyer.account_id).await;
        // Everything else is filled in: the keyboard goes on at the button below.
        ann.waits_for_focus(ann.says("Next", "下一步")).await;
        ann.activates().await;
        ann.reads(ann.says("Please agree to the terms.", "请先同意条款。")).await;
        ann.accepts_the_terms().await;
        ann.looks("06-activation-method").await;
        ann.activates().await;

        ann.is_successful().await;
        ann.reads(ann.says("Bound", "已绑定")).await;
        ann.looks("07-successful").await;
        assert_eq!(ann.text().await.matches(&ann.name).count(), 2, "both accounts stand there with their username");
        ann.confirms().await;
        ann.reads("Site: cn").await;
        let shown = ann.buyer.logs_in(&ann.place().await, &ann.name, "correct horse").await;
        assert!(shown.contains(workspace), "{shown}");
    }
    stack.ends_well().await;
}
