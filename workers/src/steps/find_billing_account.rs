//! Step two: is the cloud account linked to a Billing Center account already?

use landfall_shared::activation::{Happened, LinkedAccount};
use landfall_shared::command::FindBillingAccount;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, _: FindBillingAccount) -> Result<Happened, StepError> {
    let marketplace = step.activation.marketplace.as_str();
    let linked =
        step.outside.platforms.billing_center.find_link(marketplace, step.account_id()?.as_str(), &step.call()).await?;
    Ok(Happened::LinkFound(linked.map(|account| LinkedAccount { id: account.id, username: account.username })))
}
