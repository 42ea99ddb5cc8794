//! Consumers that have passed what their stream still holds: a server that died may remember its consumers better than its
//! messages, and one before 2.14 then never delivers these (measured on 2.9.10 and 2.12.8).

use async_nats::jetstream::consumer::{Consumer, PullConsumer};
use async_nats::jetstream::stream::Stream;

use super::astray::first_of_subject;
use super::{Topology, TopologyError};

impl Topology {
    /// Consumers that have delivered more than the stream ever held, and those below whose acknowledged messages there is still
    /// one: the stream has lost its tail, or what was taken out of it came back. Made again, they deliver all that there is.
    ///
    /// A consumer's state is read before the stream's, or load gives false alarms.
    pub(super) async fn out_of_step(
        &self,
        stream: &Stream,
        consumers: &[(&'static str, PullConsumer)],
    ) -> Result<Vec<&'static str>, TopologyError> {
        let mut seen = Vec::with_capacity(consumers.len());
        for (step, consumer) in consumers {
            let info = Consumer::get_info(consumer).await.map_err(TopologyError::of)?;
            seen.push((*step, info.delivered.stream_sequence, info.ack_floor.stream_sequence));
        }
        let held = stream.get_info().await.map_err(TopologyError::of)?.state;
        let mut found = Vec::new();
        for (step, delivered, acknowledged) in seen {
            let is_ahead = delivered > held.last_sequence;
            let may_lie_below = held.messages > 0 && held.first_sequence <= acknowledged;
            if is_ahead || (may_lie_below && self.lies_below(stream, step, acknowledged).await?) {
                found.push(step);
            }
        }
        Ok(found)
    }

    async fn lies_below(&self, stream: &Stream, step: &str, acknowledged: u64) -> Result<bool, TopologyError> {
        let first = first_of_subject(stream, &self.command(step), 1).await?;
        Ok(first.is_some_and(|message| message.sequence <= acknowledged))
    }
}
