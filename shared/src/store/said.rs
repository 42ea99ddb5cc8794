//! Writes an activation to which the marketplace or an operator said something: what waits ends with one that is over.

use sqlx::PgConnection;

use super::{activations, commands, sealed};
use crate::activation::{Activation, Cancellation};
use crate::command::{Lane, Queued};

/// Writes a locked activation as a new version, with the command that follows.
///
/// # Errors
/// If the database fails.
pub async fn write(
    db: &mut PgConnection,
    activation: &Activation,
    queued: Option<&Queued>,
    redispatch_seconds: f64,
    trace: &str,
) -> Result<i64, sqlx::Error> {
    let id = activation.id;
    if activation.cancelled.is_some() {
        commands::cancel_what_waits(db, id).await?;
        sealed::erase(db, id).await?;
    }
    let reports = queued.is_some_and(|queued| queued.command.lane() == Lane::Lifecycle);
    // Of a binding that an operator takes back nothing is left to report.
    if reports || activation.cancelled == Some(Cancellation::CancelledByOperator) {
        commands::supersede_dead_report(db, id).await?;
    }
    if let Some(queued) = queued {
        commands::insert(db, id, queued, redispatch_seconds, trace).await?;
    }
    activations::save(db, activation).await
}
