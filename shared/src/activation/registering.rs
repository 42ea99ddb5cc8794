//! What comes next of registering and of making a workspace: the first thing that is not made yet.

use time::OffsetDateTime;

use super::{
    Activation, AskedWorkspace, BoundAccount, ConsoleAccount, LinkedAccount, Made, NewAccount, NewWorkspace,
    Registration, Stage, Workspace,
};
use crate::buyer::SiteId;
use crate::command::{
    BindBillingAccount, BindWorkspace, Command, CreateWorkspace, OpenBillingAccount, Owner, RegisterBuyer, Sold,
};
use crate::platform::PlatformId;

/// Who still needs the password of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordFor {
    /// The console account is to be made; without a password the one that the address has is used.
    NewAccount,
    /// The console account was made here, its password taken and erased: the Billing Center's must be given again.
    BillingCenter,
    /// Nobody: the account existed before, or has everything.
    Nobody,
}

impl Activation {
    /// The next command of registering, in the contract's order: console account, Billing Center account, link, workspace.
    /// None where the stage knows no registering.
    pub(super) fn registering_goes_on(&self, form: &Registration) -> Option<Command> {
        let Registration { account, company, workspace } = form;
        let made = self.made()?;
        let owner = made.console_account_at(&workspace.site);
        let command = match (&self.stage, owner) {
            (Stage::BillingAccount { .. }, Some(owner)) => match &made.billing_account {
                Some(opened) => link(opened),
                None => Command::OpenBillingAccount(OpenBillingAccount {
                    account: NewAccount { has_password: !owner.found, ..account.clone() },
                    company: company.clone(),
                    terms_accepted_at: workspace.terms_accepted_at,
                }),
            },
            (Stage::BillingAccount { .. }, None) => register(account, workspace, made.billing_account.is_none()),
            (_, Some(owner)) => self.create_or_bind(made, workspace, Owner::Account(owner.clone())),
            (_, None) => register(account, workspace, false),
        };
        Some(command)
    }

    /// Who still needs the password of a registration at that site.
    #[must_use]
    pub fn registration_needs_password(&self, site: &SiteId) -> PasswordFor {
        let made = self.made();
        let owner = made.and_then(|made| made.console_account_at(site));
        let opened = made.is_some_and(|made| made.billing_account.is_some());
        match (owner, &self.stage) {
            (None, _) => PasswordFor::NewAccount,
            (Some(owner), Stage::BillingAccount { .. }) if !owner.found && !opened => PasswordFor::BillingCenter,
            (Some(_), _) => PasswordFor::Nobody,
        }
    }

    /// The next command towards the workspace that was asked for; none if it is to be bound and not listed.
    pub(super) fn workspace_goes_on(&self, asked: &AskedWorkspace) -> Option<Command> {
        match asked {
            AskedWorkspace::Bind(id) => {
                let chosen = self.workspaces().iter().find(|listed| listed.id == *id)?;
                Some(bind(chosen))
            }
            AskedWorkspace::CreateForOwner(workspace, email) => {
                Some(self.create_or_bind(self.made()?, workspace, Owner::Address(email.clone())))
            }
            AskedWorkspace::CreateWithOwner(workspace, account) => {
                let made = self.made()?;
                Some(match made.console_account_of(&account.email, &workspace.site) {
                    Some(owner) => self.create_or_bind(made, workspace, Owner::Account(owner.clone())),
                    None => register(account, workspace, false),
                })
            }
        }
    }

    /// Creates a workspace, unless this activation has made it already and only its binding was refused.
    fn create_or_bind(&self, made: &Made, workspace: &NewWorkspace, owner: Owner) -> Command {
        let before = made.workspace(workspace, |account| match &owner {
            Owner::Account(owner) => account.id == owner.id,
            Owner::Address(email) => account.is_of(email),
        });
        if let Some(before) = before {
            return bind(before);
        }
        let sold = self.purchase.as_ref();
        let sold = Sold {
            product_code: sold.and_then(|sold| sold.product_code.clone()),
            sku_id: sold.and_then(|sold| sold.sku_id.clone()),
            trial: sold.and_then(|sold| sold.trial),
        };
        Command::CreateWorkspace(CreateWorkspace { workspace: workspace.clone(), owner, sold })
    }

    /// Keeps the console account that was made or found.
    pub(super) fn keep_console_account(&mut self, account: &ConsoleAccount) {
        if let Some(made) = self.made_mut() {
            made.console_accounts.push(account.clone());
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

pub(super) fn bind(workspace: &Workspace) -> Command {
    Command::BindWorkspace(BindWorkspace {
        workspace_id: workspace.id.clone(),
        workspace_name: workspace.name.clone(),
        site: workspace.site.clone(),
    })
}

fn link(account: &LinkedAccount) -> Command {
    Command::BindBillingAccount(BindBillingAccount {
        billing_account_id: account.id.clone(),
        username: account.username.clone(),
    })
}
