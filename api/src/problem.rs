//! Errors on the wire: `application/problem+json` (RFC 9457) with the stable codes of contract §3.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use landfall_shared::activation::CannotNow;
use serde::{Deserialize, Serialize};

use crate::trace;

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The dotted path in the body.
    pub field: String,
    /// The stable code.
    pub code: String,
    /// What is wrong, in a plain sentence.
    pub detail: String,
}

/// A problem, as it stands in the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind it is, as a URI.
    pub r#type: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// The stable code.
    pub code: String,
    /// Where to find this request in logs and traces.
    #[serde(default)]
    pub trace_id: String,
    /// The fields (`invalid-field` only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// Tries that are left (`code-invalid` only).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_left: Option<i32>,
    /// Seconds, for the header `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("urn:landfall:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_owned(),
            trace_id: trace::id(),
            errors: Vec::new(),
            attempts_left: None,
            retry_after: None,
        }
    }

    /// 400: it cannot be read.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", "The request cannot be read", detail)
    }

    /// 401: nobody whom we know.
    #[must_use]
    pub fn not_signed_in() -> Self {
        let detail = "Open this activation by Marketplace > Purchased Services > Login Directly.";
        Self::new(StatusCode::UNAUTHORIZED, "not-signed-in", "Not signed in", detail)
    }

    /// 401: no operator.
    #[must_use]
    pub fn no_operator() -> Self {
        let detail = "Send an operator's token as Authorization: Bearer.";
        Self::new(StatusCode::UNAUTHORIZED, "not-signed-in", "Not signed in", detail)
    }

    /// 403: an operator who may look and not act.
    #[must_use]
    pub fn read_only() -> Self {
        let detail = "This token has the role read: it may look, and not act.";
        Self::new(StatusCode::FORBIDDEN, "read-only", "Read only", detail)
    }

    /// 403: a browser came here from a page that is not ours.
    #[must_use]
    pub fn cross_origin() -> Self {
        let detail = "This request came from a page of another origin, and was not carried out.";
        Self::new(StatusCode::FORBIDDEN, "cross-origin", "Another origin", detail)
    }

    /// 404: it does not exist, or is none of the caller's business.
    #[must_use]
    pub fn unknown_activation() -> Self {
        let detail = "There is no such activation for this session.";
        Self::new(StatusCode::NOT_FOUND, "unknown-activation", "Unknown activation", detail)
    }

    /// 404, said to an operator, who may see them all.
    #[must_use]
    pub fn no_such_activation() -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown-activation", "Unknown activation", "There is no such activation.")
    }

    /// 404 for any other path.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", "There is nothing at this address.")
    }

    /// 405.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        let detail = "This address does not answer that method.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
    }

    /// 409: another activation holds the instance.
    #[must_use]
    pub fn already_started() -> Self {
        let detail = "An activation of this instance has begun already. Go on by Marketplace > Purchased Services > Login Directly.";
        Self::new(StatusCode::CONFLICT, "already-started", "Already started", detail)
    }

    /// 409: everything that the code was for has succeeded.
    #[must_use]
    pub fn code_used() -> Self {
        let detail = "This verification code has done its work. Ask for a new one if you need one.";
        Self::new(StatusCode::CONFLICT, "code-used", "Code used", detail)
    }

    /// 409: the first request under this key is still running.
    #[must_use]
    pub fn in_flight() -> Self {
        let detail = "A request with this Idempotency-Key is still running.";
        let mut problem = Self::new(StatusCode::CONFLICT, "idempotency-in-flight", "Still running", detail);
        problem.retry_after = Some(1);
        problem
    }

    /// 409: an operator's act that would change nothing.
    #[must_use]
    pub fn nothing_to_do(detail: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "nothing-to-do", "Nothing to do", detail)
    }

    /// 409: the platforms may have forgotten the key of what is to be tried again.
    #[must_use]
    pub fn too_old() -> Self {
        let detail = "This was asked for more than 30 days ago, and platforms keep no key longer: tried again, it could be done \
                      twice. Look at the platforms; what is not active yet can be cancelled.";
        Self::new(StatusCode::CONFLICT, "too-old", "Too old", detail)
    }

    /// 410: the code is over.
    #[must_use]
    pub fn code_expired() -> Self {
        let detail = "This verification code is no longer valid. Ask for a new one.";
        Self::new(StatusCode::GONE, "code-expired", "Code expired", detail)
    }

    /// 413.
    #[must_use]
    pub fn too_large() -> Self {
        let detail = "The body is larger than anything this address needs (64 KiB).";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload-too-large", "Payload too large", detail)
    }

    /// 415.
    #[must_use]
    pub fn unsupported_media_type() -> Self {
        let detail = "Send the body as application/json.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type", detail)
    }

    /// 422: fields, all at once.
    #[must_use]
    pub fn fields(errors: Vec<FieldProblem>) -> Self {
        let title = "Some fields need another value";
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", title, "See errors.");
        problem.errors = errors;
        problem
    }

    /// 422: the code is wrong.
    #[must_use]
    pub fn code_invalid(attempts_left: i32) -> Self {
        let detail = "This is not the verification code that was sent.";
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "code-invalid", "Wrong code", detail);
        problem.attempts_left = Some(attempts_left);
        problem
    }

    /// 422: the key was used for something else.
    #[must_use]
    pub fn key_reused() -> Self {
        let detail = "This Idempotency-Key was used with another request. Use a new key.";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "Key reused", detail)
    }

    /// 429: a limit on codes, for so many seconds.
    #[must_use]
    pub fn too_many_codes(detail: &str, retry_after: i64) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-codes", "Too many codes", detail);
        problem.retry_after = Some(u64::try_from(retry_after).unwrap_or(0).max(1));
        problem
    }

    /// 429: any other limit, for so many seconds.
    #[must_use]
    pub fn too_many_requests(detail: &str, retry_after: i64) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail);
        problem.retry_after = Some(u64::try_from(retry_after).unwrap_or(0).max(1));
        problem
    }

    /// 503: not now.
    #[must_use]
    pub fn unavailable() -> Self {
        let detail = "This cannot be answered now. Nothing was lost: try again in a moment.";
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable", detail);
        problem.retry_after = Some(2);
        problem
    }

    /// Whether a repeat under the same key is answered with it (contract §3).
    #[must_use]
    pub fn is_kept(&self) -> bool {
        let passing = ["in-progress", "idempotency-in-flight"].contains(&self.code.as_str());
        (400..500).contains(&self.status) && ![400, 413, 415, 429].contains(&self.status) && !passing
    }
}

impl From<CannotNow> for Problem {
    fn from(why: CannotNow) -> Self {
        match why {
            CannotNow::OutOfTurn => {
                let detail = "The activation is at a stage that does not allow this.";
                Self::new(StatusCode::CONFLICT, "out-of-turn", "Out of turn", detail)
            }
            CannotNow::InProgress => {
                let detail = "What was asked before is still being done.";
                let mut problem = Self::new(StatusCode::CONFLICT, "in-progress", "In progress", detail);
                problem.retry_after = Some(1);
                problem
            }
        }
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, trace.id = %trace::id(), "request {} could not be answered", trace::id());
        Self::unavailable()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
