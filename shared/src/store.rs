//! PostgreSQL, the only truth: connecting, migrating; the SQL of each table is in the room of its name.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Acquire, ConnectOptions, PgPool, Postgres, Transaction};

use crate::config::Migrate;

pub mod activations;
pub mod audit;
pub mod becoming_known;
pub mod challenges;
pub mod commands;
pub mod due;
pub mod idempotency;
pub mod mail_sender;
pub mod marketplace_calls;
pub mod purchases;
pub mod said;
pub mod sealed;
pub mod sessions;
pub mod settle;
pub mod typed_entries;

/// How long one statement may take. Every door of the API answers within 10 s, also when PostgreSQL does not.
const STATEMENT_TIMEOUT: &str = "6000";
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(4);
/// Longer than any statement takes on a server that lives: who has heard nothing by then asks over a dead connection.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the pool may take to answer the simplest question, and how often in a row it may not. Together longer than any
/// statement takes: a pool that is only busy has answered by then.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);
const LOOKS: u32 = 3;
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Whoever asks whether a process is ready waits no longer.
const READY_TIMEOUT: Duration = Duration::from_secs(1);

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// The pool, replaceable: one whose connections hang on a frozen server never heals by itself.
#[derive(Clone)]
pub struct Database {
    pool: Arc<RwLock<PgPool>>,
    options: PgConnectOptions,
    connections: u32,
    understood: Arc<AtomicBool>,
}

impl Database {
    /// Prepares a pool; connections are made when they are needed.
    ///
    /// # Errors
    /// If the URL is not one of PostgreSQL's.
    pub fn new(url: &SecretString, name: &str, connections: u32) -> Result<Self, sqlx::Error> {
        let options: PgConnectOptions = url.expose_secret().parse()?;
        let options = options
            .application_name(name)
            .options([
                ("statement_timeout", STATEMENT_TIMEOUT),
                ("lock_timeout", "4000"),
                ("idle_in_transaction_session_timeout", "10000"),
                // Every query here goes by key; a plan made while a table was small must not outlive it.
                ("enable_seqscan", "off"),
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
            ])
            .log_statements(tracing::log::LevelFilter::Trace)
            .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1));
        let pool = Arc::new(RwLock::new(pool(&options, connections)));
        Ok(Self { pool, options, connections, understood: Arc::default() })
    }

    /// The pool of now.
    #[must_use]
    pub fn pool(&self) -> PgPool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A transaction of now. Nothing is written to tables of which we do not know yet what they mean.
    ///
    /// # Errors
    /// If no connection is to be had in time, or the database is not migrated yet.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        match self.is_understood().await {
            Ok(()) => self.pool().begin().await,
            Err(NotMigrated::Failed(error)) => Err(error),
            Err(error) => Err(sqlx::Error::Configuration(error.into())),
        }
    }

    /// Whether something can be done: for whoever asks whether the process is ready.
    ///
    /// # Errors
    /// What is missing, in words.
    pub async fn is_ready(&self) -> Result<(), &'static str> {
        let asked = async {
            self.is_understood().await?;
            sqlx::query("select 1").execute(&self.pool()).await?;
            Ok(())
        };
        match tokio::time::timeout(READY_TIMEOUT, asked).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(NotMigrated::NotYet)) => Err("the database is not migrated yet"),
            Ok(Err(NotMigrated::Newer(_))) => Err("the database was migrated by a newer version"),
            Ok(Err(NotMigrated::Failed(_) | NotMigrated::Hidden | NotMigrated::Unfit(_))) | Err(_) => {
                Err("PostgreSQL does not answer")
            }
        }
    }

    /// Looks after the pool for as long as the process lives: one whose connections are dead without knowing it is replaced as
    /// soon as a fresh connection works.
    pub async fn look_after(self) {
        let mut silent = 0;
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            let pool = self.pool();
            let asked = tokio::time::timeout(LOOK_TIMEOUT, sqlx::query("select 1").execute(&pool));
            silent = if asked.await.is_err() { silent + 1 } else { 0 };
            if silent >= LOOKS && self.heal().await {
                silent = 0;
            }
        }
    }

    /// Puts a fresh pool in the place of one that no longer answers, if a fresh connection does.
    async fn heal(&self) -> bool {
        let fresh = tokio::time::timeout(LOOK_TIMEOUT, self.options.connect()).await;
        let answers = matches!(fresh, Ok(Ok(_)));
        if answers {
            let healed = pool(&self.options, self.connections);
            *self.pool.write().unwrap_or_else(PoisonError::into_inner) = healed;
            metrics::counter!("landfall_database_pools_replaced_total").increment(1);
            tracing::warn!("the pool of database connections did not answer although the database does: replaced");
        }
        answers
    }

    /// Applies the migrations, or looks whether another role has: one that may still do so is waited for later
    /// ([`Self::until_understood`]).
    ///
    /// # Errors
    /// If the database cannot be migrated, or this version will never understand it.
    pub async fn prepare(&self, migrate: Migrate) -> Result<(), NotMigrated> {
        match migrate {
            Migrate::Auto => self.migrate().await,
            Migrate::Off => match self.is_understood().await {
                Err(error) if !error.may_pass() => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }

    /// Applies the migrations; safe when several processes start at once.
    ///
    /// # Errors
    /// If the database cannot be reached, or was migrated by a newer version.
    async fn migrate(&self) -> Result<(), NotMigrated> {
        let mut connection = self.pool().acquire().await?.detach();
        // Migrations may wait for each other, and for locks, longer than a statement of the journey may.
        sqlx::query("select set_config('statement_timeout', '0', false), set_config('lock_timeout', '60000', false)")
            .execute(connection.acquire().await?)
            .await?;
        MIGRATOR.run(&mut connection).await.map_err(NotMigrated::of)?;
        self.understood.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether the tables are those that this version knows. Once they were, they stay so: a newer version's migrations leave
    /// everything where its predecessor finds it.
    ///
    /// # Errors
    /// If they are not, or nobody says.
    pub async fn is_understood(&self) -> Result<(), NotMigrated> {
        if self.understood.load(Ordering::Acquire) {
            return Ok(());
        }
        let ours = MIGRATOR.iter().map(|migration| migration.version).max();
        let found = sqlx::query_scalar::<_, Option<i64>>("select max(version) from _sqlx_migrations where success");
        let pool = self.pool();
        match in_time(found.fetch_one(&pool)).await {
            Ok(Some(version)) if Some(version) > ours => Err(NotMigrated::Newer(version)),
            Ok(version) if version == ours => {
                self.understood.store(true, Ordering::Release);
                Ok(())
            }
            Ok(_) => Err(NotMigrated::NotYet),
            Err(error) => Err(match error.as_database_error().and_then(DatabaseError::code).as_deref() {
                Some("42P01") => NotMigrated::NotYet,
                Some("42501") => NotMigrated::Hidden,
                _ => NotMigrated::Failed(error),
            }),
        }
    }

    /// Where another role migrates: waits until it has.
    ///
    /// # Errors
    /// If this version will never understand it.
    pub async fn until_understood(&self) -> Result<(), NotMigrated> {
        let mut said = String::new();
        loop {
            let error = match self.is_understood().await {
                Err(error) if error.may_pass() => error.to_string(),
                known => return known,
            };
            // Each reason once: it may be for long.
            if said != error {
                tracing::warn!("waiting until the database can be used: {error}");
                said = error;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Why a process does not start on this database.
#[derive(Debug, thiserror::Error)]
pub enum NotMigrated {
    /// Only that version, or a later one, knows what its tables mean.
    #[error(
        "the database was migrated by a newer version (migration {0}): start that one, or restore an older database"
    )]
    Newer(i64),
    /// Another role migrates, and has not done so yet.
    #[error("the database is not migrated yet")]
    NotYet,
    /// Our role may not read which migrations were applied.
    #[error("the database's role may not read the table _sqlx_migrations: grant it select on that table, too")]
    Hidden,
    /// It does not answer, or does not let us in.
    #[error("the database cannot be looked at, or migrated: {0}")]
    Failed(#[from] sqlx::Error),
    /// A migration does not fit.
    #[error("the database cannot be migrated: {0}")]
    Unfit(sqlx::migrate::MigrateError),
}

impl NotMigrated {
    /// Whether it may be otherwise in a while.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NotYet | Self::Failed(_) => true,
            Self::Newer(_) | Self::Hidden | Self::Unfit(_) => false,
        }
    }

    fn of(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::VersionMissing(version) => Self::Newer(version),
            error => Self::Unfit(error),
        }
    }
}

/// Waits for the database no longer than it can take to answer. Over a connection that is dead without knowing it a statement
/// would be waited for without end.
///
/// # Errors
/// What the database says, or that it said nothing in time: then nothing is known of what it did.
pub async fn in_time<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let answered = tokio::time::timeout(ANSWER_TIMEOUT, asked).await;
    answered.unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
}

fn pool(options: &PgConnectOptions, connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options.clone())
}

/// Whether an error says that the database could not be reached, rather than that it did not like the question.
#[must_use]
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => database
            .code()
            .is_some_and(|code| ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) || code == "25P03"),
        _ => false,
    }
}
