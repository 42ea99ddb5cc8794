//! `landfall-api`: reads its configuration, connects, serves, stops.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use landfall_api::app::{App, internal_routes, routes};
use landfall_api::serving;
use landfall_shared::caught::for_life;
use landfall_shared::config::{self, UsedBy};
use landfall_shared::dispatch;
use landfall_shared::keys::Keys;
use landfall_shared::store::Database;
use landfall_shared::topology::Topology;
use landfall_shared::{stopping, telemetry, tls};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// From SIGTERM on the process is unready; so long it still takes what comes, until whoever balances has seen that.
const LEAVE: Duration = Duration::from_secs(3);
/// Whoever is still being answered after this is cut off: no answer takes longer.
const DRAIN: Duration = Duration::from_secs(10);

/// Takes purchases from the marketplace and buyers from Login Directly to a bound workspace.
#[derive(Parser)]
#[command(version, about, after_help = config::help(UsedBy::Api))]
struct Arguments {}

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments {} = Arguments::parse();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("landfall-api: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failed> {
    let config = Arc::new(config::Api::from_environment()?);
    let both = &config.both;
    let metrics = telemetry::start("landfall-api", both)?;
    tls::install();
    let database = Database::new(&both.database_url, "landfall-api", both.database_connections)?;
    database.prepare(both.migrate).await?;
    let (client, _) = dispatch::connect(both, "landfall-api").await?;
    let keys = Arc::new(Keys::new(&both.secret_key, both.secret_key_previous.as_ref()));
    let nats = (client.clone(), Topology::new(&both.nats_prefix));
    for_life("looking after the pool", database.clone().look_after());
    let stop = stopping::token();
    let app = App::new(Arc::clone(&config), keys, database.clone(), nats, metrics.clone(), stop.clone());
    let wakeups = app.wakeups.clone();

    let close = CancellationToken::new();
    let public = serve(config.listen_addr, routes(app.clone()), &close).await?;
    let internal = match config.internal_listen_addr {
        Some(address) => Some(serve(address, internal_routes(app), &close).await?),
        None => None,
    };
    for_life("folding metrics", metrics.keep_folded());
    tokio::select! {
        understood = database.until_understood() => understood?,
        () = stop.cancelled() => {}
    }
    stop.cancelled().await;
    tracing::info!("stopping: unready from now on, and still answering");
    tokio::time::sleep(LEAVE).await;
    close.cancel();
    let served = async {
        let _ = public.await;
        if let Some(internal) = internal {
            let _ = internal.await;
        }
    };
    // The last answer may never end.
    if tokio::time::timeout(DRAIN, served).await.is_err() {
        tracing::warn!("not everybody was answered in time: they are cut off");
    }
    dispatch::flush(&client, &wakeups).await;
    Ok(())
}

async fn serve(
    address: SocketAddr,
    routes: axum::Router,
    close: &CancellationToken,
) -> Result<tokio::task::JoinHandle<()>, Failed> {
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("{address} cannot be listened on: {error}"))?;
    tracing::info!(address = %listener.local_addr()?, "listening on {}", listener.local_addr()?);
    Ok(tokio::spawn(serving::serve(listener, routes, close.clone())))
}
