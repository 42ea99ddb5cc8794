//! Settling: how a batch of commands ended, in one statement that guards both rows of each.

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::activation::{Activation, Follow, Outcome};
use crate::command::Queued;

/// How one command ended, and what becomes of its activation.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The command.
    pub command_id: Uuid,
    /// The fence under which it was taken.
    pub fence: i64,
    /// The version to which the outcome was applied.
    pub version: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the attempt was counted when it was claimed.
    pub claimed: bool,
    /// Whether the attempt counts at all: *not yet* and rejected credentials do not.
    pub counts: bool,
    /// Until the next attempt, in seconds.
    pub pause: f64,
    /// The activation with the outcome applied.
    pub activation: Activation,
    /// What follows.
    pub follow: Follow,
}

/// What became of a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Written; the activation has this version now.
    Written {
        /// The activation's version.
        version: i64,
        /// What was queued next.
        next: Option<Box<Queued>>,
    },
    /// Somebody else holds the instance: to be applied again as refused.
    HeldByAnother,
    /// A row had changed: to be loaded and applied again.
    Changed,
}

impl Settlement {
    fn state(&self) -> &'static str {
        match (&self.outcome, self.follow.ends) {
            (Outcome::Happened(_), _) => "done",
            (Outcome::Refused(_), _) => "refused",
            (Outcome::Over, _) | (_, true) => "cancelled",
            (Outcome::Dead(_), false) => "dead",
            (Outcome::Later(_) | Outcome::Retry(_), false) => "ready",
        }
    }

    /// The word in `attempts.outcome`; none for what succeeded.
    fn failed_as(&self) -> Option<&'static str> {
        match (&self.outcome, self.counts) {
            (Outcome::Happened(_) | Outcome::Over, _) => None,
            (Outcome::Later(_), _) => Some("later"),
            (Outcome::Retry(_), true) => Some("retry"),
            (Outcome::Retry(_), false) => Some("misconfigured"),
            (Outcome::Refused(_), _) => Some("refused"),
            (Outcome::Dead(_), _) => Some("dead"),
        }
    }

    fn problem(&self) -> Option<Value> {
        let problem = match &self.outcome {
            Outcome::Happened(_) | Outcome::Over => return None,
            Outcome::Later(fault) | Outcome::Retry(fault) | Outcome::Dead(fault) => serde_json::to_value(fault),
            Outcome::Refused(refusal) => serde_json::to_value(refusal),
        };
        problem.ok()
    }

    fn attempts(&self) -> i32 {
        i32::from(self.counts) - i32::from(self.claimed)
    }

    fn next(&self) -> Option<Queued> {
        self.follow.next.clone().map(|command| Queued::after(self.command_id, self.fence, command))
    }
}

/// The columns of a batch: PostgreSQL takes arrays.
#[derive(Default)]
struct Columns {
    command_ids: Vec<Uuid>,
    fences: Vec<i64>,
    versions: Vec<i64>,
    states: Vec<&'static str>,
    failed_as: Vec<Option<&'static str>>,
    attempts: Vec<i32>,
    pauses: Vec<f64>,
    problems: Vec<Option<Value>>,
    not_yet: Vec<bool>,
    hidden: Vec<bool>,
    hold: Vec<bool>,
    account_ids: Vec<Option<String>>,
    stages: Vec<&'static str>,
    statuses: Vec<&'static str>,
    activation_problems: Vec<Option<String>>,
    activations: Vec<Value>,
    challenge_ids: Vec<Option<Uuid>>,
    challenge_statuses: Vec<Option<&'static str>>,
    challenge_accounts: Vec<Option<Value>>,
    challenge_emails: Vec<Option<String>>,
    next_ids: Vec<Option<Uuid>>,
    next_keys: Vec<Option<Uuid>>,
    next_lanes: Vec<Option<&'static str>>,
    next_names: Vec<Option<&'static str>>,
    next_hidden: Vec<Option<bool>>,
    next_inputs: Vec<Option<Value>>,
    erase_password: Vec<bool>,
}

impl Columns {
    fn push(&mut self, settlement: &Settlement) -> Result<(), sqlx::Error> {
        let activation = &settlement.activation;
        let challenge = settlement.follow.challenge.as_ref();
        let looked_up = challenge.and_then(|challenge| challenge.looked_up.as_ref());
        let next = settlement.next();
        let command = next.as_ref().map(|next| &next.command);
        let form = |value| serde_json::to_value(value).map_err(|error| sqlx::Error::Encode(error.into()));
        self.command_ids.push(settlement.command_id);
        self.fences.push(settlement.fence);
        self.versions.push(settlement.version);
        self.states.push(settlement.state());
        self.failed_as.push(settlement.failed_as());
        self.attempts.push(settlement.attempts());
        self.pauses.push(settlement.pause);
        self.problems.push(settlement.problem());
        self.not_yet.push(matches!(settlement.outcome, Outcome::Later(_)));
        self.hidden.push(settlement.follow.hidden);
        self.hold.push(settlement.follow.hold);
        self.account_ids.push(activation.account_id.as_ref().map(ToString::to_string));
        self.stages.push(activation.stage.as_str());
        self.statuses.push(activation.status().as_str());
        self.activation_problems.push(activation.problem());
        self.activations.push(form(activation)?);
        self.challenge_ids.push(challenge.map(|challenge| challenge.id));
        self.challenge_statuses.push(challenge.map(|challenge| challenge.status));
        self.challenge_accounts.push(looked_up.and_then(|found| serde_json::to_value(&found.account).ok()));
        self.challenge_emails.push(looked_up.map(|found| found.email.clone()));
        self.next_ids.push(next.as_ref().map(|next| next.id));
        self.next_keys.push(next.as_ref().map(|next| next.key));
        self.next_lanes.push(command.map(|command| command.lane().as_str()));
        self.next_names.push(command.map(crate::command::Command::name));
        self.next_hidden.push(command.map(crate::command::Command::is_hidden));
        self.next_inputs.push(command.map(crate::command::Command::input));
        self.erase_password.push(settlement.follow.erase_password);
        Ok(())
    }
}

/// Settles a batch; the answers stand in the order of the settlements.
///
/// # Errors
/// If the database fails: then nothing of the batch was written, or the commit is in doubt.
pub async fn settle(db: &PgPool, batch: &[&Settlement], redispatch_seconds: f64) -> Result<Vec<Settled>, sqlx::Error> {
    let mut columns = Columns::default();
    for settlement in batch {
        columns.push(settlement)?;
    }
    let rows = sqlx::query_file!(
        "src/store/settle.sql",
        &columns.command_ids,
        &columns.fences,
        &columns.versions,
        &columns.states as &[&str],
        &columns.failed_as as &[Option<&str>],
        &columns.attempts,
        &columns.pauses,
        &columns.problems as &[Option<Value>],
        &columns.not_yet,
        &columns.hidden,
        &columns.hold,
        &columns.account_ids as &[Option<String>],
        &columns.stages as &[&str],
        &columns.statuses as &[&str],
        &columns.activation_problems as &[Option<String>],
        &columns.activations,
        &columns.challenge_ids as &[Option<Uuid>],
        &columns.challenge_statuses as &[Option<&str>],
        &columns.challenge_accounts as &[Option<Value>],
        &columns.challenge_emails as &[Option<String>],
        &columns.next_ids as &[Option<Uuid>],
        &columns.next_keys as &[Option<Uuid>],
        &columns.next_lanes as &[Option<&str>],
        &columns.next_names as &[Option<&str>],
        &columns.next_hidden as &[Option<bool>],
        &columns.next_inputs as &[Option<Value>],
        &columns.erase_password,
        redispatch_seconds,
    )
    .fetch_all(db)
    .await?;
    Ok(batch
        .iter()
        .map(|settlement| match rows.iter().find(|row| row.command_id == settlement.command_id) {
            Some(row) if row.held => Settled::Written { version: row.version, next: settlement.next().map(Box::new) },
            Some(_) => Settled::HeldByAnother,
            None => Settled::Changed,
        })
        .collect())
}
