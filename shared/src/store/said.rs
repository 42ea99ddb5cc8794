//! Writes the activations to which the marketplace or an operator said something: what waits ends with one that is over.

use sqlx::PgConnection;

use super::{activations, commands, sealed};
use crate::activation::{Activation, Cancellation};
use crate::buyer::InstanceId;
use crate::command::{Lane, Queued};
use crate::dispatch::News;
use crate::purchase::MarketplaceName;

/// What is the same for every activation that is written.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'a> {
    /// When a command that follows is sent out again, if nobody finished it (`REDISPATCH_AFTER_MS`).
    pub redispatch_seconds: f64,
    /// The `traceparent` of what was said.
    pub trace: &'a str,
}

/// Tells every activation of an instance that is not over. Each gets a new version, also one that shows no change: whoever
/// settles a command that asked before must ask again.
///
/// # Errors
/// If the database fails.
pub async fn tell(
    db: &mut PgConnection,
    marketplace: MarketplaceName,
    instance_id: &InstanceId,
    writing: Writing<'_>,
    say: impl Fn(&mut Activation, bool) -> Option<Queued>,
) -> Result<Vec<News>, sqlx::Error> {
    let mut news = Vec::new();
    for (mut locked, holds) in activations::lock_of_instance(db, marketplace, instance_id).await? {
        let queued = say(&mut locked.activation, holds);
        news.push(write(db, &locked.activation, queued, writing).await?);
    }
    Ok(news)
}

/// Writes a locked activation as a new version, with the command that follows.
///
/// # Errors
/// If the database fails.
pub async fn write(
    db: &mut PgConnection,
    activation: &Activation,
    queued: Option<Queued>,
    writing: Writing<'_>,
) -> Result<News, sqlx::Error> {
    let id = activation.id;
    if activation.cancelled.is_some() {
        commands::cancel_what_waits(db, id).await?;
        sealed::erase(db, id).await?;
    }
    let reports = queued.as_ref().is_some_and(|queued| queued.command.lane() == Lane::Lifecycle);
    // Of a binding that an operator takes back nothing is left to report.
    if reports || activation.cancelled == Some(Cancellation::CancelledByOperator) {
        commands::supersede_dead_report(db, id).await?;
    }
    if let Some(queued) = &queued {
        commands::insert(db, id, queued, writing.redispatch_seconds, writing.trace).await?;
    }
    let version = activations::save(db, activation).await?;
    Ok(News { id, version, status: activation.status().as_str(), queued })
}
