//! What the buyer asked for: it stands in the turn until all of it has succeeded, so that what follows is known whole.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Turn;
use crate::buyer::{CompanyName, Country, Email, Industry, Language, NewUsername, Phone, SiteId, WorkspaceName};
use crate::platform::PlatformId;

/// The buyer's calls that a stage can allow (contract §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Registering: both accounts and the workspace in one go.
    Registration,
    /// Binding a Billing Center account.
    BillingAccount,
    /// Asking again which workspaces can be bound.
    Refresh,
    /// Binding, or creating and binding, a workspace.
    Workspace,
    /// Confirming.
    Confirmation,
}

/// What began that which is in hand, with all that was typed but the password: a refusal is mended by the same call.
/// It stands in the activation, so a mended or resumed request is known whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// *Login Directly*, or the typed entry.
    Entry,
    /// No Billing Center account: register.
    Registration(Box<Registration>),
    /// Has a Billing Center account: bind it.
    BillingAccount,
    /// Which workspaces can be bound? It interrupts whatever the buyer was at.
    Refresh(Box<Turn>),
    /// Bind a workspace, or create one and bind it.
    Workspace(Box<AskedWorkspace>),
}

impl Request {
    /// The call that mends a refusal of it; none for an entry, which goes on by itself or begins anew.
    #[must_use]
    pub fn mended_by(&self) -> Option<Call> {
        match self {
            Self::Entry => None,
            Self::Registration(_) => Some(Call::Registration),
            Self::BillingAccount => Some(Call::BillingAccount),
            Self::Refresh(_) => Some(Call::Refresh),
            Self::Workspace(_) => Some(Call::Workspace),
        }
    }
}

/// The three parts of registering: basic information, company, activation method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Who will own the workspace.
    pub account: NewAccount,
    /// Whom the bills go to.
    pub company: Company,
    /// The workspace.
    pub workspace: NewWorkspace,
}

/// An account to be made; its password waits sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccount {
    /// The name to log in with; it cannot be changed later.
    pub username: NewUsername,
    /// Proven by a code.
    pub email: Email,
    /// Where to call.
    pub phone: Option<Phone>,
    /// Without a password the account that the proven address has is used.
    pub has_password: bool,
}

/// The buyer's company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Company {
    /// Its name.
    pub name: CompanyName,
    /// Its country.
    pub country: Option<Country>,
    /// In the buyer's words.
    pub industry: Option<Industry>,
}

/// A workspace to be made; site and language cannot be changed later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewWorkspace {
    /// Its name.
    pub name: WorkspaceName,
    /// Its language.
    pub language: Language,
    /// Where it will live, and its owner's console account.
    pub site: SiteId,
    /// When the buyer agreed to the terms.
    #[serde(with = "time::serde::rfc3339")]
    pub terms_accepted_at: OffsetDateTime,
}

/// The ways to a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedWorkspace {
    /// Bind one of the list: listed and bindable.
    Bind(PlatformId),
    /// Create one for the owner of a proven address, then bind it.
    CreateForOwner(NewWorkspace, Email),
    /// Make the owner's account, create a workspace, then bind it.
    CreateWithOwner(NewWorkspace, NewAccount),
}

impl AskedWorkspace {
    /// The workspace to be made, if one is.
    #[must_use]
    pub fn new_workspace(&self) -> Option<&NewWorkspace> {
        match self {
            Self::Bind(_) => None,
            Self::CreateForOwner(workspace, _) | Self::CreateWithOwner(workspace, _) => Some(workspace),
        }
    }
}
