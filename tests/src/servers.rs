//! PostgreSQL and NATS for the tests: in Docker containers where an engine answers, else as private processes.

use std::path::{Path, PathBuf};

use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::OnceCell;

mod containers;
pub mod nats;
pub mod postgres;
pub mod small_disk;

use crate::patience::until;
use nats::PrivateNats;
use postgres::PrivatePostgres;

/// What runs for all tests of this process.
pub struct Servers {
    postgres_url: String,
    /// Where NATS answers.
    pub nats_url: String,
    _kept: Kept,
}

/// Keeps the servers alive as long as the process.
enum Kept {
    Containers { _both: Box<containers::Both> },
    Processes { _both: Box<(PrivatePostgres, PrivateNats)> },
}

/// The servers, started with the first test that asks.
pub async fn servers() -> &'static Servers {
    static SERVERS: OnceCell<Servers> = OnceCell::const_new();
    SERVERS.get_or_init(start).await
}

async fn start() -> Servers {
    landfall_shared::tls::install();
    clean_up_after_the_dead();
    if let Some(both) = containers::start().await {
        eprintln!("tests: PostgreSQL and NATS run as Docker containers");
        let (postgres_url, nats_url) = (both.postgres_url.clone(), both.nats_url.clone());
        return Servers { postgres_url, nats_url, _kept: Kept::Containers { _both: Box::new(both) } };
    }
    eprintln!("tests: PostgreSQL and NATS run as private processes");
    let postgres = PrivatePostgres::start().await;
    let nats = PrivateNats::start().await;
    let (postgres_url, nats_url) = (postgres.url.clone(), nats.url.clone());
    Servers { postgres_url, nats_url, _kept: Kept::Processes { _both: Box::new((postgres, nats)) } }
}

impl Servers {
    /// A fresh database.
    pub async fn database(&self, name: &str) -> String {
        create_database(&self.postgres_url, name).await
    }
}

impl Servers {
    /// A copy of a database that nobody is connected to.
    pub async fn copy_of(&self, url: &str) -> String {
        let (server, name) = url.rsplit_once('/').expect("a URL with a database");
        let pool = PgPool::connect(&self.postgres_url).await.expect("PostgreSQL answers");
        let copy = format!("create database \"{name}_copy\" template \"{name}\"");
        // Backends end a little later than their clients.
        until("the database can be copied", || async {
            sqlx::query(sqlx::AssertSqlSafe(copy.clone())).execute(&pool).await.ok()
        })
        .await;
        format!("{server}/{name}_copy")
    }
}

/// Makes a database on a server, and gives its URL.
pub async fn create_database(server_url: &str, name: &str) -> String {
    let mut connection = PgConnection::connect(server_url).await.expect("PostgreSQL answers");
    sqlx::query(sqlx::AssertSqlSafe(format!("create database \"{name}\"")))
        .execute(&mut connection)
        .await
        .expect("a database can be made");
    let (server, _) = server_url.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}")
}

/// A folder of this process, which every user may enter: PostgreSQL does not run as root.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = folder_of(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a temporary folder can be made");
    open_to_all(&path);
    path
}

pub(crate) fn folder_of(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{PREFIX}{}-{name}", std::process::id()))
}

const PREFIX: &str = "landfall-tests-";

/// Takes away what test processes that have ended left behind: nothing of theirs runs any more.
fn clean_up_after_the_dead() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn open_to_all(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("a folder can be opened");
}

fn our_uid() -> u32 {
    std::fs::metadata("/proc/self").map_or(0, |own| std::os::unix::fs::MetadataExt::uid(&own))
}
