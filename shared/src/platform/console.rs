//! The vendor's console: the accounts that log in there, and the workspaces (contract §7).

use http::Method;
use serde::Serialize;
use time::OffsetDateTime;

use crate::encoding::encode;
use crate::platform::billing_center::{Account, Made};
use crate::platform::exchange::Exchange;
use crate::platform::verdict::{Listed, NotFound};
use crate::platform::{Call, Password, PlatformId};
use crate::refusal::{PartyError, RefusalCode};

const FIND_ACCOUNT: Listed =
    Listed { method: Method::GET, path: "/accounts", refusals: &[], not_found: NotFound::NotThere };
const REGISTER: Listed = Listed {
    method: Method::POST,
    path: "/accounts",
    refusals: &[RefusalCode::UsernameTaken, RefusalCode::EmailTaken],
    not_found: NotFound::Unforeseen,
};
const CREATE_WORKSPACE: Listed = Listed {
    method: Method::POST,
    path: "/workspaces",
    refusals: &[RefusalCode::WorkspaceNameTaken],
    not_found: NotFound::Unforeseen,
};

/// The console, ready to be called at any of its sites.
#[derive(Debug, Clone)]
pub struct Console {
    exchange: Exchange,
    template: String,
}

/// A console account to create.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct NewConsoleAccount<'a> {
    /// The buyer's choice.
    pub username: &'a str,
    /// Proven by a code.
    pub email: &'a str,
    /// The buyer's choice.
    pub password: Password<'a>,
    /// E.164.
    pub phone: Option<&'a str>,
    /// Where the account lives.
    pub site: &'a str,
    /// When the buyer accepted the terms.
    #[serde(with = "time::serde::rfc3339")]
    pub terms_accepted_at: OffsetDateTime,
}

/// A workspace to create, and the purchase that it is for; unknown is null.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct NewWorkspace<'a> {
    /// The buyer's choice.
    pub name: &'a str,
    /// `zh` or `en`.
    pub language: &'a str,
    /// Where the workspace lives.
    pub site: &'a str,
    /// The console account that owns it.
    pub owner_account_id: &'a PlatformId,
    /// The Billing Center account that pays for it.
    pub billing_account_id: &'a PlatformId,
    /// The marketplace's name, `alibaba`.
    pub marketplace: &'a str,
    /// The page's Product Instance ID.
    pub instance_id: &'a str,
    /// The marketplace's product.
    pub product_code: Option<&'a str>,
    /// The marketplace's specification.
    pub sku_id: Option<&'a str>,
    /// Whether it is a trial.
    pub trial: Option<bool>,
    /// When the buyer accepted the terms.
    #[serde(with = "time::serde::rfc3339")]
    pub terms_accepted_at: OffsetDateTime,
}

impl Console {
    pub(super) fn new(exchange: Exchange, template: String) -> Self {
        Self { exchange, template }
    }

    /// The account of that e-mail address at that site, where there is one.
    pub async fn find_account(&self, email: &str, site: &str, call: &Call<'_>) -> Result<Option<Account>, PartyError> {
        let base = at_site(&self.template, site);
        let url = format!("{base}/accounts?email={}&site={}", encode(email), encode(site));
        let answer = self.exchange.ask(&FIND_ACCOUNT, &url, call).await?;
        answer.map(|answer| self.exchange.read(&FIND_ACCOUNT, &answer)).transpose()
    }

    /// Creates an account; refused as `username-taken` or `email-taken`.
    pub async fn register(&self, account: &NewConsoleAccount<'_>, call: &Call<'_>) -> Result<PlatformId, PartyError> {
        let url = format!("{}/accounts", at_site(&self.template, account.site));
        let answer = self.exchange.tell(&REGISTER, &url, account, call).await?;
        self.exchange.read(&REGISTER, &answer).map(|made: Made| made.id)
    }

    /// Creates a workspace; refused as `workspace-name-taken`.
    pub async fn create_workspace(
        &self,
        workspace: &NewWorkspace<'_>,
        call: &Call<'_>,
    ) -> Result<PlatformId, PartyError> {
        let url = format!("{}/workspaces", at_site(&self.template, workspace.site));
        let answer = self.exchange.tell(&CREATE_WORKSPACE, &url, workspace, call).await?;
        self.exchange.read(&CREATE_WORKSPACE, &answer).map(|made: Made| made.id)
    }
}

/// The console's URL with its `{site}` filled in.
pub(super) fn at_site(template: &str, site: &str) -> String {
    template.replace("{site}", &encode(site))
}
