//! What the buyer asks for: each transition is a sentence of the guide, allowed at its stage or refused at once.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Activation, AskedWorkspace, Call, LinkedAccount, Registration, Request, Stage, StartedBy, Turn};
use crate::command::{BindBillingAccount, Command, ListWorkspaces, Queued, VerifyPurchase};

/// Why a call cannot be taken now (contract §3, both 409).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotNow {
    /// This stage does not allow it.
    OutOfTurn,
    /// A command is in hand.
    InProgress,
}

impl Activation {
    /// Whether a call of the buyer is allowed now.
    ///
    /// # Errors
    /// [`CannotNow::InProgress`] while a command is in hand at a stage that would allow it, else [`CannotNow::OutOfTurn`].
    pub fn may(&self, call: Call) -> Result<(), CannotNow> {
        if self.cancelled.is_some() {
            return Err(CannotNow::OutOfTurn);
        }
        let mends = matches!(&self.turn, Turn::Mend { request, .. } if request.mended_by() == Some(call));
        let fits = matches!(
            (&self.stage, call),
            (Stage::BillingAccount { .. }, Call::BillingAccount)
                // A linked account must be proven: registering another is no way around it.
                | (Stage::BillingAccount { linked: None, .. }, Call::Registration)
                | (Stage::Workspace { .. }, Call::Workspace | Call::Refresh)
                | (Stage::Confirmation { .. } | Stage::Active { .. }, Call::Confirmation)
        );
        match (&self.turn, fits || mends) {
            (_, false) | (Turn::Operator { .. }, _) => Err(CannotNow::OutOfTurn),
            (Turn::Workers { .. }, true) => Err(CannotNow::InProgress),
            (Turn::Buyer | Turn::Mend { .. }, true) => Ok(()),
        }
    }

    /// *No Billing Center account*: register, from whatever of it was made before.
    ///
    /// # Errors
    /// See [`Activation::may`].
    pub fn register(&mut self, form: Registration, proof: Uuid) -> Result<Queued, CannotNow> {
        self.may(Call::Registration)?;
        let command = self.registering_goes_on(&form).ok_or(CannotNow::OutOfTurn)?;
        self.hand_over(Request::Registration(Box::new(form)), Some(proof));
        Ok(Queued::fresh(command))
    }

    /// *Has a Billing Center account*: link the cloud account to the one whose code was right.
    ///
    /// # Errors
    /// See [`Activation::may`].
    pub fn bind_billing_account(&mut self, account: LinkedAccount, proof: Uuid) -> Result<Queued, CannotNow> {
        self.may(Call::BillingAccount)?;
        self.hand_over(Request::BillingAccount, Some(proof));
        let command = BindBillingAccount { billing_account_id: account.id, username: account.username };
        Ok(Queued::fresh(Command::BindBillingAccount(command)))
    }

    /// Ask again which workspaces can be bound.
    ///
    /// # Errors
    /// See [`Activation::may`].
    pub fn refresh_workspaces(&mut self) -> Result<Queued, CannotNow> {
        self.may(Call::Refresh)?;
        // A registration that is being mended stays so: at this stage nothing else would allow it again.
        let then = match &self.turn {
            Turn::Mend { request: Request::Registration(_), .. } => self.turn.clone(),
            Turn::Mend { .. } | Turn::Buyer | Turn::Workers { .. } | Turn::Operator { .. } => Turn::Buyer,
        };
        self.hand_over(Request::Refresh(Box::new(then)), None);
        Ok(Queued::fresh(Command::ListWorkspaces(ListWorkspaces {})))
    }

    /// *Bind Workspace*, or *Create Workspace* and bind it. A workspace to bind must be listed and bindable: the caller
    /// has checked that, for it is the field's fault.
    ///
    /// # Errors
    /// See [`Activation::may`]; also out of turn if the workspace is not listed.
    pub fn choose_workspace(&mut self, asked: AskedWorkspace, proof: Option<Uuid>) -> Result<Queued, CannotNow> {
        self.may(Call::Workspace)?;
        let command = self.workspace_goes_on(&asked).ok_or(CannotNow::OutOfTurn)?;
        self.hand_over(Request::Workspace(Box::new(asked)), proof);
        Ok(Queued::fresh(command))
    }

    /// *Activation successful*: the buyer confirms, and the activation is active. Confirming again changes nothing.
    ///
    /// # Errors
    /// See [`Activation::may`].
    pub fn confirm(&mut self) -> Result<(), CannotNow> {
        self.may(Call::Confirmation)?;
        if let Stage::Confirmation { account, workspaces, binding } = &self.stage {
            self.stage =
                Stage::Active { account: account.clone(), workspaces: workspaces.clone(), binding: binding.clone() };
            self.turn = Turn::Buyer;
        }
        Ok(())
    }

    /// *Login Directly* to an activation: one that was typed is from then on as if the login had begun it. A purchase that could not be
    /// verified is verified again; a linked account need not be proven any more.
    pub fn logged_in_directly(&mut self, now: OffsetDateTime) -> Option<Queued> {
        if self.started_by == StartedBy::Typed {
            self.started_by = StartedBy::Login;
        }
        if self.cancelled.is_some() || !matches!(self.turn, Turn::Buyer | Turn::Mend { .. }) {
            return None;
        }
        match &self.stage {
            Stage::Purchase => {
                self.hand_over(Request::Entry, None);
                Some(Queued::fresh(Command::VerifyPurchase(VerifyPurchase {})))
            }
            Stage::BillingAccount { linked: Some(linked), .. } => {
                let linked = linked.clone();
                Some(Queued::fresh(self.goes_to_workspaces(linked, now)))
            }
            Stage::BillingAccount { linked: None, .. }
            | Stage::Workspace { .. }
            | Stage::Confirmation { .. }
            | Stage::Active { .. } => None,
        }
    }

    pub(super) fn hand_over(&mut self, request: Request, proof: Option<Uuid>) {
        self.turn = Turn::Workers { request, retrying: false, proof };
    }

    /// The cloud account is linked, and the buyer may see that: on to the workspace list.
    pub(super) fn goes_to_workspaces(&mut self, linked: LinkedAccount, now: OffsetDateTime) -> Command {
        self.reach_workspaces(linked, now);
        self.hand_over(Request::Refresh(Box::new(Turn::Buyer)), None);
        Command::ListWorkspaces(ListWorkspaces {})
    }
}
