//! Step two: then the Billing Center account, for whom the bills go to.

use landfall_shared::activation::Happened;
use landfall_shared::buyer::{Country, Industry, Phone};
use landfall_shared::command::OpenBillingAccount;
use landfall_shared::platform::Password;
use landfall_shared::platform::billing_center::{Company, NewBillingAccount};

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: OpenBillingAccount) -> Result<Happened, StepError> {
    // Whoever has a console account already has its password: the Billing Center asks for one of its own.
    let password = if asked.account.has_password { Some(step.password().await?) } else { None };
    let new = NewBillingAccount {
        username: asked.account.username.as_str(),
        email: asked.account.email.as_str(),
        password: password.as_ref().map(|password| Password(password.secret())),
        phone: asked.account.phone.as_ref().map(Phone::as_str),
        company: Company {
            name: asked.company.name.as_str(),
            country: asked.company.country.as_ref().map(Country::as_str),
            industry: asked.company.industry.as_ref().map(Industry::as_str),
        },
        terms_accepted_at: asked.terms_accepted_at,
    };
    let id = step.outside.platforms.billing_center.open_account(&new, &step.call()).await?;
    Ok(Happened::BillingAccountOpened(id))
}
