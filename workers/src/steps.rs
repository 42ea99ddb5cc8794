//! THE JOURNEY, in the guide's order: one file a step, and the one match that leads to it.

use landfall_shared::activation::Happened;
use landfall_shared::command::Command;

use crate::step::{Step, StepError};

mod verify_purchase; // Step one: is it really bought?
mod find_billing_account; // Step two: is the cloud account linked already?
mod send_verification_code; // Step two: prove that it is yours
mod register_buyer; // Step two: no Billing Center account: the console account comes first
mod open_billing_account; // Step two: then the Billing Center account
mod bind_billing_account; // Step two: has a Billing Center account: link it
mod list_workspaces; // Step two: which workspaces can be bound?
mod create_workspace; // Step two: no workspace yet
mod bind_workspace; // Step two: it will now show as bound
mod unbind_workspace; // cancelled: take the binding back
mod report_purchase; // later: what the marketplace says of a bound instance

/// Takes the step of a command.
///
/// # Errors
/// How the attempt failed; the error carries its own verdict.
pub async fn take(step: &Step<'_>, command: Command) -> Result<Happened, StepError> {
    match command {
        Command::VerifyPurchase(asked) => verify_purchase::take(step, asked).await,
        Command::FindBillingAccount(asked) => find_billing_account::take(step, asked).await,
        Command::SendVerificationCode(asked) => send_verification_code::take(step, asked).await,
        Command::RegisterBuyer(asked) => register_buyer::take(step, asked).await,
        Command::OpenBillingAccount(asked) => open_billing_account::take(step, asked).await,
        Command::BindBillingAccount(asked) => bind_billing_account::take(step, asked).await,
        Command::ListWorkspaces(asked) => list_workspaces::take(step, asked).await,
        Command::CreateWorkspace(asked) => create_workspace::take(step, asked).await,
        Command::BindWorkspace(asked) => bind_workspace::take(step, asked).await,
        Command::UnbindWorkspace(asked) => unbind_workspace::take(step, asked).await,
        Command::Renew(asked)
        | Command::Upgrade(asked)
        | Command::Suspend(asked)
        | Command::Resume(asked)
        | Command::Release(asked) => report_purchase::take(step, asked).await,
    }
}
