//! A call to one of the vendor's platforms: its signature and its idempotency key are checked before any work (contract §7).

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    response::{IntoResponse as _, Response},
    routing::any,
};
use serde_json::Value;

use crate::{
    answer::Answer,
    app::App,
    calls::{self, Call},
    clock,
    faults::{Fault, Kind, kept},
    part::Part,
    serve,
};

pub mod asked;
pub mod key;

use asked::Asked;

/// More than any call has.
const LARGEST_BODY: usize = 1024 * 1024;

/// One of the two platforms that the vendor implements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Mounted at `/billing-center`.
    BillingCenter,
    /// Mounted at `/console`.
    Console,
}

impl Platform {
    /// The part whose faults it has.
    #[must_use]
    pub const fn part(self) -> Part {
        match self {
            Self::BillingCenter => Part::BillingCenter,
            Self::Console => Part::Console,
        }
    }

    const fn mount(self) -> &'static str {
        match self {
            Self::BillingCenter => "/billing-center",
            Self::Console => "/console",
        }
    }
}

/// Both platforms' calls; pages under the same mounts have routes of their own.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/billing-center/{*path}", any(|State(app), request| handle(app, Platform::BillingCenter, request)))
        .route("/console/{*path}", any(|State(app), request| handle(app, Platform::Console, request)))
}

async fn handle(app: App, platform: Platform, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return Answer::malformed("the body is too large or broken off").into_response();
    };
    let target = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let path = target.strip_prefix(platform.mount()).unwrap_or(&target).to_owned();
    let mut call = Call {
        part: platform.part().name(),
        method: head.method.to_string(),
        idempotency_key: text(&head.headers, "idempotency-key").map(str::to_owned),
        headers: told(&head.headers),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        path,
        status: None,
        received_at: clock::now(),
        effect: false,
        problem: None,
    };
    let line = format!("{} {}", call.method, call.path);
    let fault = match kept::meet(&app.database, platform.part(), &line).await {
        Ok(fault) => fault,
        Err(error) => return Answer::from(error).into_response(),
    };
    if let Some(fault) = &fault {
        call.problem = Some(fault.sentence());
        if let Some(response) = instead(&app, fault, &mut call).await {
            return response;
        }
    }
    if let Err(refusal) = checked(&app, &head.headers, &head.method, &body) {
        return refused(&app, call, refusal).await;
    }
    let asked = Asked::new(head.method, &call.path, call.body.clone());
    // Work that has begun goes on when its caller has given up, as on any real server.
    let work = tokio::spawn(key::once(app, platform, call, asked, fault));
    work.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// The headers that contract §7 speaks of, as they came.
fn told(headers: &HeaderMap) -> Value {
    let names = [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "idempotency-key",
        "traceparent",
        "accept-language",
        "content-type",
    ];
    let told = names.into_iter().filter_map(|name| Some((name.to_owned(), text(headers, name)?.into())));
    Value::Object(told.collect())
}

/// What a fault does in the place of the work; none when the work is to be done.
async fn instead(app: &App, fault: &Fault, call: &mut Call) -> Option<Response> {
    let response = match fault.kind {
        Kind::Slow | Kind::DropAfter => return None,
        Kind::Error | Kind::NotYet => fault.with_retry_after(fault.answer(&call.body)?.into_response()),
        Kind::Garbage => fault.garbage(),
        Kind::Drop | Kind::Hang => serve::dropped(),
    };
    if !matches!(fault.kind, Kind::Drop | Kind::Hang) {
        call.status = Some(response.status().as_u16());
    }
    if let Err(error) = calls::record(&app.database, call).await {
        return Some(Answer::from(error).into_response());
    }
    if fault.kind == Kind::Hang {
        tokio::time::sleep(fault.pause()).await;
    }
    Some(response)
}

async fn refused(app: &App, mut call: Call, refusal: Answer) -> Response {
    call.status = Some(refusal.status.as_u16());
    call.problem = refusal.body.get("detail").and_then(Value::as_str).map(str::to_owned);
    match calls::record(&app.database, &call).await {
        Ok(()) => refusal.into_response(),
        Err(error) => Answer::from(error).into_response(),
    }
}

fn checked(app: &App, headers: &HeaderMap, method: &Method, body: &[u8]) -> Result<(), Answer> {
    let unsigned = |detail: &str| Answer::problem(StatusCode::UNAUTHORIZED, "bad-signature", detail);
    let id = text(headers, "webhook-id").ok_or_else(|| unsigned("webhook-id is missing"))?;
    let timestamp = text(headers, "webhook-timestamp").ok_or_else(|| unsigned("webhook-timestamp is missing"))?;
    let signature = text(headers, "webhook-signature").ok_or_else(|| unsigned("webhook-signature is missing"))?;
    let body = if method == Method::GET { &[] } else { body };
    app.platform_keys
        .verify(id, timestamp, body, signature, clock::now())
        .map_err(|unverified| unsigned(&unverified.to_string()))?;
    match text(headers, "idempotency-key") {
        Some(key) if key != id => Err(Answer::malformed("webhook-id and Idempotency-Key differ")),
        None if method != Method::GET => Err(Answer::malformed("Idempotency-Key is missing")),
        Some(_) | None => Ok(()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
}

/// Says that an answer is the stored one.
fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
    response
}
