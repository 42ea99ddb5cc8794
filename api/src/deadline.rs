//! The deadline of contract §3: whoever asks is answered within 10 s, also when PostgreSQL is not.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

const LONGEST: Duration = Duration::from_secs(9);

/// Answers 503 in the place of a handler that does not come back, or whose request never ends.
pub async fn layer(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(LONGEST, next.run(request)).await;
    answer.unwrap_or_else(|_| Problem::unavailable().into_response())
}

/// The same for a part of a handler that may wait, or stream, for longer.
///
/// # Errors
/// The part's own, or 503.
pub async fn within<T>(part: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(LONGEST, part).await.unwrap_or_else(|_| Err(Problem::unavailable()))
}
