//! Step two: no workspace yet: create one at the console, for the owner whose address was proven.

use landfall_shared::activation::{Happened, Workspace};
use landfall_shared::command::CreateWorkspace;
use landfall_shared::platform::console::NewWorkspace;
use landfall_shared::refusal::RefusalCode;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: CreateWorkspace) -> Result<Happened, StepError> {
    let console = &step.outside.platforms.console;
    let owner = console.find_account(asked.owner_email.as_str(), asked.site.as_str(), &step.call()).await?;
    let owner = owner.ok_or(RefusalCode::AccountUnknown)?;
    let sold = step.activation.purchase.as_ref();
    let new = NewWorkspace {
        name: asked.name.as_str(),
        language: asked.language.as_str(),
        site: asked.site.as_str(),
        owner_account_id: &owner.id,
        billing_account_id: step.billing_account()?,
        marketplace: step.activation.marketplace.as_str(),
        instance_id: step.activation.instance_id.as_str(),
        product_code: sold.and_then(|sold| sold.product_code.as_deref()),
        sku_id: sold.and_then(|sold| sold.sku_id.as_deref()),
        trial: sold.and_then(|sold| sold.trial),
        terms_accepted_at: asked.terms_accepted_at,
    };
    let id = console.create_workspace(&new, &step.call()).await?;
    Ok(Happened::WorkspaceCreated(Workspace {
        id,
        name: asked.name.as_str().to_owned(),
        site: asked.site.as_str().to_owned(),
        language: Some(asked.language.as_str().to_owned()),
        bindable: true,
        reason: None,
    }))
}
