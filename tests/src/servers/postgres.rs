//! PostgreSQL as private processes of this machine's own programs; a test may kill, restart, freeze and mislead its own.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::{Connection, PgConnection};

use super::nats::found;
use super::small_disk::SmallDisk;
use super::{folder, our_uid};
use crate::leash::Leashed;
use crate::patience::until;
use crate::stack::free_port;

/// A PostgreSQL server.
pub struct PrivatePostgres {
    /// Where it answers: the database `postgres`.
    pub url: String,
    port: u16,
    data: PathBuf,
    log: PathBuf,
    wishes: PostgresWishes,
    disk: Option<SmallDisk>,
    process: Option<Leashed>,
}

/// How a test wants its server.
#[derive(Default)]
pub struct PostgresWishes {
    settings: Vec<String>,
    variables: Vec<(String, String)>,
    disk: Option<usize>,
}

impl PostgresWishes {
    /// Sets a variable of its configuration.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push(format!("{name}={value}"));
        self
    }

    /// Sets a variable of its environment.
    pub fn in_environment(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts it on a disk of its own that the test can fill, of so many mebibytes.
    pub fn on_a_disk_of(mut self, mebibytes: usize) -> Self {
        self.disk = Some(mebibytes);
        self
    }

    /// Starts it.
    pub async fn start(self) -> PrivatePostgres {
        let port = free_port();
        let folder = folder(&format!("postgres-{port}"));
        let disk = match self.disk {
            Some(mebibytes) => Some(SmallDisk::mount(&folder.join("disk"), mebibytes).await),
            None => None,
        };
        let data = folder.join(if disk.is_some() { "disk/data" } else { "data" });
        let mut initdb = as_postgres(&program("initdb"));
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]).arg(&data);
        if let Some(disk) = &disk {
            initdb = disk.seen_by(&initdb);
        }
        let made = initdb.output().expect("initdb can be run");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let log = folder.join("postgres.log");
        let mut postgres = PrivatePostgres { url, port, data, log, wishes: self, disk, process: None };
        postgres.start_again().await;
        postgres
    }
}

impl PrivatePostgres {
    /// Starts one.
    pub async fn start() -> Self {
        PostgresWishes::default().with("max_connections", "400").with("shared_buffers", "256MB").start().await
    }

    /// Starts it again where it was, if it has ended.
    pub async fn start_again(&mut self) {
        let process = RefCell::new(self.process.take().unwrap_or_else(|| self.spawned()));
        until("PostgreSQL answers", || async {
            // It does not start as long as one of those before is not gone.
            if process.borrow_mut().ended().is_some() {
                process.replace(self.spawned());
            }
            PgConnection::connect(&self.url).await.ok()
        })
        .await;
        self.process = Some(process.into_inner());
    }

    fn spawned(&self) -> Leashed {
        // Only from here on: whoever changes users before must not have them yet.
        let mut command = as_postgres(Path::new("env"));
        command.args(self.wishes.variables.iter().map(|(name, value)| format!("{name}={value}")));
        let port = self.port.to_string();
        command.arg(program("postgres")).arg("-D").arg(&self.data).args(["-p", &port, "-h", "127.0.0.1", "-k", ""]);
        command.args(self.wishes.settings.iter().flat_map(|setting| ["-c", setting.as_str()]));
        if let Some(disk) = &self.disk {
            command = disk.seen_by(&command);
        }
        Leashed::spawn(&command, &self.log)
    }

    /// Kills all its processes at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(process) = &self.process {
            // One that is frozen neither starts others nor sees them die.
            process.signal("STOP");
            signal_children(process, "KILL");
        }
        self.process = None;
    }

    /// Ends it as its operator would: INT cuts everybody off and ends in good order, QUIT leaves everything as it is.
    pub async fn stop(&mut self, signal: &str) {
        let mut process = self.process.take().expect("it runs");
        process.signal(signal);
        process.ends().await;
    }

    /// The disk under it, if it has one of its own.
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("put it on a disk of its own")
    }

    /// Stops it and all its backends as a debugger would, and lets them go on.
    pub fn freeze(&self, frozen: bool) {
        let process = self.process.as_ref().expect("it runs");
        // While it stands still it starts no further ones.
        if frozen {
            process.signal("STOP");
            signal_children(process, "STOP");
        } else {
            signal_children(process, "CONT");
            process.signal("CONT");
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal_children(of: &Leashed, name: &str) {
    // That there are none is no failure.
    let _ = Command::new("pkill").args([&format!("-{name}"), "-P", &of.pid().to_string()]).status();
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

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if our_uid() != 0 {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    // Whoever becomes another user slips the leash: it is put on once more.
    command.args(["--pdeathsig", "KILL", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]);
    command.arg(program);
    command
}
