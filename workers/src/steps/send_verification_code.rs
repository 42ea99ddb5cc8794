//! Step two: prove that an address, or an account, is the buyer's: a code that is derived, mailed, and never stored.

use landfall_shared::activation::{Happened, LinkedAccount, LookedUp};
use landfall_shared::command::{CodePart, SendVerificationCode};
use landfall_shared::store::challenges::{self, Challenge};
use landfall_shared::store::in_time;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: SendVerificationCode) -> Result<Happened, StepError> {
    let found = in_time(challenges::find(&step.outside.database.pool(), asked.challenge_id)).await?;
    let Some(challenge) = found.filter(|challenge| challenge.expires_at > step.now() && !is_over(challenge)) else {
        // Nothing is sent, whoever comes first: this attempt, or the clock that ends the code and its mail.
        return Err(StepError::Over);
    };
    match asked.part {
        CodePart::LookUp => look_up(step, &challenge).await,
        CodePart::Mail | CodePart::HiddenMail => mail(step, &challenge).await,
    }
}

fn is_over(challenge: &Challenge) -> bool {
    ["proven", "spent", "expired"].contains(&challenge.status.as_str())
}

/// Whose address has the username? Whatever comes of it, the buyer sees the same.
async fn look_up(step: &Step<'_>, challenge: &Challenge) -> Result<Happened, StepError> {
    let found = step
        .outside
        .platforms
        .billing_center
        .find_account(challenge.username.as_deref().unwrap_or(&challenge.target), &step.call())
        .await?;
    Ok(Happened::AccountLookedUp(found.map(|account| LookedUp {
        email: account.email,
        account: LinkedAccount { id: account.id, username: account.username },
    })))
}

async fn mail(step: &Step<'_>, challenge: &Challenge) -> Result<Happened, StepError> {
    let to = challenge.email.as_deref().ok_or_else(|| StepError::defect("the challenge has no address"))?;
    let letter = step.outside.letters.code(step, challenge, to)?;
    step.outside.mailer.send(&letter).await?;
    Ok(Happened::CodeSent)
}
