//! The verdict on an attempt: from what a step answered to what is settled.

use std::time::{Duration, Instant};

use landfall_shared::activation::{Follow, Happened, Outcome};
use landfall_shared::command::{Command, Lane};
use landfall_shared::purchase::PurchaseState;
use landfall_shared::refusal::{Fault, FaultCode, RefusalCode};
use landfall_shared::store::commands::Loaded;
use landfall_shared::store::settle::Settlement;

use crate::retry::Schedule;
use crate::step::StepError;

/// *Not yet* for so long is an operator's matter (contract §7).
const A_DAY: Duration = Duration::from_hours(24);

/// How an attempt ended, and when the next one is due.
#[derive(Debug, Clone)]
pub struct Verdict {
    outcome: Outcome,
    counts: bool,
    pause: Duration,
}

impl Verdict {
    /// What a step's answer means. *Not yet* and rejected credentials use up no attempt.
    #[must_use]
    pub fn of(
        result: &Result<Happened, StepError>,
        command: Option<&Command>,
        loaded: &Loaded,
        claimed: bool,
        since: Instant,
        schedule: Schedule,
    ) -> Self {
        let attempt = loaded.attempts + i32::from(!claimed);
        let waited = loaded.waiting_since.map_or(Duration::ZERO, |waiting| {
            Duration::try_from(loaded.now + since.elapsed() - waiting).unwrap_or(Duration::ZERO)
        });
        let final_outcome = |outcome| Self { outcome, counts: true, pause: Duration::ZERO };
        match result {
            Ok(happened) => final_outcome(Outcome::Happened(happened.clone())),
            Err(StepError::Over) => Self { outcome: Outcome::Over, counts: false, pause: Duration::ZERO },
            Err(StepError::Refused(refusal)) if !command.is_some_and(is_the_buyers) => {
                let detail = format!("this cannot be refused, and yet it was: {}", refusal.code.code());
                final_outcome(Outcome::Dead(Fault::new(FaultCode::PlatformRefused, detail)))
            }
            Err(StepError::Refused(refusal)) => final_outcome(Outcome::Refused(refusal.clone())),
            Err(StepError::Broken(fault)) => final_outcome(Outcome::Dead(fault.clone())),
            Err(StepError::Later { .. }) if waited >= A_DAY => final_outcome(Outcome::Dead(not_yet())),
            Err(StepError::Later { after }) => Self {
                outcome: Outcome::Later(not_yet()),
                counts: false,
                pause: after.unwrap_or_else(|| schedule.look_again(waited)),
            },
            Err(StepError::Retry { fault, .. }) if attempt >= schedule.attempts => {
                final_outcome(Outcome::Dead(fault.clone()))
            }
            Err(StepError::Retry { fault, after }) => Self {
                outcome: Outcome::Retry(fault.clone()),
                counts: true,
                pause: schedule.pause(attempt).max(after.unwrap_or_default()),
            },
            Err(StepError::Misconfigured { fault, .. }) => {
                Self { outcome: Outcome::Retry(fault.clone()), counts: false, pause: schedule.max }
            }
            Err(StepError::NotUnderstood) => {
                let fault = Fault::new(FaultCode::Internal, "this version does not understand the command");
                Self { outcome: Outcome::Retry(fault), counts: false, pause: schedule.max }
            }
            Err(StepError::Spent) => {
                let fault = Fault::new(FaultCode::Internal, "every attempt ended the process that made it");
                Self { outcome: Outcome::Dead(fault), counts: false, pause: Duration::ZERO }
            }
            Err(StepError::Unknown) => Self {
                outcome: Outcome::Retry(Fault::new(FaultCode::Internal, "our database did not answer")),
                counts: false,
                pause: schedule.initial,
            },
        }
    }

    /// Somebody else's activation holds the instance.
    #[must_use]
    pub fn already_started() -> Self {
        Self { outcome: Outcome::Refused(RefusalCode::AlreadyStarted.into()), counts: true, pause: Duration::ZERO }
    }

    /// What was found is out of date: it is found out again, at once.
    #[must_use]
    pub fn again() -> Self {
        Self { outcome: Outcome::Later(not_yet()), counts: false, pause: Duration::ZERO }
    }

    /// Whether it tells of a purchase that has changed since: what was not known, or not in use, may be now.
    #[must_use]
    pub fn is_out_of_date(&self, before: &Loaded, now: &Loaded) -> bool {
        let Outcome::Refused(refusal) = &self.outcome else { return false };
        let version = |loaded: &Loaded| loaded.purchase.as_ref().map(|purchase| purchase.version);
        let is_suspended = now.purchase.as_ref().is_some_and(|purchase| purchase.state == PurchaseState::Suspended);
        match refusal.code {
            RefusalCode::InstanceNotFound => version(before) != version(now),
            RefusalCode::InstanceNotActive => version(before) != version(now) && !is_suspended,
            _ => false,
        }
    }

    /// The settlement of a command: the outcome applied to the activation as it was loaded. Pure, so it can be made again.
    #[must_use]
    pub fn settlement(&self, loaded: &Loaded, command: Option<&Command>, claimed: bool, since: Instant) -> Settlement {
        let mut activation = loaded.activation.clone();
        let now = loaded.now + since.elapsed();
        let follow = match command {
            Some(command) => activation.apply(command, &self.outcome, loaded.purchase.as_ref(), now),
            None if loaded.lane == Lane::Journey.as_str() => {
                activation.apply_unreadable(&self.outcome);
                Follow::default()
            }
            None => Follow::default(),
        };
        Settlement {
            command_id: loaded.id,
            fence: loaded.fence,
            version: loaded.version,
            outcome: self.outcome.clone(),
            claimed,
            counts: self.counts,
            pause: self.pause.as_secs_f64(),
            activation,
            follow,
        }
    }

    /// Counts the attempt.
    pub fn count(&self, step: &str) {
        let outcome = match &self.outcome {
            Outcome::Happened(_) => "done",
            Outcome::Later(_) => "later",
            Outcome::Retry(_) => "retry",
            Outcome::Refused(_) => "refused",
            Outcome::Dead(_) => "dead",
            Outcome::Over => "over",
        };
        metrics::counter!("landfall_attempts_total", "step" => step.to_owned(), "outcome" => outcome).increment(1);
    }
}

/// Whether the buyer can mend a refusal of it: nobody asked the buyer about reports and unbindings.
fn is_the_buyers(command: &Command) -> bool {
    command.lane() != Lane::Lifecycle && !matches!(command, Command::UnbindWorkspace(_))
}

fn not_yet() -> Fault {
    Fault::new(FaultCode::NotYet, "the other side has accepted this and is still at it")
}
