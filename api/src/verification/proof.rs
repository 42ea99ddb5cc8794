//! Proving: a code that was typed, or an address that was proven before.

use landfall_shared::activation::LinkedAccount;
use landfall_shared::buyer::Code;
use landfall_shared::code;
use landfall_shared::keys::KeyId;
use landfall_shared::store::challenges::{self, Challenge, PROVEN_FOR, TRIES};
use uuid::Uuid;

use super::{Purpose, Target};
use crate::fields::Fields;
use crate::problem::Problem;
use crate::writing::Writing;

/// The right to a command: a challenge whose right code came.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The challenge.
    pub challenge_id: Uuid,
    /// Of `billing_account`: the account that is proven.
    pub account: Option<LinkedAccount>,
}

/// What a form shows for its address or username.
#[derive(Debug)]
pub enum Shown {
    /// A code, which is checked when everything else is right.
    Code(Code),
    /// Nothing, and nothing is owed: it was proven before.
    Proven(Proof),
}

/// Reads the code of a form. One that is owed and not there is `required`, like any other field.
///
/// # Errors
/// If the database fails.
pub async fn shown(
    writing: &mut Writing,
    fields: &mut Fields,
    field: &str,
    typed: Option<&str>,
    (purpose, target): (Purpose, Option<&Target>),
) -> Result<Option<Shown>, Problem> {
    if typed.is_some_and(|typed| !typed.trim().is_empty()) {
        return Ok(fields.required(field, typed, Code::parse).map(Shown::Code));
    }
    // Whether a code is owed for an address that is none nobody can say.
    let Some(target) = target else { return Ok(None) };
    let id = writing.activation.id;
    let counted = target.counted();
    let whose = (counted.as_str(), target.username());
    let proven = challenges::lock_proven(writing.db(), id, purpose.as_str(), whose).await?;
    if proven.is_none() {
        fields.wrong(field, "required", "Enter the verification code.");
    }
    Ok(proven.map(|proven| Shown::Proven(proof(proven))))
}

impl Shown {
    /// Checks a code. A try is counted with the comparison, in a transaction that always commits, and whoever tries at the
    /// same time waits; a right code costs none.
    ///
    /// # Errors
    /// 422 `code-invalid`, 410 `code-expired`, 409 `code-used`.
    pub async fn prove(self, writing: &mut Writing, purpose: Purpose, target: &Target) -> Result<Proof, Problem> {
        let typed = match self {
            Self::Proven(proof) => return Ok(proof),
            Self::Code(code) => code,
        };
        let Some(challenge) = latest(writing, purpose, target).await? else { return Err(Problem::code_invalid(0)) };
        is_open(&challenge, writing)?;
        let keys = writing.app.keys.clone();
        let Ok(key) = keys.by_id(KeyId::from_i32(challenge.key_id)) else {
            tracing::error!(
                "a verification code was made with a key that this process does not have: see SECRET_KEY_PREVIOUS"
            );
            return Err(Problem::unavailable());
        };
        let right = code::is_right(key, challenge.id, &typed);
        // Of a username that nobody has, every code is wrong.
        let reachable = purpose != Purpose::BillingAccount || challenge.account.is_some();
        writing.shown();
        if right & reachable {
            challenges::proven(writing.db(), challenge.id).await?;
            return Ok(proof(challenge));
        }
        challenges::wrong(writing.db(), challenge.id).await?;
        Err(Problem::code_invalid(TRIES - challenge.tries - 1))
    }
}

/// Whether a code can still be right: its tries are not used up, it has not done its work, and it, or what it has proven, is
/// not over.
fn is_open(challenge: &Challenge, writing: &Writing) -> Result<(), Problem> {
    if challenge.tries >= TRIES {
        return Err(Problem::code_expired());
    }
    match challenge.status.as_str() {
        "spent" => Err(Problem::code_used()),
        "proven" if is_proven_still(challenge, writing) => Ok(()),
        "queued" | "sent" | "refused" if challenge.expires_at > writing.now => Ok(()),
        _ => Err(Problem::code_expired()),
    }
}

async fn latest(writing: &mut Writing, purpose: Purpose, target: &Target) -> Result<Option<Challenge>, Problem> {
    let id = writing.activation.id;
    let counted = target.counted();
    Ok(challenges::lock_latest(writing.db(), id, purpose.as_str(), (&counted, target.username())).await?)
}

fn is_proven_still(challenge: &Challenge, writing: &Writing) -> bool {
    challenge.proven_at.is_some_and(|at| at + PROVEN_FOR > writing.now)
}

fn proof(challenge: Challenge) -> Proof {
    let account = challenge.account.and_then(|account| serde_json::from_value(account).ok());
    Proof { challenge_id: challenge.id, account }
}
