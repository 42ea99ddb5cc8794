//! The deadline of contract §3: whoever asks is answered within 10 s, also when PostgreSQL is not.

use std::time::Duration;

use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

const LONGEST: Duration = Duration::from_secs(9);
/// What a caller asked to wait for may take as much longer (`Prefer: wait`, at most 25 s).
const WITH_WAIT: Duration = Duration::from_secs(34);

/// Answers 503 in the place of a handler that does not come back.
pub async fn layer(request: Request, next: Next) -> Response {
    let waits = request.headers().contains_key("prefer");
    let streams = request.headers().get(header::ACCEPT).is_some_and(|accept| accept == "text/event-stream");
    let longest = if waits || streams { WITH_WAIT } else { LONGEST };
    let answer = tokio::time::timeout(longest, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::unavailable().into_response())
}
