//! Stream, consumers and subjects: their names, their settings, and making them so.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::context::{ConsumerInfoErrorKind, Context, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{ConsumerErrorKind, Stream};
use uuid::Uuid;

use crate::command::NAMES;

mod astray;
mod out_of_step;
mod settings;

use out_of_step::OutOfStep;

pub use settings::ACK_WAIT;

/// The names of one Landfall in a NATS that it may share with others (`NATS_PREFIX`).
#[derive(Debug, Clone)]
pub struct Topology {
    prefix: String,
}

/// What `ensure` found.
pub struct Ensured {
    /// One consumer a step.
    pub consumers: Vec<(&'static str, PullConsumer)>,
    /// The steps whose consumers had to be made: what was sent to them before may be lost.
    pub made: BTreeSet<&'static str>,
}

/// JetStream did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
#[error("JetStream: {0}")]
pub struct TopologyError(String);

impl TopologyError {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl Topology {
    /// The names under a prefix, which is put as it is before each.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The stream of wake-ups.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("{}LANDFALL_COMMANDS", self.prefix)
    }

    /// The consumer of a step.
    #[must_use]
    pub fn consumer(&self, step: &str) -> String {
        format!("{}landfall-{step}", self.prefix)
    }

    /// The subject of a step's wake-ups.
    #[must_use]
    pub fn command(&self, step: &str) -> String {
        format!("{}landfall.command.{step}", self.prefix)
    }

    /// The subject of the hints that an activation has changed.
    #[must_use]
    pub fn event(&self, activation: Uuid) -> String {
        format!("{}landfall.event.activation.{activation}", self.prefix)
    }

    /// All such hints.
    #[must_use]
    pub fn events(&self) -> String {
        format!("{}landfall.event.activation.*", self.prefix)
    }

    /// Makes stream and consumers as they should be: at start, after a reconnect, and on any stream error.
    ///
    /// # Errors
    /// If JetStream does not answer, or refuses.
    pub async fn ensure(&self, jetstream: &Context) -> Result<Ensured, TopologyError> {
        let (stream, is_new) = self.ensure_stream(jetstream).await?;
        let mut made = if is_new { BTreeSet::from(NAMES) } else { BTreeSet::new() };
        let mut consumers = Vec::with_capacity(NAMES.len());
        for step in NAMES {
            let (consumer, is_new) = self.ensure_consumer(&stream, step).await?;
            made.extend(is_new.then_some(step));
            consumers.push((step, consumer));
        }
        let suspects = self.out_of_step(&stream, &consumers).await?;
        if !suspects.is_empty() {
            // Measured under load: one look alone gives false alarms.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let still = self.out_of_step(&stream, &consumers).await?;
            for OutOfStep { step, .. } in still.into_iter().filter(|found| found.was_so_before(&suspects)) {
                tracing::warn!(step, "the consumer of {step} has passed what the stream still holds: making it again");
                stream.delete_consumer(&self.consumer(step)).await.map_err(TopologyError::of)?;
                let consumer = self.create_consumer(&stream, step).await?;
                consumers.retain(|(name, _)| *name != step);
                consumers.push((step, consumer));
                made.insert(step);
            }
        }
        Ok(Ensured { consumers, made })
    }

    async fn ensure_stream(&self, jetstream: &Context) -> Result<(Stream, bool), TopologyError> {
        let found = match jetstream.get_stream(self.stream()).await {
            Ok(found) => found,
            Err(error) if is_missing_stream(&error.kind()) => {
                let made = jetstream.create_stream(self.stream_settings()).await;
                return Ok((made.map_err(TopologyError::of)?, true));
            }
            Err(error) => return Err(TopologyError::of(error)),
        };
        let fitting = self.fitting(&found.cached_info().config);
        if fitting == found.cached_info().config {
            return Ok((found, false));
        }
        tracing::warn!("the stream's settings differ from ours: updating it");
        match jetstream.update_stream(&fitting).await {
            Ok(_) => Ok((found, false)),
            Err(error) if is_refused(&error.kind()) => {
                // Some settings are for a stream's life. What it held is in the rows.
                tracing::warn!(%error, "the stream cannot be updated: making it again");
                jetstream.delete_stream(self.stream()).await.map_err(TopologyError::of)?;
                let made = jetstream.create_stream(self.stream_settings()).await;
                Ok((made.map_err(TopologyError::of)?, true))
            }
            Err(error) => Err(TopologyError::of(error)),
        }
    }

    async fn ensure_consumer(&self, stream: &Stream, step: &str) -> Result<(PullConsumer, bool), TopologyError> {
        let found = match stream.consumer_info(self.consumer(step)).await {
            Ok(found) => found,
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {
                return Ok((self.create_consumer(stream, step).await?, true));
            }
            Err(error) => return Err(TopologyError::of(error)),
        };
        if !self.fits(step, &found.config) {
            tracing::warn!(step, "the consumer of {step} has other settings than ours: updating it");
            // Not from what it was: one whose filter was another's has what is ours unseen.
            return Ok((self.create_consumer(stream, step).await?, true));
        }
        let consumer = stream.get_consumer(&self.consumer(step)).await.map_err(TopologyError::of)?;
        Ok((consumer, false))
    }

    /// Creates, or updates: JetStream has one call for both. One that cannot be updated is made again.
    async fn create_consumer(&self, stream: &Stream, step: &str) -> Result<PullConsumer, TopologyError> {
        match stream.create_consumer(self.consumer_settings(step)).await {
            Ok(consumer) => Ok(consumer),
            Err(error) if matches!(error.kind(), ConsumerErrorKind::JetStream(_)) => {
                let _ = stream.delete_consumer(&self.consumer(step)).await;
                stream.create_consumer(self.consumer_settings(step)).await.map_err(TopologyError::of)
            }
            Err(error) => Err(TopologyError::of(error)),
        }
    }
}

fn is_refused(kind: &CreateStreamErrorKind) -> bool {
    matches!(kind, CreateStreamErrorKind::JetStream(_))
}

fn is_missing_stream(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == async_nats::jetstream::ErrorCode::STREAM_NOT_FOUND)
}
