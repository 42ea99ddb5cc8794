//! Step two: which workspaces can be bound?

use landfall_shared::activation::{Happened, Workspace};
use landfall_shared::command::ListWorkspaces;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, _: ListWorkspaces) -> Result<Happened, StepError> {
    let listed = step.outside.platforms.billing_center.list_workspaces(step.billing_account()?, &step.call()).await?;
    let workspaces = listed.into_iter().map(|listed| Workspace {
        id: listed.id,
        name: listed.name,
        site: listed.site,
        language: listed.language,
        bindable: listed.bindable,
        reason: listed.reason,
    });
    Ok(Happened::WorkspacesListed(workspaces.collect()))
}
