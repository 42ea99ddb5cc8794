//! The runner: receives a wake-up, takes its row, lets the step do, settles, wakes up what follows, acknowledges.

use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::Message;
use landfall_shared::caught::caught;
use landfall_shared::command::Command;
use landfall_shared::crash;
use landfall_shared::dispatch::Wakeups;
use landfall_shared::refusal::Credentials;
use landfall_shared::store::Database;
use landfall_shared::store::commands::Loaded;
use landfall_shared::store::settle::Settled;
use uuid::Uuid;

use crate::in_hand::InHand;
use crate::outside::Outside;
use crate::retry::Schedule;
use crate::settling::Settling;
use crate::step::{Step, StepError};
use crate::steps;
use crate::taking::{Taken, Taking};
use crate::verdict::Verdict;

/// Applied again so often if a row had changed; then it is left to be sent out again.
const APPLIED_AGAIN: usize = 3;

/// Everything that carries commands in this process.
pub struct Runner {
    /// What this process has in hand.
    pub in_hand: Arc<InHand>,
    taking: Taking,
    settling: Settling,
    outside: Outside,
    schedule: Schedule,
    wakeups: Wakeups,
}

impl Runner {
    /// A runner over these doors.
    #[must_use]
    pub fn new(
        database: &Database,
        outside: Outside,
        schedule: Schedule,
        wakeups: Wakeups,
        redispatch: std::time::Duration,
    ) -> Self {
        Self {
            in_hand: Arc::new(InHand::default()),
            taking: Taking::start(database.clone(), redispatch),
            settling: Settling::start(database.clone(), redispatch),
            outside,
            schedule,
            wakeups,
        }
    }

    /// Carries one wake-up to its end. Whatever goes wrong on the way, the row comes back.
    pub async fn carry(&self, message: Message) {
        crash::point("runner.after_receipt");
        let received = Instant::now();
        let Some(id) = std::str::from_utf8(&message.payload).ok().and_then(|text| text.parse::<Uuid>().ok()) else {
            senseless("garbage");
            tracing::warn!(subject = %message.subject, "a wake-up on {} makes no sense: taken out", message.subject);
            return acknowledge(&message).await;
        };
        let redelivered = message.info().is_ok_and(|info| info.delivered > 1);
        let message = Arc::new(message);
        let Some(hand) = self.in_hand.enter(id, &message, received) else {
            senseless("in-hand");
            return acknowledge(&message).await;
        };
        match self.taking.take(id, redelivered).await {
            Taken::Here { loaded, claimed, since } => {
                crash::point_over("runner.after_load", id);
                hand.fenced(loaded.fence);
                if self.do_and_settle(*loaded, claimed, since).await {
                    crash::point_over("runner.before_ack", id);
                    acknowledge(&message).await;
                }
            }
            Taken::Gone => {
                senseless("nothing-to-do");
                acknowledge(&message).await;
            }
            // Not acknowledged: nothing was done, and the database may be away.
            Taken::Unknown => {}
        }
    }

    /// True once the outcome is written, or somebody else's is.
    async fn do_and_settle(&self, mut loaded: Loaded, claimed: bool, mut since: Instant) -> bool {
        let id = loaded.id;
        let command = Command::from_row(&loaded.name, &loaded.input);
        let result = match &command {
            Ok(command) => self.attempt(&loaded, command, since, claimed).await,
            Err(_) => Err(StepError::NotUnderstood),
        };
        if result == Err(StepError::Unknown) {
            return false;
        }
        if let Err(StepError::Misconfigured { party, .. }) = &result {
            party.credentials(Credentials::Rejected);
        }
        let mut verdict = Verdict::of(&result, command.as_ref().ok(), &loaded, claimed, since, self.schedule);
        verdict.count(&loaded.name);
        for _ in 0..=APPLIED_AGAIN {
            let settlement = verdict.settlement(&loaded, command.as_ref().ok(), claimed, since);
            crash::point_over("runner.before_settle", id);
            let (activation, status) = (settlement.activation.id, settlement.activation.status());
            let hidden = settlement.follow.hidden;
            match self.settling.settle(settlement).await {
                Some(Settled::Written { version, next }) => {
                    crash::point_over("runner.after_settle", id);
                    if let Some(next) = next {
                        self.wakeups.wake_up(next.command.name(), next.id);
                    }
                    if !hidden {
                        self.wakeups.hint(activation, version, status.as_str());
                    }
                    return true;
                }
                Some(Settled::HeldByAnother) => verdict = Verdict::already_started(),
                Some(Settled::Changed) => match self.taking.read_again(id).await {
                    Taken::Here { loaded: now, since: read, .. } if now.fence == loaded.fence => {
                        if verdict.is_out_of_date(&loaded, &now) {
                            verdict = Verdict::again();
                        }
                        (loaded, since) = (*now, read);
                    }
                    Taken::Here { .. } | Taken::Gone => return true,
                    Taken::Unknown => return false,
                },
                None => return false,
            }
        }
        tracing::warn!(command.id = %id, "the rows of command {id} kept changing: left to be sent out again");
        false
    }

    /// One attempt, fenced off: a panic is an attempt that failed.
    async fn attempt(
        &self,
        loaded: &Loaded,
        command: &Command,
        since: Instant,
        claimed: bool,
    ) -> Result<landfall_shared::activation::Happened, StepError> {
        if loaded.activation.is_over_for(command, loaded.fence > 0) {
            return Err(StepError::Over);
        }
        if claimed && loaded.attempts > self.schedule.attempts {
            return Err(StepError::Spent);
        }
        let step = Step::new(loaded, since, &self.outside);
        let taken = Box::pin(async {
            crash::point_over("runner.before_effect", loaded.id);
            let taken = steps::take(&step, command.clone()).await;
            crash::point_over("runner.after_effect", loaded.id);
            taken
        });
        caught("an attempt", taken).await.unwrap_or_else(|| {
            tracing::error!(command.id = %loaded.id, "command {} panicked", loaded.id);
            Err(StepError::defect("the attempt ended in a panic"))
        })
    }
}

/// Counts a wake-up that there was nothing to do for.
fn senseless(why: &'static str) {
    metrics::counter!("landfall_wakeups_senseless_total", "why" => why).increment(1);
}

async fn acknowledge(message: &Message) {
    if let Err(error) = message.ack().await {
        tracing::debug!(%error, "an acknowledgement was not sent: the wake-up comes again and finds its row done");
    }
}
