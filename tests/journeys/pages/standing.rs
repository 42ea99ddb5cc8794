//! Waiting and ending: what is tried again and when, what only our team can mend, and what is over.

use landfall_tests::browser::{BOTH, Browser};
use landfall_tests::stack::{Stack, Wishes};
use landfall_tests::visitor::Visitor;
use serde_json::json;

#[tokio::test]
async fn what_is_tried_again_is_shown_with_the_reason_and_the_time() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        stack.fault("marketplace", json!({"kind": "error", "status": 503, "retry_after": 1800, "times": 1})).await;
        let ann = Visitor::arrived(&stack, tongue, "ann").await;
        ann.reads(ann.says("Alibaba Cloud Marketplace is not answering at the moment", "阿里云云市场暂时没有响应"))
            .await;
        ann.reads(ann.says("This takes longer than usual.", "处理时间比平时长。")).await;
        ann.reads(ann.says("Next try:", "下次重试：")).await;
        ann.reads(ann.says("GMT", "GMT+8")).await;
        ann.reads(ann.says("(in ", "（还有 ")).await;
        ann.reads(&ann.buyer.instance_id).await;
        ann.looks("40-retrying").await;
        // Half an hour goes by.
        let due = "update commands set due_at = now(), not_before = now() where state = 'ready'";
        sqlx::query(due).execute(&stack.pool).await.unwrap();
        ann.is_at_the_choice().await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_the_other_side_is_still_at_is_said_so_and_goes_on_by_itself() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.has_billing_account().await;
        let not_yet = json!({"kind": "not_yet", "retry_after": 2, "path": "PUT /cloud-accounts"});
        stack.fault("billing_center", not_yet).await;
        ann.chooses_to_bind().await;
        ann.types_billing_username(&ann.name).await;
        ann.types_code(&ann.billing_email()).await;
        ann.clicks(ann.says("Bind", "绑定")).await;
        ann.is_at(ann.says("Binding your Billing Center account", "正在绑定费用中心账号")).await;
        ann.reads(ann.says("It has begun on the other side and is not finished there", "请求已受理，正在处理中")).await;
        ann.looks("41-not-yet").await;
        stack.heal().await;
        ann.is_at_the_list().await;
        assert_eq!(ann.focus().await, ann.bind_workspace(), "reading begins at the heading");
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_mail_server_that_is_away_or_refuses_an_address_stops_nobody() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        stack.fault("mail", json!({"kind": "error", "status": 451, "path": "data"})).await;
        ann.chooses_to_register().await;
        ann.types(ann.says("E-mail", "邮箱"), ann.email()).await;
        ann.clicks(ann.says("Send code", "发送验证码")).await;
        ann.reads(ann.says("The mail server is not answering at the moment", "邮件服务器暂时没有响应")).await;
        ann.looks("42-mail-unavailable").await;
        stack.heal().await;
        ann.reads(ann.says("A code was sent to", "验证码已发送至")).await;

        stack.fault("mail", json!({"kind": "error", "status": 550, "path": "rcpt", "times": 1})).await;
        ann.clicks(ann.says("Change address", "更换邮箱")).await;
        ann.types(ann.says("E-mail", "邮箱"), format!("nobody.{}", ann.email())).await;
        ann.clicks(ann.says("Send code", "发送验证码")).await;
        ann.reads(ann.says("The mail server does not take mail for this address", "邮件服务器拒收发往该地址的邮件"))
            .await;
        ann.looks("43-mail-refused").await;
        ann.clicks(ann.says("Change address", "更换邮箱")).await;
        let other = format!("other.{}", ann.email());
        ann.types(ann.says("E-mail", "邮箱"), &other).await;
        ann.types_code(&other).await;
        ann.clicks(ann.says("Verify", "验证")).await;
        ann.address_is_proven().await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn what_only_our_team_can_mend_has_a_reference_and_a_way_to_support() {
    let wishes = Wishes::default().with("RETRY_ATTEMPTS", "2").with("SUPPORT_URL", "https://acme.example/support");
    let mut stack = wishes.start().await;
    for tongue in BOTH {
        stack.fault("billing_center", json!({"kind": "error", "status": 400, "code": "no-idea", "times": 1})).await;
        let ann = Visitor::arrived(&stack, tongue, "ann").await;
        ann.is_at(ann.says("Our team has to look at this", "需要我们的工作人员处理")).await;
        let id = ann.place().await.path().rsplit('/').next().unwrap().to_owned();
        ann.reads(&id).await;
        ann.reads(ann.says("gave an answer that we did not expect", "返回了异常结果")).await;
        assert!(ann.offers(ann.says("Contact support", "联系支持")).await);
        ann.looks("44-needs-attention").await;
    }
    stack.ends_with_dead(&["find_billing_account", "find_billing_account"]).await;
}

#[tokio::test]
async fn what_is_over_says_why_and_what_to_do() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        // Released while the buyer stands at the choice: the open page says so by itself.
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        ann.buyer.marketplace_says("release", json!({})).await;
        ann.is_at(ann.says("The marketplace has ended this instance", "云市场已释放该实例")).await;
        ann.looks("45-released").await;
        ann.logs_in_directly().await;
        ann.is_at(ann.says("The marketplace has ended this instance", "云市场已释放该实例")).await;
        ann.looks("46-released-login").await;

        // Suspended after it was bound: Login Directly leads to a page that says where to mend it.
        let (mut bob, account) = Visitor::at_the_workspaces(&stack, tongue, "bob").await;
        let lab = json!({"name": bob.workspace(), "billing_account_id": account, "site": "cn"});
        bob.buyer.has("workspaces", lab).await;
        bob.clicks(bob.says("Refresh list", "刷新列表")).await;
        bob.chooses_workspace(&bob.workspace()).await;
        bob.confirms().await;
        bob.is_successful().await;
        bob.buyer.logs_in_directly().await;
        bob.buyer.marketplace_says("expire", json!({})).await;
        bob.logs_in_directly().await;
        bob.is_at(bob.says("This instance is not in use", "该实例当前不可用")).await;
        bob.reads(&bob.buyer.instance_id).await;
        bob.reads(&bob.buyer.account_id).await;
        bob.reads(bob.says("Marketplace > Purchased Services", "云市场 > 已购买的服务")).await;
        bob.looks("47-suspended").await;
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
