//! Has a Billing Center account: username and code, the workspaces, the confirming page, and the second purchase.

use landfall_tests::browser::BOTH;
use landfall_tests::stack::Stack;
use landfall_tests::visitor::Visitor;
use serde_json::json;

/// Two workspaces that can be bound, and one that cannot.
async fn has_workspaces(ann: &Visitor, account: &str) {
    for (workspace, site, bindable) in [("Production", "cn", true), ("Staging", "sg", true), ("Old lab", "cn", false)] {
        let workspace = format!("{workspace} {}", ann.name);
        let body = json!({"name": workspace, "billing_account_id": account, "site": site, "bindable": bindable});
        ann.buyer.has("workspaces", body).await;
    }
}

/// What is said whether or not somebody has this username.
async fn is_told_that_a_code_may_come(ann: &Visitor) {
    ann.reads(
        ann.says("If this username exists, its e-mail address got a code.", "如果该用户名存在，验证码已发送到其邮箱。"),
    )
    .await;
}

#[tokio::test]
async fn a_buyer_binds_her_billing_center_account_and_a_workspace_of_it() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        let account = ann.has_billing_account().await;
        has_workspaces(&ann, &account).await;

        // A name that nobody has looks like any other; its code is wrong whatever is typed.
        ann.chooses_to_bind().await;
        ann.looks("08-bind-account").await;
        ann.types_billing_username("nobody").await;
        ann.clicks(ann.says("Send code", "发送验证码")).await;
        is_told_that_a_code_may_come(&ann).await;
        ann.types(ann.says("Verification code", "验证码"), "123456").await;
        ann.clicks(ann.says("Bind", "绑定")).await;
        ann.reads(ann.says("This is not the code that was sent.", "验证码不正确。")).await;
        ann.clicks(ann.says("Other username", "更换用户名")).await;
        assert_eq!(ann.focus().await, ann.billing_username());
        ann.types_billing_username(&ann.name).await;
        ann.clicks(ann.says("Send code", "发送验证码")).await;
        let code = ann.buyer.reads_code(&ann.billing_email(), 1).await;
        is_told_that_a_code_may_come(&ann).await;
        ann.reads_no_more(ann.says("This is not the code that was sent.", "验证码不正确。")).await;
        assert_eq!(ann.holds(ann.says("Verification code", "验证码")).await, "", "the code of another username");
        ann.looks("09-bind-account-code").await;
        ann.types(ann.says("Verification code", "验证码"), code).await;
        ann.clicks(ann.says("Bind", "绑定")).await;

        ann.is_at_the_list().await;
        ann.reads(ann.says("Can’t be bound: Its plan cannot be bound.", "无法绑定：Its plan cannot be bound.")).await;
        ann.reads(ann.says("Unrelated to binding", "与绑定费用中心账号无关")).await;
        ann.looks("10-workspaces").await;
        let workspace = format!("Production {}", ann.name);
        ann.chooses_workspace(&workspace).await;
        ann.reads(
            ann.says("From now on, this cloud account pays for this workspace", "自此该工作空间的费用由上述云账号"),
        )
        .await;
        ann.looks("11-confirm-binding").await;
        ann.clicks(ann.says("Cancel", "取消")).await;
        ann.chooses_workspace(&workspace).await;
        ann.confirms().await;

        ann.is_successful().await;
        ann.reads(ann.says("Bound", "已绑定")).await;
        ann.reads(&ann.name).await;
        ann.looks("12-bound").await;
        ann.confirms().await;
        ann.reads("Site: cn").await;

        // The second purchase of the same cloud account: straight to the list.
        let mut again = stack.buyer();
        again.purchases_with(json!({"account_id": ann.buyer.account_id})).await;
        ann.goes_to(&again.login_link().await).await;
        ann.is_at_the_list().await;
        ann.looks("13-second-purchase").await;

        // Login Directly to what is active leads to the login page.
        ann.logs_in_directly().await;
        ann.reads("Site: cn").await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_cloud_account_that_was_bound_meanwhile_is_told_so() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let ann = Visitor::at_the_choice(&stack, tongue, "ann").await;
        let mut again = stack.buyer();
        again.purchases_with(json!({"account_id": ann.buyer.account_id})).await;
        let bob = Visitor::with(again, &stack, tongue, "bob").await;
        bob.logs_in_directly().await;
        bob.is_at_the_choice().await;
        ann.has_billing_account().await;
        bob.has_billing_account().await;
        ann.binds_billing_account().await;

        bob.chooses_to_bind().await;
        bob.types_billing_username(&bob.name).await;
        bob.types_code(&bob.billing_email()).await;
        bob.clicks(bob.says("Bind", "绑定")).await;
        let told = "This cloud account is bound to another Billing Center account";
        bob.reads(bob.says(told, "该云账号已绑定其他费用中心账号")).await;
        assert_eq!(bob.holds(bob.billing_username()).await, bob.name);
        bob.looks("23-linked-elsewhere").await;
        // The account stays proven: it can be tried again as it is, or be another one, which is.
        let version = bob.runs("return document.getElementById('main').dataset.version", vec![]).await;
        bob.clicks(bob.says("Bind", "绑定")).await;
        bob.waits_for(&format!(
            "const {{ version, status }} = document.getElementById('main').dataset;
             return Number(version) > Number({version}) && status === 'waiting_for_buyer'"
        ))
        .await;
        bob.reads(bob.says(told, "该云账号已绑定其他费用中心账号")).await;
        bob.types_billing_username(&ann.name).await;
        bob.types_code(&ann.billing_email()).await;
        bob.clicks(bob.says("Bind", "绑定")).await;
        bob.is_at_the_list().await;
    }
    stack.ends_well().await;
}

#[tokio::test]
async fn a_workspace_that_cannot_be_bound_after_all_leads_back_to_the_list() {
    let mut stack = Stack::start().await;
    for tongue in BOTH {
        let (ann, account) = Visitor::at_the_workspaces(&stack, tongue, "ann").await;
        ann.reads(ann.says("does not yet have an associated workspace", "尚未关联工作空间")).await;
        ann.looks("14-no-workspace").await;
        has_workspaces(&ann, &account).await;
        ann.clicks(ann.says("Refresh list", "刷新列表")).await;
        let (production, staging) = (format!("Production {}", ann.name), format!("Staging {}", ann.name));
        ann.reads(&production).await;
        let gone = json!({"kind": "error", "status": 404, "code": "workspace-unknown", "path": "/binding", "times": 1});
        stack.fault("billing_center", gone).await;
        ann.chooses_workspace(&production).await;
        ann.confirms().await;
        ann.is_at_the_list().await;
        ann.reads(ann.says("This workspace can’t be bound", "该工作空间无法绑定")).await;
        ann.looks("24-not-bindable").await;
        let bound = json!({"kind": "error", "code": "instance-already-bound", "path": "/binding", "times": 1});
        stack.fault("billing_center", bound).await;
        ann.chooses_workspace(&staging).await;
        ann.confirms().await;
        ann.reads(ann.says("This instance is bound to a workspace already", "该实例已绑定工作空间")).await;
        ann.chooses_workspace(&staging).await;
        ann.confirms().await;
        ann.is_successful().await;
    }
    stack.ends_well().await;
}
