//! A Landfall of one test: its own database and prefix, an API, workers, and a sandbox that plays the outside world.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::PgPool;
use url::Url;

use crate::binaries::binary;
use crate::history;
use crate::journey::Buyer;
use crate::leash::Leashed;
use crate::patience::until;
use crate::servers::{create_database, servers};

mod outside;
mod variables;
mod watching;

pub use variables::SITES;
use variables::{defaults, outside_variables};

pub mod secrets {
    //! The secrets of a test, invented, and long enough to be found: they are searched for in everything that must not hold
    //! them.
    pub const SECRET_KEY: &str = "bGFuZGZhbGwgdGVzdCBzZWNyZXQga2V5IDAxMjM0NTY3ODkgYWJjZGVm";
    pub const SECURITY_KEY: &str = "Kx7Qm2Vb9Tz4Lw8Rn1Hc6Yd3";
    pub const ACCESS_KEY_ID: &str = "AKFAKE0001";
    pub const ACCESS_KEY_SECRET: &str = "skFake/0001+x/0123456789";
    pub const SIGNING: &str = "whsec_bGFuZGZhbGwgdGVzdCBwbGF0Zm9ybSBzaWduaW5nIHNlY3JldA==";
    pub const SMTP_PASSWORD: &str = "smtp-password-0123456789";
    pub const OPERATOR: &str = "op-token-0123456789abcdef0123";
}

/// The processes and where they answer.
pub struct Stack {
    pub api_url: Url,
    pub sandbox_url: Url,
    pub workers_url: Url,
    pub database_url: String,
    pub pool: PgPool,
    pub prefix: String,
    pub nats_url: String,
    pub log: PathBuf,
    pub(crate) checked: bool,
    pub(crate) watched: bool,
    variables: BTreeMap<String, String>,
    api: Option<Leashed>,
    workers: Option<Leashed>,
    sandbox: Option<Leashed>,
    outside: Program,
}

/// How a test wants its Landfall.
#[derive(Default)]
pub struct Wishes {
    variables: BTreeMap<String, String>,
    nats_url: Option<String>,
    postgres_url: Option<String>,
    outside: BTreeMap<String, String>,
    unwatched: bool,
}

impl Wishes {
    /// Sets a variable of contract §1.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without a value, the variable is not set at all.
    pub fn without(self, name: &str) -> Self {
        self.with(name, "")
    }

    /// Without keys for the marketplace's OpenAPI: purchases are verified against announcements alone.
    pub fn by_announcement(self) -> Self {
        self.without("ALIBABA_ACCESS_KEY_ID").without("ALIBABA_ACCESS_KEY_SECRET")
    }

    /// Uses a NATS of the test's own.
    pub fn on_nats(mut self, url: &str) -> Self {
        self.nats_url = Some(url.to_owned());
        self
    }

    /// Uses a PostgreSQL of the test's own for Landfall's database; the outside world keeps its own elsewhere.
    pub fn on_postgres(mut self, url: &str) -> Self {
        self.postgres_url = Some(url.to_owned());
        self
    }

    /// Sets a variable of the outside world's process.
    pub fn outside_with(mut self, name: &str, value: &str) -> Self {
        self.outside.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without the triggers that keep the history: for a test that counts what the database does.
    pub fn unwatched(mut self) -> Self {
        self.unwatched = true;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Stack {
        let mut stack = self.prepare().await;
        stack.start_api().await;
        stack.start_workers().await;
        stack
    }

    /// Starts the sandbox alone; the test starts API and workers as it needs them.
    pub async fn prepare(self) -> Stack {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let servers = servers().await;
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("t{}_{number}", std::process::id());
        let database_url = match &self.postgres_url {
            Some(server) => create_database(server, &name).await,
            None => servers.database(&name).await,
        };
        let outside_url = servers.database(&format!("{name}_outside")).await;
        let prefix = format!("{name}-");
        let nats_url = self.nats_url.unwrap_or_else(|| servers.nats_url.clone());
        let log = std::env::temp_dir().join(format!("landfall-{name}"));
        // A process that died long ago may have had our number.
        let _ = std::fs::remove_dir_all(&log);
        std::fs::create_dir_all(&log).unwrap();
        let api_port = free_port();
        let api_url: Url = format!("http://127.0.0.1:{api_port}/").parse().unwrap();

        let sandbox_log = log.join("sandbox.log");
        let mut outside = Program {
            name: "landfall-sandbox",
            variables: outside_variables(&outside_url, &api_url),
            log: sandbox_log.clone(),
        };
        outside.variables.extend(self.outside);
        let sandbox = outside.spawn(&[]);
        let sandbox_address = said(&sandbox_log, "landfall-sandbox listening on ").await;
        let mail_address = said(&sandbox_log, "landfall-sandbox mail on ").await;
        // Started again, it is found where it was.
        outside.variables.insert("SANDBOX_LISTEN_ADDR".into(), sandbox_address.clone());
        outside.variables.insert("SANDBOX_SMTP_LISTEN_ADDR".into(), mail_address.clone());
        let sandbox_url: Url = format!("http://{sandbox_address}/").parse().unwrap();

        let mut variables = defaults(&database_url, &nats_url, &prefix, &api_url, &sandbox_url, &mail_address);
        variables.insert("LISTEN_ADDR".into(), format!("127.0.0.1:{api_port}"));
        let workers_port = free_port();
        variables.insert("WORKERS_LISTEN_ADDR".into(), format!("127.0.0.1:{workers_port}"));
        variables.extend(self.variables);
        let pool = PgPool::connect(&database_url).await.unwrap();
        if self.unwatched {
            history::migrate(&pool).await;
        } else {
            history::watch(&pool).await;
        }
        Stack {
            api_url,
            sandbox_url,
            workers_url: format!("http://127.0.0.1:{workers_port}/").parse().unwrap(),
            database_url,
            pool,
            prefix,
            nats_url,
            log,
            checked: false,
            watched: !self.unwatched,
            variables,
            api: None,
            workers: None,
            sandbox: Some(sandbox),
            outside,
        }
    }
}

impl Stack {
    /// A Landfall with the defaults of the tests.
    pub async fn start() -> Self {
        Wishes::default().start().await
    }

    /// Starts the API, and waits until it is ready.
    pub async fn start_api(&mut self) {
        self.start_api_with(&[]).await;
    }

    /// Starts the API with further variables.
    pub async fn start_api_with(&mut self, more: &[(&str, &str)]) {
        self.api = Some(self.spawn("landfall-api", more));
        ready(&self.api_url).await;
    }

    /// Starts workers, and waits until they are ready.
    pub async fn start_workers(&mut self) {
        self.start_workers_with(&[]).await;
    }

    /// Starts workers with further variables.
    pub async fn start_workers_with(&mut self, more: &[(&str, &str)]) {
        self.spawn_workers_with(more);
        ready(&self.workers_url).await;
    }

    /// Starts workers with further variables, and waits for nothing: they may be about to die.
    pub fn spawn_workers_with(&mut self, more: &[(&str, &str)]) {
        self.workers = Some(self.spawn("landfall-workers", more));
    }

    /// Starts the API with further variables, and waits for nothing.
    pub fn spawn_api_with(&mut self, more: &[(&str, &str)]) {
        self.api = Some(self.spawn("landfall-api", more));
    }

    /// A further API process, with its own address and further variables; waits for nothing.
    pub fn another_api(&self, more: &[(&str, &str)]) -> (Leashed, Url) {
        let address = format!("127.0.0.1:{}", free_port());
        let more: Vec<_> = more.iter().copied().chain([("LISTEN_ADDR", address.as_str())]).collect();
        (self.spawn("landfall-api", &more), format!("http://{address}/").parse().unwrap())
    }

    /// Further workers, with their own address and further variables; waits for nothing.
    pub fn another_workers(&self, more: &[(&str, &str)]) -> (Leashed, Url) {
        let address = format!("127.0.0.1:{}", free_port());
        let more: Vec<_> = more.iter().copied().chain([("WORKERS_LISTEN_ADDR", address.as_str())]).collect();
        (self.spawn("landfall-workers", &more), format!("http://{address}/").parse().unwrap())
    }

    fn spawn(&self, name: &'static str, more: &[(&str, &str)]) -> Leashed {
        self.program(name).spawn(more)
    }

    /// One of our programs with the variables of this test.
    pub fn program(&self, name: &'static str) -> Program {
        let variables = self.variables.iter().filter(|(_, value)| !value.is_empty());
        let variables = variables.map(|(name, value)| (name.clone(), value.clone())).collect();
        Program { name, variables, log: self.log.join(format!("{name}.log")) }
    }

    /// All variables that the processes of this test are started with.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        variables.filter(|(_, value)| !value.is_empty())
    }

    /// A variable that the processes of this test are started with.
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Sets a variable for every process that is started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// A buyer who has done nothing yet.
    pub fn buyer(&self) -> Buyer {
        Buyer::new(&self.api_url, &self.sandbox_url)
    }

    /// Buyers who have purchased and come by *Login Directly*: the first command of each is in hand, whether workers run or not.
    pub async fn who_come_directly(&self, buyers: usize) -> Vec<Buyer> {
        let mut come = Vec::new();
        for _ in 0..buyers {
            let mut buyer = self.buyer();
            buyer.purchases().await;
            buyer.logs_in_directly().await;
            come.push(buyer);
        }
        come
    }

    /// Kills the workers, as a power cut would.
    pub fn kill_workers(&mut self) {
        self.workers = None;
    }

    /// Kills the API, as a power cut would.
    pub fn kill_api(&mut self) {
        self.api = None;
    }

    /// The API's process.
    pub fn api(&mut self) -> &mut Leashed {
        self.api.as_mut().expect("the API was started")
    }

    /// The workers' process.
    pub fn workers(&mut self) -> &mut Leashed {
        self.workers.as_mut().expect("workers were started")
    }

    /// A number that no other call of this stack gets.
    pub fn number(&self) -> u32 {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        NUMBERS.fetch_add(1, Ordering::SeqCst)
    }
}

/// One of our programs, ready to be started any number of times.
#[derive(Debug, Clone)]
pub struct Program {
    pub name: &'static str,
    variables: BTreeMap<String, String>,
    log: PathBuf,
}

impl Program {
    /// Starts it with further variables.
    pub fn spawn(&self, more: &[(&str, &str)]) -> Leashed {
        let mut command = Command::new(binary(self.name));
        command.env_clear().envs(&self.variables).envs(more.iter().copied());
        Leashed::spawn(&command, &self.log)
    }
}

/// A port that was free a moment ago, below those that the kernel gives to whoever asks for any (from 32768 on): nobody gets it
/// by chance before its process listens there.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    // Several test programs may run on one machine: each begins elsewhere.
    let first = std::process::id().wrapping_mul(7919);
    let ports = std::iter::repeat_with(|| first.wrapping_add(TRIED.fetch_add(1, Ordering::SeqCst)) % 20_000 + 12_000);
    ports.filter_map(|port| u16::try_from(port).ok()).find(is_free).expect("a port is free")
}

/// Waits until a process says that it is ready.
pub async fn ready(url: &Url) {
    let url = url.join("readyz").unwrap();
    until("a process becomes ready", || async {
        let answer = reqwest::get(url.clone()).await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
}

async fn said(log: &std::path::Path, before: &str) -> String {
    until(before, || async {
        let text = std::fs::read_to_string(log).ok()?;
        text.lines().find_map(|line| line.split_once(before).map(|(_, rest)| rest.trim().to_owned()))
    })
    .await
}
