//! Wake-ups: sent after the commit that made them true, and again for rows that are due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture};
use async_nats::jetstream::message::PublishMessage;
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Uuid;

use crate::caught::{caught, for_life};
use crate::command::Queued;
use crate::config::Both;
use crate::topology::Topology;

/// A hint that an activation has changed (contract §6): whoever misses it reads the row a little later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The activation.
    pub id: Uuid,
    /// Its version.
    pub version: i64,
    /// Its status.
    pub status: String,
}

/// An activation that changed: told after the commit that made it true, to those who wait for it and to those who carry what
/// follows.
#[derive(Debug, Clone)]
pub struct News {
    /// The activation.
    pub id: Uuid,
    /// Its version from now on.
    pub version: i64,
    /// Its status.
    pub status: &'static str,
    /// The command that follows.
    pub queued: Option<Queued>,
}

enum Sent {
    WakeUp {
        step: String,
        command: Uuid,
        handed_in: Instant,
    },
    Hint(Hint),
    /// Answered when all that was handed in before is sent.
    Flush(oneshot::Sender<()>),
}

/// Where wake-ups and hints are handed in. Handing in never waits and never fails: PostgreSQL is the truth, and what is lost
/// here is sent again from there.
#[derive(Clone)]
pub struct Wakeups {
    queue: mpsc::Sender<Sent>,
}

/// So many at once; more than this in wait are left to the rows that are due again.
const AT_ONCE: usize = 256;
const IN_WAIT: usize = 8192;
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// While the connection is down, it is looked at so often.
const RECONNECT_LOOK: Duration = Duration::from_millis(100);
/// What is sent last, before the process ends, may take so long; what is not sent then is sent again from its row.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

impl Wakeups {
    /// Starts the one task that sends. `redispatch` (`REDISPATCH_AFTER_MS`) is when a row is due again by itself.
    #[must_use]
    pub fn start(client: async_nats::Client, topology: Topology, redispatch: Duration) -> Self {
        let (queue, handed_in) = mpsc::channel(IN_WAIT);
        for_life("sending wake-ups", send_on(client, topology, redispatch, handed_in));
        Self { queue }
    }

    /// Wakes the workers up for a command whose transaction was committed.
    pub fn wake_up(&self, step: &str, command: Uuid) {
        let wakeup = Sent::WakeUp { step: step.to_owned(), command, handed_in: Instant::now() };
        if self.queue.try_send(wakeup).is_err() {
            count_lost(1);
        }
    }

    /// Tells what a transaction has changed, once it is committed.
    pub fn tell(&self, news: News) {
        if let Some(queued) = news.queued {
            self.wake_up(queued.command.name(), queued.id);
        }
        self.hint(news.id, news.version, news.status);
    }

    /// Tells whoever listens that an activation has a new version.
    pub fn hint(&self, id: Uuid, version: i64, status: &str) {
        let _ = self.queue.try_send(Sent::Hint(Hint { id, version, status: status.to_owned() }));
    }
}

/// Sends what was handed in, and what else the connection still holds, before the process ends: what got lost here would cost
/// the time of a redispatch.
pub async fn flush(client: &async_nats::Client, wakeups: &Wakeups) {
    let flushing = async {
        let (flushed, done) = oneshot::channel();
        if wakeups.queue.send(Sent::Flush(flushed)).await.is_ok() {
            let _ = done.await;
        }
        let _ = client.flush().await;
    };
    if client.connection_state() != State::Connected || tokio::time::timeout(FLUSH_TIMEOUT, flushing).await.is_err() {
        tracing::debug!("NATS is away: what was not sent is sent again from its row");
    }
}

async fn send_on(
    client: async_nats::Client,
    topology: Topology,
    redispatch: Duration,
    mut handed_in: mpsc::Receiver<Sent>,
) {
    let jetstream = context(&client);
    let mut batch = Vec::with_capacity(AT_ONCE);
    while handed_in.recv_many(&mut batch, AT_ONCE).await > 0 {
        wait_for_connection(&client, redispatch, &mut batch).await;
        caught("a batch of wake-ups", send(&client, &jetstream, &topology, batch.drain(..))).await;
    }
}

async fn send(
    client: &async_nats::Client,
    jetstream: &Context,
    topology: &Topology,
    batch: impl ExactSizeIterator<Item = Sent>,
) {
    let mut acks = Vec::with_capacity(batch.len());
    let mut whoever_waits = Vec::new();
    for sent in batch {
        match sent {
            Sent::Flush(flushed) => whoever_waits.push(flushed),
            Sent::Hint(hint) => {
                let form = serde_json::to_vec(&hint).unwrap_or_default();
                let _ = client.publish(topology.event(hint.id), form.into()).await;
            }
            Sent::WakeUp { step, command, .. } => {
                crate::crash::point("dispatch.before_publish");
                let message = PublishMessage::build().payload(command.to_string().into());
                if let Ok(ack) = jetstream.send_publish(topology.command(&step), message).await {
                    acks.push(ack.into_future());
                }
            }
        }
    }
    // The next batch does not wait for these: publishing and awaiting in one loop would be one round trip at a time.
    tokio::spawn(async move {
        count_lost(not_taken(acks).await);
        for flushed in whoever_waits {
            let _ = flushed.send(());
        }
    });
}

/// While the connection is down wake-ups wait here, and only until their rows are soon due again: what the client is given then, it
/// sends after the reconnect, however stale, and in a heap.
async fn wait_for_connection(client: &async_nats::Client, redispatch: Duration, batch: &mut Vec<Sent>) {
    while !batch.is_empty() && client.connection_state() != State::Connected {
        // Not to the last moment: its row would be sent out as well, and two would have it in hand.
        let is_overdue = |handed_in: &Instant| handed_in.elapsed() >= redispatch / 2;
        count_lost(
            batch
                .extract_if(.., |sent| matches!(sent, Sent::WakeUp { handed_in, .. } if is_overdue(handed_in)))
                .count(),
        );
        // A hint is old by then, and whoever waits for the end of all this is told that it has.
        batch.retain(|sent| matches!(sent, Sent::WakeUp { .. }));
        tokio::time::sleep(RECONNECT_LOOK).await;
    }
}

async fn not_taken(acks: Vec<<PublishAckFuture as IntoFuture>::IntoFuture>) -> usize {
    join_all(acks).await.into_iter().filter(Result::is_err).count()
}

fn count_lost(lost: usize) {
    if lost > 0 {
        metrics::counter!("landfall_wakeups_lost_total").increment(lost as u64);
        tracing::debug!(lost, "{lost} wake-ups were not sent, or not taken by JetStream: their rows will be due again");
    }
}

/// A JetStream context whose calls end in time.
#[must_use]
pub fn context(client: &async_nats::Client) -> Context {
    ContextBuilder::new()
        .timeout(ACK_TIMEOUT)
        .ack_timeout(ACK_TIMEOUT)
        .max_ack_inflight(4 * AT_ONCE)
        .build(client.clone())
}

/// Connects to NATS in the background, for as long as it takes: nobody's answer waits for it. The second half is notified of
/// each new connection.
///
/// # Errors
/// If the URLs or the credentials cannot be read.
pub async fn connect(config: &Both, process: &str) -> Result<(async_nats::Client, Arc<Notify>), NotConnected> {
    let connected = Arc::new(Notify::new());
    let notify = Arc::clone(&connected);
    let mut options = async_nats::ConnectOptions::new()
        .name(process)
        .retry_on_initial_connect()
        .ping_interval(Duration::from_secs(5))
        .connection_timeout(Duration::from_secs(3))
        .request_timeout(Some(Duration::from_secs(5)))
        .reconnect_delay_callback(|attempts| {
            Duration::from_millis(100).saturating_mul(u32::try_from(attempts.min(20)).unwrap_or(20))
        })
        .event_callback(move |event| {
            let notify = Arc::clone(&notify);
            async move {
                if matches!(event, async_nats::Event::Connected) {
                    notify.notify_one();
                }
            }
        });
    if let Some(credentials) = &config.nats_creds {
        options = options.credentials(credentials.expose_secret()).map_err(|_| NotConnected("NATS_CREDS"))?;
    }
    let urls: Vec<&str> = config.nats_url.iter().map(ExposeSecret::expose_secret).collect();
    // The client's own words may hold the URL, and the URL a password.
    let client = options.connect(urls).await.map_err(|_| NotConnected("NATS_URL"))?;
    Ok((client, connected))
}

/// NATS cannot be addressed at all.
#[derive(Debug, thiserror::Error)]
#[error("{0} does not lead to a NATS server that lets us in: check it")]
pub struct NotConnected(&'static str);
