//! The typed entry: both ids with help on where they stand, what is wrong with them, and the way on.

use landfall_tests::browser::{BOTH, Browser};
use landfall_tests::stack::Stack;
use serde_json::json;
use thirtyfour::By;

use super::{at_the_choice, binds_account, named};

async fn types_ids(page: &Browser, account_id: &str, instance_id: &str) {
    page.types(page.says("Account ID", "账号 ID"), account_id).await;
    page.types(page.says("Product Instance ID", "商品实例 ID"), instance_id).await;
    page.clicks(page.says("Next", "下一步")).await;
}

fn full_width(digits: &str) -> String {
    digits.chars().map(|digit| char::from_u32(digit as u32 + 0xFEE0).unwrap()).collect()
}

#[tokio::test]
async fn a_typed_entry_says_where_the_ids_stand_what_is_wrong_with_them_and_goes_on() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let mut ann = stack.buyer();
        ann.purchases().await;
        let page = Browser::open(&stack, tongue).await;
        page.goes("activate").await;
        page.is_at(page.says("Activate Acme Observability", "开通艾克观测")).await;
        page.reads(page.says("click the avatar in the upper right corner", "点击右上角的头像")).await;
        page.reads(page.says("A RAM user’s own id is not it.", "RAM 用户自身的 ID 不是账号 ID。")).await;
        page.reads(page.says("Marketplace > Purchased Services > Login Directly", "云市场 > 已购买的服务 > 免登"))
            .await;
        page.looks("01-typed-entry").await;
        page.clicks(page.says("Next", "下一步")).await;
        page.reads(page.says("Please fill this in.", "请填写此项。")).await;
        types_ids(&page, "ann@example.com", &ann.instance_id).await;
        page.reads(page.says("This does not fit.", "填写内容不符合要求。")).await;

        // A RAM user's own id.
        types_ids(&page, "299999", &ann.instance_id).await;
        page.reads(page.says("This instance was bought by another Account ID", "该实例由另一个账号 ID 购买")).await;
        page.reads(page.says("A RAM user’s own id is not it.", "RAM 用户自身的 ID 不是账号 ID。")).await;
        page.looks("20-account-mismatch").await;
        page.clicks(page.says("Correct the IDs", "修改填写的 ID")).await;
        assert_eq!(page.holds(page.says("Product Instance ID", "商品实例 ID")).await, ann.instance_id);

        // An instance that nobody knows.
        types_ids(&page, &ann.account_id, "77").await;
        page.reads(page.says("The marketplace does not know this instance yet", "云市场尚未查询到该实例")).await;
        page.reads(page.says("This page goes on by itself as soon as it can.", "条件满足后，本页面会自动继续。")).await;
        page.looks("21-instance-not-found").await;
        page.clicks(page.says("Correct the IDs", "修改填写的 ID")).await;

        // Full-width digits and blanks are as good.
        types_ids(&page, &format!(" {}", full_width(&ann.account_id)), &ann.instance_id).await;
        page.is_at(page.says("Do you have a Billing Center account?", "您是否已有费用中心账号？")).await;

        // Somebody else cannot begin it again.
        let other = Browser::open(&stack, tongue).await;
        other.goes("activate").await;
        types_ids(&other, &ann.account_id, &ann.instance_id).await;
        other.reads(other.says("The activation of this instance has begun already", "该实例的开通流程已经开始")).await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_typed_entry_of_a_bound_cloud_account_proves_that_account_and_registers_no_other() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        let email = format!("{name}@bills.example");
        ann.has("billing-accounts", json!({"username": name, "email": email})).await;
        binds_account(&ann, &page, &name, &email).await;

        let mut again = stack.buyer();
        again.purchases_with(json!({"account_id": ann.account_id})).await;
        let page = Browser::open(&stack, tongue).await;
        page.goes("activate").await;
        types_ids(&page, &again.account_id, &again.instance_id).await;
        page.is_at(page.says("Bind Billing Center Account", "绑定费用中心账号")).await;
        page.reads(page.says(
            "Your cloud account is bound to a Billing Center account already.",
            "您的云账号已绑定费用中心账号。",
        ))
        .await;
        assert!(!page.text().await.contains(&name), "nothing of the bound account is told");
        assert!(!page.offers(page.says("Register instead", "改为注册")).await);
        page.looks("22-bound-already").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn without_javascript_a_page_says_what_to_do() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let mut ann = stack.buyer();
        ann.purchases().await;
        let page = Browser::open(&stack, tongue).await;
        page.cdp("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        for path in ["activate".to_owned(), ann.login_link().await.to_string()] {
            page.goes(&path).await;
            let told = page.driver.find(By::Css("noscript .notice")).await.unwrap();
            assert!(told.is_displayed().await.unwrap());
            let text = told.text().await.unwrap();
            assert!(text.contains(page.says("This page needs JavaScript", "此页面需要启用 JavaScript")), "{text}");
            assert!(text.contains(page.says("Login Directly", "免登")), "{text}");
            for form in page.driver.find_all(By::Css("form")).await.unwrap() {
                assert!(!form.is_displayed().await.unwrap(), "a form that could do nothing");
            }
        }
    }
    stack.ends_well().await;
}
