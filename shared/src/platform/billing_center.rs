//! The Billing Center: accounts, the cloud accounts linked to them, and the workspaces bound to instances (contract §7).

mod body;

use std::collections::HashSet;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::encoding::encode;
use crate::platform::Call;
use crate::platform::exchange::Exchange;
use crate::platform::text::{PlatformId, plain_option, plain_text};
use crate::platform::verdict::{Listed, NotFound};
use crate::refusal::{PartyError, RefusalCode};

pub use body::{Binding, Company, Instance, InstanceState, Link, NewBillingAccount};

/// A list that needs more pages than this ends here; a buyer chooses from a list, not from a catalogue.
const MOST_PAGES: usize = 50;

/// No list of workspaces is longer than this.
const MOST_WORKSPACES: usize = 5_000;

const FIND_ACCOUNT: Listed =
    Listed { method: Method::GET, path: "/accounts", refusals: &[], not_found: NotFound::NotThere };
const OPEN_ACCOUNT: Listed = Listed {
    method: Method::POST,
    path: "/accounts",
    refusals: &[RefusalCode::UsernameTaken, RefusalCode::EmailTaken],
    not_found: NotFound::Unforeseen,
};
const FIND_LINK: Listed = Listed {
    method: Method::GET,
    path: "/cloud-accounts/{marketplace}/{cloud_account_id}",
    refusals: &[],
    not_found: NotFound::NotThere,
};
const LINK: Listed = Listed {
    method: Method::PUT,
    path: FIND_LINK.path,
    refusals: &[RefusalCode::CloudAccountLinkedElsewhere],
    not_found: NotFound::Unforeseen,
};
const UNLINK: Listed = Listed { method: Method::DELETE, ..FIND_LINK };
const LIST_WORKSPACES: Listed = Listed {
    method: Method::GET,
    path: "/accounts/{billing_account_id}/workspaces",
    refusals: &[],
    not_found: NotFound::Unforeseen,
};
const BIND: Listed = Listed {
    method: Method::PUT,
    path: "/workspaces/{workspace_id}/binding",
    refusals: &[RefusalCode::WorkspaceNotBindable, RefusalCode::InstanceAlreadyBound],
    not_found: NotFound::Refused(RefusalCode::WorkspaceNotBindable),
};
const UNBIND: Listed = Listed { method: Method::DELETE, path: BIND.path, refusals: &[], not_found: NotFound::NotThere };
const TELL_INSTANCE: Listed = Listed {
    method: Method::PUT,
    path: "/instances/{marketplace}/{instance_id}",
    refusals: &[],
    not_found: NotFound::Unforeseen,
};
const TELL_INSTANCE_IF_BOUND: Listed = Listed { not_found: NotFound::NotThere, ..TELL_INSTANCE };

/// The Billing Center, ready to be called.
#[derive(Debug, Clone)]
pub struct BillingCenter {
    exchange: Exchange,
    base: String,
}

/// An account of the Billing Center or of the console, as the platform knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The platform's id.
    pub id: PlatformId,
    /// The name that the buyer logs in with.
    #[serde(deserialize_with = "plain_text")]
    pub username: String,
    /// The address that codes go to.
    #[serde(deserialize_with = "plain_text")]
    pub email: String,
}

/// A workspace in the list to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// The platform's id.
    pub id: PlatformId,
    /// Its name.
    #[serde(deserialize_with = "plain_text")]
    pub name: String,
    /// Its site.
    #[serde(deserialize_with = "plain_text")]
    pub site: String,
    /// `zh` or `en`, where the platform says so.
    #[serde(default, deserialize_with = "plain_option")]
    pub language: Option<String>,
    /// Whether it can be bound.
    pub bindable: bool,
    /// Why it cannot, in the vendor's words.
    #[serde(default, deserialize_with = "plain_option")]
    pub reason: Option<String>,
}

/// A thing that was made.
#[derive(Deserialize)]
pub(super) struct Made {
    pub(super) id: PlatformId,
}

#[derive(Deserialize)]
struct Linked {
    account: Account,
}

#[derive(Deserialize)]
struct Page {
    workspaces: Vec<Workspace>,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl BillingCenter {
    pub(super) fn new(exchange: Exchange, base: String) -> Self {
        Self { exchange, base }
    }

    /// The account of that username, where there is one.
    pub async fn find_account(&self, username: &str, call: &Call<'_>) -> Result<Option<Account>, PartyError> {
        let url = format!("{}/accounts?username={}", self.base, encode(username));
        let answer = self.exchange.ask(&FIND_ACCOUNT, &url, call).await?;
        answer.map(|answer| self.exchange.read(&FIND_ACCOUNT, &answer)).transpose()
    }

    /// Opens an account; refused as `username-taken` or `email-taken`.
    pub async fn open_account(
        &self,
        account: &NewBillingAccount<'_>,
        call: &Call<'_>,
    ) -> Result<PlatformId, PartyError> {
        let url = format!("{}/accounts", self.base);
        let answer = self.exchange.tell(&OPEN_ACCOUNT, &url, account, call).await?;
        self.exchange.read(&OPEN_ACCOUNT, &answer).map(|made: Made| made.id)
    }

    /// The account that the cloud account is linked to, where it is linked.
    pub async fn find_link(
        &self,
        marketplace: &str,
        cloud_account_id: &str,
        call: &Call<'_>,
    ) -> Result<Option<Account>, PartyError> {
        let url = self.link_url(marketplace, cloud_account_id);
        let Some(answer) = self.exchange.ask(&FIND_LINK, &url, call).await? else { return Ok(None) };
        self.exchange.read(&FIND_LINK, &answer).map(|linked: Linked| Some(linked.account))
    }

    /// Links a cloud account; refused as `cloud-account-linked-elsewhere`.
    pub async fn link(&self, link: &Link<'_>, call: &Call<'_>) -> Result<(), PartyError> {
        let url = self.link_url(link.marketplace, link.cloud_account_id);
        self.exchange.tell(&LINK, &url, link, call).await.map(drop)
    }

    /// Undoes the link; one that is not there is undone.
    pub async fn unlink(&self, marketplace: &str, cloud_account_id: &str, call: &Call<'_>) -> Result<(), PartyError> {
        self.exchange.ask(&UNLINK, &self.link_url(marketplace, cloud_account_id), call).await.map(drop)
    }

    /// The account's workspaces, all pages of them up to 50 pages or 5,000 workspaces; each page after the first has a key of its own.
    pub async fn list_workspaces(
        &self,
        billing_account_id: &PlatformId,
        call: &Call<'_>,
    ) -> Result<Vec<Workspace>, PartyError> {
        let first = format!("{}/accounts/{}/workspaces", self.base, encode(billing_account_id.as_str()));
        let (mut url, mut key) = (first.clone(), call.key.to_owned());
        let (mut workspaces, mut cursors) = (Vec::new(), HashSet::new());
        for page in 2..=MOST_PAGES + 1 {
            let Page { workspaces: more, next_cursor } = self.page(&url, &Call { key: &key, ..*call }).await?;
            workspaces.extend(more);
            let Some(cursor) = next_cursor.filter(|cursor| !cursor.is_empty()) else { break };
            // A cursor that comes again would lead round for ever.
            if workspaces.len() >= MOST_WORKSPACES || !cursors.insert(cursor.clone()) {
                break;
            }
            (url, key) = (format!("{first}?cursor={}", encode(&cursor)), format!("{}-{page}", call.key));
        }
        let mut seen = HashSet::new();
        workspaces.retain(|workspace: &Workspace| seen.insert(workspace.id.clone()));
        workspaces.truncate(MOST_WORKSPACES);
        Ok(workspaces)
    }

    /// Binds a workspace to an instance; refused as `workspace-not-bindable` or `instance-already-bound`.
    pub async fn bind(&self, binding: &Binding<'_>, call: &Call<'_>) -> Result<(), PartyError> {
        self.exchange.tell(&BIND, &self.binding_url(binding.workspace_id), binding, call).await.map(drop)
    }

    /// Undoes the binding; one that is not there is undone.
    pub async fn unbind(&self, workspace_id: &PlatformId, call: &Call<'_>) -> Result<(), PartyError> {
        self.exchange.ask(&UNBIND, &self.binding_url(workspace_id), call).await.map(drop)
    }

    /// Tells what the marketplace says of a bound instance.
    pub async fn tell_instance(&self, instance: &Instance<'_>, call: &Call<'_>) -> Result<(), PartyError> {
        self.exchange.tell(&TELL_INSTANCE, &self.instance_url(instance), instance, call).await.map(drop)
    }

    /// The same of an instance that may be bound, for nobody knows; if it is not, it need not be told.
    pub async fn tell_instance_if_bound(&self, instance: &Instance<'_>, call: &Call<'_>) -> Result<(), PartyError> {
        let url = self.instance_url(instance);
        self.exchange.tell_if_there(&TELL_INSTANCE_IF_BOUND, &url, instance, call).await.map(drop)
    }

    async fn page(&self, url: &str, call: &Call<'_>) -> Result<Page, PartyError> {
        let answer = self.exchange.fetch(&LIST_WORKSPACES, url, call).await?;
        self.exchange.read(&LIST_WORKSPACES, &answer)
    }

    fn instance_url(&self, instance: &Instance<'_>) -> String {
        format!("{}/instances/{}/{}", self.base, encode(instance.marketplace), encode(instance.instance_id))
    }

    fn link_url(&self, marketplace: &str, cloud_account_id: &str) -> String {
        format!("{}/cloud-accounts/{}/{}", self.base, encode(marketplace), encode(cloud_account_id))
    }

    fn binding_url(&self, workspace_id: &PlatformId) -> String {
        format!("{}/workspaces/{}/binding", self.base, encode(workspace_id.as_str()))
    }
}
