//! NATS as a private process of this machine's own program; a test may kill, freeze and wipe its own.

use std::path::PathBuf;
use std::process::Command;

use super::small_disk::SmallDisk;
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
    room: String,
    disk: Option<SmallDisk>,
    process: Option<Leashed>,
}

/// Every stream reserves what it may hold at most, and there is one a test: more than the disk has, of which next to nothing
/// is used.
const ROOM: &str = "4TB";

impl PrivateNats {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with_room(ROOM).await
    }

    /// Starts one that may store so much at most.
    pub async fn start_with_room(room: &str) -> Self {
        let mut nats = Self::prepare();
        room.clone_into(&mut nats.room);
        nats.start_again().await;
        nats
    }

    /// Starts one whose store is on a disk of its own that the test can fill.
    pub async fn start_on_a_disk_of_its_own() -> Self {
        let mut nats = Self::prepare();
        nats.disk = Some(SmallDisk::mount(&nats.store(), 8).await);
        nats.start_again().await;
        nats
    }

    fn prepare() -> Self {
        let port = free_port();
        let store = folder(&format!("nats-{port}"));
        let url = format!("nats://127.0.0.1:{port}");
        Self { url, port, store, room: ROOM.to_owned(), disk: None, process: None }
    }

    /// Gives it as much room as anybody needs, from its next start on.
    pub fn gets_room(&mut self) {
        ROOM.clone_into(&mut self.room);
    }

    /// Starts it again where it was, with what it stored.
    pub async fn start_again(&mut self) {
        let settings = format!("jetstream {{ store_dir: {}, max_file_store: {} }}", self.store.display(), self.room);
        let file = self.store.join("nats.conf");
        std::fs::write(&file, settings).expect("a file can be written");
        let mut command = Command::new(nats_server());
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-c"]).arg(&file);
        if let Some(disk) = &self.disk {
            command = disk.seen_by(&command);
        }
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

    /// The disk under its store, if it has one of its own.
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("start it on a disk of its own")
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

fn nats_server() -> PathBuf {
    let named = std::env::var_os("NATS_SERVER_BIN").map(PathBuf::from);
    named.or_else(|| found("nats-server", &["/usr/sbin", "/usr/local/bin"])).unwrap_or_else(|| {
        panic!("neither a Docker engine nor nats-server is on this machine: apt-get install nats-server")
    })
}

pub(crate) fn found(name: &str, also: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(also.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.exists())
}
