//! Waiting for a version: woken by hints, and when they are silent by one query a second for all who wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use landfall_shared::caught::for_life;
use landfall_shared::dispatch::Hint;
use landfall_shared::store::Database;
use landfall_shared::topology::Topology;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// More open waits of one caller are answered at once (contract §4).
const WAITS_OF_A_CALLER: usize = 20;
/// A database that is frozen would hold the one question of all who wait for ever.
const LONGEST_QUESTION: Duration = Duration::from_secs(5);

/// Who waits for what.
#[derive(Clone)]
pub struct Waiting {
    rooms: Arc<Mutex<Rooms>>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Rooms {
    versions: HashMap<Uuid, watch::Sender<i64>>,
    callers: HashMap<Vec<u8>, usize>,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The activation has a later version.
    Later,
    /// It has not, and the time is over.
    TimeOver,
    /// The process stops.
    Stopping,
}

impl Waiting {
    /// Starts listening for hints and asking the database; all waits end when the token is cancelled.
    #[must_use]
    pub fn start(database: Database, client: async_nats::Client, topology: Topology, stop: CancellationToken) -> Self {
        let waiting = Self { rooms: Arc::default(), stop };
        for_life("listening for versions", waiting.clone().listen(client, topology));
        for_life("asking for versions", waiting.clone().ask(database));
        waiting
    }

    /// A seat for one open wait of a caller; none if the caller has too many already.
    #[must_use]
    pub fn seat(&self, caller: &[u8]) -> Option<Seat> {
        let mut rooms = self.rooms();
        let waits = rooms.callers.entry(caller.to_vec()).or_default();
        if *waits >= WAITS_OF_A_CALLER {
            return None;
        }
        *waits += 1;
        drop(rooms);
        metrics::gauge!("landfall_open_waits").increment(1.0);
        Some(Seat { waiting: self.clone(), caller: caller.to_vec() })
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, id: Uuid, version: i64) -> Room {
        let versions = self.rooms().versions.entry(id).or_insert_with(|| watch::Sender::new(version)).subscribe();
        Room { waiting: self.clone(), id, versions: Some(versions) }
    }

    fn heard(&self, id: Uuid, version: i64) {
        if let Some(room) = self.rooms().versions.get(&id) {
            room.send_if_modified(|known| {
                let later = version > *known;
                *known = version.max(*known);
                later
            });
        }
    }

    async fn listen(self, client: async_nats::Client, topology: Topology) {
        loop {
            // The client subscribes again after each reconnect by itself; this loop is for its end only.
            if let Ok(mut hints) = client.subscribe(topology.events()).await {
                while let Some(message) = hints.next().await {
                    if let Ok(hint) = serde_json::from_slice::<Hint>(&message.payload) {
                        self.heard(hint.id, hint.version);
                    }
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn ask(self, database: Database) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            let ids: Vec<Uuid> = self.rooms().versions.keys().copied().collect();
            if ids.is_empty() {
                continue;
            }
            let pool = database.pool();
            let asked = sqlx::query!("select id, version from activations where id = any($1)", &ids).fetch_all(&pool);
            if let Ok(Ok(rows)) = tokio::time::timeout(LONGEST_QUESTION, asked).await {
                for row in rows {
                    self.heard(row.id, row.version);
                }
            }
        }
    }
}

/// One open wait of a caller, counted while it lasts.
pub struct Seat {
    waiting: Waiting,
    caller: Vec<u8>,
}

impl Seat {
    /// Waits until the activation has a later version, at most so long.
    pub async fn until_after(&self, id: Uuid, version: i64, longest: Duration) -> Waited {
        let mut room = self.waiting.enter(id, version);
        tokio::select! {
            () = room.until_after(version) => Waited::Later,
            () = tokio::time::sleep(longest) => Waited::TimeOver,
            () = self.waiting.stop.cancelled() => Waited::Stopping,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        metrics::gauge!("landfall_open_waits").decrement(1.0);
        let mut rooms = self.waiting.rooms();
        if let Some(waits) = rooms.callers.get_mut(&self.caller) {
            *waits -= 1;
            if *waits == 0 {
                rooms.callers.remove(&self.caller);
            }
        }
    }
}

/// Where those wait who wait for one activation; the last to leave closes it, also one whose client has gone away.
struct Room {
    waiting: Waiting,
    id: Uuid,
    versions: Option<watch::Receiver<i64>>,
}

impl Room {
    async fn until_after(&mut self, version: i64) {
        if let Some(versions) = &mut self.versions {
            let _ = versions.wait_for(|now| *now > version).await;
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.versions = None;
        let mut rooms = self.waiting.rooms();
        if rooms.versions.get(&self.id).is_some_and(|room| room.receiver_count() == 0) {
            rooms.versions.remove(&self.id);
        }
    }
}
