//! What the marketplace or an operator says of an instance while its activation is under way, or after it.

use super::{Activation, Cancellation, Request, Stage, StartedBy, Turn};
use crate::command::{Command, Queued, Report, UnbindWorkspace, VerifyPurchase};
use crate::purchase::{Notice, Purchase, PurchaseState};
use crate::refusal::RefusalCode;

/// An operator's act that would change nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NothingToDo;

impl Activation {
    /// The purchase became known, and `purchase` is what the marketplace has said of it so far: what waited for that goes on, and
    /// what is bound is reported.
    pub fn purchase_known(&mut self, purchase: &Purchase, holds: bool) -> Option<Queued> {
        if holds {
            self.purchase = Some(purchase.sold.clone());
        }
        let told = if purchase.state == PurchaseState::Released { self.released(holds) } else { None };
        if self.cancelled.is_some() {
            return told;
        }
        if let Some(report) = self.report_if_it_changed(Some(purchase)) {
            return Some(Queued::fresh(report));
        }
        self.goes_on_after(RefusalCode::InstanceNotFound).or_else(|| self.in_use_again(purchase))
    }

    /// The marketplace said something. `holds` tells whether this activation holds the instance; `purchase` is as it is now.
    pub fn marketplace_said(&mut self, notice: &Notice, purchase: &Purchase, holds: bool) -> Option<Queued> {
        if self.cancelled.is_some() {
            return None;
        }
        if holds {
            self.purchase = Some(purchase.sold.clone());
        }
        let caused = match notice {
            Notice::Released => return self.released(holds),
            Notice::Renewed { .. } => Command::Renew(Report {}),
            Notice::Upgraded { .. } => Command::Upgrade(Report {}),
            Notice::Suspended => Command::Suspend(Report {}),
            Notice::Resumed => Command::Resume(Report {}),
        };
        if self.binding().is_some() && self.cancelled.is_none() {
            return Some(Queued::fresh(caused));
        }
        self.in_use_again(purchase)
    }

    /// An operator ends it, before it is active: what is bound is taken back.
    ///
    /// # Errors
    /// If it is active, or over.
    pub fn cancelled_by_operator(&mut self) -> Result<Option<Queued>, NothingToDo> {
        if self.cancelled.is_some() || matches!(self.stage, Stage::Active { .. }) {
            return Err(NothingToDo);
        }
        self.cancelled = Some(Cancellation::CancelledByOperator);
        let bound = self.binding().map(|binding| binding.workspace_id.clone());
        Ok(bound.map(|workspace_id| Queued::fresh(Command::UnbindWorkspace(UnbindWorkspace { workspace_id }))))
    }

    /// An operator has the command that died tried again.
    pub fn retried_by_operator(&mut self) {
        if let Turn::Operator { request, proof, .. } = &self.turn {
            self.turn = Turn::Workers { request: request.clone(), retrying: true, proof: *proof };
        }
    }

    /// Over for good: told to the Billing Center if something is bound. A stranger's guess, which holds nothing, stays
    /// what it is; whoever waits for the instance to be in use again has typed the right Account ID.
    fn released(&mut self, holds: bool) -> Option<Queued> {
        let is_the_buyers =
            holds || self.started_by == StartedBy::Login || self.waits_for(RefusalCode::InstanceNotActive);
        if self.cancelled.is_some() || !is_the_buyers {
            return None;
        }
        self.cancelled = Some(Cancellation::InstanceReleased);
        self.binding().is_some().then(|| Queued::fresh(Command::Release(Report {})))
    }

    fn in_use_again(&mut self, purchase: &Purchase) -> Option<Queued> {
        match purchase.state {
            PurchaseState::Active => self.goes_on_after(RefusalCode::InstanceNotActive),
            PurchaseState::Suspended | PurchaseState::Released => None,
        }
    }

    fn waits_for(&self, what: RefusalCode) -> bool {
        matches!(&self.turn, Turn::Mend { refusal, .. } if refusal.code == what)
    }

    /// What waited for the marketplace goes on by itself, from where it was refused.
    fn goes_on_after(&mut self, waited_for: RefusalCode) -> Option<Queued> {
        let Turn::Mend { request, refusal, proof } = &self.turn else { return None };
        if self.cancelled.is_some() || refusal.code != waited_for {
            return None;
        }
        let (request, proof) = (request.clone(), *proof);
        let command = match (&self.stage, &request) {
            (Stage::Purchase, _) => Some(Command::VerifyPurchase(VerifyPurchase {})),
            (_, Request::Registration(form)) => self.registering_goes_on(form),
            (_, Request::Workspace(asked)) => self.workspace_goes_on(asked),
            (_, Request::Entry | Request::BillingAccount | Request::Refresh(_)) => None,
        };
        let queued = Queued::fresh(command?);
        self.hand_over(request, proof);
        Some(queued)
    }
}
