//! Step two: no Billing Center account: the buyer's console account comes first, or the one that the proven address has.

use landfall_shared::activation::{ConsoleAccount, Happened};
use landfall_shared::command::RegisterBuyer;
use landfall_shared::platform::Password;
use landfall_shared::platform::console::NewConsoleAccount;
use landfall_shared::refusal::RefusalCode;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: RegisterBuyer) -> Result<Happened, StepError> {
    let platforms = &step.outside.platforms;
    let (username, email, site) = (asked.account.username.as_str(), asked.account.email.as_str(), asked.site.as_str());
    // Before anything is made: one name for both platforms.
    if asked.at_billing_center_too && platforms.billing_center.find_account(username, &step.asking()).await?.is_some() {
        return Err(RefusalCode::UsernameTaken.into());
    }
    if !asked.account.has_password {
        let found = platforms.console.find_account(email, site, &step.asking()).await?;
        let found = found.ok_or(RefusalCode::AccountUnknown)?;
        let account = ConsoleAccount { id: found.id, username: found.username, site: asked.site };
        return Ok(Happened::BuyerRegistered(account));
    }
    let password = step.password().await?;
    let new = NewConsoleAccount {
        username,
        email,
        password: Password(password.secret()),
        phone: asked.account.phone.as_ref().map(landfall_shared::buyer::Phone::as_str),
        site,
        terms_accepted_at: asked.terms_accepted_at,
    };
    let id = platforms.console.register(&new, &step.call()).await?;
    Ok(Happened::BuyerRegistered(ConsoleAccount { id, username: username.to_owned(), site: asked.site }))
}
