//! Settling: outcomes that wait are written together; one that PostgreSQL refuses does not take its neighbours with it.

use std::time::Duration;

use landfall_shared::store::settle::{Settled, Settlement, settle};
use landfall_shared::store::{Database, in_time, is_away};

use crate::together::Together;

/// The door at which outcomes are written.
pub struct Settling {
    together: Together<Settlement, Option<Settled>>,
}

impl Settling {
    /// Starts the task that writes.
    #[must_use]
    pub fn start(database: Database, redispatch: Duration) -> Self {
        let together = Together::start(move |batch: Vec<Settlement>| {
            let database = database.clone();
            async move { settle_all(&database, &batch, redispatch.as_secs_f64()).await }
        });
        Self { together }
    }

    /// Writes an outcome; none if it is in doubt whether it was written: then the row comes back, or is done.
    pub async fn settle(&self, settlement: Settlement) -> Option<Settled> {
        self.together.ask(settlement).await.flatten()
    }
}

async fn settle_all(database: &Database, batch: &[Settlement], redispatch: f64) -> Vec<Option<Settled>> {
    let pool = database.pool();
    let whole: Vec<&Settlement> = batch.iter().collect();
    match in_time(settle(&pool, &whole, redispatch)).await {
        Ok(settled) => settled.into_iter().map(Some).collect(),
        Err(error) if is_away(&error) || batch.len() == 1 => {
            tracing::warn!(%error, batch = batch.len(), "outcomes could not be written: their rows come back");
            batch.iter().map(|_| None).collect()
        }
        Err(error) => {
            tracing::warn!(%error, batch = batch.len(), "a batch of outcomes was refused: writing them one by one");
            let mut settled = Vec::with_capacity(batch.len());
            for settlement in batch {
                let one = in_time(settle(&pool, &[settlement], redispatch)).await;
                settled.push(one.ok().and_then(|mut one| one.pop()));
            }
            settled
        }
    }
}
