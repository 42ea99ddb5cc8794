//! Step two: has a Billing Center account: link the cloud account to it.

use landfall_shared::activation::Happened;
use landfall_shared::command::BindBillingAccount;
use landfall_shared::platform::billing_center::Link;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: BindBillingAccount) -> Result<Happened, StepError> {
    let link = Link {
        marketplace: step.activation.marketplace.as_str(),
        cloud_account_id: step.account_id()?.as_str(),
        billing_account_id: &asked.billing_account_id,
    };
    step.outside.platforms.billing_center.link(&link, &step.call()).await?;
    Ok(Happened::BillingAccountBound)
}
