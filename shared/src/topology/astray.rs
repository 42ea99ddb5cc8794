//! Wake-ups that went astray: of steps that this version does not know. A newer version may know them, so they are left for a
//! while; their rows, if there are any, are sent out again by whoever does.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::Context;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use futures_util::StreamExt;
use time::OffsetDateTime;

use super::{Topology, TopologyError};
use crate::command::NAMES;

/// No round takes out more than this; the next one goes on.
const AT_MOST: u64 = 10_000;

impl Topology {
    /// Takes out the wake-ups of unknown steps that were sent before a time; gives how many there were.
    ///
    /// # Errors
    /// If JetStream does not answer, or refuses.
    pub async fn take_out_the_unknown(
        &self,
        jetstream: &Context,
        sent_before: OffsetDateTime,
    ) -> Result<u64, TopologyError> {
        let stream = jetstream.get_stream(self.stream()).await.map_err(TopologyError::of)?;
        let all = format!("{}landfall.command.>", self.prefix);
        let known: Vec<String> = NAMES.into_iter().map(|step| self.command(step)).collect();
        let mut subjects = stream.info_with_subjects(&all).await.map_err(TopologyError::of)?;
        let mut taken = 0;
        while let Some(subject) = subjects.next().await {
            let (subject, _) = subject.map_err(TopologyError::of)?;
            let is_ours = subject.starts_with(all.trim_end_matches('>'));
            if is_ours && !known.contains(&subject) && taken < AT_MOST {
                taken += take_out(&stream, &subject, sent_before, AT_MOST - taken).await?;
            }
        }
        Ok(taken)
    }
}

/// Takes out the old wake-ups of one subject, oldest first.
async fn take_out(
    stream: &Stream,
    subject: &str,
    sent_before: OffsetDateTime,
    at_most: u64,
) -> Result<u64, TopologyError> {
    let (mut from, mut taken) = (1, 0);
    while taken < at_most {
        let Some(message) = first_of_subject(stream, subject, from).await? else { break };
        if message.time >= sent_before {
            break;
        }
        stream.delete_message(message.sequence).await.map_err(TopologyError::of)?;
        (from, taken) = (message.sequence + 1, taken + 1);
    }
    Ok(taken)
}

/// The first message of a subject from a sequence on.
pub(super) async fn first_of_subject(
    stream: &Stream,
    subject: &str,
    from: u64,
) -> Result<Option<StreamMessage>, TopologyError> {
    match stream.raw_message_builder().sequence(from).next_by_subject(subject).send().await {
        Ok(message) => Ok(Some(message)),
        Err(error) if is_missing(&error.kind()) => Ok(None),
        Err(error) => Err(TopologyError::of(error)),
    }
}

fn is_missing(kind: &RawMessageErrorKind) -> bool {
    match kind {
        RawMessageErrorKind::NoMessageFound => true,
        RawMessageErrorKind::JetStream(error) => error.error_code() == ErrorCode::NO_MESSAGE_FOUND,
        _ => false,
    }
}
