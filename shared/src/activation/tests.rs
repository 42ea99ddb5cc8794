//! Every stage, turn and ending against every call of the buyer, every notice and every outcome: what holds of all of them.

use time::OffsetDateTime;
use uuid::Uuid;

use super::*;
use crate::command::{CodePart, Lane, SendVerificationCode};
use crate::purchase::{Notice, PurchaseState};
use crate::refusal::RefusalCode;

mod interleavings;
mod samples;

use samples::{all_activations, all_commands, all_outcomes, call, notices, purchase};

const CALLS: [Call; 5] = [Call::Registration, Call::BillingAccount, Call::Refresh, Call::Workspace, Call::Confirmation];

fn now() -> OffsetDateTime {
    time::macros::datetime!(2026-11-24 12:00:00 UTC)
}

/// How far a stage is on the way.
fn rank(stage: &Stage) -> u8 {
    match stage {
        Stage::Purchase => 0,
        Stage::BillingAccount { .. } => 1,
        Stage::Workspace { .. } => 2,
        Stage::Confirmation { .. } => 3,
        Stage::Active { .. } => 4,
    }
}

/// What holds of every change, whatever made it.
fn only_forward(before: &Activation, after: &Activation, what: &str) {
    assert!(rank(&after.stage) >= rank(&before.stage), "{what}: the stage went back: {before:#?}");
    if before.cancelled.is_some() {
        assert_eq!(after.cancelled, before.cancelled, "{what}: what is cancelled stays so, for the same reason");
    }
    if let (Some(before), Some(after)) = (before.binding(), after.binding()) {
        assert!(after.told >= before.told, "{what}: what the Billing Center was told went back");
    }
    assert_eq!((after.id, &after.instance_id), (before.id, &before.instance_id), "{what}");
}

/// A cancelled activation begins nothing any more but what takes its binding back, or reports its end.
fn begins_nothing_but_the_end(activation: &Activation, next: Option<&Command>, what: &str) {
    if activation.cancelled.is_some() {
        let ends = matches!(next, None | Some(Command::UnbindWorkspace(_) | Command::Release(_)));
        assert!(ends, "{what}: a cancelled activation began {next:?}");
    }
}

/// The contract's table of calls by stage, written down once more: whether a call fits where the buyer may choose.
fn fits(stage: &Stage, call: Call) -> bool {
    match stage {
        Stage::Purchase => false,
        Stage::BillingAccount { linked: None, .. } => matches!(call, Call::Registration | Call::BillingAccount),
        Stage::BillingAccount { linked: Some(_), .. } => matches!(call, Call::BillingAccount),
        Stage::Workspace { .. } => matches!(call, Call::Workspace | Call::Refresh),
        Stage::Confirmation { .. } | Stage::Active { .. } => matches!(call, Call::Confirmation),
    }
}

fn may(activation: &Activation, call: Call) -> Result<(), CannotNow> {
    let fits = fits(&activation.stage, call);
    match &activation.turn {
        _ if activation.cancelled.is_some() => Err(CannotNow::OutOfTurn),
        Turn::Buyer if fits => Ok(()),
        Turn::Mend { request, .. } if fits || request.mended_by() == Some(call) => Ok(()),
        Turn::Workers { .. } if fits => Err(CannotNow::InProgress),
        Turn::Buyer | Turn::Mend { .. } | Turn::Workers { .. } | Turn::Operator { .. } => Err(CannotNow::OutOfTurn),
    }
}

#[test]
fn every_call_is_allowed_at_its_stage_and_nowhere_else() {
    for activation in all_activations() {
        for call in CALLS {
            assert_eq!(activation.may(call), may(&activation, call), "{call:?} of {activation:#?}");
        }
    }
}

#[test]
fn a_call_that_is_not_allowed_changes_nothing_and_one_that_is_hands_over() {
    for before in all_activations() {
        for asked in CALLS {
            for (name, ask) in call(asked) {
                let mut after = before.clone();
                let what = format!("{name} at {}", before.stage.as_str());
                match (before.may(asked), ask(&mut after)) {
                    (Err(expected), Err(refused)) => {
                        assert_eq!((refused, &after), (expected, &before), "{what}");
                    }
                    // Allowed by the stage, and yet not: a workspace that is not listed.
                    (Ok(()), Err(refused)) => assert_eq!((refused, &after), (CannotNow::OutOfTurn, &before), "{what}"),
                    (Err(_), Ok(_)) => panic!("{what}: was taken although it is not allowed"),
                    (Ok(()), Ok(Some(command))) => {
                        assert_eq!(command.lane(), Lane::Journey, "{what}");
                        assert!(
                            matches!(after.turn, Turn::Workers { retrying: false, .. }),
                            "{what}: {:?}",
                            after.turn
                        );
                    }
                    (Ok(()), Ok(None)) => {
                        assert_eq!(asked, Call::Confirmation, "{what}");
                        assert!(matches!(after.stage, Stage::Active { .. }), "{what}");
                    }
                }
                only_forward(&before, &after, &what);
            }
        }
    }
}

#[test]
fn every_outcome_of_every_command_can_be_applied_to_everything() {
    let purchases = [None, Some(purchase(PurchaseState::Active, 1)), Some(purchase(PurchaseState::Released, 9))];
    for before in all_activations() {
        for command in all_commands() {
            for outcome in all_outcomes() {
                for purchase in &purchases {
                    let mut after = before.clone();
                    let follow = after.apply(&command, &outcome, purchase.as_ref(), now());
                    let what = format!("{} ended as {outcome:?} at {}", command.name(), before.stage.as_str());
                    only_forward(&before, &after, &what);
                    begins_nothing_but_the_end(&before, follow.next.as_ref(), &what);
                    assert!(
                        !(follow.hold && before.cancelled.is_some()),
                        "{what}: a cancelled activation holds nothing"
                    );
                    let ended = matches!(outcome, Outcome::Happened(_) | Outcome::Refused(_) | Outcome::Dead(_));
                    assert!(
                        ended || follow.ends || follow.next.is_none(),
                        "{what}: something follows what is tried again"
                    );
                    if command.lane() != Lane::Journey {
                        assert_eq!(
                            (&after.turn, after.stage.as_str()),
                            (&before.turn, before.stage.as_str()),
                            "{what}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_refused_or_broken_says_so_and_stays_at_its_stage() {
    for before in all_activations().into_iter().filter(|activation| activation.cancelled.is_none()) {
        for command in all_commands().into_iter().filter(|command| command.lane() == Lane::Journey) {
            for outcome in all_outcomes() {
                let mut after = before.clone();
                after.apply(&command, &outcome, None, now());
                match outcome {
                    Outcome::Refused(said) => {
                        assert!(matches!(&after.turn, Turn::Mend { refusal, .. } if *refusal == said));
                        assert_eq!(after.status(), Status::WaitingForBuyer);
                        assert_eq!(after.problem().as_deref(), Some(said.code.code()));
                    }
                    Outcome::Dead(said) => {
                        assert!(matches!(&after.turn, Turn::Operator { fault, .. } if *fault == said));
                        assert_eq!(after.status(), Status::NeedsAttention);
                    }
                    Outcome::Later(_) | Outcome::Retry(_) => {
                        if let Turn::Workers { retrying, .. } = after.turn {
                            assert!(retrying);
                            assert_eq!(after.status(), Status::Retrying);
                        }
                    }
                    Outcome::Happened(_) | Outcome::Over => continue,
                }
                assert_eq!(after.stage, before.stage);
            }
        }
    }
}

#[test]
fn every_notice_can_come_at_any_time() {
    for before in all_activations() {
        for notice in notices() {
            for holds in [true, false] {
                let mut sold = purchase(PurchaseState::Active, 3);
                notice.clone().take_effect(&mut sold);
                let mut after = before.clone();
                let queued = after.marketplace_said(&notice, &sold, holds);
                let what = format!("{notice:?} at {} (holds: {holds})", before.stage.as_str());
                only_forward(&before, &after, &what);
                begins_nothing_but_the_end(&before, queued.as_ref().map(|queued| &queued.command), &what);
                if notice == Notice::Released && holds {
                    assert_eq!(after.status(), Status::Cancelled, "{what}");
                }
                if queued.as_ref().is_some_and(|queued| queued.command.lane() == Lane::Journey) {
                    assert!(matches!(after.turn, Turn::Workers { .. }), "{what}");
                }
            }
        }
        for state in [PurchaseState::Active, PurchaseState::Suspended, PurchaseState::Released] {
            let mut after = before.clone();
            let queued = after.purchase_known(&purchase(state, 3), true);
            only_forward(&before, &after, "announced");
            begins_nothing_but_the_end(&before, queued.as_ref().map(|queued| &queued.command), "announced");
        }
    }
}

#[test]
fn a_login_to_a_typed_entry_and_an_operators_cancelling_can_come_at_any_time() {
    for before in all_activations() {
        let mut after = before.clone();
        let queued = after.logged_in_directly(now());
        only_forward(&before, &after, "Login Directly");
        begins_nothing_but_the_end(&before, queued.as_ref().map(|queued| &queued.command), "Login Directly");
        assert_eq!(after.started_by == StartedBy::Platform, before.started_by == StartedBy::Platform);
        assert_ne!(after.started_by, StartedBy::Typed);
        let mut after = before.clone();
        let queued = after.cancelled_by_operator().unwrap_or_default();
        only_forward(&before, &after, "an operator");
        begins_nothing_but_the_end(&after, queued.as_ref().map(|queued| &queued.command), "an operator");
        let active = matches!(before.stage, Stage::Active { .. });
        assert_eq!(
            after.cancelled.is_some(),
            before.cancelled.is_some() || !active,
            "an operator cancels before active"
        );
    }
}

/// The state is kept as JSON: what one process writes another reads.
#[test]
fn every_state_survives_its_row() {
    for activation in all_activations() {
        let row = serde_json::to_value(&activation).unwrap();
        assert_eq!(serde_json::from_value::<Activation>(row).unwrap(), activation);
    }
}

#[test]
fn a_refused_code_mail_is_the_challenges_matter_alone() {
    let id = Uuid::nil();
    for before in all_activations().into_iter().filter(|activation| activation.cancelled.is_none()) {
        for part in [CodePart::LookUp, CodePart::Mail, CodePart::HiddenMail] {
            let command = Command::SendVerificationCode(SendVerificationCode { challenge_id: id, part });
            let mut after = before.clone();
            let follow = after.apply(&command, &Outcome::Refused(RefusalCode::MailRefused.into()), None, now());
            assert_eq!(after, before);
            assert_eq!(follow.hidden, part == CodePart::HiddenMail);
            let refused = follow.challenge.map(|challenge| challenge.status);
            assert_eq!(refused, (part != CodePart::HiddenMail).then_some("refused"), "{part:?}");
        }
    }
}
