//! What the marketplace or an operator says of an instance while its activation is under way, or after it.

use super::{Activation, Cancellation, Request, Stage, StartedBy, Turn};
use crate::command::{Command, Queued, Report, UnbindWorkspace, VerifyPurchase};
use crate::purchase::{Notice, Purchase};
use crate::refusal::RefusalCode;

impl Activation {
    /// The instance was announced: a purchase that could not be found is verified again.
    pub fn announced(&mut self) -> Option<Queued> {
        self.verified_again_after(RefusalCode::InstanceNotFound)
    }

    /// The marketplace said something. `holds` tells whether this activation holds the instance; `purchase` is as it is now.
    pub fn marketplace_said(&mut self, notice: &Notice, purchase: &Purchase, holds: bool) -> Option<Queued> {
        if self.cancelled.is_some() {
            return None;
        }
        if holds {
            self.purchase = Some(purchase.sold.clone());
        }
        let bound = self.binding().is_some();
        let caused = match notice {
            Notice::Released => return self.released(holds),
            Notice::Renewed { .. } => Command::Renew(Report {}),
            Notice::Upgraded { .. } => Command::Upgrade(Report {}),
            Notice::Suspended => Command::Suspend(Report {}),
            Notice::Resumed => Command::Resume(Report {}),
        };
        if bound {
            return Some(Queued::fresh(caused));
        }
        match notice {
            Notice::Renewed { .. } | Notice::Resumed => self.verified_again_after(RefusalCode::InstanceNotActive),
            Notice::Upgraded { .. } | Notice::Suspended | Notice::Released => None,
        }
    }

    /// An operator ends it, before it is active: what is bound is taken back.
    pub fn cancelled_by_operator(&mut self) -> Option<Queued> {
        if self.cancelled.is_some() || matches!(self.stage, Stage::Active { .. }) {
            return None;
        }
        self.cancelled = Some(Cancellation::CancelledByOperator);
        let workspace_id = self.binding()?.workspace_id.clone();
        Some(Queued::fresh(Command::UnbindWorkspace(UnbindWorkspace { workspace_id })))
    }

    /// An operator has the command that died tried again.
    pub fn retried_by_operator(&mut self) {
        if let Turn::Operator { request, proof, .. } = &self.turn {
            self.turn = Turn::Workers { request: request.clone(), retrying: true, proof: *proof };
        }
    }

    /// Over for good: told to the Billing Center if something is bound. A stranger's guess, which holds nothing, stays
    /// what it is.
    fn released(&mut self, holds: bool) -> Option<Queued> {
        if self.cancelled.is_some() || !(holds || self.started_by == StartedBy::Login) {
            return None;
        }
        self.cancelled = Some(Cancellation::InstanceReleased);
        self.binding().is_some().then(|| Queued::fresh(Command::Release(Report {})))
    }

    fn verified_again_after(&mut self, waited_for: RefusalCode) -> Option<Queued> {
        let waits = matches!(&self.turn, Turn::Mend { refusal, .. } if refusal.code == waited_for);
        if self.cancelled.is_some() || self.stage != Stage::Purchase || !waits {
            return None;
        }
        self.hand_over(Request::Entry, None);
        Some(Queued::fresh(Command::VerifyPurchase(VerifyPurchase {})))
    }
}
