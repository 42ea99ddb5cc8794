//! PostgreSQL and NATS as Docker containers, through testcontainers.

use std::time::Duration;

use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ImageExt};
use testcontainers_modules::nats::{Nats, NatsServerCmd};
use testcontainers_modules::postgres::Postgres;
use tokio::net::UnixStream;

/// Both containers, and where they answer.
pub struct Both {
    pub(super) postgres_url: String,
    pub(super) nats_url: String,
    _postgres: ContainerAsync<Postgres>,
    _nats: ContainerAsync<Nats>,
}

/// Starts both, if a Docker engine answers.
pub(super) async fn start() -> Option<Both> {
    if !engine_answers().await {
        return None;
    }
    let postgres = Postgres::default().with_tag("17").with_cmd(["-c", "max_connections=400"]).start().await.ok()?;
    let command = NatsServerCmd::default().with_jetstream();
    let nats = Nats::default().with_cmd(&command).with_tag("2.12").start().await.ok()?;
    let postgres_port = postgres.get_host_port_ipv4(5432).await.ok()?;
    let nats_port = nats.get_host_port_ipv4(4222).await.ok()?;
    Some(Both {
        postgres_url: format!("postgres://postgres:postgres@127.0.0.1:{postgres_port}/postgres"),
        nats_url: format!("nats://127.0.0.1:{nats_port}"),
        _postgres: postgres,
        _nats: nats,
    })
}

/// A machine may have Docker's client and no engine.
async fn engine_answers() -> bool {
    if std::env::var_os("DOCKER_HOST").is_some() {
        return true;
    }
    let connecting = UnixStream::connect("/var/run/docker.sock");
    matches!(tokio::time::timeout(Duration::from_secs(1), connecting).await, Ok(Ok(_)))
}
