//! Later: tell the Billing Center how the purchase stands now, whatever caused it: so a late suspend never follows a newer
//! resume.

use landfall_shared::activation::Happened;
use landfall_shared::command::Report;
use landfall_shared::platform::billing_center::{Instance, InstanceState};
use landfall_shared::purchase::PurchaseState;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, _: Report) -> Result<Happened, StepError> {
    let purchase = step.purchase.ok_or_else(|| StepError::defect("no purchase is known that could be reported"))?;
    let instance = Instance {
        marketplace: step.activation.marketplace.as_str(),
        instance_id: step.activation.instance_id.as_str(),
        state: match purchase.state {
            PurchaseState::Active => InstanceState::Active,
            PurchaseState::Suspended => InstanceState::Suspended,
            PurchaseState::Released => InstanceState::Released,
        },
        expires_at: purchase.sold.expires_at,
        sku_id: purchase.sold.sku_id.as_deref(),
        order_id: purchase.sold.order_id.as_deref(),
        items: &purchase.items,
    };
    let billing_center = &step.outside.platforms.billing_center;
    match step.activation.binding() {
        Some(_) => billing_center.tell_instance(&instance, &step.telling()).await?,
        None => billing_center.tell_instance_if_bound(&instance, &step.telling()).await?,
    }
    Ok(Happened::Reported { told: purchase.version })
}
