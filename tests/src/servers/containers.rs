//! PostgreSQL and NATS as Docker containers, through testcontainers.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ImageExt, TestcontainersError};
use testcontainers_modules::nats::{Nats, NatsServerCmd};
use testcontainers_modules::postgres::Postgres;
use tokio::net::UnixStream;

/// Both containers, and where they answer.
pub struct Both {
    pub(super) postgres_url: String,
    pub(super) nats_url: String,
    _postgres: ContainerAsync<Postgres>,
    _nats: ContainerAsync<Nats>,
    _leash: Child,
}

/// Starts both, if a Docker engine answers and has, or gets, their images.
pub(super) async fn start() -> Option<Both> {
    if !engine_answers().await {
        eprintln!("tests: no Docker engine answers");
        return None;
    }
    both().await.inspect_err(|error| eprintln!("tests: the Docker engine starts no container: {error}")).ok()
}

async fn both() -> Result<Both, TestcontainersError> {
    let postgres = Postgres::default().with_tag("17").with_cmd(["-c", "max_connections=400"]).start().await?;
    let command = NatsServerCmd::default().with_jetstream();
    let nats = Nats::default().with_cmd(&command).with_tag("2.12").start().await?;
    let postgres_port = postgres.get_host_port_ipv4(5432).await?;
    let nats_port = nats.get_host_port_ipv4(4222).await?;
    Ok(Both {
        postgres_url: format!("postgres://postgres:postgres@127.0.0.1:{postgres_port}/postgres"),
        nats_url: format!("nats://127.0.0.1:{nats_port}"),
        _leash: leash(&[postgres.id(), nats.id()])?,
        _postgres: postgres,
        _nats: nats,
    })
}

/// Removes the containers when this process ends, by any cause: what lives as long as a process is never dropped. Its end
/// closes the pipe.
fn leash(ids: &[&str]) -> Result<Child, TestcontainersError> {
    let remove = format!("cat >/dev/null; docker rm --force --volumes {} >/dev/null 2>&1", ids.join(" "));
    let mut leash = Command::new("setsid");
    leash.args(["sh", "-c", &remove]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    leash.spawn().map_err(TestcontainersError::other)
}

/// A machine may have Docker's client and no engine.
async fn engine_answers() -> bool {
    if std::env::var_os("DOCKER_HOST").is_some() {
        return true;
    }
    let connecting = UnixStream::connect("/var/run/docker.sock");
    matches!(tokio::time::timeout(Duration::from_secs(1), connecting).await, Ok(Ok(_)))
}
