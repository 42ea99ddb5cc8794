//! What the pages poll: an activation as it is read, and as it is answered.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use landfall_shared::activation::{Activation, Status};
use serde_json::json;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::App;
use crate::problem::Problem;

mod document;
mod polling;
mod stream;
pub mod waiting;

use document::{ChallengeRow, StepRow, Written};
pub use document::{Shown, ShownProblem, Step, Verification, login_url};
pub use polling::get;

/// An activation as it was read: what is shown, and what the pages need beside it.
pub struct Document {
    /// The polled JSON.
    pub shown: Shown,
    /// The activation behind it.
    pub activation: Activation,
    /// The database's time, by which everything is decided.
    pub now: OffsetDateTime,
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
                       from (select c.id, c.name, c.state, c.held,
                                    case when c.state = 'ready' then c.attempts_shown else c.attempts end as attempts_shown,
                                    c.queued_at, c.not_before, c.finished_at, c.problem
                             from commands c
                             where c.activation_id = a.id and not c.hidden
                             order by c.queued_at desc, c.id desc
                             limit 50) latest) as "steps!",
                      (select row_to_json(latest)
                       from (select ch.purpose, ch.email, ch.status, ch.sends, ch.tries, ch.expires_at, ch.resend_at
                             from challenges ch
                             where ch.activation_id = a.id
                             -- the latest that was asked for: of two it may be the older one, asked for again
                             order by ch.resend_at desc, ch.created_at desc, ch.id desc
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
