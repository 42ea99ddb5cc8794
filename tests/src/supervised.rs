//! A process that a supervisor keeps alive while each of its lives ends at a crash point.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sqlx::PgPool;
use tokio::task::JoinHandle;
use url::Url;

use crate::leash::Leashed;
use crate::patience::until;
use crate::stack::{Program, Stack, ready};

/// Which of the two processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// `landfall-api`.
    Api,
    /// `landfall-workers`.
    Workers,
}

/// A supervised process: started again whenever it has died.
pub struct Supervised {
    which: Which,
    watching: JoinHandle<Leashed>,
    stop: Arc<AtomicBool>,
    deaths: Arc<AtomicU32>,
}

impl Supervised {
    /// Starts a process of a stack. `dies_at` says where each life ends, by its number, and by how many lives in a row have
    /// ended no command: a value for `LANDFALL_CRASH_AT`, or none for a life that nothing ends.
    pub fn start(
        stack: &mut Stack,
        which: Which,
        dies_at: impl Fn(u32, u32) -> Option<String> + Send + 'static,
    ) -> Self {
        let program = match which {
            Which::Api => {
                stack.kill_api();
                stack.program("landfall-api")
            }
            Which::Workers => {
                stack.kill_workers();
                stack.program("landfall-workers")
            }
        };
        let (stop, deaths) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let watching =
            tokio::spawn(watch(program, stack.pool.clone(), dies_at, Arc::clone(&stop), Arc::clone(&deaths)));
        Self { which, watching, stop, deaths }
    }

    /// How often it has died so far.
    pub fn deaths(&self) -> u32 {
        self.deaths.load(Ordering::SeqCst)
    }

    /// Ends the supervision, and gives the stack its process back as it is meant to run. Returns how often it had died.
    pub async fn stop(self, stack: &mut Stack) -> u32 {
        self.stop.store(true, Ordering::SeqCst);
        let last = self.watching.await.expect("the process died at crash points only");
        drop(last);
        match self.which {
            Which::Api => stack.start_api().await,
            Which::Workers => stack.start_workers().await,
        }
        self.deaths.load(Ordering::SeqCst)
    }
}

async fn watch(
    program: Program,
    pool: PgPool,
    dies_at: impl Fn(u32, u32) -> Option<String>,
    stop: Arc<AtomicBool>,
    deaths: Arc<AtomicU32>,
) -> Leashed {
    let (mut ended, mut in_vain) = (0, 0);
    loop {
        let query = sqlx::query_scalar::<_, i64>("select count(*) from commands where state <> 'ready'");
        let now = query.fetch_one(&pool).await.unwrap();
        in_vain = if now > ended { 0 } else { in_vain + 1 };
        ended = now;
        let at = dies_at(deaths.load(Ordering::SeqCst), in_vain);
        let variables: Vec<(&str, &str)> = at.iter().map(|at| ("LANDFALL_CRASH_AT", at.as_str())).collect();
        let mut process = program.spawn(&variables);
        loop {
            if let Some(status) = process.ended() {
                assert_eq!(status.signal(), Some(9), "{} ended by itself: {status}", program.name);
                break;
            }
            if stop.load(Ordering::SeqCst) {
                return process;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        deaths.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits until a stack's process answers, whoever started it.
pub async fn answers(url: &Url) {
    ready(url).await;
}

/// How often each crash point was passed, by process: what `LANDFALL_CRASH_LOG` got.
#[derive(Debug, Default)]
pub struct Passed(pub BTreeMap<(Which, String), u32>);

impl Passed {
    /// Where the processes of a stack are to log their points.
    pub fn log(stack: &Stack, which: Which) -> PathBuf {
        stack.log.join(match which {
            Which::Api => "api.points",
            Which::Workers => "workers.points",
        })
    }

    /// Reads both logs.
    pub fn read(stack: &Stack) -> Self {
        let mut passed = BTreeMap::new();
        for which in [Which::Api, Which::Workers] {
            for point in lines(&Self::log(stack, which)) {
                *passed.entry((which, point)).or_default() += 1;
            }
        }
        Self(passed)
    }

    /// How often a point was passed, by whichever process.
    pub fn times(&self, point: &str) -> u32 {
        self.0.iter().filter(|((_, passed), _)| passed == point).map(|(_, times)| times).sum()
    }
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Waits until a condition on the rows holds.
pub async fn rows_say(stack: &Stack, what: &str, query: &'static str) {
    until(what, || async {
        sqlx::query_scalar::<_, bool>(query).fetch_one(&stack.pool).await.ok().filter(|so| *so).map(|_| ())
    })
    .await;
}
