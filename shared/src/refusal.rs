//! What can stand in the way of an activation: refusals, which the buyer can mend, and faults, which a retry or an operator must.

use serde::{Deserialize, Serialize};

/// Why the buyer is asked to change something; the codes of contract §4, final on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    /// Nobody announced the instance, and the marketplace does not know it.
    InstanceNotFound,
    /// Another activation holds the instance.
    AlreadyStarted,
    /// The instance was bought by another cloud account than the one typed.
    AccountMismatch,
    /// The marketplace says that the instance has expired.
    InstanceNotActive,
    /// The Billing Center has bound the instance already.
    InstanceAlreadyBound,
    /// Somebody else has that username.
    UsernameTaken,
    /// An account with that e-mail address exists.
    EmailTaken,
    /// The e-mail address or username has no account.
    AccountUnknown,
    /// A workspace of that name exists.
    WorkspaceNameTaken,
    /// The workspace cannot be bound (any more).
    WorkspaceNotBindable,
    /// Another Billing Center account holds the cloud account.
    CloudAccountLinkedElsewhere,
    /// The mail server does not take mail for the address.
    MailRefused,
    /// The vendor refused single fields; `errors` says which, in the vendor's words.
    FieldRefused,
    /// The vendor refused, in the vendor's words (`detail`).
    RefusedByVendor,
}

/// What the buyer is told and can mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable code.
    pub code: RefusalCode,
    /// The vendor's own words where there are any: plain text, at most 300 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The fields the vendor refused (`field-refused` only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One field that was refused: `field` is the dotted path in the body that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The dotted path.
    pub field: String,
    /// The vendor's words, at most 300 characters.
    pub detail: String,
}

impl RefusalCode {
    /// What it says where the vendor has no words of its own: plain, and with what to do.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::InstanceNotFound => {
                "The marketplace does not know this instance yet. As soon as it announces it, this goes on by itself."
            }
            Self::AlreadyStarted => {
                "Another activation holds this instance. Go on by Marketplace > Purchased Services > Login Directly."
            }
            Self::AccountMismatch => {
                "This instance was bought by another Account ID. Use the id of the main account, not of a RAM user."
            }
            Self::InstanceNotActive => {
                "The instance has expired. As soon as it is renewed at the marketplace, this goes on by itself."
            }
            Self::InstanceAlreadyBound => "This instance is bound to a workspace already.",
            Self::UsernameTaken => "Somebody else has this username. Choose another one.",
            Self::EmailTaken => "There is an account with this e-mail address. Use it, or another address.",
            Self::AccountUnknown => "This e-mail address has no account. Use another address, or create an account.",
            Self::WorkspaceNameTaken => "There is a workspace with this name. Choose another name.",
            Self::WorkspaceNotBindable => "This workspace cannot be bound. Choose another one.",
            Self::CloudAccountLinkedElsewhere => {
                "This cloud account is linked to another Billing Center account. Use that one."
            }
            Self::MailRefused => "The mail server does not take mail for this address. Use another address.",
            Self::FieldRefused => "Some fields need another value.",
            Self::RefusedByVendor => "This was refused.",
        }
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self { code, detail: None, errors: Vec::new() }
    }
}

/// Why a command is tried again, or waits for an operator; the codes of contract §4, final on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultCode {
    /// The marketplace's `OpenAPI` does not answer.
    MarketplaceUnavailable,
    /// Billing Center or console does not answer, or not readably.
    PlatformUnavailable,
    /// The mail server does not answer, or asked us to come back later.
    MailUnavailable,
    /// The other side has accepted the call and is still at it.
    NotYet,
    /// The other side does not accept our credentials.
    Misconfigured,
    /// A defect of ours.
    Internal,
    /// A platform gave an answer that no retry mends.
    PlatformRefused,
}

/// What went wrong in one attempt, for the timeline and the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The stable code.
    pub code: FaultCode,
    /// One plain sentence, without secrets and personal data.
    pub detail: String,
}

impl Fault {
    /// A fault with its sentence.
    pub fn new(code: FaultCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

/// Which of the four outside parties a call went to; the label of the metric `landfall_misconfigured`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The marketplace's `OpenAPI`.
    Marketplace,
    /// The vendor's Billing Center.
    BillingCenter,
    /// The vendor's console.
    Console,
    /// The mail server.
    Mail,
}

/// What a party said of our credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// It let us in.
    Accepted,
    /// It did not.
    Rejected,
}

impl Party {
    /// All whom a worker calls.
    pub const ALL: [Self; 4] = [Self::Marketplace, Self::BillingCenter, Self::Console, Self::Mail];

    /// Sets the metric `landfall_misconfigured` when our credentials are rejected, and clears it when they are accepted
    /// (contract §7).
    pub fn credentials(self, said: Credentials) {
        let party = match self {
            Self::Marketplace => "marketplace",
            Self::BillingCenter => "billing_center",
            Self::Console => "console",
            Self::Mail => "mail",
        };
        let rejected = match said {
            Credentials::Accepted => 0.0,
            Credentials::Rejected => 1.0,
        };
        metrics::gauge!("landfall_misconfigured", "party" => party).set(rejected);
    }
}

/// Everything but success that an outside party can answer; it carries its own verdict (contract §7's table).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartyError {
    /// Accepted, not finished: the same call again with the same key; not an attempt.
    NotYet {
        /// What `Retry-After` said, at most an hour.
        after: Option<std::time::Duration>,
    },
    /// An answer that the buyer mends.
    Refused(Refusal),
    /// No answer, or one that says "later": tried again.
    Retry {
        /// What happened.
        fault: Fault,
        /// What `Retry-After` said, at most an hour.
        after: Option<std::time::Duration>,
    },
    /// Our credentials were rejected: tried again at the slowest pace; not an attempt.
    Misconfigured {
        /// Who rejected them.
        party: Party,
        /// What happened.
        fault: Fault,
    },
    /// An answer that no retry mends: an operator must look.
    Broken(Fault),
}
