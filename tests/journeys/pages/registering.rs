//! No Billing Center account: the three parts of registering, the code, and *Activate*.

use landfall_tests::browser::BOTH;
use landfall_tests::stack::Wishes;
use landfall_tests::visitor::Visitor;

/// What may be left out says so beside its name, not in it.
async fn may_be_left_out(ann: &Visitor, label: &str) {
    let (name, description) = ann.says_aloud(label).await;
    assert_eq!(name, label);
    assert!(description.starts_with(ann.says("optional", "选填")), "{label}: {description}");
}

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
        may_be_left_out(&ann, ann.says("Phone number", "手机号")).await;

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
        // Everything else is filled in: the keyboard goes on at the button below.
        ann.waits_for_focus(ann.says("Next", "下一步")).await;
        ann.goes_on().await;

        ann.types(ann.says("Company name", "企业名称"), "Acme <b>有限公司</b> & Söhne").await;
        ann.chooses(ann.says("Country or region", "国家/地区"), ann.says("China", "中国")).await;
        ann.looks("05-company").await;
        may_be_left_out(&ann, ann.says("Country or region", "国家/地区")).await;
        may_be_left_out(&ann, ann.says("Industry", "所属行业")).await;
        ann.goes_on().await;
        ann.types(ann.says("Workspace name", "工作空间名称"), workspace).await;
        // Both ids stand in their boxes, can be read and copied, and are not the form's to send.
        for (label, id) in [
            (ann.says("Account ID", "账号 ID"), &ann.buyer.account_id),
            (ann.says("Product Instance ID", "商品实例 ID"), &ann.buyer.instance_id),
        ] {
            ann.reads(id).await;
            assert_eq!(ann.holds(label).await, *id);
            let field = ann.field(label).await;
            assert_eq!(field.attr("readonly").await.unwrap().as_deref(), Some("true"));
            assert_eq!(field.attr("name").await.unwrap(), None);
            let described = ann.says(
                "Both belong to your purchase and can’t be changed here.",
                "两者来自您的购买记录，此处不可修改。",
            );
            assert_eq!(ann.says_aloud(label).await, (label.to_owned(), described.to_owned()));
        }
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
