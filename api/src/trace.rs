//! The trace of a request: one id in problems, log lines, commands and calls to the platforms (W3C Trace Context).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

tokio::task_local! {
    static TRACE: String;
}

/// Gives every request a trace: the caller's `traceparent` where it is well formed, else a new one.
pub async fn layer(request: Request, next: Next) -> Response {
    let given = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let trace = given.filter(|text| is_well_formed(text)).map_or_else(fresh, ToOwned::to_owned);
    TRACE.scope(trace, next.run(request)).await
}

/// The `traceparent` of the request that is being answered.
#[must_use]
pub fn parent() -> String {
    TRACE.try_with(Clone::clone).unwrap_or_else(|_| fresh())
}

/// Its trace id: 32 hexadecimal digits.
#[must_use]
pub fn id() -> String {
    parent().split('-').nth(1).unwrap_or_default().to_owned()
}

fn fresh() -> String {
    let (trace, span) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    format!("00-{trace}-{}-01", span.get(..16).unwrap_or_default())
}

fn is_well_formed(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    match parts.as_slice() {
        ["00", trace, span, flags] => {
            is_hex(trace, 32) && is_hex(span, 16) && is_hex(flags, 2) && trace.bytes().any(|byte| byte != b'0')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_trace_is_taken_over() {
        assert!(is_well_formed("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert!(!is_well_formed("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"));
        assert!(!is_well_formed("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
        assert!(is_well_formed(&fresh()));
    }
}
