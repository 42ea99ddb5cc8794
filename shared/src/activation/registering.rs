//! What comes next of registering and of making a workspace: the first thing that is not made yet.

use time::OffsetDateTime;

use super::{
    Activation, AskedWorkspace, BoundAccount, ConsoleAccount, LinkedAccount, Made, NewAccount, NewWorkspace,
    Registration, Stage,
};
use crate::command::{
    BindBillingAccount, BindWorkspace, Command, CreateWorkspace, OpenBillingAccount, Owner, RegisterBuyer,
};
use crate::platform::PlatformId;

impl Activation {
    /// The next command of registering, in the contract's order: console account, Billing Center account, link, workspace.
    /// None where the stage knows no registering.
    pub(super) fn registering_goes_on(&self, form: &Registration) -> Option<Command> {
        let Registration { account, company, workspace } = form;
        let owner = self.made()?.console_account_at(&workspace.site);
        let command = match (&self.stage, owner) {
            (Stage::BillingAccount { made: Made { billing_account: Some(opened), .. }, .. }, Some(_)) => link(opened),
            (Stage::BillingAccount { .. }, Some(_)) => Command::OpenBillingAccount(OpenBillingAccount {
                account: account.clone(),
                company: company.clone(),
                terms_accepted_at: workspace.terms_accepted_at,
            }),
            (Stage::BillingAccount { .. }, None) => register(account, workspace, true),
            (_, Some(owner)) => create(workspace, Owner::Account(owner.clone())),
            (_, None) => register(account, workspace, false),
        };
        Some(command)
    }

    /// The next command towards the workspace that was asked for; none if it is to be bound and not listed.
    pub(super) fn workspace_goes_on(&self, asked: &AskedWorkspace) -> Option<Command> {
        match asked {
            AskedWorkspace::Bind(id) => {
                let chosen = self.workspaces().iter().find(|listed| listed.id == *id)?;
                Some(Command::BindWorkspace(BindWorkspace {
                    workspace_id: chosen.id.clone(),
                    workspace_name: chosen.name.clone(),
                    site: chosen.site.clone(),
                }))
            }
            AskedWorkspace::CreateForOwner(workspace, email) => Some(create(workspace, Owner::Address(email.clone()))),
            AskedWorkspace::CreateWithOwner(workspace, account) => {
                Some(match self.made()?.console_account_at(&workspace.site) {
                    Some(owner) => create(workspace, Owner::Account(owner.clone())),
                    None => register(account, workspace, false),
                })
            }
        }
    }

    /// Keeps the console account that was made or found.
    pub(super) fn keep_console_account(&mut self, account: &ConsoleAccount) {
        if let Some(made) = self.made_mut() {
            made.console_account = Some(account.clone());
        }
    }

    /// Keeps the Billing Center account that was opened.
    pub(super) fn keep_billing_account(&mut self, id: &PlatformId, username: &str) {
        if let Some(made) = self.made_mut() {
            made.billing_account = Some(LinkedAccount { id: id.clone(), username: username.to_owned() });
        }
    }

    /// The cloud account is linked: the workspace is next, with all that was made so far.
    pub(super) fn reach_workspaces(&mut self, linked: LinkedAccount, now: OffsetDateTime) {
        let made = self.made().cloned().unwrap_or_default();
        let account = BoundAccount { id: linked.id, username: linked.username, bound_at: now };
        self.stage = Stage::Workspace { account, workspaces: Vec::new(), made };
    }

    /// What was made, at the stages where something can be.
    #[must_use]
    pub fn made(&self) -> Option<&Made> {
        match &self.stage {
            Stage::BillingAccount { made, .. } | Stage::Workspace { made, .. } => Some(made),
            Stage::Purchase | Stage::Confirmation { .. } | Stage::Active { .. } => None,
        }
    }

    pub(super) fn made_mut(&mut self) -> Option<&mut Made> {
        match &mut self.stage {
            Stage::BillingAccount { made, .. } | Stage::Workspace { made, .. } => Some(made),
            Stage::Purchase | Stage::Confirmation { .. } | Stage::Active { .. } => None,
        }
    }
}

fn register(account: &NewAccount, workspace: &NewWorkspace, at_billing_center_too: bool) -> Command {
    Command::RegisterBuyer(RegisterBuyer {
        account: account.clone(),
        site: workspace.site.clone(),
        terms_accepted_at: workspace.terms_accepted_at,
        at_billing_center_too,
    })
}

fn create(workspace: &NewWorkspace, owner: Owner) -> Command {
    Command::CreateWorkspace(CreateWorkspace { workspace: workspace.clone(), owner })
}

fn link(account: &LinkedAccount) -> Command {
    Command::BindBillingAccount(BindBillingAccount {
        billing_account_id: account.id.clone(),
        username: account.username.clone(),
    })
}
