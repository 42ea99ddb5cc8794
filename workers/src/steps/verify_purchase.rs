//! Step one: is the instance really bought, and by whom? The marketplace says; without its `OpenAPI`, its announcement does.

use landfall_shared::activation::Happened;
use landfall_shared::buyer::AccountId;
use landfall_shared::command::VerifyPurchase;
use landfall_shared::marketplace::{Seen, Verified};
use landfall_shared::purchase::{PurchaseState, Purchased};
use landfall_shared::refusal::{Fault, FaultCode, Party, RefusalCode};

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, _: VerifyPurchase) -> Result<Happened, StepError> {
    // The marketplace said so itself, and nothing opens it again.
    if step.purchase.is_some_and(|purchase| purchase.state == PurchaseState::Released) {
        return Ok(Happened::PurchaseEnded);
    }
    let Some(marketplace) = &step.outside.marketplace else { return by_announcement(step) };
    match marketplace.look_up(step.activation.instance_id.as_str(), step.now()).await? {
        Seen::Active(verified) => {
            let (account_id, purchased) = bought(verified)?;
            bought_by(step, &account_id)?;
            step.import(&account_id, &purchased, PurchaseState::Active).await?;
            Ok(Happened::PurchaseVerified { account_id, purchased })
        }
        Seen::Opening => Err(StepError::Later { after: None }),
        Seen::Expired(verified) => {
            let (account_id, purchased) = bought(verified)?;
            bought_by(step, &account_id)?;
            step.import(&account_id, &purchased, PurchaseState::Suspended).await?;
            Err(RefusalCode::InstanceNotActive.into())
        }
        Seen::Closed => Ok(Happened::PurchaseEnded),
        Seen::Unknown if step.purchase.is_some_and(|purchase| purchase.announced) => Err(StepError::Misconfigured {
            party: Party::Marketplace,
            fault: Fault::new(
                FaultCode::Misconfigured,
                "the marketplace does not let our key see an instance that it announced",
            ),
        }),
        Seen::Unknown => Err(RefusalCode::InstanceNotFound.into()),
    }
}

fn by_announcement(step: &Step<'_>) -> Result<Happened, StepError> {
    let Some(purchase) = step.purchase else { return Err(RefusalCode::InstanceNotFound.into()) };
    match purchase.state {
        PurchaseState::Active => {
            bought_by(step, &purchase.account_id)?;
            let (account_id, purchased) = (purchase.account_id.clone(), purchase.sold.clone());
            Ok(Happened::PurchaseVerified { account_id, purchased })
        }
        PurchaseState::Suspended => {
            bought_by(step, &purchase.account_id)?;
            Err(RefusalCode::InstanceNotActive.into())
        }
        PurchaseState::Released => Ok(Happened::PurchaseEnded),
    }
}

/// Who bought it, and what.
fn bought(verified: Verified) -> Result<(AccountId, Purchased), StepError> {
    let purchased = Purchased {
        order_id: Some(verified.order_id),
        product_code: verified.product_code,
        sku_id: verified.sku_id,
        trial: Some(verified.trial),
        expires_at: verified.expires_at,
    };
    Ok((AccountId::parse(&verified.account_id)?, purchased))
}

/// By whom it was bought the buyer may have said, or the announcement.
fn bought_by(step: &Step<'_>, account_id: &AccountId) -> Result<(), StepError> {
    match &step.activation.account_id {
        Some(claimed) if claimed != account_id => Err(RefusalCode::AccountMismatch.into()),
        _ => Ok(()),
    }
}
