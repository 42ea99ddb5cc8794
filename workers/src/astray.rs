//! Wake-ups of steps that nobody here knows: left alone for an hour, for a newer version may be on its way, then taken out.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use landfall_shared::store::{Database, in_time, sessions};
use landfall_shared::topology::Topology;

/// So long they are left.
const LEFT: Duration = Duration::from_hours(1);
const LOOK_AGAIN: Duration = Duration::from_mins(10);

/// Takes them out for as long as the process lives.
pub async fn take_out(database: Database, jetstream: Context, topology: Topology) {
    loop {
        tokio::time::sleep(LOOK_AGAIN).await;
        if jetstream.client().connection_state() != State::Connected {
            continue;
        }
        let asked = async { sessions::now(&mut *database.pool().acquire().await?).await };
        let Ok(now) = in_time(asked).await else { continue };
        match topology.take_out_the_unknown(&jetstream, now - LEFT).await {
            Ok(0) => {}
            Ok(taken) => {
                metrics::counter!("landfall_wakeups_senseless_total", "why" => "unknown-step").increment(taken);
                tracing::warn!(taken, "{taken} wake-ups of steps that nobody knows were taken out");
            }
            Err(error) => tracing::warn!(%error, "wake-ups of unknown steps could not be looked for"),
        }
    }
}
