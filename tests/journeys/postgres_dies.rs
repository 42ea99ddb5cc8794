//! PostgreSQL dies, is restarted, freezes, has no connection or no disk left, or ends ours, with buyers under way: meanwhile
//! everybody is answered in time, and afterwards whatever was accepted reaches its due state, once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use landfall_tests::caller::Caller;
use landfall_tests::doors::every_door_answers;
use landfall_tests::journey::Buyer;
use landfall_tests::patience::until;
use landfall_tests::servers::postgres::{PostgresWishes, PrivatePostgres};
use landfall_tests::soak;
use landfall_tests::stack::{Stack, Wishes, ready};
use reqwest::StatusCode;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection, PgExecutor};

/// What a server goes through.
#[derive(Debug, Clone, Copy)]
enum Blow {
    /// SIGKILL of the postmaster and of all its backends.
    Killed,
    /// `pg_ctl restart -m immediate`.
    EndedAtOnce,
    /// `pg_ctl restart -m fast`.
    EndedInOrder,
    /// SIGSTOP of the postmaster and of all its backends, with statements in hand.
    Frozen,
    /// Other sessions have all the connections that it gives.
    HasNoConnectionLeft,
    /// `pg_terminate_backend` for every connection of Landfall, again and again.
    EndsConnections,
    /// Its disk is full: nothing can be written, until it gives up.
    HasNoDiskLeft,
}

impl Blow {
    const ALL: [Self; 7] = [
        Self::Frozen,
        Self::Killed,
        Self::HasNoConnectionLeft,
        Self::EndedAtOnce,
        Self::EndedInOrder,
        Self::EndsConnections,
        Self::HasNoDiskLeft,
    ];
}

/// A Landfall on a server of its own, and a buyer who has gone the whole way already.
struct Trial {
    stack: Stack,
    witness: Buyer,
    rounds: usize,
}

impl Trial {
    async fn on(postgres: &PrivatePostgres) -> Self {
        let wishes = Wishes::default().on_postgres(&postgres.url).with("REDISPATCH_AFTER_MS", "500");
        // So few that they can all hang at once.
        let wishes = wishes.with("RETRY_INITIAL_MS", "100").with("DATABASE_CONNECTIONS", "4");
        let stack = wishes.start().await;
        let mut witness = stack.buyer().insisting();
        witness.goes_the_whole_way("witness").await;
        Self { stack, witness, rounds: 0 }
    }

    /// Buyers travel, on both ways of the guide; in the middle of it there is trouble.
    async fn survives(&mut self, trouble: impl AsyncFnOnce(&Self)) {
        self.rounds += 1;
        let round = self.rounds;
        let mut buyers: Vec<Buyer> = (0..4).map(|_| self.stack.buyer().insisting()).collect();
        let before = self.commands_done().await;
        let travel = join_all(buyers.iter_mut().enumerate().map(|(number, buyer)| async move {
            let name = format!("ann{round}x{number}");
            match number % 2 {
                0 => buyer.goes_the_whole_way(&name).await,
                _ => buyer.goes_the_whole_way_registering(&name).await,
            }
        }));
        let trouble = async {
            self.come_so_far(before + 6).await;
            trouble(self).await;
        };
        tokio::join!(travel, trouble);
        ready(&self.stack.api_url).await;
        ready(&self.stack.workers_url).await;
        self.stack.is_sound(&[]).await;
        self.witness.sees().await;
    }

    async fn commands_done(&self) -> i64 {
        let done = sqlx::query_scalar("select count(*) from commands where state = 'done'");
        done.fetch_one(&self.stack.pool).await.unwrap()
    }

    async fn come_so_far(&self, due: i64) {
        until("the buyers have come far enough", || async {
            let done = sqlx::query_scalar::<_, i64>("select count(*) from commands where state = 'done'");
            (done.fetch_one(&self.stack.pool).await.ok()? >= due).then_some(())
        })
        .await;
    }

    /// Every door answers in time that it cannot say.
    async fn everybody_is_answered(&self, guest: &Buyer, link: &str) {
        let path = format!("v1/activations/{}", guest.activation_id);
        let caller = Caller::new(&self.stack.api_url);
        Box::pin(every_door_answers(&self.stack, &caller, guest.cookie(), &path, link)).await;
        let workers = reqwest::get(self.stack.workers_url.join("readyz").unwrap()).await.unwrap();
        assert_eq!(workers.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    /// Somebody who asks at every door, and a login link that is good as long as anybody can say so. What she asked for in
    /// vain may be done later, or not: nobody looks at her again.
    async fn guest(&self) -> (Buyer, String) {
        let mut guest = self.stack.buyer();
        guest.comes_to_the_choice().await;
        let link = guest.login_link().await;
        (guest, link.to_string())
    }

    /// Every connection of the API is in the middle of a statement while there is trouble.
    async fn with_statements_in_hand(&self, trouble: impl AsyncFnOnce()) {
        let mut holder = self.stack.pool.begin().await.unwrap();
        sqlx::query("select from activations where id = $1::uuid for update")
            .bind(&self.witness.activation_id)
            .execute(&mut *holder)
            .await
            .unwrap();
        let writes = join_all((0..4).map(|_| async {
            let began = Instant::now();
            let answer = self.witness.posts("/confirmation").send().await.expect("the API answers");
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(began.elapsed() < Duration::from_secs(10), "a write was answered after {:?}", began.elapsed());
        }));
        let trouble = async {
            until("a write waits for the row", || async {
                let waiting = "select count(*) from pg_stat_activity
                               where application_name = 'landfall-api' and wait_event_type = 'Lock'";
                let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&self.stack.pool).await.ok()?;
                (waiting > 0).then_some(())
            })
            .await;
            trouble().await;
        };
        tokio::join!(writes, trouble);
        let _ = holder.rollback().await;
    }
}

/// As many connections as the server gives.
const CONNECTIONS: i64 = 40;

/// Takes connections until others than Landfall have all that there are.
async fn eats_every_connection(url: &str) -> Vec<PgConnection> {
    let mut eaten = vec![PgConnection::connect(url).await.unwrap()];
    let eating = async {
        loop {
            while let Ok(another) = PgConnection::connect(url).await {
                eaten.push(another);
            }
            ended_by_hand(&mut eaten[0]).await;
            // One that has ended gives its place free a moment later.
            let others = "select count(*) from pg_stat_activity
                          where backend_type = 'client backend' and application_name not like 'landfall-%'";
            let others: i64 = sqlx::query_scalar(others).fetch_one(&mut eaten[0]).await.unwrap();
            if others == CONNECTIONS {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), eating).await.expect("there are only so many connections");
    eaten
}

/// Ends every connection of Landfall, as an operator may; how many there were.
async fn ended_by_hand(by: impl PgExecutor<'_>) -> usize {
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and application_name like 'landfall-%'";
    sqlx::query(end).fetch_all(by).await.unwrap().len()
}

/// Writes until a server whose disk is full ends everybody's connection, or itself: it must not go on without its log.
async fn gives_up(url: &str) {
    let emit = "select pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))";
    let mut connection = PgConnection::connect(url).await.unwrap();
    let writing = async { while sqlx::query(emit).execute(&mut connection).await.is_ok() {} };
    tokio::time::timeout(Duration::from_mins(1), writing).await.expect("a full disk takes only so much");
}

#[tokio::test]
async fn a_server_that_dies_freezes_or_turns_us_out_under_load_loses_nothing() {
    let wishes = PostgresWishes::default().with("max_connections", &CONNECTIONS.to_string());
    // Not more of it is ever needed than what is left of the disk.
    let mut postgres = wishes.with("max_wal_size", "64MB").on_a_disk_of(256).start().await;
    let mut trial = Trial::on(&postgres).await;
    let long = soak::is_long().then(soak::asked).flatten();
    let all_began = Instant::now();
    for blow in Blow::ALL.repeat(if long.is_some() { 20 } else { 1 }) {
        if long.is_some_and(|soak| all_began.elapsed() > soak.longest) {
            println!("ended: {:?} are over", all_began.elapsed());
            break;
        }
        let began = Instant::now();
        let (guest, link) = trial.guest().await;
        let (server, url) = (&mut postgres, trial.stack.database_url.clone());
        let trouble = async |trial: &Trial| match blow {
            Blow::Killed => {
                server.kill();
                trial.everybody_is_answered(&guest, &link).await;
                server.start_again().await;
            }
            Blow::EndedAtOnce => {
                server.stop("QUIT").await;
                server.start_again().await;
            }
            Blow::EndedInOrder => {
                server.stop("INT").await;
                server.start_again().await;
            }
            Blow::Frozen => {
                let frozen = async || {
                    server.freeze(true);
                    trial.everybody_is_answered(&guest, &link).await;
                    server.freeze(false);
                };
                trial.with_statements_in_hand(frozen).await;
            }
            Blow::HasNoConnectionLeft => {
                let eaten = eats_every_connection(&url).await;
                trial.everybody_is_answered(&guest, &link).await;
                drop(eaten);
            }
            Blow::EndsConnections => {
                let by = PgPoolOptions::new().max_connections(1).connect(&url).await.unwrap();
                let before = trial.commands_done().await;
                for more in (0..24).step_by(3) {
                    trial.come_so_far(before + more).await;
                    // Those of the last time may not have come back yet.
                    until("there is a connection to end", || async { (ended_by_hand(&by).await > 0).then_some(()) })
                        .await;
                }
            }
            Blow::HasNoDiskLeft => {
                server.disk().fill();
                gives_up(&url).await;
                server.disk().make_room();
                server.start_again().await;
            }
        };
        trial.survives(trouble).await;
        println!("{blow:?}: survived in {:?}", began.elapsed());
    }
    trial.stack.ends_well().await;
}
