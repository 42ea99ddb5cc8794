//! The running sandbox: what its parts share, all routes on one page, and how it starts and ends.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{PgPool, postgres::PgPoolOptions};
use thiserror::Error;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use landfall_shared::{
    marketplace::alibaba::token::{Parameters, token},
    signature::SigningKeys,
};

use crate::{
    billing_center,
    config::Config,
    console, control, mail, marketplace, pages, serve,
    signed::{self, key::InFlight},
};

/// As long as the marketplace waits for the seller.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What all parts share.
#[derive(Debug, Clone)]
pub struct App {
    /// The sandbox's own database.
    pub database: PgPool,
    /// What it was told at start.
    pub config: Arc<Config>,
    /// For the marketplace's and the platforms' own calls.
    pub http: reqwest::Client,
    /// Verifies the calls to the platforms.
    pub platform_keys: SigningKeys,
    /// Signs the change-settlement dialog's calls.
    pub inbound_keys: Option<SigningKeys>,
    /// The calls to the platforms that are being done right now.
    pub in_flight: InFlight,
}

/// Why the sandbox does not run.
#[derive(Debug, Error)]
pub enum StartError {
    /// A variable has its form, and yet cannot be used.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The database does not answer.
    #[error("the database cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// The database cannot be brought to this version.
    #[error("the database cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A client for calls cannot be built.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// An address cannot be listened on.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
}

impl App {
    /// Opens the database, brings it to this version, and builds what the parts share.
    ///
    /// # Errors
    /// A secret is malformed, or the database does not answer.
    pub async fn open(config: Config) -> Result<Self, StartError> {
        // Fails only where a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parse = |secret: &SecretString, name| {
            SigningKeys::parse(secret.expose_secret()).map_err(|_| StartError::Malformed(name))
        };
        let platform_keys = parse(&config.platform_signing_secret, "PLATFORM_SIGNING_SECRET")?;
        let inbound = config.platform_inbound_secret.as_ref();
        let inbound_keys = inbound.map(|secret| parse(secret, "PLATFORM_INBOUND_SECRET")).transpose()?;
        let database = PgPoolOptions::new().max_connections(16).connect(config.database_url.expose_secret()).await?;
        sqlx::migrate!().run(&database).await?;
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let in_flight = InFlight::default();
        Ok(Self { database, config: Arc::new(config), http, platform_keys, inbound_keys, in_flight })
    }

    /// The token of a marketplace call; while the seller rotates its keys, by the first.
    #[must_use]
    pub fn token(&self, parameters: &[(String, String)]) -> String {
        let keys = self.config.security_key.expose_secret();
        let first = keys.split(',').next().unwrap_or(keys).trim();
        token(&parameters.iter().cloned().collect::<Parameters>(), &SecretString::from(first))
    }
}

/// Every route of the outside world.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(pages::overview).post(marketplace::openapi::call))
        .route("/healthz", get(|| async { "ok" }))
        .route("/billing-center", get(billing_center::page::page))
        .merge(pages::routes())
        .merge(marketplace::shop::routes())
        .merge(console::routes())
        .merge(signed::routes())
        .merge(mail::mailbox::routes())
        .merge(control::routes())
        .with_state(app)
}

/// Runs until SIGTERM or SIGINT, then ends at once.
///
/// # Errors
/// What keeps it from starting, or from accepting connections.
pub async fn run(config: Config) -> Result<(), StartError> {
    let app = App::open(config).await?;
    let http = TcpListener::bind(app.config.listen_addr).await?;
    let smtp = TcpListener::bind(app.config.smtp_listen_addr).await?;
    println!("landfall-sandbox listening on {}", http.local_addr()?);
    println!("landfall-sandbox mail on {}", smtp.local_addr()?);
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = serve::serve(http, router(app.clone())) => match ended? {},
        ended = mail::smtp::serve(smtp, app.clone()) => match ended? {},
        () = marketplace::spi::retry_forever(app) => Ok(()),
        _ = terminated.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}
