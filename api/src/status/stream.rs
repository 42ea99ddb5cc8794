//! The versions of an activation as they come: `GET /v1/activations/{id}` with `Accept: text/event-stream`.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use uuid::Uuid;

use super::Document;
use super::polling::look;
use super::waiting::{Seat, Waited};
use crate::access::Seen;
use crate::app::App;
use crate::asked::Asked;
use crate::deadline;
use crate::problem::Problem;

/// A comment line is sent after so much silence: proxies cut what is silent (contract §4).
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Whether the caller would rather have the stream than one document.
pub(super) fn is_asked_for(asked: &Asked) -> bool {
    prefers_stream(&asked.headers)
}

/// The stream; one event and its end if the caller has too many open waits. Who has seen the end already is told by 204 not
/// to come again, as browsers do after every end of a stream (HTML, 9.2.3).
pub(super) fn answer(app: App, asked: Asked, seen: &Seen, document: Document) -> Response {
    let known = asked.header("last-event-id").and_then(|id| id.trim().parse::<i64>().ok());
    let is_new = known != Some(document.version());
    if !is_new && document.shown.status.is_final() {
        return StatusCode::NO_CONTENT.into_response();
    }
    let seat = app.waiting.seat(&seen.caller);
    let watched = Watched { app, asked, id: document.shown.id, version: document.version(), seat };
    let next = if is_new { Next::Show(Box::new(document)) } else { Next::Wait };
    let mut response = Sse::new(events(watched, next)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    // nginx gathers what it passes on unless it is told not to.
    headers.insert("x-accel-buffering", header::HeaderValue::from_static("no"));
    response
}

struct Watched {
    app: App,
    asked: Asked,
    id: Uuid,
    version: i64,
    /// None: one event, and no waiting.
    seat: Option<Seat>,
}

enum Next {
    Show(Box<Document>),
    Wait,
    End,
}

fn events(watched: Watched, next: Next) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((watched, next), |(mut watched, mut next)| async move {
        loop {
            next = match next {
                Next::Show(document) => {
                    watched.version = document.version();
                    let event = Event::default().id(document.version().to_string()).json_data(&document.shown).ok()?;
                    let over = document.shown.status.is_final() || watched.seat.is_none();
                    return Some((Ok(event), (watched, if over { Next::End } else { Next::Wait })));
                }
                Next::Wait => match watched.wait().await {
                    Some(Some(document)) => Next::Show(document),
                    Some(None) => return Some((Ok(Event::default().comment("")), (watched, Next::Wait))),
                    None => Next::End,
                },
                Next::End => return None,
            }
        }
    })
}

impl Watched {
    /// The next version, or nothing for a while; none at the end: when the process stops, or the caller may not see the
    /// activation any more.
    async fn wait(&self) -> Option<Option<Box<Document>>> {
        let seat = self.seat.as_ref()?;
        if seat.until_after(self.id, self.version, HEARTBEAT).await == Waited::Stopping {
            return None;
        }
        match deadline::within(look(&self.app, &self.asked, self.id)).await {
            Ok((_, document)) => Some((document.version() > self.version).then(|| Box::new(document))),
            Err(Problem { status: 500.., .. }) => Some(None),
            Err(_) => None,
        }
    }
}

/// Whether `Accept` names the stream, and no JSON before it or with a greater weight (RFC 9110, 12.5.1).
fn prefers_stream(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (0.0_f32, false);
    for range in lines.flat_map(|line| line.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
        if ["text/event-stream", "application/json", "application/*", "*/*"].contains(&name.as_str()) && weight > best.0
        {
            best = (weight, name == "text/event-stream");
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(lines: &[&str]) -> bool {
        prefers_stream(&lines.iter().map(|line| (header::ACCEPT, line.parse().unwrap())).collect())
    }

    #[test]
    fn the_stream_is_for_those_who_name_it() {
        assert!(stream(&["text/event-stream"]) && stream(&["Text/Event-Stream; charset=utf-8"]));
        assert!(
            stream(&["text/event-stream, application/json"]) && stream(&["application/json;q=0.5,text/event-stream"])
        );
        for line in ["", "*/*", "application/json", "text/html", "application/json, text/event-stream"] {
            assert!(!stream(&[line]), "{line}");
        }
        assert!(!stream(&["text/event-stream;q=0"]) && !stream(&["*/*", "text/event-stream;q=0.9"]) && !stream(&[]));
    }
}
