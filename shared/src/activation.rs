//! THE STATE MACHINE: the stages in the guide's order, each carrying what is known then, and whose turn it is.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::buyer::{AccountId, InstanceId};
use crate::command::{Command, Queued, VerifyPurchase};
use crate::platform::PlatformId;
use crate::purchase::{MarketplaceName, Purchased};
use crate::refusal::{Fault, Refusal};

mod asked;
mod outcome;
mod said;
mod standing;

pub use asked::{AskedWorkspace, CannotNow};
pub use outcome::{ChallengeChange, Follow, Happened, LookedUp, Outcome};
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
    },
    /// The purchase needs a workspace.
    Workspace {
        /// The account that pays.
        account: BoundAccount,
        /// What can be chosen.
        workspaces: Vec<Workspace>,
        /// What this activation made: kept and listed even if the binding is refused.
        made: Vec<Workspace>,
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

/// A Billing Center account that somebody linked before.
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
}

/// Which call of the buyer began what is in hand: a refusal is mended by the same call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// *Login Directly*, or the typed entry.
    Entry,
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

/// Whose turn it is. Failure is not a stage: it stands beside the stage, and the way goes on from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "whose", rename_all = "snake_case")]
pub enum Turn {
    /// A command of the journey is in hand.
    Workers {
        /// The call that began it.
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
        /// The call that mends it.
        request: Request,
        /// What is wrong.
        refusal: Refusal,
    },
    /// A fault that no retry mends, or all attempts spent.
    Operator {
        /// The call that began it.
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
