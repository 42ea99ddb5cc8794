//! What changes by time alone: a code that is over shows, and a password that nobody took is erased.
//!
//! It has a task of its own: within ten seconds it shows (contract §4), however long NATS takes to answer anybody else.

use std::time::Duration;

use landfall_shared::caught::caught;
use landfall_shared::dispatch::Wakeups;
use landfall_shared::store::{Database, due, in_time, sealed};
use tokio_util::sync::CancellationToken;

use crate::retry::a_little_apart;

/// Looks two to four times a second until the token is cancelled.
pub async fn run(database: Database, wakeups: Wakeups, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(a_little_apart(Duration::from_millis(250))) => {}
            () = stop.cancelled() => return,
        }
        if let Some(Err(error)) = caught("a look for what is over", look(&database, &wakeups)).await {
            tracing::warn!(%error, "what is over could not be written: trying again");
        }
    }
}

async fn look(database: &Database, wakeups: &Wakeups) -> Result<(), sqlx::Error> {
    let pool = database.pool();
    for changed in in_time(due::expire_codes(&pool)).await? {
        wakeups.hint(changed.id, changed.version, &changed.status);
    }
    in_time(sealed::erase_overdue(&pool)).await?;
    Ok(())
}
