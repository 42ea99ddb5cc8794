//! What a platform answers: a status, JSON, and whether the call changed anything.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// One answer of the Billing Center, the console or the control API.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body: what was asked, or a problem (RFC 9457).
    pub body: Value,
    /// Whether the call changed anything here.
    pub effect: bool,
}

impl Answer {
    /// What was asked for; nothing changed.
    #[must_use]
    pub fn found(body: Value) -> Self {
        Self { status: StatusCode::OK, body, effect: false }
    }

    /// Something was made.
    #[must_use]
    pub fn created(body: Value) -> Self {
        Self { status: StatusCode::CREATED, body, effect: true }
    }

    /// Something that existed was changed.
    #[must_use]
    pub fn changed(body: Value) -> Self {
        Self { status: StatusCode::OK, body, effect: true }
    }

    /// A problem with its stable code.
    #[must_use]
    pub fn problem(status: StatusCode, code: &str, detail: &str) -> Self {
        let title = status.canonical_reason().unwrap_or("Problem");
        let body = json!({
            "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "code": code,
        });
        Self { status, body, effect: false }
    }

    /// 400: the call does not have its form.
    #[must_use]
    pub fn malformed(detail: &str) -> Self {
        Self::problem(StatusCode::BAD_REQUEST, "malformed-request", detail)
    }

    /// 404: what the call names is not there.
    #[must_use]
    pub fn not_there(code: &str, detail: &str) -> Self {
        Self::problem(StatusCode::NOT_FOUND, code, detail)
    }

    /// 409: something else is in the way.
    #[must_use]
    pub fn conflict(code: &str, detail: &str) -> Self {
        Self::problem(StatusCode::CONFLICT, code, detail)
    }

    /// 422: a field of the body cannot be taken (contract §7, `invalid-field`).
    #[must_use]
    pub fn invalid_field(field: &str, detail: &str) -> Self {
        let mut answer = Self::problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", detail);
        if let Some(members) = answer.body.as_object_mut() {
            members.insert("errors".to_owned(), json!([{"field": field, "detail": detail}]));
        }
        answer
    }

    /// The problem's code, if this is one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.body.get("code").and_then(Value::as_str).filter(|_| self.status.is_client_error())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let in_flight = self.code() == Some("idempotency-in-flight");
        let failed = self.status.is_client_error() || self.status.is_server_error();
        let mut response = (self.status, Json(self.body)).into_response();
        if failed {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        }
        if in_flight {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<sqlx::Error> for Answer {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "the sandbox's database failed");
        Self::problem(StatusCode::INTERNAL_SERVER_ERROR, "sandbox-failed", "the sandbox's own database failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_is_named_in_errors() {
        let answer = Answer::invalid_field("username", "too short");
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer.code(), Some("invalid-field"));
        assert_eq!(answer.body["errors"], json!([{"field": "username", "detail": "too short"}]));
    }
}
