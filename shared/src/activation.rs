//! THE STATE MACHINE: the stages in the guide's order, each carrying what is known then, and whose turn it is.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::buyer::{AccountId, Email, InstanceId, SiteId};
use crate::command::{Command, Queued, VerifyPurchase};
use crate::platform::PlatformId;
use crate::purchase::{MarketplaceName, Purchased};
use crate::refusal::{Fault, Refusal};

mod request;
mod asked;
mod registering;
mod outcome;
mod beside;
mod said;
mod standing;
#[cfg(test)]
mod tests;

pub use asked::CannotNow;
pub use outcome::{ChallengeChange, Follow, Happened, LookedUp, Outcome};
pub use registering::PasswordFor;
pub use request::{AskedWorkspace, Call, Company, NewAccount, NewWorkspace, Registration, Request};
pub use said::NothingToDo;
pub use standing::Status;

/// One buyer's way from a purchase to a bound workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Its id, in its URL.
    pub id: Uuid,
    /// The marketplace that sold the instance.
    pub marketplace: MarketplaceName,
    /// The Product Instance ID.
    pub instance_id: InstanceId,
    /// The Account ID; unknown for a login to an instance that was never announced.
    pub account_id: Option<AccountId>,
    /// How it began; *Login Directly* proves who the buyer is, a typed entry does not.
    pub started_by: StartedBy,
    /// What was sold; known once the purchase is verified.
    pub purchase: Option<Purchased>,
    /// How far it has come.
    pub stage: Stage,
    /// Who must act next.
    pub turn: Turn,
    /// Set when it ended before its time; what is in flight then still runs to its outcome.
    pub cancelled: Option<Cancellation>,
    /// The page's language, as the platforms are told it (`Accept-Language`).
    #[serde(default)]
    pub language: String,
}

/// How an activation began (contract §4, `started_by`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartedBy {
    /// By *Login Directly*, which is signed.
    Login,
    /// By typing Account ID and Product Instance ID.
    Typed,
    /// By the Billing Center's *change settlement method* dialog.
    Platform,
}

/// The stages of the guide; each variant carries what is known then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Stage {
    /// The purchase is being verified.
    Purchase,
    /// The cloud account needs a Billing Center account.
    BillingAccount {
        /// The Billing Center account that the cloud account is linked to already. A typed entry must prove that one.
        linked: Option<LinkedAccount>,
        /// What registering has made, where it was refused half-way.
        made: Made,
    },
    /// The purchase needs a workspace.
    Workspace {
        /// The account that pays.
        account: BoundAccount,
        /// What can be chosen.
        workspaces: Vec<Workspace>,
        /// What this activation made.
        made: Made,
    },
    /// Bound; the buyer has not confirmed yet.
    Confirmation {
        /// The account that pays.
        account: BoundAccount,
        /// The list, with the bound one.
        workspaces: Vec<Workspace>,
        /// What is bound.
        binding: Binding,
    },
    /// Confirmed.
    Active {
        /// The account that pays.
        account: BoundAccount,
        /// The list, with the bound one.
        workspaces: Vec<Workspace>,
        /// What is bound.
        binding: Binding,
    },
}

/// What this activation has made outside: kept and used whatever is refused later, so that nothing is made twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The console accounts, the latest last: their usernames, e-mails and passwords stand.
    pub console_accounts: Vec<ConsoleAccount>,
    /// The Billing Center account, not linked yet.
    pub billing_account: Option<LinkedAccount>,
    /// The workspaces: listed also if their binding was refused.
    pub workspaces: Vec<MadeWorkspace>,
}

impl Made {
    /// The latest console account of that site: each site's console has its own.
    #[must_use]
    pub fn console_account_at(&self, site: &SiteId) -> Option<&ConsoleAccount> {
        self.console_accounts.iter().rev().find(|account| account.site == *site)
    }

    /// The console account of that address at that site.
    #[must_use]
    pub fn console_account_of(&self, email: &Email, site: &SiteId) -> Option<&ConsoleAccount> {
        self.console_accounts.iter().find(|account| account.site == *site && account.is_of(email))
    }

    /// The workspace of that name and site, if its owner is the one that is meant.
    fn workspace(&self, wanted: &NewWorkspace, is_owner: impl Fn(&ConsoleAccount) -> bool) -> Option<&Workspace> {
        let same = |made: &&MadeWorkspace| {
            let workspace = &made.workspace;
            workspace.name == wanted.name.as_str() && workspace.site == wanted.site.as_str() && is_owner(&made.owner)
        };
        self.workspaces.iter().find(same).map(|made| &made.workspace)
    }
}

/// An account of the vendor's console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleAccount {
    /// The console's id of it.
    pub id: PlatformId,
    /// The name that it logs in with.
    pub username: String,
    /// The address that was proven for it.
    pub email: Email,
    /// At which site.
    pub site: SiteId,
    /// It existed before: nobody here ever had its password.
    pub found: bool,
}

impl ConsoleAccount {
    /// Whether it is the account of that address, without regard to case.
    #[must_use]
    pub fn is_of(&self, email: &Email) -> bool {
        self.email.normalised() == email.normalised()
    }
}

/// A workspace that this activation made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeWorkspace {
    /// As it is listed.
    pub workspace: Workspace,
    /// Who owns it.
    pub owner: ConsoleAccount,
}

/// A Billing Center account that the cloud account is, or is to be, linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedAccount {
    /// The Billing Center's id of it.
    pub id: PlatformId,
    /// Its username.
    pub username: String,
}

/// The Billing Center account that pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundAccount {
    /// The Billing Center's id of it.
    pub id: PlatformId,
    /// Its username.
    pub username: String,
    /// Since when the cloud account is known to be linked to it.
    #[serde(with = "time::serde::rfc3339")]
    pub bound_at: OffsetDateTime,
}

/// A workspace as the Billing Center lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its id at the vendor.
    pub id: PlatformId,
    /// Its name.
    pub name: String,
    /// Where it lives.
    pub site: String,
    /// Its language.
    pub language: Option<String>,
    /// Whether it can be bound.
    pub bindable: bool,
    /// Why not, in the vendor's words.
    pub reason: Option<String>,
}

/// A binding that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The bound workspace.
    pub workspace_id: PlatformId,
    /// Its name.
    pub workspace_name: String,
    /// Where it lives, and the buyer logs in.
    pub site: String,
    /// When the Billing Center bound it.
    #[serde(with = "time::serde::rfc3339")]
    pub bound_at: OffsetDateTime,
    /// Which version of the purchase the Billing Center was last told; what came later is reported.
    pub told: i64,
    /// Who owns the workspace, where this activation made it.
    pub owner: Option<ConsoleAccount>,
}

/// Whose turn it is. Failure is not a stage: it stands beside the stage, and the way goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "whose", rename_all = "snake_case")]
pub enum Turn {
    /// A command of the journey is in hand.
    Workers {
        /// What began it.
        request: Request,
        /// An attempt failed, or the other side said *not yet*.
        retrying: bool,
        /// The challenge that proved the buyer's right to it; spent when all of it has succeeded.
        proof: Option<Uuid>,
    },
    /// The buyer chooses.
    Buyer,
    /// The buyer must change something.
    Mend {
        /// What began it: the same call mends it.
        request: Request,
        /// What is wrong.
        refusal: Refusal,
        /// The challenge that proved the buyer's right to it: what goes on by itself still spends it.
        proof: Option<Uuid>,
    },
    /// A fault that no retry mends, or all attempts spent.
    Operator {
        /// What began it.
        request: Request,
        /// The challenge that proved the buyer's right to it.
        proof: Option<Uuid>,
        /// What is wrong.
        fault: Fault,
    },
}

/// Why an activation ended before its time; the `problem` codes of a cancelled one (contract §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cancellation {
    /// The marketplace ended the instance.
    InstanceReleased,
    /// An operator cancelled it.
    CancelledByOperator,
}

impl Activation {
    /// Begins one, with the command that verifies its purchase.
    #[must_use]
    pub fn begin(
        id: Uuid,
        marketplace: MarketplaceName,
        instance_id: InstanceId,
        account_id: Option<AccountId>,
        started_by: StartedBy,
    ) -> (Self, Queued) {
        let turn = Turn::Workers { request: Request::Entry, retrying: false, proof: None };
        let begun = Self {
            id,
            marketplace,
            instance_id,
            account_id,
            started_by,
            purchase: None,
            stage: Stage::Purchase,
            turn,
            cancelled: None,
            language: String::new(),
        };
        (begun, Queued::fresh(Command::VerifyPurchase(VerifyPurchase {})))
    }

    /// The account that pays, once there is one.
    #[must_use]
    pub fn account(&self) -> Option<&BoundAccount> {
        match &self.stage {
            Stage::Purchase | Stage::BillingAccount { .. } => None,
            Stage::Workspace { account, .. } | Stage::Confirmation { account, .. } | Stage::Active { account, .. } => {
                Some(account)
            }
        }
    }

    /// What is bound, once something is.
    #[must_use]
    pub fn binding(&self) -> Option<&Binding> {
        match &self.stage {
            Stage::Purchase | Stage::BillingAccount { .. } | Stage::Workspace { .. } => None,
            Stage::Confirmation { binding, .. } | Stage::Active { binding, .. } => Some(binding),
        }
    }

    /// What can be, or could have been, chosen.
    #[must_use]
    pub fn workspaces(&self) -> &[Workspace] {
        match &self.stage {
            Stage::Purchase | Stage::BillingAccount { .. } => &[],
            Stage::Workspace { workspaces, .. }
            | Stage::Confirmation { workspaces, .. }
            | Stage::Active { workspaces, .. } => workspaces,
        }
    }
}
