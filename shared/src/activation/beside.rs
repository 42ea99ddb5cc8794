//! What happens beside the journey: codes that are mailed, and reports to the Billing Center after the binding.

use super::{Activation, ChallengeChange, Follow, Happened, Outcome, Stage};
use crate::command::{CodePart, Command, Report, SendVerificationCode};
use crate::purchase::{Purchase, PurchaseState};

impl Activation {
    /// The Billing Center was told how the purchase stands; if it changed meanwhile, it is told again.
    pub(super) fn apply_report(&mut self, outcome: &Outcome, purchase: Option<&Purchase>) -> Follow {
        let Outcome::Happened(Happened::Reported { told: now_told }) = outcome else { return Follow::default() };
        if let Stage::Confirmation { binding, .. } | Stage::Active { binding, .. } = &mut self.stage {
            binding.told = binding.told.max(*now_told);
        }
        Follow { next: self.report_if_it_changed(purchase), ..Follow::default() }
    }

    /// A code's mail, or the look-up before it: only the challenge changes.
    pub(super) fn apply_mail(command: &Command, outcome: &Outcome) -> Follow {
        let Command::SendVerificationCode(SendVerificationCode { challenge_id, part }) = command else {
            return Follow::default();
        };
        let becomes = |status, looked_up| Some(ChallengeChange { id: *challenge_id, status, looked_up });
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
        if purchase.version <= binding.told {
            return None;
        }
        Some(match purchase.state {
            PurchaseState::Active => Command::Renew(Report {}),
            PurchaseState::Suspended => Command::Suspend(Report {}),
            PurchaseState::Released => Command::Release(Report {}),
        })
    }
}
