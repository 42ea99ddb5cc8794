//! Waiting for a version: woken by hints, and when they are silent by one query a second for all who wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use landfall_shared::dispatch::Hint;
use landfall_shared::store::Database;
use landfall_shared::topology::Topology;
use tokio::sync::watch;
use uuid::Uuid;

/// More open waits of one caller are answered at once (contract §4).
const WAITS_OF_A_CALLER: usize = 20;

/// Who waits for what.
#[derive(Clone, Default)]
pub struct Waiting {
    rooms: Arc<Mutex<Rooms>>,
}

#[derive(Default)]
struct Rooms {
    versions: HashMap<Uuid, watch::Sender<i64>>,
    callers: HashMap<Vec<u8>, usize>,
}

impl Waiting {
    /// Starts listening for hints and asking the database.
    #[must_use]
    pub fn start(database: Database, client: async_nats::Client, topology: Topology) -> Self {
        let waiting = Self::default();
        tokio::spawn(waiting.clone().listen(client, topology));
        tokio::spawn(waiting.clone().ask(database));
        waiting
    }

    /// Waits until the activation has a later version, at most so long; true if it has.
    pub async fn until_after(&self, caller: &[u8], id: Uuid, version: i64, longest: Duration) -> bool {
        let Some(_seat) = self.sit_down(caller) else { return false };
        let mut versions = self.room(id, version);
        let later = versions.wait_for(|now| *now > version);
        let came = matches!(tokio::time::timeout(longest, later).await, Ok(Ok(_)));
        drop(versions);
        self.leave(id);
        came
    }

    fn sit_down(&self, caller: &[u8]) -> Option<Seat> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = rooms.callers.entry(caller.to_vec()).or_default();
        if *waits >= WAITS_OF_A_CALLER {
            return None;
        }
        *waits += 1;
        Some(Seat { waiting: self.clone(), caller: caller.to_vec() })
    }

    fn room(&self, id: Uuid, version: i64) -> watch::Receiver<i64> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.versions.entry(id).or_insert_with(|| watch::Sender::new(version)).subscribe()
    }

    fn leave(&self, id: Uuid) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.versions.get(&id).is_some_and(|room| room.receiver_count() == 0) {
            rooms.versions.remove(&id);
        }
    }

    fn heard(&self, id: Uuid, version: i64) {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.versions.get(&id) {
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
            let ids: Vec<Uuid> = {
                let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
                rooms.versions.keys().copied().collect()
            };
            if ids.is_empty() {
                continue;
            }
            let asked = sqlx::query!("select id, version from activations where id = any($1)", &ids);
            if let Ok(rows) = asked.fetch_all(&database.pool()).await {
                for row in rows {
                    self.heard(row.id, row.version);
                }
            }
        }
    }
}

/// One wait of a caller, counted while it lasts.
struct Seat {
    waiting: Waiting,
    caller: Vec<u8>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = self.waiting.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waits) = rooms.callers.get_mut(&self.caller) {
            *waits -= 1;
            if *waits == 0 {
                rooms.callers.remove(&self.caller);
            }
        }
    }
}
