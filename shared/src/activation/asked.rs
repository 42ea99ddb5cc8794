//! What the buyer asks for: each transition is a sentence of the guide, allowed at its stage or refused at once.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Activation, LinkedAccount, Request, Stage, Turn};
use crate::platform::PlatformId;
use crate::command::{BindBillingAccount, BindWorkspace, Command, CreateWorkspace, ListWorkspaces, Queued};

/// Why a call cannot be taken now (contract §3, both 409).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotNow {
    /// This stage does not allow it.
    OutOfTurn,
    /// A command is in hand.
    InProgress,
}

/// The two ways to a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedWorkspace {
    /// Bind one of the list.
    Bind {
        /// Its id; must be listed and bindable.
        workspace_id: PlatformId,
    },
    /// Create one, then bind it.
    Create(CreateWorkspace),
}

impl Activation {
    /// Whether a call of the buyer is allowed now.
    ///
    /// # Errors
    /// [`CannotNow::InProgress`] while a command is in hand at a stage that would allow it, else [`CannotNow::OutOfTurn`].
    pub fn may(&self, request: Request) -> Result<(), CannotNow> {
        if self.cancelled.is_some() {
            return Err(CannotNow::OutOfTurn);
        }
        let mends = matches!(&self.turn, Turn::Mend { request: began, .. } if *began == request && request != Request::Entry);
        let fits = matches!(
            (&self.stage, request),
            (Stage::BillingAccount { .. }, Request::BillingAccount)
                // A linked account must be proven: registering another is no way around it.
                | (Stage::BillingAccount { linked: None }, Request::Registration)
                | (Stage::Workspace { .. }, Request::Workspace | Request::Refresh)
                | (Stage::Confirmation { .. } | Stage::Active { .. }, Request::Confirmation)
        );
        match (&self.turn, fits || mends) {
            (_, false) | (Turn::Operator { .. }, _) => Err(CannotNow::OutOfTurn),
            (Turn::Workers { .. }, true) => Err(CannotNow::InProgress),
            (Turn::Buyer | Turn::Mend { .. }, true) => Ok(()),
        }
    }

    /// *Has a Billing Center account*: link the cloud account to the one whose code was right.
    ///
    /// # Errors
    /// See [`Activation::may`].
    pub fn bind_billing_account(&mut self, account: LinkedAccount, proof: Uuid) -> Result<Queued, CannotNow> {
        self.may(Request::BillingAccount)?;
        self.hand_over(Request::BillingAccount, Some(proof));
        let command = BindBillingAccount { billing_account_id: account.id, username: account.username };
        Ok(Queued::fresh(Command::BindBillingAccount(command)))
    }

    /// Ask again which workspaces can be bound.
    ///
    /// # Errors
    /// See [`Activation::may`].
    pub fn refresh_workspaces(&mut self) -> Result<Queued, CannotNow> {
        self.may(Request::Refresh)?;
        self.hand_over(Request::Refresh, None);
        Ok(Queued::fresh(Command::ListWorkspaces(ListWorkspaces {})))
    }

    /// *Bind Workspace*, or *Create Workspace* and bind it. A workspace to bind must be listed and bindable: the caller
    /// has checked that, for it is the field's fault.
    ///
    /// # Errors
    /// See [`Activation::may`]; also out of turn if the workspace is not listed.
    pub fn choose_workspace(&mut self, asked: AskedWorkspace, proof: Option<Uuid>) -> Result<Queued, CannotNow> {
        self.may(Request::Workspace)?;
        let command = match asked {
            AskedWorkspace::Create(create) => Command::CreateWorkspace(create),
            AskedWorkspace::Bind { workspace_id } => {
                let chosen = self.workspaces().iter().find(|workspace| workspace.id == workspace_id);
                let chosen = chosen.ok_or(CannotNow::OutOfTurn)?;
                Command::BindWorkspace(BindWorkspace {
                    workspace_id,
                    workspace_name: chosen.name.clone(),
                    site: chosen.site.clone(),
                })
            }
        };
        self.hand_over(Request::Workspace, proof);
        Ok(Queued::fresh(command))
    }

    /// *Activation successful*: the buyer confirms, and the activation is active. Confirming again changes nothing.
    ///
    /// # Errors
    /// See [`Activation::may`].
    pub fn confirm(&mut self) -> Result<(), CannotNow> {
        self.may(Request::Confirmation)?;
        if let Stage::Confirmation { account, workspaces, binding } = &self.stage {
            self.stage =
                Stage::Active { account: account.clone(), workspaces: workspaces.clone(), binding: binding.clone() };
            self.turn = Turn::Buyer;
        }
        Ok(())
    }

    /// *Login Directly* to an activation that was typed: from then on it is as if the login had begun it.
    pub fn logged_in_directly(&mut self, now: OffsetDateTime) -> Option<Queued> {
        self.started_by = super::StartedBy::Login;
        let Stage::BillingAccount { linked: Some(linked) } = &self.stage else { return None };
        if !matches!(self.turn, Turn::Buyer | Turn::Mend { .. }) || self.cancelled.is_some() {
            return None;
        }
        let linked = linked.clone();
        Some(self.goes_to_workspaces(linked, now))
    }

    pub(super) fn hand_over(&mut self, request: Request, proof: Option<Uuid>) {
        self.turn = Turn::Workers { request, retrying: false, proof };
    }

    /// The cloud account is linked, and the buyer may see that: on to the workspace list.
    fn goes_to_workspaces(&mut self, linked: LinkedAccount, now: OffsetDateTime) -> Queued {
        self.stage = Stage::at_workspaces(linked, now);
        self.hand_over(Request::Refresh, None);
        Queued::fresh(Command::ListWorkspaces(ListWorkspaces {}))
    }
}
