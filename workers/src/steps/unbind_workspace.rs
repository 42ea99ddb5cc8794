//! Cancelled: take back a binding that was, or may have been, made.

use landfall_shared::activation::Happened;
use landfall_shared::command::UnbindWorkspace;

use crate::step::{Step, StepError};

pub async fn take(step: &Step<'_>, asked: UnbindWorkspace) -> Result<Happened, StepError> {
    step.outside.platforms.billing_center.unbind(&asked.workspace_id, &step.call()).await?;
    Ok(Happened::WorkspaceUnbound)
}
