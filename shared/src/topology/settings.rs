//! The settings of stream and consumers, and whether those that are found do.

use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, IntoConsumerConfig, pull};
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, StorageType};

use super::Topology;

/// A wake-up that nobody acknowledged comes again after this.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
const MAX_AGE: Duration = Duration::from_hours(24);
const MAX_BYTES: i64 = 256 << 20;

impl Topology {
    pub(super) fn stream_settings(&self) -> stream::Config {
        stream::Config {
            name: self.stream(),
            subjects: vec![format!("{}landfall.command.>", self.prefix)],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            // One limit only: small limits of two kinds together have lost acknowledged messages (nats-server 4771).
            max_bytes: MAX_BYTES,
            max_messages: -1,
            max_messages_per_subject: -1,
            max_message_size: -1,
            max_consumers: -1,
            max_age: MAX_AGE,
            // No Msg-Id is ever sent; the window would only cost memory.
            duplicate_window: Duration::from_secs(1),
            ..stream::Config::default()
        }
    }

    /// What a stream that was found should be: ours, and as wide as it is where it is wider. A newer version may have written it.
    pub(super) fn fitting(&self, found: &stream::Config) -> stream::Config {
        let wanted = self.stream_settings();
        let mut fitting = found.clone();
        fitting.subjects.extend(wanted.subjects.iter().filter(|s| !found.subjects.contains(s)).cloned());
        (fitting.retention, fitting.storage, fitting.discard) = (wanted.retention, wanted.storage, wanted.discard);
        (fitting.max_messages, fitting.max_messages_per_subject) =
            (wanted.max_messages, wanted.max_messages_per_subject);
        (fitting.max_message_size, fitting.max_consumers) = (wanted.max_message_size, wanted.max_consumers);
        (fitting.no_ack, fitting.sealed, fitting.discard_new_per_subject) = (false, false, false);
        // -1, and 0 of an age, are no limit.
        if (0..wanted.max_bytes).contains(&found.max_bytes) {
            fitting.max_bytes = wanted.max_bytes;
        }
        if !found.max_age.is_zero() {
            fitting.max_age = found.max_age.max(wanted.max_age);
        }
        fitting.duplicate_window = found.duplicate_window.max(wanted.duplicate_window);
        fitting
    }

    pub(super) fn consumer_settings(&self, step: &str) -> pull::Config {
        pull::Config {
            durable_name: Some(self.consumer(step)),
            filter_subject: self.command(step),
            ack_policy: AckPolicy::Explicit,
            deliver_policy: DeliverPolicy::All,
            ack_wait: ACK_WAIT,
            max_deliver: -1,
            max_ack_pending: 4096,
            max_waiting: 512,
            ..pull::Config::default()
        }
    }

    /// Whether a consumer that was found gives us what we ask for: whole wake-ups, of this step, as often as it takes.
    pub(super) fn fits(&self, step: &str, found: &consumer::Config) -> bool {
        let wanted = self.consumer_settings(step).into_consumer_config();
        let what = |config: &consumer::Config| {
            (
                (config.filter_subject.clone(), config.filter_subjects.clone(), config.deliver_subject.clone()),
                (config.ack_policy, config.deliver_policy, config.replay_policy),
                (config.ack_wait, config.max_deliver, config.backoff.clone()),
                (config.max_ack_pending, config.max_waiting, config.rate_limit),
                (config.max_batch, config.max_bytes, config.max_expires),
                (config.headers_only, config.memory_storage, config.inactive_threshold),
            )
        };
        what(found) == what(&wanted)
    }
}
