//! What every handler may reach, and every route on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{delete, get, post};
use landfall_shared::config;
use landfall_shared::dispatch::Wakeups;
use landfall_shared::keys::Keys;
use landfall_shared::marketplace::alibaba::token::SecurityKeys;
use landfall_shared::store::Database;
use landfall_shared::telemetry::Metrics;
use landfall_shared::topology::Topology;
use secrecy::{ExposeSecret, SecretString};
use tower_http::catch_panic::CatchPanicLayer;

use crate::problem::Problem;
use crate::status::waiting::Waiting;
use crate::{
    activation, billing_account, confirmation, login, pages, purchase, registration, session, sites, status, trace,
    verification, watch, workspace,
};

/// What every handler may reach. Cloning it is cheap.
#[derive(Clone)]
pub struct App {
    /// Every variable of contract §1 that the API uses.
    pub config: Arc<config::Api>,
    /// Every key, derived from `SECRET_KEY`.
    pub keys: Arc<Keys>,
    /// The seller's keys, where Alibaba's routes are open.
    pub security_keys: Option<SecurityKeys>,
    /// The truth.
    pub database: Database,
    /// Where wake-ups and hints are handed in.
    pub wakeups: Wakeups,
    /// Who waits for a version.
    pub waiting: Waiting,
    /// What is counted and measured.
    pub metrics: Metrics,
}

impl App {
    /// Puts it together, and starts listening for new versions.
    #[must_use]
    pub fn new(
        config: Arc<config::Api>,
        keys: Arc<Keys>,
        database: Database,
        nats: (async_nats::Client, Topology),
        metrics: Metrics,
    ) -> Self {
        let (client, topology) = nats;
        let security_keys = security_keys(&config.alibaba_security_key);
        let wakeups = Wakeups::start(client.clone(), topology.clone());
        let waiting = Waiting::start(database.clone(), client, topology);
        Self { config, keys, security_keys, database, wakeups, waiting, metrics }
    }
}

/// What answers on `INTERNAL_LISTEN_ADDR`.
pub fn internal_routes(app: App) -> Router {
    watch::routes().with_state(app)
}

/// Every route.
pub fn routes(app: App) -> Router {
    let buyer = Router::new()
        .route("/v1/activations", post(activation::enter))
        .route("/v1/activations/{id}", get(status::get))
        .route("/v1/activations/{id}/verification-codes", post(verification::ask))
        .route("/v1/activations/{id}/verification-codes/check", post(verification::check))
        .route("/v1/activations/{id}/registration", post(registration::register))
        .route("/v1/activations/{id}/billing-account", post(billing_account::bind))
        .route("/v1/activations/{id}/workspaces/refresh", post(workspace::refresh))
        .route("/v1/activations/{id}/workspace", post(workspace::choose))
        .route("/v1/activations/{id}/confirmation", post(confirmation::confirm))
        .route("/v1/session", delete(session::end))
        .route("/v1/sites", get(sites::list));
    let marketplaces = Router::new()
        .route("/marketplaces/alibaba/spi", get(purchase::hear).post(purchase::hear))
        .route("/marketplaces/alibaba/login", get(login::enter));
    let pages = Router::new()
        .route("/", get(pages::front))
        .route("/activate", get(pages::entry))
        .route("/activate/{id}", get(pages::activation))
        .route("/assets/{name}", get(pages::asset));
    let internal = if app.config.internal_listen_addr.is_none() { watch::routes() } else { watch::public_routes() };
    buyer
        .merge(marketplaces)
        .merge(pages)
        .merge(internal)
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|_| panicked()))
        .layer(middleware::from_fn(crate::deadline::layer))
        .layer(middleware::from_fn(trace::layer))
        .with_state(app)
}

/// Both keys while one takes the other's place; none where Alibaba's routes are closed.
fn security_keys(configured: &[SecretString]) -> Option<SecurityKeys> {
    let texts: Vec<&str> = configured.iter().map(ExposeSecret::expose_secret).collect();
    SecurityKeys::parse(&texts.join(",")).ok()
}

fn panicked() -> axum::response::Response {
    use axum::response::IntoResponse;
    let problem = Problem::unavailable();
    tracing::error!(trace.id = %problem.trace_id, "answering request {} ended in a panic", problem.trace_id);
    let mut response = problem.into_response();
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
