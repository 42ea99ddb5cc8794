//! Consumers that have passed what their stream still holds: a server that died may remember its consumers better than its
//! messages, and an old one does not deliver these (ahead of the stream: measured on 2.9.10, 2.10.26 and 2.12.8; a message below
//! what was acknowledged: on 2.9.10).

use async_nats::jetstream::consumer::{Consumer, PullConsumer};
use async_nats::jetstream::stream::Stream;
use time::OffsetDateTime;

use super::astray::first_of_subject;
use super::{Topology, TopologyError};

/// A consumer that will never deliver something.
#[derive(Debug)]
pub(super) struct OutOfStep {
    pub(super) step: &'static str,
    made_at: OffsetDateTime,
    /// The message that lies below what was acknowledged; none if the consumer is ahead of all that there is.
    below: Option<u64>,
}

impl OutOfStep {
    /// Whether it was so at the look before, too, and is no accident of the moment: what was on its way is gone by now, and one
    /// that somebody else has made again is another. One that was ahead has a message below it as soon as something is sent.
    pub(super) fn was_so_before(&self, before: &[Self]) -> bool {
        before.iter().any(|earlier| {
            (self.step, self.made_at) == (earlier.step, earlier.made_at)
                && (self.below == earlier.below || self.below.is_none() || earlier.below.is_none())
        })
    }
}

impl Topology {
    /// Consumers that have delivered more than the stream ever held, and those below whose acknowledged messages there is still
    /// one: the stream has lost its tail, or what was taken out of it came back. Made again, they deliver all that there is.
    ///
    /// A consumer's state is read before the stream's, or load gives false alarms.
    pub(super) async fn out_of_step(
        &self,
        stream: &Stream,
        consumers: &[(&'static str, PullConsumer)],
    ) -> Result<Vec<OutOfStep>, TopologyError> {
        let mut seen = Vec::with_capacity(consumers.len());
        for (step, consumer) in consumers {
            let info = Consumer::get_info(consumer).await.map_err(TopologyError::of)?;
            seen.push((*step, info));
        }
        let held = stream.get_info().await.map_err(TopologyError::of)?.state;
        let mut found = Vec::new();
        for (step, info) in seen {
            let made_at = info.created;
            let acknowledged = info.ack_floor.stream_sequence;
            if info.delivered.stream_sequence > held.last_sequence {
                found.push(OutOfStep { step, made_at, below: None });
            } else if held.messages > 0
                && held.first_sequence <= acknowledged
                && let Some(below) = self.lies_below(stream, step, acknowledged).await?
            {
                found.push(OutOfStep { step, made_at, below: Some(below) });
            }
        }
        Ok(found)
    }

    async fn lies_below(&self, stream: &Stream, step: &str, acknowledged: u64) -> Result<Option<u64>, TopologyError> {
        let first = first_of_subject(stream, &self.command(step), 1).await?;
        Ok(first.map(|message| message.sequence).filter(|sequence| *sequence <= acknowledged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_at_two_looks_is_no_accident_whatever_was_sent_in_between() {
        let made = OffsetDateTime::UNIX_EPOCH;
        let seen = |step, made_at, below| OutOfStep { step, made_at, below };
        let before = [seen("renew", made, None), seen("release", made, Some(7))];
        let after = |step, below| seen(step, made, below).was_so_before(&before);
        assert!(after("renew", None), "still ahead of all that there is");
        assert!(after("renew", Some(1)), "what was sent since lies below it");
        assert!(after("release", Some(7)), "the same message lies there");
        assert!(!after("release", Some(9)), "another one: this one may be gone in a moment, as that one was");
        assert!(!after("resume", None), "seen for the first time");
        assert!(!seen("renew", made + time::Duration::SECOND, None).was_so_before(&before), "made again since");
    }
}
