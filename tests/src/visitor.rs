//! A buyer at her browser: what she does on the pages, in the guide's order and words, in one language.

use std::ops::Deref;

use serde_json::json;

use crate::browser::{Browser, Tongue};
use crate::journey::Buyer;
use crate::stack::Stack;

/// Her password wherever she makes one up.
const PASSWORD: &str = "correct horse";

/// A buyer, and the page that she has open. What a browser can do, she does.
pub struct Visitor {
    pub buyer: Buyer,
    /// Of her accounts, and of what she gives a name to: another one in each language.
    pub name: String,
    page: Browser,
}

impl Deref for Visitor {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.page
    }
}

impl Visitor {
    /// She has purchased, and has not yet come.
    pub async fn purchased(stack: &Stack, tongue: Tongue, name: &str) -> Self {
        let mut buyer = stack.buyer();
        buyer.purchases().await;
        Self::with(buyer, stack, tongue, name).await
    }

    /// The same for a purchase of which she knows more.
    pub async fn with(buyer: Buyer, stack: &Stack, tongue: Tongue, name: &str) -> Self {
        let name = match tongue {
            Tongue::English => name.to_owned(),
            Tongue::Chinese => format!("{name}.zh"),
        };
        Self { buyer, name, page: Browser::open(stack, tongue).await }
    }

    /// She has clicked *Login Directly*.
    pub async fn arrived(stack: &Stack, tongue: Tongue, name: &str) -> Self {
        let visitor = Self::purchased(stack, tongue, name).await;
        visitor.logs_in_directly().await;
        visitor
    }

    /// She is asked whether she has a Billing Center account.
    pub async fn at_the_choice(stack: &Stack, tongue: Tongue, name: &str) -> Self {
        let mut visitor = Self::arrived(stack, tongue, name).await;
        visitor.is_at_the_choice().await;
        visitor.place().await.path().rsplit('/').next().unwrap().clone_into(&mut visitor.buyer.activation_id);
        visitor
    }

    /// She has bound the Billing Center account that she had.
    pub async fn at_the_workspaces(stack: &Stack, tongue: Tongue, name: &str) -> (Self, String) {
        let visitor = Self::at_the_choice(stack, tongue, name).await;
        let account = visitor.has_billing_account().await;
        visitor.binds_billing_account().await;
        (visitor, account)
    }

    /// Her address.
    pub fn email(&self) -> String {
        format!("{}@example.com", self.name)
    }

    /// The address of her Billing Center account.
    pub fn billing_email(&self) -> String {
        format!("{}@bills.example", self.name)
    }

    /// She had an account at the Billing Center before; its id.
    pub async fn has_billing_account(&self) -> String {
        let account = json!({"username": self.name, "email": self.billing_email()});
        self.buyer.has("billing-accounts", account).await
    }

    /// *Marketplace > Purchased Services > Login Directly*.
    pub async fn logs_in_directly(&self) {
        self.goes_to(&self.buyer.login_link().await).await;
    }

    pub async fn is_at_the_choice(&self) {
        self.is_at(self.says("Do you have a Billing Center account?", "您是否已有费用中心账号？")).await;
    }

    /// The page of the workspaces, before and after one is bound.
    pub fn bind_workspace(&self) -> &'static str {
        self.says("Bind Acme Observability Workspace", "绑定艾克观测工作空间")
    }

    pub async fn is_at_the_list(&self) {
        self.is_at(self.bind_workspace()).await;
        self.waits_for("return document.getElementById('main').dataset.view === 'list'").await;
    }

    /// Back at that page, which shows *Bound*.
    pub async fn is_successful(&self) {
        self.reads(self.says("Activation successful", "开通成功")).await;
        self.is_at(self.bind_workspace()).await;
        self.reads(self.says("Bound", "已绑定")).await;
    }

    pub async fn goes_on(&self) {
        self.clicks(self.says("Next", "下一步")).await;
    }

    pub async fn confirms(&self) {
        self.clicks(self.says("Confirm", "确认")).await;
    }

    /// *No Billing Center Account*.
    pub async fn chooses_to_register(&self) {
        self.clicks(self.says("Next: No Billing Center Account", "下一步：没有费用中心账号")).await;
    }

    /// *Has Billing Center Account*.
    pub async fn chooses_to_bind(&self) {
        self.clicks(self.says("Next: Has Billing Center Account", "下一步：已有费用中心账号")).await;
    }

    /// Without *Login Directly*: types both ids.
    pub async fn types_ids(&self, account_id: &str, instance_id: &str) {
        self.types(self.says("Account ID", "账号 ID"), account_id).await;
        self.types(self.says("Product Instance ID", "商品实例 ID"), instance_id).await;
        self.goes_on().await;
    }

    /// Sends a code to an address and types it: the latest mail's.
    pub async fn types_code(&self, email: &str) {
        let before = self.buyer.mails(email).await.len();
        self.clicks(self.says("Send code", "发送验证码")).await;
        let code = self.buyer.reads_code(email, before + 1).await;
        self.types(self.says("Verification code", "验证码"), code).await;
    }

    /// The username of a Billing Center account, into its field.
    pub async fn types_billing_username(&self, username: &str) {
        self.types(self.billing_username(), username).await;
    }

    /// The label of that field.
    pub fn billing_username(&self) -> &'static str {
        self.says("Username of the Billing Center account", "费用中心账号用户名")
    }

    /// *Has Billing Center Account*: username, code, *Bind*.
    pub async fn binds_billing_account(&self) {
        self.chooses_to_bind().await;
        self.types_billing_username(&self.name).await;
        self.types_code(&self.billing_email()).await;
        self.clicks(self.says("Bind", "绑定")).await;
        self.is_at_the_list().await;
    }

    /// A password, twice.
    pub async fn types_password(&self, password: &str) {
        self.types_secret(self.says("Password", "登录密码"), password).await;
        self.types_secret(self.says("Confirm password", "确认登录密码"), password).await;
    }

    /// Part one of registering, with an address that is proven there and then.
    pub async fn fills_in_basic_information(&self) {
        self.chooses_to_register().await;
        self.types(self.says("Username", "用户名"), &self.name).await;
        self.types(self.says("E-mail", "邮箱"), self.email()).await;
        self.types_code(&self.email()).await;
        self.clicks(self.says("Verify", "验证")).await;
        self.address_is_proven().await;
        self.waits_for_focus(self.says("Password", "登录密码")).await;
        self.types_password(PASSWORD).await;
        self.goes_on().await;
    }

    pub async fn address_is_proven(&self) {
        self.reads(self.says("Proven: this address is yours.", "邮箱已验证。")).await;
    }

    /// Part two.
    pub async fn fills_in_company_information(&self, company: &str) {
        self.types(self.says("Company name", "企业名称"), company).await;
        self.goes_on().await;
    }

    /// Part three, and *Activate*.
    pub async fn fills_in_activation_method(&self) {
        self.types(self.says("Workspace name", "工作空间名称"), self.workspace()).await;
        self.accepts_the_terms().await;
        self.activates().await;
    }

    /// All three parts.
    pub async fn registers(&self) {
        self.fills_in_basic_information().await;
        self.fills_in_company_information("Acme").await;
        self.fills_in_activation_method().await;
    }

    pub async fn accepts_the_terms(&self) {
        self.ticks(self.says("I agree to the", "我已阅读并同意")).await;
    }

    pub async fn activates(&self) {
        self.clicks(self.says("Activate", "立即开通")).await;
    }

    /// What she calls her workspace.
    pub fn workspace(&self) -> String {
        format!("Lab {}", self.name)
    }

    /// *Bind* beside a workspace of the list: it is asked once more, and everything that will be bound is named.
    pub async fn chooses_workspace(&self, workspace: &str) {
        self.clicks(&format!("{} {workspace}", self.says("Bind", "绑定"))).await;
        self.is_at(self.says("Confirm the binding", "确认绑定")).await;
        for shown in [workspace, &self.buyer.account_id, &self.buyer.instance_id] {
            self.reads(shown).await;
        }
    }
}
