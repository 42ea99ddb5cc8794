//! The typed entry: both ids with help on where they stand, what is wrong with them, and the way on.

use landfall_tests::browser::{BOTH, Browser};
use landfall_tests::stack::Stack;
use landfall_tests::visitor::Visitor;
use serde_json::json;
use thirtyfour::By;

fn full_width(digits: &str) -> String {
    digits.chars().map(|digit| char::from_u32(digit as u32 + 0xFEE0).unwrap()).collect()
}

#[tokio::test]
async fn a_typed_entry_says_where_the_ids_stand_what_is_wrong_with_them_and_goes_on() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::purchased(&stack, tongue, "ann").await;
        let (account_id, instance_id) = (ann.buyer.account_id.as_str(), ann.buyer.instance_id.as_str());
        ann.goes("activate").await;
        ann.is_at(ann.says("Activate Acme Observability", "开通艾克观测")).await;
        ann.reads(ann.says("click the avatar in the upper right corner", "点击右上角的头像")).await;
        ann.reads(ann.says("A RAM user’s own id is not it.", "RAM 用户自身的 ID 不是账号 ID。")).await;
        ann.reads(ann.says("Marketplace > Purchased Services > Login Directly", "云市场 > 已购买的服务 > 免登")).await;
        ann.looks("01-typed-entry").await;
        ann.goes_on().await;
        ann.reads(ann.says("Please fill this in.", "请填写此项。")).await;
        ann.types_ids("ann@example.com", instance_id).await;
        ann.reads(ann.says("This does not fit.", "填写内容不符合要求。")).await;

        // A RAM user's own id.
        ann.types_ids("299999", instance_id).await;
        ann.reads(ann.says("This instance was bought by another Account ID", "该实例是由其他账号购买的")).await;
        ann.reads(ann.says("A RAM user’s own id is not it.", "RAM 用户自身的 ID 不是账号 ID。")).await;
        ann.looks("20-account-mismatch").await;
        ann.clicks(ann.says("Correct the IDs", "修改填写的 ID")).await;
        assert_eq!(ann.holds(ann.says("Product Instance ID", "商品实例 ID")).await, instance_id);

        // An instance that nobody knows.
        ann.types_ids(account_id, "77").await;
        ann.reads(ann.says("The marketplace does not know this instance yet", "云市场中暂未查询到该实例")).await;
        ann.reads(ann.says("This page goes on by itself as soon as it can.", "条件满足后，本页面会自动继续。")).await;
        ann.looks("21-instance-not-found").await;
        ann.clicks(ann.says("Correct the IDs", "修改填写的 ID")).await;

        // Full-width digits and blanks are as good.
        ann.types_ids(&format!(" {}", full_width(account_id)), instance_id).await;
        ann.is_at_the_choice().await;

        // Somebody else cannot begin it again.
        let bob = Visitor::with(stack.buyer(), &stack, tongue, "bob").await;
        bob.goes("activate").await;
        bob.types_ids(account_id, instance_id).await;
        bob.reads(bob.says("The activation of this instance has begun already", "该实例的开通流程已经开始")).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_typed_entry_of_a_bound_cloud_account_proves_that_account_and_registers_no_other() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, _) = Visitor::at_the_workspaces(&stack, tongue, "ann").await;
        let mut again = stack.buyer();
        again.purchases_with(json!({"account_id": ann.buyer.account_id})).await;
        let bob = Visitor::with(again, &stack, tongue, "bob").await;
        bob.goes("activate").await;
        bob.types_ids(&bob.buyer.account_id, &bob.buyer.instance_id).await;
        bob.is_at(bob.says("Bind Billing Center Account", "绑定费用中心账号")).await;
        bob.reads(bob.says(
            "Your cloud account is bound to a Billing Center account already.",
            "您的云账号已绑定费用中心账号。",
        ))
        .await;
        assert!(!bob.text().await.contains(&ann.name), "nothing of the bound account is told");
        assert!(!bob.offers(bob.says("Register instead", "改为注册")).await);
        bob.looks("22-bound-already").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn without_javascript_a_page_says_what_to_do() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::purchased(&stack, tongue, "ann").await;
        ann.cdp("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        ann.goes("activate").await;
        needs_javascript(&ann).await;
        ann.logs_in_directly().await;
        needs_javascript(&ann).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn with_javascript_nothing_says_that_it_is_missing() {
    /// What stands in the page for browsers without scripts: as elements, and as words that a program reads.
    const SCRIPTLESS: &str = "
        const said = document.getElementById('main').textContent.includes(arguments[0]);
        return [document.querySelectorAll('noscript *').length, said]";
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::purchased(&stack, tongue, "ann").await;
        let sentence = json!(ann.says("This page needs JavaScript", "此页面需要启用 JavaScript"));
        ann.goes("activate").await;
        assert_eq!(ann.runs(SCRIPTLESS, vec![sentence.clone()]).await, json!([0, false]));
        ann.logs_in_directly().await;
        ann.is_at_the_choice().await;
        // At the latest now the page was fetched again and turned into what came.
        ann.chooses_to_register().await;
        ann.types(ann.says("E-mail", "邮箱"), ann.email()).await;
        ann.types_code(&ann.email()).await;
        assert_eq!(ann.runs(SCRIPTLESS, vec![sentence]).await, json!([0, false]));
    }
    stack.ends_well().await;
}

async fn needs_javascript(page: &Browser) {
    let told = page.driver.find(By::Css("noscript .notice")).await.unwrap();
    assert!(told.is_displayed().await.unwrap());
    let text = told.text().await.unwrap();
    assert!(text.contains(page.says("This page needs JavaScript", "此页面需要启用 JavaScript")), "{text}");
    assert!(text.contains(page.says("Login Directly", "免登")), "{text}");
    for form in page.driver.find_all(By::Css("form")).await.unwrap() {
        assert!(!form.is_displayed().await.unwrap(), "a form that could do nothing");
    }
}
