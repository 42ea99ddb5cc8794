//! What a page knows beside the polled document: names that only the buyer may see whole, and what the buyer typed before a
//! refusal, so that it can be mended on any device. Never a password or a code.

use landfall_shared::activation::{Activation, AskedWorkspace, NewAccount, NewWorkspace, Request, Stage, Turn};

/// Names, and what was typed.
#[derive(Debug, Default)]
pub struct Known {
    /// The Billing Center account that pays. Whoever sees it came by the marketplace or had the right code.
    pub billing_username: Option<String>,
    /// The console account that owns the bound workspace, where this activation made or found it.
    pub console_username: Option<String>,
    /// The console account that registering made before it was refused.
    pub made_console_username: Option<String>,
    /// What the buyer typed.
    pub typed: Typed,
}

/// A form as it was sent, field by field; empty where nothing was.
#[derive(Debug, Default)]
pub struct Typed {
    pub username: String,
    pub email: String,
    pub phone: String,
    pub company_name: String,
    pub country: String,
    pub industry: String,
    pub workspace_name: String,
    pub language: String,
    pub site: String,
    /// It was sent, and the terms agreed to with it.
    pub was_sent: bool,
}

impl Known {
    /// Of an activation.
    #[must_use]
    pub fn of(activation: &Activation) -> Self {
        let made = match &activation.stage {
            Stage::BillingAccount { made, .. } => made.console_accounts.last(),
            Stage::Purchase | Stage::Workspace { .. } | Stage::Confirmation { .. } | Stage::Active { .. } => None,
        };
        let owner = activation.binding().and_then(|binding| binding.owner.as_ref());
        Self {
            billing_username: activation.account().map(|account| account.username.clone()),
            console_username: owner.map(|owner| owner.username.clone()),
            made_console_username: made.map(|account| account.username.clone()),
            typed: Typed::of(activation),
        }
    }
}

impl Typed {
    /// What is to be mended; nothing of it stands in a page that asks for nothing.
    fn of(activation: &Activation) -> Self {
        let mut typed = Self::default();
        let Turn::Mend { request, .. } = &activation.turn else { return typed };
        match request {
            Request::Registration(form) => {
                typed.takes_account(&form.account);
                typed.takes_workspace(&form.workspace);
                form.company.name.as_str().clone_into(&mut typed.company_name);
                typed.country = form.company.country.as_ref().map(ToString::to_string).unwrap_or_default();
                typed.industry = form.company.industry.as_ref().map(ToString::to_string).unwrap_or_default();
            }
            Request::Workspace(asked) => match asked.as_ref() {
                AskedWorkspace::Bind(_) => {}
                AskedWorkspace::CreateForOwner(workspace, email) => {
                    typed.takes_workspace(workspace);
                    email.as_str().clone_into(&mut typed.email);
                }
                AskedWorkspace::CreateWithOwner(workspace, account) => {
                    typed.takes_workspace(workspace);
                    typed.takes_account(account);
                }
            },
            Request::Entry | Request::BillingAccount | Request::Refresh(_) => {}
        }
        typed
    }

    fn takes_account(&mut self, account: &NewAccount) {
        account.username.as_str().clone_into(&mut self.username);
        account.email.as_str().clone_into(&mut self.email);
        self.phone = account.phone.as_ref().map(ToString::to_string).unwrap_or_default();
    }

    fn takes_workspace(&mut self, workspace: &NewWorkspace) {
        self.was_sent = true;
        workspace.name.as_str().clone_into(&mut self.workspace_name);
        workspace.language.as_str().clone_into(&mut self.language);
        self.site = workspace.site.to_string();
    }
}
