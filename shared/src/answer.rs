//! HTTP to the outside within its limits: ten seconds a call, answers up to 1 MiB, no redirects (contract §7).

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, header};
use rustls::pki_types::CertificateDer;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use crate::tls;

/// The whole of a call, from its connection to the last byte of the answer, ends within this time.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The longest answer, in bytes.
pub const LONGEST_ANSWER: usize = 1024 * 1024;

/// The longest pause that an answer's `Retry-After` can ask for.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The door for HTTP to the outside; clones share their connections.
#[derive(Debug, Clone)]
pub struct Http(reqwest::Client);

/// An answer that came whole; what it means depends on who gave it.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most [`LONGEST_ANSWER`] bytes.
    pub body: Vec<u8>,
}

/// Bodies and headers can hold personal data.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no whole answer; whether the other side did its work is unknown. It never shows the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection, no name, or no TLS.
    #[error("could not be reached")]
    Unreachable,
    /// [`TIME_LIMIT`] passed.
    #[error("did not answer in time")]
    TimedOut,
    /// The connection ended early.
    #[error("broke off")]
    BrokenOff,
    /// The answer is longer than [`LONGEST_ANSWER`].
    #[error("answered too much")]
    TooLong,
}

impl Http {
    /// A door that trusts these roots ([`tls::roots`]).
    pub fn new(roots: Vec<CertificateDer<'static>>) -> Result<Self, reqwest::Error> {
        Self::with_limit(roots, TIME_LIMIT)
    }

    pub(crate) fn with_limit(roots: Vec<CertificateDer<'static>>, limit: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client(roots))
            .redirect(reqwest::redirect::Policy::none())
            .timeout(limit)
            .user_agent("landfall");
        client.build().map(Self)
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, NoAnswer> {
        let request = reqwest::Request::try_from(request)?;
        let mut response = self.0.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER {
                return Err(NoAnswer::TooLong);
            }
        }
        Ok(Answer { status, headers, body })
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::TimedOut
        } else if error.is_connect() || error.is_builder() {
            Self::Unreachable
        } else {
            Self::BrokenOff
        }
    }
}

impl Answer {
    /// The body as JSON; `None` when it is something else.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What `Retry-After` asks for, as seconds or as a date (RFC 9110 §10.2.3), at most [`LONGEST_PAUSE`].
    #[must_use]
    pub fn retry_after(&self, now: OffsetDateTime) -> Option<Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        let pause = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
            // More digits than a number holds are longer than any pause, too.
            text.parse().map_or(LONGEST_PAUSE, Duration::from_secs)
        } else {
            let date = OffsetDateTime::from(httpdate::parse_http_date(text).ok()?);
            Duration::try_from(date - now).unwrap_or(Duration::ZERO)
        };
        Some(pause.min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use axum::response::{IntoResponse as _, Redirect};
    use time::macros::datetime;
    use tokio::net::TcpListener;

    use super::*;
    use crate::loopback::Loopback;

    fn pause(value: &str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
        let answer = Answer { status: StatusCode::SERVICE_UNAVAILABLE, headers, body: Vec::new() };
        answer.retry_after(datetime!(2026-11-24 12:00:00 UTC)).map(|pause| pause.as_secs())
    }

    async fn get(url: &str) -> Result<Answer, NoAnswer> {
        let http = Http::with_limit(Vec::new(), Duration::from_millis(300)).unwrap();
        http.send(Request::get(url).body(Vec::new()).unwrap()).await
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_an_hour() {
        assert_eq!(pause("7"), Some(7));
        assert_eq!(pause("86400"), Some(3600));
        assert_eq!(pause("99999999999999999999999"), Some(3600));
        assert_eq!(pause("Tue, 24 Nov 2026 12:00:09 GMT"), Some(9));
        assert_eq!(pause("Tue, 24 Nov 2026 11:00:00 GMT"), Some(0));
        assert_eq!(pause("Wed, 25 Nov 2026 12:00:00 GMT"), Some(3600));
        assert_eq!(pause("soon"), None);
        assert_eq!(pause("-1"), None);
        assert_eq!(pause(""), None);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_not_followed() {
        let server = Loopback::start(vec![Redirect::temporary("/elsewhere").into_response()]).await;
        let answer = get(&server.url).await.unwrap();
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(server.asked().len(), 1);
    }

    #[tokio::test]
    async fn an_answer_ends_at_one_mebibyte() {
        let longest = "x".repeat(LONGEST_ANSWER);
        let server = Loopback::start(vec![longest.clone().into_response(), (longest + "x").into_response()]).await;
        assert_eq!(get(&server.url).await.unwrap().body.len(), LONGEST_ANSWER);
        assert_eq!(get(&server.url).await.unwrap_err(), NoAnswer::TooLong);
    }

    #[tokio::test]
    async fn silence_a_closed_door_and_a_cut_line_are_no_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        assert_eq!(get(&url).await.unwrap_err(), NoAnswer::TimedOut);
        let (cut, ()) = tokio::join!(get(&url), async {
            // The first connection is the one that timed out.
            drop((listener.accept().await, listener.accept().await));
        });
        assert_eq!(cut.unwrap_err(), NoAnswer::BrokenOff);
        drop(listener);
        assert_eq!(get(&url).await.unwrap_err(), NoAnswer::Unreachable);
    }
}
