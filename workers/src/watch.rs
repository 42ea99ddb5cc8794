//! For whoever watches the workers: are they alive, are they ready, how do they do.

use std::net::SocketAddr;

use async_nats::connection::State as Connection;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use landfall_shared::store::Database;
use landfall_shared::telemetry::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Watched {
    database: Database,
    client: async_nats::Client,
    metrics: Metrics,
    stop: CancellationToken,
}

/// Serves health and metrics in the background.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn serve(
    address: SocketAddr,
    database: Database,
    client: async_nats::Client,
    metrics: Metrics,
    stop: CancellationToken,
) -> Result<(), std::io::Error> {
    let routes = Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Watched { database, client, metrics, stop });
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "health and metrics on {}", listener.local_addr()?);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "health and metrics are no longer served");
        }
    });
    Ok(())
}

/// Workers are ready who reach both PostgreSQL and NATS.
async fn ready(State(watched): State<Watched>) -> Response {
    if watched.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    let missing = match (watched.database.is_ready().await, watched.client.connection_state()) {
        (Ok(()), Connection::Connected) => return "ready\n".into_response(),
        (Ok(()), _) => "NATS does not answer",
        (Err(missing), _) => missing,
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")).into_response()
}

async fn render(State(watched): State<Watched>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], watched.metrics.render()).into_response()
}
