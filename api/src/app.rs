//! What every handler may reach, and every route on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use landfall_shared::config;
use landfall_shared::dispatch::Wakeups;
use landfall_shared::keys::Keys;
use landfall_shared::marketplace::alibaba::token::SecurityKeys;
use landfall_shared::store::Database;
use landfall_shared::telemetry::Metrics;
use landfall_shared::topology::Topology;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::bad_tokens::BadTokens;
use crate::pages::Assets;
use crate::problem::Problem;
use crate::status::waiting::Waiting;
use crate::{
    activation, billing_account, confirmation, login, openapi, operations, pages, purchase, registration, session,
    sites, status, trace, verification, watch, workspace,
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
    /// Calls with a bad token, of which few are recorded.
    pub bad_tokens: Arc<BadTokens>,
    /// What is counted and measured.
    pub metrics: Metrics,
    /// What pages load.
    pub assets: Arc<Assets>,
    /// Cancelled when the process is asked to stop: it still answers for a while, but wants no more to come.
    pub stop: CancellationToken,
}

impl App {
    /// Puts it together, and starts listening for new versions; whoever waits for one is answered when the token is cancelled.
    #[must_use]
    pub fn new(
        config: Arc<config::Api>,
        keys: Arc<Keys>,
        database: Database,
        nats: (async_nats::Client, Topology),
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Self {
        let (client, topology) = nats;
        let security_keys = security_keys(&config.alibaba_security_key);
        let wakeups = Wakeups::start(client.clone(), topology.clone(), config.both.redispatch_after);
        let waiting = Waiting::start(database.clone(), client, topology, stop.clone());
        let (bad_tokens, assets) = (Arc::default(), Arc::new(Assets::new(&config.both)));
        Self { config, keys, security_keys, database, wakeups, waiting, bad_tokens, metrics, assets, stop }
    }
}

/// What answers on `INTERNAL_LISTEN_ADDR`.
pub fn internal_routes(app: App) -> Router {
    whole(internal(&app).layer(middleware::from_fn(crate::deadline::layer)), app)
}

/// What only those inside use.
fn internal(app: &App) -> Router<App> {
    watch::routes().merge(operations::routes(&app.config.operator_tokens))
}

/// Every route.
pub fn routes(app: App) -> Router {
    let buyer = Router::new()
        .route("/v1/activations", post(activation::enter))
        .route("/v1/activations/{id}/verification-codes", post(verification::ask))
        .route("/v1/activations/{id}/verification-codes/check", post(verification::check))
        .route("/v1/activations/{id}/registration", post(registration::register))
        .route("/v1/activations/{id}/billing-account", post(billing_account::bind))
        .route("/v1/activations/{id}/workspaces/refresh", post(workspace::refresh))
        .route("/v1/activations/{id}/workspace", post(workspace::choose))
        .route("/v1/activations/{id}/confirmation", post(confirmation::confirm))
        .route("/v1/session", delete(session::end))
        .route("/v1/sites", get(sites::list))
        .route("/openapi.json", get(openapi::document));
    // Held for as long as the caller asked for, or streamed: it sets its own deadlines.
    let polled = Router::new().route("/v1/activations/{id}", get(status::get));
    let marketplaces = Router::new()
        .route("/marketplaces/alibaba/spi", get(purchase::hear).post(purchase::hear).head(purchase::only_looked_at))
        .route("/marketplaces/alibaba/login", get(login::enter));
    let pages = Router::new()
        .route("/", get(pages::front))
        .route("/activate", get(pages::entry))
        .route("/activate/{id}", get(pages::activation::activation))
        .route("/assets/{name}", get(pages::assets::get).layer(pages::assets::compression()));
    let internal = if app.config.internal_listen_addr.is_none() { internal(&app) } else { watch::public_routes() };
    let in_time =
        buyer.merge(marketplaces).merge(pages).merge(internal).layer(middleware::from_fn(crate::deadline::layer));
    whole(in_time.merge(polled), app)
}

/// Routes with all that stands around every one of them.
fn whole(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(|| async { Problem::not_found() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(|_| panicked()))
        .layer(middleware::from_fn(readable))
        .layer(middleware::from_fn(trace::layer))
        .layer(middleware::from_fn_with_state(app.clone(), farewell))
        .with_state(app)
}

/// While the process stops, each answer is the last one on its connection: whoever keeps connections makes the next one
/// elsewhere.
async fn farewell(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if app.stop.is_cancelled() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A path that is no text leads nowhere.
async fn readable(request: Request, next: Next) -> Response {
    match percent_decode_str(request.uri().path()).decode_utf8() {
        Ok(_) => next.run(request).await,
        Err(_) => Problem::not_found().into_response(),
    }
}

/// Both keys while one takes the other's place; none where Alibaba's routes are closed.
fn security_keys(configured: &[SecretString]) -> Option<SecurityKeys> {
    let texts: Vec<&str> = configured.iter().map(ExposeSecret::expose_secret).collect();
    SecurityKeys::parse(&texts.join(",")).ok()
}

fn panicked() -> Response {
    let problem = Problem::unavailable();
    metrics::counter!("landfall_panics_total", "in" => "an answer").increment(1);
    tracing::error!(trace.id = %problem.trace_id, "answering request {} ended in a panic", problem.trace_id);
    let mut response = problem.into_response();
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
