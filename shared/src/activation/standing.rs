//! How an activation stands, in the words of contract §4: status and stage.

use serde::{Deserialize, Serialize};

use super::{Activation, Cancellation, Stage, Turn};
use crate::refusal::{FaultCode, RefusalCode};

/// The polled `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A command is in hand.
    Running,
    /// An attempt failed, or the other side said *not yet*.
    Retrying,
    /// The buyer must act; `action` says how.
    WaitingForBuyer,
    /// An operator must act.
    NeedsAttention,
    /// Confirmed.
    Succeeded,
    /// Ended before its time.
    Cancelled,
}

impl Status {
    /// The word on the wire and in the column `status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::WaitingForBuyer => "waiting_for_buyer",
            Self::NeedsAttention => "needs_attention",
            Self::Succeeded => "succeeded",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will come of it by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Cancelled)
    }
}

impl Activation {
    /// The polled `status`.
    #[must_use]
    pub fn status(&self) -> Status {
        if self.cancelled.is_some() {
            return Status::Cancelled;
        }
        match (&self.turn, &self.stage) {
            (Turn::Workers { retrying: true, .. }, _) => Status::Retrying,
            (Turn::Workers { .. }, _) => Status::Running,
            (Turn::Operator { .. }, _) => Status::NeedsAttention,
            (Turn::Buyer, Stage::Active { .. }) => Status::Succeeded,
            (Turn::Buyer | Turn::Mend { .. }, _) => Status::WaitingForBuyer,
        }
    }

    /// The polled `problem`'s code, for the column that operators filter by.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if let Some(why) = self.cancelled {
            return Some(why.code().to_owned());
        }
        match &self.turn {
            Turn::Workers { .. } | Turn::Buyer => None,
            Turn::Mend { refusal, .. } => Some(refusal.code.code().to_owned()),
            Turn::Operator { fault, .. } => Some(fault.code.code().to_owned()),
        }
    }
}

impl Stage {
    /// The word on the wire and in the column `stage`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::BillingAccount { .. } => "billing_account",
            Self::Workspace { .. } => "workspace",
            Self::Confirmation { .. } => "confirmation",
            Self::Active { .. } => "active",
        }
    }
}

impl Cancellation {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InstanceReleased => "instance-released",
            Self::CancelledByOperator => "cancelled-by-operator",
        }
    }

    /// What it says.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::InstanceReleased => "The marketplace has ended this instance.",
            Self::CancelledByOperator => "This activation was cancelled by an operator.",
        }
    }
}

impl RefusalCode {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::InstanceNotFound => "instance-not-found",
            Self::AlreadyStarted => "already-started",
            Self::AccountMismatch => "account-mismatch",
            Self::InstanceNotActive => "instance-not-active",
            Self::InstanceAlreadyBound => "instance-already-bound",
            Self::UsernameTaken => "username-taken",
            Self::EmailTaken => "email-taken",
            Self::AccountUnknown => "account-unknown",
            Self::WorkspaceNameTaken => "workspace-name-taken",
            Self::WorkspaceNotBindable => "workspace-not-bindable",
            Self::CloudAccountLinkedElsewhere => "cloud-account-linked-elsewhere",
            Self::MailRefused => "mail-refused",
            Self::FieldRefused => "field-refused",
            Self::RefusedByVendor => "refused-by-vendor",
        }
    }
}

impl FaultCode {
    /// The code on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::MarketplaceUnavailable => "marketplace-unavailable",
            Self::PlatformUnavailable => "platform-unavailable",
            Self::MailUnavailable => "mail-unavailable",
            Self::NotYet => "not-yet",
            Self::Misconfigured => "misconfigured",
            Self::Internal => "internal",
            Self::PlatformRefused => "platform-refused",
        }
    }
}
