//! The commands: what somebody else must answer or do, one struct each, in the guide's order, and one enum over them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::activation::{Company, ConsoleAccount, NewAccount, NewWorkspace};
use crate::buyer::{Email, SiteId};
use crate::platform::PlatformId;

/// Ask the marketplace whether the instance is really bought, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyPurchase {}

/// Ask the Billing Center whether the cloud account is linked already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindBillingAccount {}

/// Mail the code of a challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendVerificationCode {
    /// The challenge whose code it is; the code itself is derived where it is needed.
    pub challenge_id: Uuid,
    /// What is to be done for it.
    pub part: CodePart,
}

/// The two halves of sending a code: a username must be looked up first, and only the look-up is visible (contract §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodePart {
    /// Find out whose address a Billing Center username has.
    LookUp,
    /// Send the mail to the address that the buyer typed.
    Mail,
    /// Send the mail to the address that was looked up; hidden from the buyer.
    HiddenMail,
}

/// Make the buyer's console account, or find the one that the proven address has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterBuyer {
    /// Whose; without a password the account must exist.
    pub account: NewAccount,
    /// At which console.
    pub site: SiteId,
    /// When the buyer agreed to the terms.
    #[serde(with = "time::serde::rfc3339")]
    pub terms_accepted_at: OffsetDateTime,
    /// The username will be the Billing Center's too, and must be free there before anything is made.
    pub at_billing_center_too: bool,
}

/// Open a Billing Center account for a buyer who has a console account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBillingAccount {
    /// Whose; without a password the console account existed before.
    pub account: NewAccount,
    /// Whom the bills go to.
    pub company: Company,
    /// When the buyer agreed to the terms.
    #[serde(with = "time::serde::rfc3339")]
    pub terms_accepted_at: OffsetDateTime,
}

/// Link the cloud account to a Billing Center account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindBillingAccount {
    /// The Billing Center's id of the account.
    pub billing_account_id: PlatformId,
    /// Its username, to be shown when it is bound.
    pub username: String,
}

/// Ask which workspaces can be bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListWorkspaces {}

/// Create a workspace at the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateWorkspace {
    /// The workspace.
    pub workspace: NewWorkspace,
    /// Who will own it.
    pub owner: Owner,
    /// For which purchase, as it was when this was asked: every attempt says the same.
    pub sold: Sold,
}

/// What a workspace is created for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sold {
    /// The product.
    pub product_code: Option<String>,
    /// What was chosen of it.
    pub sku_id: Option<String>,
    /// A trial.
    pub trial: Option<bool>,
}

/// The console account that will own a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The one that was just made, or found.
    Account(ConsoleAccount),
    /// The one that this address has.
    Address(Email),
}

/// Bind a workspace to the purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindWorkspace {
    /// The workspace's id at the vendor.
    pub workspace_id: PlatformId,
    /// Its name, to be shown when it is bound.
    pub workspace_name: String,
    /// Its site: where the buyer logs in.
    pub site: String,
}

/// Undo a binding that a cancelled activation may have made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnbindWorkspace {
    /// The workspace that was, or may have been, bound.
    pub workspace_id: PlatformId,
}

/// Tell the Billing Center how the purchase stands now; the command's name only says what caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {}

/// A command as it stands in a row of `commands`: its name, and what is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", content = "input", rename_all = "snake_case")]
pub enum Command {
    /// Step one: is it really bought?
    VerifyPurchase(VerifyPurchase),
    /// Step two: is the cloud account linked already?
    FindBillingAccount(FindBillingAccount),
    /// Prove that an address or an account is the buyer's.
    SendVerificationCode(SendVerificationCode),
    /// No Billing Center account: the console account comes first.
    RegisterBuyer(RegisterBuyer),
    /// Then the Billing Center account.
    OpenBillingAccount(OpenBillingAccount),
    /// Has a Billing Center account: link it.
    BindBillingAccount(BindBillingAccount),
    /// Which workspaces can be bound?
    ListWorkspaces(ListWorkspaces),
    /// No workspace yet: create one.
    CreateWorkspace(CreateWorkspace),
    /// It will now show as bound.
    BindWorkspace(BindWorkspace),
    /// Take a binding back.
    UnbindWorkspace(UnbindWorkspace),
    /// The marketplace renewed the instance.
    Renew(Report),
    /// The marketplace changed what was bought.
    Upgrade(Report),
    /// The marketplace says that the instance expired.
    Suspend(Report),
    /// The marketplace gave the instance back.
    Resume(Report),
    /// The marketplace ended the instance.
    Release(Report),
}

/// Every command's name, in the guide's order: there is one consumer for each.
pub const NAMES: [&str; 15] = [
    "verify_purchase",
    "find_billing_account",
    "send_verification_code",
    "register_buyer",
    "open_billing_account",
    "bind_billing_account",
    "list_workspaces",
    "create_workspace",
    "bind_workspace",
    "unbind_workspace",
    "renew",
    "upgrade",
    "suspend",
    "resume",
    "release",
];

/// At most one command of an activation is in hand in each lane, and only the journey's makes the buyer wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The buyer's way.
    Journey,
    /// Codes and notices: a slow mail server stops nobody.
    Mail,
    /// What the marketplace says after the binding.
    Lifecycle,
}

impl Lane {
    /// The lane's name in the column `lane`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Journey => "journey",
            Self::Mail => "mail",
            Self::Lifecycle => "lifecycle",
        }
    }
}

impl Command {
    /// The name: of the step, of its subject's last token, and in the polled document.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::VerifyPurchase(_) => "verify_purchase",
            Self::FindBillingAccount(_) => "find_billing_account",
            Self::SendVerificationCode(_) => "send_verification_code",
            Self::RegisterBuyer(_) => "register_buyer",
            Self::OpenBillingAccount(_) => "open_billing_account",
            Self::BindBillingAccount(_) => "bind_billing_account",
            Self::ListWorkspaces(_) => "list_workspaces",
            Self::CreateWorkspace(_) => "create_workspace",
            Self::BindWorkspace(_) => "bind_workspace",
            Self::UnbindWorkspace(_) => "unbind_workspace",
            Self::Renew(_) => "renew",
            Self::Upgrade(_) => "upgrade",
            Self::Suspend(_) => "suspend",
            Self::Resume(_) => "resume",
            Self::Release(_) => "release",
        }
    }

    /// Which lane it goes in.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Self::SendVerificationCode(_) => Lane::Mail,
            Self::Renew(_) | Self::Upgrade(_) | Self::Suspend(_) | Self::Resume(_) | Self::Release(_) => {
                Lane::Lifecycle
            }
            Self::VerifyPurchase(_)
            | Self::FindBillingAccount(_)
            | Self::RegisterBuyer(_)
            | Self::OpenBillingAccount(_)
            | Self::BindBillingAccount(_)
            | Self::ListWorkspaces(_)
            | Self::CreateWorkspace(_)
            | Self::BindWorkspace(_)
            | Self::UnbindWorkspace(_) => Lane::Journey,
        }
    }

    /// Whether the buyer must not see it among the steps.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        matches!(self, Self::SendVerificationCode(SendVerificationCode { part: CodePart::HiddenMail, .. }))
    }

    /// Whether it sends a mail, which shows when it is done twice: the look-up before it does not.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        let looks_up = matches!(self, Self::SendVerificationCode(asked) if asked.part == CodePart::LookUp);
        self.lane() == Lane::Mail && !looks_up
    }

    /// What is asked, as it stands in the column `input`.
    #[must_use]
    pub fn input(&self) -> Value {
        serde_json::to_value(self)
            .map(|mut whole| whole.get_mut("input").map_or(Value::Null, Value::take))
            .unwrap_or_default()
    }

    /// Reads a row's name and input back.
    ///
    /// # Errors
    /// If the name is unknown or the input is not of its form: a newer version wrote it, or a hand.
    pub fn from_row(name: &str, input: &Value) -> Result<Self, serde_json::Error> {
        serde_json::from_value(serde_json::json!({ "name": name, "input": input }))
    }
}

/// A command that is to be put into the table: in the transaction that makes it true, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The row's id.
    pub id: Uuid,
    /// The intention's id: platforms get it as `Idempotency-Key`.
    pub key: Uuid,
    /// What is asked.
    pub command: Command,
}

impl Queued {
    /// A command that a request began: fresh ids.
    #[must_use]
    pub fn fresh(command: Command) -> Self {
        Self { id: Uuid::now_v7(), key: Uuid::new_v4(), command }
    }

    /// A command that follows from another: computed ids, so that following twice is following once.
    #[must_use]
    pub fn after(earlier: Uuid, fence: i64, command: Command) -> Self {
        let seed = format!("{}:{fence}", command.name());
        let id = Uuid::new_v5(&earlier, seed.as_bytes());
        Self { id, key: Uuid::new_v5(&id, b"key"), command }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_survives_its_row() {
        let command = Command::BindWorkspace(BindWorkspace {
            workspace_id: PlatformId::try_from("w-1".to_owned()).unwrap(),
            workspace_name: "Lab".into(),
            site: "cn".into(),
        });
        assert_eq!(Command::from_row(command.name(), &command.input()).unwrap(), command);
        let empty = Command::VerifyPurchase(VerifyPurchase {});
        assert_eq!(Command::from_row("verify_purchase", &empty.input()).unwrap(), empty);
    }

    #[test]
    fn a_row_that_nobody_here_understands_is_an_error_and_not_a_guess() {
        assert!(Command::from_row("brew_coffee", &serde_json::json!({})).is_err());
        assert!(Command::from_row("bind_workspace", &serde_json::json!({})).is_err());
    }

    #[test]
    fn following_twice_gives_the_same_row() {
        let earlier = Uuid::now_v7();
        let follow = || Queued::after(earlier, 3, Command::ListWorkspaces(ListWorkspaces {}));
        assert_eq!(follow(), follow());
    }
}
