//! What happens beside the journey: codes that are mailed, and reports to the Billing Center after the binding.

use super::{Activation, Cancellation, ChallengeChange, Follow, Happened, Outcome, Stage};
use crate::command::{CodePart, Command, Report, SendVerificationCode};
use crate::purchase::{Purchase, PurchaseState};

impl Activation {
    /// The Billing Center was told how the purchase stands; if it changed meanwhile, it is told again. Where an operator
    /// cancelled, the binding is undone and there is nothing to tell any more.
    pub(super) fn apply_report(&mut self, outcome: &Outcome, purchase: Option<&Purchase>) -> Follow {
        if self.cancelled == Some(Cancellation::CancelledByOperator) {
            return Follow { ends: true, ..Follow::default() };
        }
        let Outcome::Happened(Happened::Reported { told: now_told }) = outcome else { return Follow::default() };
        if let Stage::Confirmation { binding, .. } | Stage::Active { binding, .. } = &mut self.stage {
            binding.told = binding.told.max(*now_told);
        }
        Follow { next: self.report_if_it_changed(purchase), ..Follow::default() }
    }

    /// A code's mail, or the look-up before it: only the challenge changes. A cancelled activation's is not tried again, and
    /// nothing follows it.
    pub(super) fn apply_mail(&self, command: &Command, outcome: &Outcome) -> Follow {
        let Command::SendVerificationCode(SendVerificationCode { challenge_id, part }) = command else {
            return Follow::default();
        };
        let becomes = |status, looked_up| Some(ChallengeChange { id: *challenge_id, status, looked_up });
        if self.cancelled.is_some() {
            return Follow { ends: true, hidden: *part == CodePart::HiddenMail, ..Follow::default() };
        }
        match (part, outcome) {
            (CodePart::HiddenMail, _) => Follow { hidden: true, ..Follow::default() },
            (CodePart::LookUp, Outcome::Happened(Happened::AccountLookedUp(found))) => Follow {
                next: found.as_ref().map(|_| {
                    Command::SendVerificationCode(SendVerificationCode {
                        challenge_id: *challenge_id,
                        part: CodePart::HiddenMail,
                    })
                }),
                challenge: becomes("sent", found.clone()),
                ..Follow::default()
            },
            (_, Outcome::Happened(Happened::CodeSent)) => {
                Follow { challenge: becomes("sent", None), ..Follow::default() }
            }
            (_, Outcome::Refused(_)) => Follow { challenge: becomes("refused", None), ..Follow::default() },
            (_, Outcome::Happened(_) | Outcome::Later(_) | Outcome::Retry(_) | Outcome::Dead(_) | Outcome::Over) => {
                Follow::default()
            }
        }
    }

    /// Once bound, the Billing Center is told whatever the marketplace said since it was last told.
    pub(super) fn report_if_it_changed(&self, purchase: Option<&Purchase>) -> Option<Command> {
        let (binding, purchase) = (self.binding()?, purchase?);
        (purchase.version > binding.told).then(|| report(purchase))
    }

    /// The same straight after the binding, which says everything of a purchase but that it is not in use.
    pub(super) fn report_after_binding(&self, purchase: Option<&Purchase>) -> Option<Command> {
        let not_in_use = purchase.filter(|purchase| purchase.state != PurchaseState::Active);
        self.report_if_it_changed(purchase).or_else(|| not_in_use.map(report))
    }
}

/// The report of how a purchase stands.
fn report(purchase: &Purchase) -> Command {
    match purchase.state {
        PurchaseState::Active => Command::Renew(Report {}),
        PurchaseState::Suspended => Command::Suspend(Report {}),
        PurchaseState::Released => Command::Release(Report {}),
    }
}
