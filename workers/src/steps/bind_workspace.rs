//! Step two: bind the workspace to the purchase, as the purchase stands now. It will then show as bound.

use landfall_shared::activation::Happened;
use landfall_shared::command::BindWorkspace;
use landfall_shared::platform::billing_center::Binding;
use landfall_shared::purchase::{Purchase, PurchaseState};
use landfall_shared::refusal::RefusalCode;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: BindWorkspace) -> Result<Happened, StepError> {
    // Nothing is bound for an instance that is not in use; it goes on by itself when it is. What may be bound already is told
    // with the next report.
    if !step.attempted && step.purchase.is_some_and(|purchase| purchase.state == PurchaseState::Suspended) {
        return Err(RefusalCode::InstanceNotActive.into());
    }
    // What takes the earlier binding back would take this one, too: it comes after it.
    if step.being_unbound {
        return Err(StepError::Later { after: None });
    }
    let now = step.purchase_now()?;
    let binding = Binding {
        workspace_id: &asked.workspace_id,
        billing_account_id: step.billing_account()?,
        marketplace: step.activation.marketplace.as_str(),
        cloud_account_id: step.account_id()?.as_str(),
        instance_id: step.activation.instance_id.as_str(),
        product_code: now.sold.product_code.as_deref(),
        sku_id: now.sold.sku_id.as_deref(),
        trial: now.sold.trial,
        expires_at: now.sold.expires_at,
        order_id: now.sold.order_id.as_deref(),
        items: now.items,
    };
    step.outside.platforms.billing_center.bind(&binding, &step.telling()).await?;
    let told = step.purchase.map_or(0, Purchase::told_by_binding);
    Ok(Happened::WorkspaceBound { told })
}
