//! Step two: no Billing Center account: the buyer's console account comes first, or the one that the proven address has.

use landfall_shared::activation::{ConsoleAccount, Happened};
use landfall_shared::buyer::Phone;
use landfall_shared::command::RegisterBuyer;
use landfall_shared::platform::Password;
use landfall_shared::platform::console::NewConsoleAccount;
use landfall_shared::refusal::RefusalCode;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: RegisterBuyer) -> Result<Happened, StepError> {
    let RegisterBuyer { account, site, terms_accepted_at, at_billing_center_too } = asked;
    let platforms = &step.outside.platforms;
    // Before anything is made: one name for both platforms.
    if at_billing_center_too
        && platforms.billing_center.find_account(account.username.as_str(), &step.asking()).await?.is_some()
    {
        return Err(RefusalCode::UsernameTaken.into());
    }
    if !account.has_password {
        let found = platforms.console.find_account(account.email.as_str(), site.as_str(), &step.asking()).await?;
        let found = found.ok_or(RefusalCode::AccountUnknown)?;
        let (id, username, email) = (found.id, found.username, account.email);
        return Ok(Happened::BuyerRegistered(ConsoleAccount { id, username, email, site, found: true }));
    }
    let password = step.password().await?;
    let new = NewConsoleAccount {
        username: account.username.as_str(),
        email: account.email.as_str(),
        password: Password(password.secret()),
        phone: account.phone.as_ref().map(Phone::as_str),
        site: site.as_str(),
        terms_accepted_at,
    };
    let id = platforms.console.register(&new, &step.call()).await?;
    let username = account.username.as_str().to_owned();
    Ok(Happened::BuyerRegistered(ConsoleAccount { id, username, email: account.email, site, found: false }))
}
