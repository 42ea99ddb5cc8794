//! Serves HTTP so that an answer can also be none: a dropped call closes its connection without a word.

use std::convert::Infallible;

use axum::{
    Router,
    body::Body,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use thiserror::Error;
use tokio::net::TcpListener;

/// Marks an answer that is never sent.
#[derive(Debug, Clone, Copy)]
struct Unsent;

/// Ends a connection in the place of an answer.
#[derive(Debug, Error)]
#[error("the connection is dropped on purpose")]
struct Dropped;

/// An answer that is never sent: the caller sees its connection closed.
#[must_use]
pub fn dropped() -> Response {
    let mut answer = StatusCode::NO_CONTENT.into_response();
    answer.extensions_mut().insert(Unsent);
    answer
}

/// Serves until the future is dropped.
///
/// # Errors
/// The listener's, when no connection can be accepted at all.
pub async fn serve(listener: TcpListener, router: Router) -> std::io::Result<Infallible> {
    loop {
        let (stream, _) = listener.accept().await?;
        let router = TowerToHyperService::new(router.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let answer = hyper::service::Service::call(&router, request);
            async move { answer.await.map_err(|never| match never {}).and_then(sent) }
        });
        tokio::spawn(async move {
            // A connection that breaks concerns its client alone.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn sent(answer: Response<Body>) -> Result<Response<Body>, Dropped> {
    if answer.extensions().get::<Unsent>().is_some() { Err(Dropped) } else { Ok(answer) }
}
