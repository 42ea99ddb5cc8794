//! For whoever watches the process: is it alive, is it ready, how does it do.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;

/// All of it.
pub fn routes() -> Router<App> {
    public_routes().route("/metrics", get(metrics))
}

/// What answers on the public address even if `INTERNAL_LISTEN_ADDR` is set.
pub fn public_routes() -> Router<App> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

async fn alive() -> &'static str {
    "alive\n"
}

/// Ready is who reaches PostgreSQL and does not stop. NATS may be away: what is accepted waits in its row.
async fn ready(State(app): State<App>) -> Response {
    if app.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let pool = app.database.pool();
    let asked = tokio::time::timeout(Duration::from_secs(1), sqlx::query("select 1").execute(&pool));
    match asked.await {
        Ok(Ok(_)) => "ready\n".into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "PostgreSQL does not answer\n").into_response(),
    }
}

async fn metrics(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}
