//! Has a Billing Center account: username and code, the workspaces, the confirming page, and the second purchase.

use landfall_tests::browser::{BOTH, Browser};
use landfall_tests::journey::Buyer;
use landfall_tests::stack::Stack;
use serde_json::json;

use super::{at_the_choice, at_the_workspaces, binds_account, named};

async fn has_workspaces(buyer: &Buyer, account: &str, name: &str) {
    for (workspace, site, bindable) in [("Production", "cn", true), ("Staging", "sg", true), ("Old lab", "cn", false)] {
        let workspace = format!("{workspace} {name}");
        let body = json!({"name": workspace, "billing_account_id": account, "site": site, "bindable": bindable});
        buyer.has("workspaces", body).await;
    }
}

async fn confirms(buyer: &Buyer, page: &Browser, workspace: &str) {
    page.clicks(&format!("{} {workspace}", page.says("Bind", "绑定"))).await;
    page.is_at(page.says("Confirm the binding", "确认绑定")).await;
    for shown in [workspace, &buyer.account_id, &buyer.instance_id] {
        page.reads(shown).await;
    }
}

#[tokio::test]
async fn a_buyer_binds_her_billing_center_account_and_a_workspace_of_it() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, page) = at_the_choice(&stack, tongue).await;
        let name = named(tongue, "ann");
        let email = format!("{name}@bills.example");
        let account = ann.has("billing-accounts", json!({"username": name, "email": email})).await;
        has_workspaces(&ann, &account, &name).await;

        // A name that nobody has looks like any other; its code is wrong whatever is typed.
        page.clicks(page.says("Next: Has Billing Center Account", "下一步：已有费用中心账号")).await;
        page.looks("08-bind-account").await;
        let label = page.says("Username of the Billing Center account", "费用中心账号用户名");
        page.types(label, "nobody").await;
        page.clicks(page.says("Send code", "发送验证码")).await;
        page.reads(page.says(
            "If this username exists, its e-mail address got a code.",
            "如果该用户名存在，验证码已发送到其邮箱。",
        ))
        .await;
        page.types(page.says("Verification code", "验证码"), "123456").await;
        page.clicks(page.says("Bind", "绑定")).await;
        page.reads(page.says("This is not the code that was sent.", "验证码不正确。")).await;
        page.clicks(page.says("Other username", "更换用户名")).await;
        assert_eq!(page.focus().await, label);
        page.types(label, &name).await;
        page.clicks(page.says("Send code", "发送验证码")).await;
        let code = ann.reads_code(&email, 1).await;
        page.looks("09-bind-account-code").await;
        page.types(page.says("Verification code", "验证码"), code).await;
        page.clicks(page.says("Bind", "绑定")).await;

        page.is_at(page.says("Bind Workspace", "绑定工作空间")).await;
        page.reads(page.says("Can’t be bound: Its plan cannot be bound.", "无法绑定：Its plan cannot be bound.")).await;
        page.reads(page.says("Unrelated to binding", "与绑定费用中心账号无关")).await;
        page.looks("10-workspaces").await;
        let workspace = format!("Production {name}");
        confirms(&ann, &page, &workspace).await;
        page.reads(
            page.says("From now on, this cloud account pays for this workspace", "自此该工作空间的费用由上述云账号"),
        )
        .await;
        page.looks("11-confirm-binding").await;
        page.clicks(page.says("Cancel", "取消")).await;
        confirms(&ann, &page, &workspace).await;
        page.clicks(page.says("Confirm", "确认")).await;

        page.is_at(page.says("Activation successful", "开通成功")).await;
        page.reads(page.says("Bound", "已绑定")).await;
        page.reads(&name).await;
        page.looks("12-bound").await;
        page.clicks(page.says("Confirm", "确认")).await;
        page.reads("Site: cn").await;

        // The second purchase of the same cloud account: straight to the list.
        let mut again = stack.buyer();
        again.purchases_with(json!({"account_id": ann.account_id})).await;
        page.goes_to(&again.login_link().await).await;
        page.is_at(page.says("Bind Workspace", "绑定工作空间")).await;
        page.looks("13-second-purchase").await;

        // Login Directly to what is active leads to the login page.
        page.goes_to(&ann.login_link().await).await;
        page.reads("Site: cn").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_cloud_account_that_was_bound_meanwhile_is_told_so() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (first, page) = at_the_choice(&stack, tongue).await;
        let mut second = stack.buyer();
        second.purchases_with(json!({"account_id": first.account_id})).await;
        let other = Browser::open(&stack, tongue).await;
        other.goes_to(&second.login_link().await).await;
        other.is_at(other.says("Do you have a Billing Center account?", "您是否已有费用中心账号？")).await;
        let (ann, bob) = (named(tongue, "ann"), named(tongue, "bob"));
        for name in [&ann, &bob] {
            first.has("billing-accounts", json!({"username": name, "email": format!("{name}@bills.example")})).await;
        }
        binds_account(&first, &page, &ann, &format!("{ann}@bills.example")).await;

        other.clicks(other.says("Next: Has Billing Center Account", "下一步：已有费用中心账号")).await;
        other.types(other.says("Username of the Billing Center account", "费用中心账号用户名"), &bob).await;
        super::types_code(&second, &other, &format!("{bob}@bills.example")).await;
        other.clicks(other.says("Bind", "绑定")).await;
        other
            .reads(other.says(
                "This cloud account is bound to another Billing Center account",
                "该云账号已绑定其他费用中心账号",
            ))
            .await;
        assert_eq!(other.holds(other.says("Username of the Billing Center account", "费用中心账号用户名")).await, bob);
        other.looks("23-linked-elsewhere").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_workspace_that_cannot_be_bound_after_all_leads_back_to_the_list() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let name = named(tongue, "ann");
        let (ann, page, account) = at_the_workspaces(&stack, tongue, &name).await;
        page.reads(page.says("does not yet have an associated workspace", "尚未关联工作空间")).await;
        page.looks("14-no-workspace").await;
        has_workspaces(&ann, &account, &name).await;
        page.clicks(page.says("Refresh list", "刷新列表")).await;
        page.reads(&format!("Production {name}")).await;
        let gone = json!({"kind": "error", "status": 404, "code": "workspace-unknown", "path": "/binding", "times": 1});
        stack.fault("billing_center", gone).await;
        confirms(&ann, &page, &format!("Production {name}")).await;
        page.clicks(page.says("Confirm", "确认")).await;
        page.is_at(page.says("Bind Workspace", "绑定工作空间")).await;
        page.reads(page.says("This workspace can’t be bound", "该工作空间无法绑定")).await;
        page.looks("24-not-bindable").await;
        let bound = json!({"kind": "error", "code": "instance-already-bound", "path": "/binding", "times": 1});
        stack.fault("billing_center", bound).await;
        confirms(&ann, &page, &format!("Staging {name}")).await;
        page.clicks(page.says("Confirm", "确认")).await;
        page.reads(page.says("This instance is bound to a workspace already", "该实例已绑定工作空间")).await;
        confirms(&ann, &page, &format!("Staging {name}")).await;
        page.clicks(page.says("Confirm", "确认")).await;
        page.is_at(page.says("Activation successful", "开通成功")).await;
    }
    stack.ends_well().await;
}
