//! What a step is given, and how it can fail.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use landfall_shared::activation::Activation;
use landfall_shared::buyer::{AccountId, Invalid, Password};
use landfall_shared::platform::{Call, PlatformId};
use landfall_shared::purchase::{Purchase, PurchaseState, Purchased};
use landfall_shared::refusal::{Fault, FaultCode, FieldError, Party, PartyError, Refusal, RefusalCode};
use landfall_shared::seal::OpenError;
use landfall_shared::store::commands::Loaded;
use landfall_shared::store::{in_time, sealed};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::outside::Outside;

/// One attempt at one command: what is known, and the doors to the outside. A step sees no transaction, message or ack.
pub struct Step<'a> {
    /// The activation, as it was when the attempt began.
    pub activation: &'a Activation,
    /// The purchase, if it was announced, or imported.
    pub purchase: Option<&'a Purchase>,
    /// The outside parties.
    pub outside: &'a Outside,
    /// The command's id: the mail's Message-ID is made from it.
    pub command: Uuid,
    /// It may have been attempted before: whatever it makes may be there already.
    pub attempted: bool,
    /// An earlier activation of this instance was cancelled, and what it bound is still being taken back.
    pub being_unbound: bool,
    key: String,
    asking: String,
    telling: String,
    trace: String,
    loaded: (OffsetDateTime, Instant),
}

impl<'a> Step<'a> {
    /// An attempt at a command that was loaded at this moment.
    #[must_use]
    pub fn new(loaded: &'a Loaded, since: Instant, outside: &'a Outside) -> Self {
        let another = |intention: &str| Uuid::new_v5(&loaded.key, intention.as_bytes()).to_string();
        let version = loaded.purchase.as_ref().map_or(0, |purchase| purchase.version);
        Self {
            activation: &loaded.activation,
            purchase: loaded.purchase.as_ref(),
            outside,
            command: loaded.id,
            key: loaded.key.to_string(),
            asking: another("asking"),
            telling: another(&format!("telling {version}")),
            attempted: loaded.fence > 0,
            being_unbound: loaded.being_unbound && loaded.activation.cancelled.is_none(),
            trace: loaded.trace.clone(),
            loaded: (loaded.now, since),
        }
    }

    /// The database's time, now: no other clock decides anything.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.loaded.0 + self.loaded.1.elapsed()
    }

    /// What every call to a platform carries; the key is the same for every attempt at this intention.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        Call { key: &self.key, now: self.now(), language: &self.activation.language, trace: Some(&self.trace) }
    }

    /// What a look-up carries in a command that makes something too: asking is another intention than making.
    #[must_use]
    pub fn asking(&self) -> Call<'_> {
        Call { key: &self.asking, ..self.call() }
    }

    /// What a call carries whose body holds the purchase as it stands now: another version of it is another intention.
    #[must_use]
    pub fn telling(&self) -> Call<'_> {
        Call { key: &self.telling, ..self.call() }
    }

    /// The buyer's password, opened.
    ///
    /// # Errors
    /// If this process lacks the key; if it was erased, the buyer must give it again.
    pub async fn password(&self) -> Result<Password, StepError> {
        let pool = self.outside.database.pool();
        let sealed = in_time(sealed::find(&pool, self.activation.id)).await?;
        Ok(sealed.ok_or(OpenError::Damaged)?.open(&self.outside.keys, self.activation.id)?)
    }

    /// Keeps a purchase that the marketplace shows us, if it never announced it: from then on it is like any other.
    ///
    /// # Errors
    /// If our database fails.
    pub async fn import(
        &self,
        account_id: &AccountId,
        sold: &Purchased,
        state: PurchaseState,
    ) -> Result<(), StepError> {
        if self.purchase.is_some() {
            return Ok(());
        }
        let purchase = Purchase {
            marketplace: self.activation.marketplace,
            instance_id: self.activation.instance_id.clone(),
            account_id: account_id.clone(),
            sold: sold.clone(),
            items: BTreeMap::new(),
            state,
            version: 1,
            announced: false,
        };
        Ok(self.outside.importing.import(purchase, &self.trace).await?)
    }

    /// The cloud account, which is known once the purchase is verified.
    ///
    /// # Errors
    /// If it is not known: a defect of ours.
    pub fn account_id(&self) -> Result<&AccountId, StepError> {
        self.activation.account_id.as_ref().ok_or_else(|| StepError::defect("the Account ID is not known yet"))
    }

    /// The Billing Center account that pays, which is known at the stages that need it.
    ///
    /// # Errors
    /// If it is not known: a defect of ours.
    pub fn billing_account(&self) -> Result<&PlatformId, StepError> {
        let account = self.activation.account();
        account.map(|account| &account.id).ok_or_else(|| StepError::defect("no Billing Center account is bound yet"))
    }

    /// The purchase as it stands now: as it became known and changed since, else as it was verified.
    ///
    /// # Errors
    /// If neither is known: a defect of ours.
    pub fn purchase_now(&self) -> Result<PurchaseNow<'_>, StepError> {
        static NO_ITEMS: BTreeMap<String, String> = BTreeMap::new();
        match (self.purchase, &self.activation.purchase) {
            (Some(known), _) => Ok(PurchaseNow { sold: &known.sold, items: &known.items }),
            (None, Some(sold)) => Ok(PurchaseNow { sold, items: &NO_ITEMS }),
            (None, None) => Err(StepError::defect("the purchase is not verified yet")),
        }
    }
}

/// A purchase as a platform is told it.
pub struct PurchaseNow<'a> {
    /// What was sold.
    pub sold: &'a Purchased,
    /// The marketplace's extra billing items.
    pub items: &'a BTreeMap<String, String>,
}

/// How an attempt can fail. It is made by `From` alone: an error carries its own verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// The other side is still at it: not an attempt.
    Later {
        /// When it said to ask again.
        after: Option<Duration>,
    },
    /// Tried again.
    Retry {
        /// What happened.
        fault: Fault,
        /// When it said to try again.
        after: Option<Duration>,
    },
    /// Our credentials were rejected: tried again at the slowest pace, not an attempt.
    Misconfigured {
        /// By whom.
        party: Party,
        /// What happened.
        fault: Fault,
    },
    /// The buyer must change something.
    Refused(Refusal),
    /// No retry mends it.
    Broken(Fault),
    /// Not begun: the activation was cancelled before, or the code is over.
    Over,
    /// A newer version wrote the command, or a hand: tried again at the slowest pace, not an attempt.
    NotUnderstood,
    /// Every attempt there was has ended the process that made it.
    Spent,
    /// Our own database failed: nothing is known, nothing is written, the row comes back.
    Unknown,
}

impl StepError {
    /// A defect of ours: retried, for a newer version may mend it.
    #[must_use]
    pub fn defect(what: &str) -> Self {
        Self::Retry { fault: Fault::new(FaultCode::Internal, what), after: None }
    }
}

impl From<PartyError> for StepError {
    fn from(error: PartyError) -> Self {
        match error {
            PartyError::NotYet { after } => Self::Later { after },
            PartyError::Refused(refusal) => Self::Refused(refusal),
            PartyError::Retry { fault, after } => Self::Retry { fault, after },
            PartyError::Misconfigured { party, fault } => Self::Misconfigured { party, fault },
            PartyError::Broken(fault) => Self::Broken(fault),
        }
    }
}

impl From<OpenError> for StepError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::UnknownKey(_) => Self::Misconfigured {
                party: Party::Console,
                fault: Fault::new(
                    FaultCode::Misconfigured,
                    "the password was sealed with a key that this process does not have: see SECRET_KEY_PREVIOUS",
                ),
            },
            // Erased, for it has waited too long: only the buyer has it.
            OpenError::Damaged => Self::Refused(Refusal {
                errors: vec![FieldError {
                    field: "password".to_owned(),
                    detail: "This took long, so the password was erased. Please enter it again.".to_owned(),
                }],
                ..RefusalCode::FieldRefused.into()
            }),
        }
    }
}

impl From<RefusalCode> for StepError {
    fn from(code: RefusalCode) -> Self {
        Self::Refused(code.into())
    }
}

impl From<Invalid> for StepError {
    /// An outside party gave a word that is none: as unreadable as no answer.
    fn from(_: Invalid) -> Self {
        Self::defect("an outside party gave an id that cannot be one")
    }
}

impl From<sqlx::Error> for StepError {
    fn from(error: sqlx::Error) -> Self {
        tracing::warn!(%error, "a step could not reach the database");
        Self::Unknown
    }
}
