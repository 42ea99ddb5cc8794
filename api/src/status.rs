//! What the pages poll: reading an activation, waiting for its next version.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use landfall_shared::activation::{Activation, Status};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::asked::Asked;
use crate::problem::Problem;

mod document;
pub mod waiting;

pub use document::Shown;
use document::{ChallengeRow, StepRow, Written};

/// `Prefer: wait` holds no longer (contract §4): below the usual limits of proxies.
const LONGEST_WAIT: u64 = 25;

/// An activation as it was read: what is shown, and what the pages need beside it.
pub struct Document {
    /// The polled JSON.
    pub shown: Shown,
    /// The activation behind it.
    pub activation: Activation,
    now: OffsetDateTime,
}

impl Document {
    /// Reads activation, steps and challenge in one statement.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn read(app: &App, db: &mut PgConnection, id: Uuid) -> Result<Option<Self>, Problem> {
        let row = sqlx::query!(
            r#"select a.version, a.state, a.created_at, a.updated_at, now() as "now!",
                      (select coalesce(json_agg(latest order by latest.queued_at, latest.id), '[]')
                       from (select c.id, c.name, c.state, c.attempts, c.held, c.dispatched_at is not null as dispatched,
                                    c.queued_at, c.not_before, c.finished_at, c.problem
                             from commands c
                             where c.activation_id = a.id and not c.hidden
                             order by c.queued_at desc, c.id desc
                             limit 50) latest) as "steps!",
                      (select row_to_json(latest)
                       from (select ch.purpose, ch.email, ch.status, ch.sends, ch.tries, ch.expires_at, ch.resend_at
                             from challenges ch
                             where ch.activation_id = a.id
                             order by ch.created_at desc, ch.id desc
                             limit 1) latest) as challenge
               from activations a
               where a.id = $1"#,
            id,
        )
        .fetch_optional(db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let activation: Activation = decode(row.state)?;
        let steps: Vec<StepRow> = decode(row.steps)?;
        let challenge: Option<ChallengeRow> = row.challenge.map(decode).transpose()?;
        let written = Written { version: row.version, created_at: row.created_at, updated_at: row.updated_at };
        let shown = Shown::of(app, &activation, &written, steps, challenge);
        Ok(Some(Self { shown, activation, now: row.now }))
    }

    /// The version, which is the `ETag` too.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.shown.version
    }

    /// The status in words.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.shown.status.as_str()
    }

    /// The document as an answer.
    #[must_use]
    pub fn answer(&self, status: StatusCode) -> Response {
        let mut response = (status, Json(&self.shown)).into_response();
        self.put_headers(&mut response);
        response
    }

    /// The login URL as an answer.
    #[must_use]
    pub fn login_answer(&self, status: StatusCode) -> Response {
        let mut response = (status, Json(json!({ "login_url": self.shown.login_url }))).into_response();
        self.put_headers(&mut response);
        response
    }

    fn not_modified(&self) -> Response {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        self.put_headers(&mut response);
        response
    }

    fn put_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.version())) {
            headers.insert(header::ETAG, tag);
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    /// When to ask again while something is in hand: ever later, but never later than the next attempt.
    fn retry_after(&self) -> Option<u64> {
        match self.shown.status {
            Status::WaitingForBuyer | Status::Succeeded | Status::Cancelled => return None,
            Status::Running | Status::Retrying | Status::NeedsAttention => {}
        }
        let unchanged = (self.now - self.shown.updated_at).whole_seconds();
        let pause = match unchanged {
            ..10 => 1,
            10..60 => 2,
            60..300 => 5,
            300.. => 15,
        };
        let attempts = self.shown.steps.iter().filter_map(|step| step.next_attempt_at);
        let next = attempts.map(|at| (at - self.now).whole_seconds().max(1)).min().unwrap_or(pause);
        u64::try_from(pause.min(next)).ok()
    }
}

fn decode<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, sqlx::Error> {
    serde_json::from_value(value).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// `GET /v1/activations/{id}`: the activation, or 304, at once or when its version changes.
///
/// # Errors
/// 401, 404 or 503.
pub async fn get(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::unknown_activation())?;
    let known = asked.header(header::IF_NONE_MATCH.as_str()).and_then(tag_version);
    let wait = asked.header("prefer").and_then(preferred_wait).map(|seconds| seconds.min(LONGEST_WAIT));
    let mut db = app.database.pool().acquire().await?;
    let seen = access::see(&app, &mut db, &asked, id).await?;
    let mut document = Document::read(&app, &mut db, id).await?.ok_or_else(Problem::unknown_activation)?;
    drop(db);
    if let Some(seconds) = wait {
        let unchanged = known.unwrap_or(document.version()) == document.version();
        if unchanged && !document.shown.status.is_final() {
            let waited = app.waiting.until_after(&seen.caller, id, document.version(), Duration::from_secs(seconds));
            if waited.await {
                let mut db = app.database.pool().acquire().await?;
                document = Document::read(&app, &mut db, id).await?.ok_or_else(Problem::unknown_activation)?;
            }
        }
    }
    let mut response =
        if known == Some(document.version()) { document.not_modified() } else { document.answer(StatusCode::OK) };
    if let Some(seconds) = wait
        && let Ok(applied) = HeaderValue::from_str(&format!("wait={seconds}"))
    {
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// The version in an `If-None-Match`; a weak tag is as good as a strong one here (RFC 9110, 13.1.2).
fn tag_version(text: &str) -> Option<i64> {
    text.split(',').find_map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').parse().ok())
}

/// The seconds of `Prefer: wait=N` (RFC 7240).
fn preferred_wait(text: &str) -> Option<u64> {
    text.split([',', ';']).find_map(|preference| {
        let (name, seconds) = preference.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("wait") { seconds.trim().trim_matches('"').parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_as_rfc_7240_writes_it() {
        assert_eq!(preferred_wait("wait=20"), Some(20));
        assert_eq!(preferred_wait("respond-async, wait=100"), Some(100));
        assert_eq!(preferred_wait("respond-async"), None);
    }

    #[test]
    fn a_tag_is_the_version_weak_or_strong() {
        assert_eq!(tag_version("\"7\""), Some(7));
        assert_eq!(tag_version("W/\"7\""), Some(7));
        assert_eq!(tag_version("\"x\", \"8\""), Some(8));
        assert_eq!(tag_version("*"), None);
    }
}
