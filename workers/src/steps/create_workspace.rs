//! Step two: no workspace yet: create one at the console, for the owner who was made, found, or whose address was proven.

use landfall_shared::activation::{ConsoleAccount, Happened, Workspace};
use landfall_shared::command::{CreateWorkspace, Owner};
use landfall_shared::platform::console::NewWorkspace;
use landfall_shared::refusal::RefusalCode;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: CreateWorkspace) -> Result<Happened, StepError> {
    let console = &step.outside.platforms.console;
    let CreateWorkspace { workspace, owner, sold } = asked;
    let owner = match owner {
        Owner::Account(account) => account,
        Owner::Address(email) => {
            let found = console.find_account(email.as_str(), workspace.site.as_str(), &step.asking()).await?;
            let found = found.ok_or(RefusalCode::AccountUnknown)?;
            ConsoleAccount { id: found.id, username: found.username, email, site: workspace.site.clone(), found: true }
        }
    };
    let new = NewWorkspace {
        name: workspace.name.as_str(),
        language: workspace.language.as_str(),
        site: workspace.site.as_str(),
        owner_account_id: &owner.id,
        billing_account_id: step.billing_account()?,
        marketplace: step.activation.marketplace.as_str(),
        instance_id: step.activation.instance_id.as_str(),
        product_code: sold.product_code.as_deref(),
        sku_id: sold.sku_id.as_deref(),
        trial: sold.trial,
        terms_accepted_at: workspace.terms_accepted_at,
    };
    let id = console.create_workspace(&new, &step.call()).await?;
    let created = Workspace {
        id,
        name: workspace.name.as_str().to_owned(),
        site: workspace.site.as_str().to_owned(),
        language: Some(workspace.language.as_str().to_owned()),
        bindable: true,
        reason: None,
    };
    Ok(Happened::WorkspaceCreated(created, owner))
}
