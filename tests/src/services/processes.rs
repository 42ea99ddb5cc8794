//! PostgreSQL and NATS as private processes of this machine's own programs; a test may kill, freeze and wipe its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection, PgConnection};

use super::{folder, folder_of};
use crate::leash::Leashed;
use crate::patience::until;
use crate::stack::free_port;

/// A nats-server with `JetStream`.
pub struct PrivateNats {
    /// Where it answers.
    pub url: String,
    port: u16,
    store: PathBuf,
    process: Option<Leashed>,
}

impl PrivateNats {
    /// Starts one.
    pub async fn start() -> Self {
        let port = free_port();
        let store = folder(&format!("nats-{port}"));
        let mut nats = Self { url: format!("nats://127.0.0.1:{port}"), port, store, process: None };
        nats.start_again().await;
        nats
    }

    /// Starts it again where it was, with what it stored.
    pub async fn start_again(&mut self) {
        // Every stream reserves what it may hold at most, and there is one a test: more than the disk has, of which next to
        // nothing is used.
        let settings = format!("jetstream {{ store_dir: {}, max_file_store: 4TB }}", self.store.display());
        let file = self.store.join("nats.conf");
        std::fs::write(&file, settings).expect("a file can be written");
        let mut command = Command::new(nats_server());
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-c"]).arg(&file);
        self.process = Some(Leashed::spawn(&command, &self.store.join("nats.log")));
        let url = self.url.clone();
        until("nats-server answers", || async { async_nats::connect(&url).await.ok() }).await;
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Forgets everything it stored; it must be dead.
    pub fn wipe(&self) {
        assert!(self.process.is_none(), "kill it first");
        let _ = std::fs::remove_dir_all(self.store.join("jetstream"));
    }

    /// Loses the messages of all its streams, and not what its consumers remember; it must be dead.
    pub fn loses_its_tail(&self) {
        assert!(self.process.is_none(), "kill it first");
        let streams = std::fs::read_dir(self.store().join("$G/streams")).expect("there are streams");
        for stream in streams.flatten() {
            for messages in std::fs::read_dir(stream.path().join("msgs")).into_iter().flatten().flatten() {
                std::fs::remove_file(messages.path()).expect("a file can be removed");
            }
        }
    }

    /// Where it stores what it stores.
    pub fn store(&self) -> PathBuf {
        self.store.join("jetstream")
    }

    /// Stops it as a debugger would, and lets it go on.
    pub fn freeze(&self, frozen: bool) {
        self.process.as_ref().expect("it runs").signal(if frozen { "STOP" } else { "CONT" });
    }
}

/// The folder of a private nats-server of this process, by its URL.
pub fn store_of(url: &str) -> Option<PathBuf> {
    let (_, port) = url.rsplit_once(':')?;
    Some(folder_of(&format!("nats-{port}"))).filter(|store| store.exists())
}

/// A PostgreSQL server.
pub struct PrivatePostgres {
    /// Where it answers: the database `postgres`.
    pub url: String,
    port: u16,
    data: PathBuf,
    process: Option<Leashed>,
}

impl PrivatePostgres {
    /// Starts one.
    pub async fn start() -> Self {
        let port = free_port();
        let data = folder(&format!("postgres-{port}")).join("data");
        let mut initdb = as_postgres(&program("initdb"));
        let made = initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D"]).arg(&data).output();
        let made = made.expect("initdb can be run");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let mut postgres = Self { url, port, data, process: None };
        postgres.start_again().await;
        postgres
    }

    /// Starts it again where it was.
    pub async fn start_again(&mut self) {
        let mut command = as_postgres(&program("postgres"));
        let port = self.port.to_string();
        command.arg("-D").arg(&self.data).args(["-p", &port, "-h", "127.0.0.1", "-k", ""]);
        command.args(["-c", "max_connections=400", "-c", "shared_buffers=256MB"]);
        let log = self.data.with_file_name("postgres.log");
        self.process = Some(Leashed::spawn(&command, &log));
        let url = self.url.clone();
        until("PostgreSQL answers", || async { PgConnection::connect(&url).await.ok() }).await;
    }

    /// Kills it, postmaster first, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(process) = &self.process {
            let _ = Command::new("pkill").args(["-KILL", "-P", &process.pid().to_string()]).status();
        }
        self.process = None;
    }

    /// Stops it and all its backends as a debugger would, and lets them go on.
    pub fn freeze(&self, frozen: bool) {
        let process = self.process.as_ref().expect("it runs");
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let _ = Command::new("pkill").args([signal, "-P", &process.pid().to_string()]).status();
        process.signal(signal.trim_start_matches('-'));
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.kill();
    }
}

fn nats_server() -> PathBuf {
    let named = std::env::var_os("NATS_SERVER_BIN").map(PathBuf::from);
    named.or_else(|| found("nats-server", &["/usr/sbin", "/usr/local/bin"])).unwrap_or_else(|| {
        panic!("neither a Docker engine nor nats-server is on this machine: apt-get install nats-server")
    })
}

fn program(name: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    folders.sort();
    let newest = folders.iter().rev().map(|folder| folder.join(name)).find(|path| path.exists());
    newest.or_else(|| found(name, &[])).unwrap_or_else(|| {
        panic!("neither a Docker engine nor PostgreSQL is on this machine: apt-get install postgresql")
    })
}

pub(crate) fn found(name: &str, also: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(also.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.exists())
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]).arg(program);
    command
}
