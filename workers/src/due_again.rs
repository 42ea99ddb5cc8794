//! The rows that are due again, whatever the reason: a lost wake-up, a dead worker, a retry whose time has come.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use landfall_shared::caught::caught;
use landfall_shared::command::NAMES;
use landfall_shared::crash;
use landfall_shared::dispatch::Wakeups;
use landfall_shared::store::{Database, due, in_time};
use landfall_shared::topology::Topology;
use tokio_util::sync::CancellationToken;

use crate::retry::a_little_apart;

/// What sending out again needs.
pub struct DueAgain {
    /// The rows.
    pub database: Database,
    /// `JetStream`, to see which consumers are behind.
    pub jetstream: Context,
    /// Its names.
    pub topology: Topology,
    /// Where wake-ups are handed in.
    pub wakeups: Wakeups,
    /// When a row that nobody finished is due once more.
    pub redispatch: Duration,
}

impl DueAgain {
    /// Looks for due rows two to four times a second until the token is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(a_little_apart(Duration::from_millis(250))) => {}
                () = stop.cancelled() => return,
            }
            if let Some(Err(error)) = caught("a look for due rows", self.look()).await {
                tracing::warn!(%error, "due rows could not be sent out: trying again");
            }
        }
    }

    async fn look(&self) -> Result<(), sqlx::Error> {
        let pool = self.database.pool();
        if self.jetstream.client().connection_state() != State::Connected {
            return Ok(());
        }
        for step in in_time(due::steps(&pool, &NAMES)).await? {
            if self.is_behind(&step).await {
                continue;
            }
            loop {
                let leased = in_time(due::lease(&pool, &step, self.redispatch.as_secs_f64())).await?;
                crash::point("dispatch.after_lease");
                for id in &leased {
                    self.wakeups.wake_up(&step, *id);
                }
                if i64::try_from(leased.len()).unwrap_or(i64::MAX) < due::BATCH {
                    break;
                }
            }
        }
        Ok(())
    }

    /// A step whose wake-ups still wait needs no more of them; one whose consumer cannot be seen gets none, for they would
    /// only pile up.
    async fn is_behind(&self, step: &str) -> bool {
        let (stream, consumer) = (self.topology.stream(), self.topology.consumer(step));
        match self
            .jetstream
            .get_consumer_from_stream::<async_nats::jetstream::consumer::pull::Config, _, _>(consumer, stream)
            .await
        {
            Ok(consumer) => consumer.cached_info().num_pending > 0,
            Err(_) => true,
        }
    }
}
