//! Waiting and ending: what is tried again and when, what only our team can mend, and what is over.

use landfall_tests::browser::{BOTH, Browser};
use landfall_tests::stack::{Stack, Wishes};
use serde_json::json;

use super::{arrived, at_the_choice, at_the_workspaces, named};

#[tokio::test]
async fn what_is_tried_again_is_shown_with_the_reason_and_the_time() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        stack.fault("marketplace", json!({"kind": "error", "status": 503, "retry_after": 1800, "times": 1})).await;
        let (ann, page) = arrived(&stack, tongue).await;
        page.reads(page.says("Alibaba Cloud Marketplace is not answering at the moment", "阿里云云市场暂时没有响应"))
            .await;
        page.reads(page.says("Next try:", "下次重试：")).await;
        page.reads(page.says("GMT", "GMT+8")).await;
        page.reads(page.says("(in ", "(还有 ")).await;
        page.reads(&ann.instance_id).await;
        page.looks("40-retrying").await;
        // Half an hour goes by.
        let due = "update commands set due_at = now(), not_before = now() where state = 'ready'";
        sqlx::query(due).execute(&stack.pool).await.unwrap();
        page.is_at(page.says("Do you have a Billing Center account?", "您是否已有费用中心账号？")).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_the_other_side_is_still_at_is_said_so_and_goes_on_by_itself() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        let email = format!("{name}@bills.example");
        ann.has("billing-accounts", json!({"username": name, "email": email})).await;
        stack
            .fault("billing_center", json!({"kind": "not_yet", "retry_after": 2, "path": "PUT /cloud-accounts"}))
            .await;
        page.clicks(page.says("Next: Has Billing Center Account", "下一步：已有费用中心账号")).await;
        page.types(page.says("Username of the Billing Center account", "费用中心账号用户名"), &name).await;
        super::types_code(&ann, &page, &email).await;
        page.clicks(page.says("Bind", "绑定")).await;
        page.is_at(page.says("Binding your Billing Center account", "正在绑定费用中心账号")).await;
        page.reads(page.says("It has begun on the other side and is not finished there", "对方已受理，尚未完成")).await;
        page.looks("41-not-yet").await;
        stack.heal().await;
        page.is_at(page.says("Bind Workspace", "绑定工作空间")).await;
        assert_eq!(page.focus().await, page.says("Bind Workspace", "绑定工作空间"), "reading begins at the heading");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_mail_server_that_is_away_or_refuses_an_address_stops_nobody() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        stack.fault("mail", json!({"kind": "error", "status": 451, "path": "data"})).await;
        page.clicks(page.says("Next: No Billing Center Account", "下一步：没有费用中心账号")).await;
        page.types(page.says("E-mail", "邮箱"), format!("{name}@example.com")).await;
        page.clicks(page.says("Send code", "发送验证码")).await;
        page.reads(page.says("The mail server is not answering at the moment", "邮件服务器暂时没有响应")).await;
        page.looks("42-mail-unavailable").await;
        stack.heal().await;
        page.reads(page.says("A code was sent to", "验证码已发送至")).await;

        stack.fault("mail", json!({"kind": "error", "status": 550, "path": "rcpt", "times": 1})).await;
        page.clicks(page.says("Change address", "更换邮箱")).await;
        page.types(page.says("E-mail", "邮箱"), format!("nobody.{name}@example.com")).await;
        page.clicks(page.says("Send code", "发送验证码")).await;
        page.reads(page.says("The mail server does not take mail for this address", "邮件服务器拒收发往该地址的邮件"))
            .await;
        page.looks("43-mail-refused").await;
        page.clicks(page.says("Change address", "更换邮箱")).await;
        page.types(page.says("E-mail", "邮箱"), format!("other.{name}@example.com")).await;
        page.clicks(page.says("Send code", "发送验证码")).await;
        page.types(
            page.says("Verification code", "验证码"),
            ann.reads_code(&format!("other.{name}@example.com"), 1).await,
        )
        .await;
        page.clicks(page.says("Verify", "验证")).await;
        page.reads(page.says("Proven: this address is yours.", "邮箱已验证。")).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_only_our_team_can_mend_has_a_reference_and_a_way_to_support() {
    let wishes = Wishes::default().with("RETRY_ATTEMPTS", "2").with("SUPPORT_URL", "https://acme.example/support");
    let mut stack = wishes.start().await;
    for tongue in BOTH {
        stack.fault("billing_center", json!({"kind": "error", "status": 400, "code": "no-idea", "times": 1})).await;
        let (_, page) = arrived(&stack, tongue).await;
        page.is_at(page.says("Our team has to look at this", "需要我们的工作人员处理")).await;
        let id = page.place().await.path().rsplit('/').next().unwrap().to_owned();
        page.reads(&id).await;
        page.reads(page.says("gave an answer that we did not expect", "返回了意外的结果")).await;
        assert!(page.offers(page.says("Contact support", "联系支持")).await);
        page.looks("44-needs-attention").await;
    }
    stack.ends_with_dead(&["find_billing_account", "find_billing_account"]).await;
}

#[tokio::test]
async fn what_is_over_says_why_and_what_to_do() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        // Released while the buyer stands at the choice: the open page says so by itself.
        let (ann, page) = at_the_choice(&stack, tongue).await;
        ann.marketplace_says("release", json!({})).await;
        page.is_at(page.says("The marketplace has ended this instance", "云市场已释放该实例")).await;
        page.looks("45-released").await;
        page.goes_to(&ann.login_link().await).await;
        page.is_at(page.says("The marketplace has ended this instance", "云市场已释放该实例")).await;
        page.looks("46-released-login").await;

        // Suspended after it was bound: Login Directly leads to a page that says where to mend it.
        let name = named(tongue, "ann");
        let (mut bob, page, account) = at_the_workspaces(&stack, tongue, &name).await;
        let lab = json!({"name": format!("Lab {name}"), "billing_account_id": account, "site": "cn"});
        bob.has("workspaces", lab).await;
        page.clicks(page.says("Look again", "刷新列表")).await;
        page.clicks(&format!("{} Lab {name}", page.says("Bind", "绑定"))).await;
        page.clicks(page.says("Confirm", "确认")).await;
        page.is_at(page.says("Activation successful", "开通成功")).await;
        bob.logs_in_directly().await;
        bob.marketplace_says("expire", json!({})).await;
        page.goes_to(&bob.login_link().await).await;
        page.is_at(page.says("This instance is not in use", "该实例当前不可用")).await;
        page.reads(&bob.instance_id).await;
        page.reads(&bob.account_id).await;
        page.reads(page.says("Marketplace > Purchased Services", "云市场 > 已购买的服务")).await;
        page.looks("47-suspended").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_bad_link_says_how_to_get_a_good_one() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let page = Browser::open(&stack, tongue).await;
        page.goes("marketplaces/alibaba/login?action=verify&instanceId=1&timeStamp=20200101000000&token=0").await;
        page.is_at(page.says("This login link is no longer valid", "该免登链接已失效")).await;
        page.reads(page.says("Marketplace > Purchased Services > Login Directly", "云市场 > 已购买的服务 > 免登"))
            .await;
        page.looks("48-bad-link").await;
    }
    stack.ends_well().await;
}
