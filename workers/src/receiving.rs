//! Receiving: one pull consumer a step, so that a slow mail server holds up no workspace; made again whenever NATS forgets.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Context};
use futures_util::{FutureExt, StreamExt};
use landfall_shared::command::NAMES;
use landfall_shared::store::{Database, due, in_time};
use landfall_shared::topology::Topology;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::runner::Runner;

/// Dispatched rows become due again over this time when stream or consumers had to be made.
const SPREAD_SECONDS: f64 = 5.0;

/// What receiving needs.
pub struct Receiving {
    /// `JetStream`.
    pub jetstream: Context,
    /// Its names.
    pub topology: Topology,
    /// Notified of each new connection.
    pub connected: Arc<Notify>,
    /// The rows.
    pub database: Database,
    /// Who carries what is received.
    pub runner: Arc<Runner>,
    /// Commands of one step in hand at once.
    pub concurrency: usize,
    /// What is being carried.
    pub carried: TaskTracker,
}

impl Receiving {
    /// Receives until the token is cancelled.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        // Steps whose consumers were made, or may have been: what was sent before may be lost with what was there.
        let mut owed = BTreeSet::new();
        while !stop.is_cancelled() {
            let ensured = tokio::select! {
                ensured = self.topology.ensure(&self.jetstream) => ensured,
                () = stop.cancelled() => return,
            };
            match ensured {
                Ok(ensured) => {
                    owed.extend(ensured.made);
                    if !owed.is_empty() && self.send_again(&owed).await {
                        owed.clear();
                    }
                    self.receive_until_something_breaks(ensured.consumers, &stop).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "wake-ups cannot be received yet: trying again");
                    owed.extend(NAMES);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Whether it was done. What only a newer version knows is left to it: its consumers are not ours to make.
    async fn send_again(&self, steps: &BTreeSet<&str>) -> bool {
        let pool = self.database.pool();
        let steps: Vec<&str> = steps.iter().copied().collect();
        match in_time(due::dispatched_again(&pool, &steps, SPREAD_SECONDS)).await {
            Ok(0) => true,
            Ok(rows) => {
                tracing::info!(rows, "stream or consumers had to be made: {rows} wake-ups are sent again");
                true
            }
            Err(error) => {
                tracing::warn!(%error, "wake-ups that may be lost could not be made due: they will be, later");
                false
            }
        }
    }

    async fn receive_until_something_breaks(
        self: &Arc<Self>,
        consumers: Vec<(&'static str, PullConsumer)>,
        stop: &CancellationToken,
    ) {
        let round = stop.child_token();
        let mut steps = JoinSet::new();
        for (step, consumer) in consumers {
            steps.spawn(Arc::clone(self).receive(step, consumer, round.clone()));
        }
        tokio::select! {
            _ = steps.join_next() => {}
            () = self.connected.notified() => tracing::info!("connected to NATS: looking at stream and consumers"),
            () = stop.cancelled() => {}
        }
        round.cancel();
        while steps.join_next().await.is_some() {}
    }

    async fn receive(self: Arc<Self>, step: &'static str, consumer: PullConsumer, round: CancellationToken) {
        let permits = Arc::new(Semaphore::new(self.concurrency));
        let pull = consumer
            .stream()
            .max_messages_per_batch(self.concurrency)
            .expires(Duration::from_secs(10))
            .heartbeat(Duration::from_secs(5))
            .messages()
            .await;
        let mut messages = match pull {
            Ok(messages) => messages,
            Err(error) => return tracing::warn!(step, %error, "wake-ups of {step} cannot be pulled"),
        };
        loop {
            // A message is taken out only when there is a hand free for it.
            let next = tokio::select! {
                biased;
                () = round.cancelled() => break,
                next = async { (Arc::clone(&permits).acquire_owned().await, messages.next().await) } => next,
            };
            let (permit, next) = next;
            match next {
                Some(Ok(message)) => {
                    let runner = Arc::clone(&self.runner);
                    self.carried.spawn(async move {
                        Box::pin(runner.carry(message)).await;
                        drop(permit);
                    });
                }
                Some(Err(error)) => {
                    tracing::warn!(step, %error, "wake-ups of {step} no longer arrive: looking at stream and consumers");
                    break;
                }
                None => break,
            }
        }
        // What was pulled and not begun goes back at once.
        while let Some(Some(Ok(message))) = messages.next().now_or_never() {
            let _ = message.ack_with(AckKind::Nak(None)).await;
        }
    }
}
