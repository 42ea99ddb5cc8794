//! What this process has in hand: nothing is taken twice here, and what takes long keeps its lease and its message.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::{AckKind, Message};
use landfall_shared::dispatch::Wakeups;
use landfall_shared::store::{Database, commands, in_time};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

#[derive(Clone)]
struct Held {
    message: Arc<Message>,
    received: Instant,
    /// Unknown until the row was read.
    fence: Option<i64>,
}

/// The commands in hand.
#[derive(Default)]
pub struct InHand {
    held: Mutex<HashMap<Uuid, Held>>,
}

/// One command in hand, until this is dropped: whatever ends the carrying, it is out of hand then.
pub struct Hand {
    in_hand: Arc<InHand>,
    id: Uuid,
}

impl Hand {
    /// Notes under which fence the row was taken.
    pub fn fenced(&self, fence: i64) {
        if let Some(held) = self.in_hand.held.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&self.id) {
            held.fence = Some(fence);
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.in_hand.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl InHand {
    /// Takes a command in hand; none if it is already.
    pub fn enter(self: &Arc<Self>, id: Uuid, message: &Arc<Message>, received: Instant) -> Option<Hand> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.entry(id) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                free.insert(Held { message: Arc::clone(message), received, fence: None });
                Some(Hand { in_hand: Arc::clone(self), id })
            }
        }
    }

    fn held_for(&self, long: Duration) -> Vec<(Uuid, Held)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().filter(|(_, held)| held.received.elapsed() >= long).map(|(id, held)| (*id, held.clone())).collect()
    }

    /// Gives everything in hand to whoever takes it next: the process ends. Its rows are due at once, and what this process may
    /// still learn of them counts no more; its messages go back.
    pub async fn hand_back(&self, database: &Database, wakeups: &Wakeups) {
        let held = self.held_for(Duration::ZERO);
        tracing::warn!(commands = held.len(), "{} commands did not end in time: handing them back", held.len());
        let rows: Vec<(Uuid, i64)> = held.iter().filter_map(|(id, held)| Some((*id, held.fence?))).collect();
        match in_time(commands::hand_back(&database.pool(), &rows)).await {
            Ok(shown) => {
                for changed in shown {
                    wakeups.hint(changed.id, changed.version, &changed.status);
                }
            }
            Err(error) => tracing::warn!(%error, "they could not be handed back: they come back when their leases end"),
        }
        for (_, held) in &held {
            let _ = held.message.ack_with(AckKind::Nak(None)).await;
        }
    }

    /// Extends what is held for long, counted from its receipt, for as long as the process lives.
    pub async fn keep(self: Arc<Self>, database: Database, wakeups: Wakeups, lease: Duration) {
        let long = (lease / 3).min(Duration::from_secs(10));
        let mut ticks = tokio::time::interval(long / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let held = self.held_for(long);
            // NATS first: it does not wait for a database that is slow.
            for (_, held) in &held {
                let _ = held.message.ack_with(AckKind::Progress).await;
            }
            let rows: Vec<(Uuid, i64)> = held.iter().filter_map(|(id, held)| Some((*id, held.fence?))).collect();
            if rows.is_empty() {
                continue;
            }
            let pool = database.pool();
            match in_time(commands::extend(&pool, &rows, lease.as_secs_f64())).await {
                Ok(shown) => {
                    for changed in shown {
                        wakeups.hint(changed.id, changed.version, &changed.status);
                    }
                }
                Err(error) => tracing::warn!(%error, "leases could not be extended: another worker may take over"),
            }
        }
    }
}
