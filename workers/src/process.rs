//! The process: what it connects to, what runs in it, and how it stops.

use std::sync::Arc;
use std::time::Duration;

use landfall_shared::caught::for_life;
use landfall_shared::config;
use landfall_shared::dispatch::{self, Wakeups};
use landfall_shared::keys::Keys;
use landfall_shared::store::{Database, mail_sender};
use landfall_shared::topology::Topology;
use landfall_shared::{stopping, telemetry, tls};
use tokio_util::task::TaskTracker;

use crate::astray;
use crate::by_time;
use crate::due_again::DueAgain;
use crate::in_hand::InHand;
use crate::outside::Outside;
use crate::receiving::Receiving;
use crate::retry::Schedule;
use crate::runner::Runner;
use crate::watch;

/// What is in hand may take so long to end, which is long enough for any call; then it is handed back to another process.
const DRAIN: Duration = Duration::from_secs(20);

/// PostgreSQL may be away when the process starts.
const NOTE_AGAIN: Duration = Duration::from_secs(5);

type Failed = Box<dyn std::error::Error>;

/// Works until the process is told to stop.
///
/// # Errors
/// If the configuration is wrong, or the database cannot be migrated.
pub async fn run() -> Result<(), Failed> {
    let config = config::Workers::from_environment()?;
    let both = &config.both;
    let metrics = telemetry::start("landfall-workers", both)?;
    tls::install();
    let database = Database::new(&both.database_url, "landfall-workers", both.database_connections)?;
    database.prepare(both.migrate).await?;
    let (client, connected) = dispatch::connect(both, "landfall-workers").await?;
    let topology = Topology::new(&both.nats_prefix);
    let wakeups = Wakeups::start(client.clone(), topology.clone(), both.redispatch_after);
    let keys = Arc::new(Keys::new(&both.secret_key, both.secret_key_previous.as_ref()));
    let outside = Outside::new(&config, &keys, database.clone(), wakeups.clone())?;
    let schedule = Schedule {
        initial: both.retry_initial,
        max: both.retry_max,
        attempts: i32::try_from(both.retry_attempts).unwrap_or(i32::MAX),
    };
    let redispatch = both.redispatch_after;
    let runner = Arc::new(Runner::new(&database, outside, schedule, wakeups.clone(), redispatch));
    let jetstream = dispatch::context(&client);

    for_life("looking after the pool", database.clone().look_after());
    let stop = stopping::token();
    watch::serve(config.workers_listen_addr, database.clone(), client.clone(), metrics.clone(), stop.clone()).await?;
    tokio::select! {
        understood = database.until_understood() => understood?,
        () = stop.cancelled() => return Ok(()),
    }
    let carried = TaskTracker::new();
    let receiving = Receiving {
        jetstream: jetstream.clone(),
        topology: topology.clone(),
        connected,
        database: database.clone(),
        runner: Arc::clone(&runner),
        concurrency: usize::try_from(config.step_concurrency)?,
        carried: carried.clone(),
    };
    for_life("taking out what went astray", astray::take_out(database.clone(), jetstream.clone(), topology.clone()));
    let keep = InHand::keep(Arc::clone(&runner.in_hand), database.clone(), wakeups.clone(), redispatch);
    let due_again = DueAgain { database: database.clone(), jetstream, topology, wakeups: wakeups.clone(), redispatch };
    let receiving = for_life("receiving", Arc::new(receiving).run(stop.clone()));
    let due_again = for_life("sending out what is due", due_again.run(stop.clone()));
    for_life("writing what is over", by_time::run(database.clone(), wakeups.clone(), stop.clone()));
    for_life("keeping what is in hand", keep);
    for_life("noting the sender", note_sender(database.clone(), config.mail_from.address.to_string()));
    for_life("folding metrics", metrics.keep_folded());
    stop.cancelled().await;
    tracing::info!("stopping: ending what is in hand");
    let ended = async {
        let _ = tokio::join!(receiving, due_again);
        carried.close();
        carried.wait().await;
    };
    if tokio::time::timeout(DRAIN, ended).await.is_err() {
        runner.in_hand.hand_back(&database, &wakeups).await;
    }
    dispatch::flush(&client, &wakeups).await;
    Ok(())
}

/// The pages tell a buyer whom to look for in the mailbox.
async fn note_sender(database: Database, address: String) {
    loop {
        let noted = async { mail_sender::note(&mut *database.pool().acquire().await?, &address).await };
        match noted.await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "the sender's address could not be noted for the pages yet"),
        }
        tokio::time::sleep(NOTE_AGAIN).await;
    }
}
