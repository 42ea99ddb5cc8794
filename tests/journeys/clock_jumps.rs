//! The database's clock jumps, by hours. Forwards: leases end early, and fences protect. Back: what was due is late, and not lost.
//! Codes and sessions live by it and by no other clock.

use std::cell::Cell;

use landfall_tests::clocks::Clock;
use landfall_tests::patience::until;
use landfall_tests::seller::now;
use landfall_tests::servers::postgres::{PostgresWishes, PrivatePostgres};
use landfall_tests::stack::{Stack, Wishes, ready};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const HOUR: i64 = 3600;
/// So long that no lease ends by itself here.
const REDISPATCH: i64 = 600;

/// A Landfall whose database has a clock of its own, in a world that has another.
struct Clocks {
    stack: Stack,
    database: Clock,
    world: Clock,
    _postgres: PrivatePostgres,
}

impl Clocks {
    async fn start() -> Self {
        let (database, world) = (Clock::new("database"), Clock::new("world"));
        let mut server = PostgresWishes::default();
        for (name, value) in database.variables() {
            server = server.in_environment(name, value);
        }
        let postgres = server.start().await;
        let redispatch = (REDISPATCH * 1000).to_string();
        let mut wishes = Wishes::default().on_postgres(&postgres.url).with("REDISPATCH_AFTER_MS", &redispatch);
        for (name, value) in world.variables() {
            wishes = wishes.outside_with(name, value);
        }
        Self { stack: wishes.start().await, database, world, _postgres: postgres }
    }

    /// Both clocks, as when so much time has passed.
    fn are_ahead_by(&self, seconds: i64) {
        self.database.is_ahead_by(seconds);
        self.world.is_ahead_by(seconds);
    }
}

#[tokio::test]
async fn the_databases_clock_jumps_forwards_and_back() {
    let mut clocks = Clocks::start().await;
    let before = now(&clocks.stack.pool).await;
    clocks.database.is_ahead_by(HOUR);
    let jumped = (now(&clocks.stack.pool).await - before).whole_seconds();
    assert!((HOUR..HOUR + 60).contains(&jumped), "the clock jumped by {jumped} s");
    clocks.database.is_ahead_by(0);

    let ahead = a_lease_ends_early(&mut clocks).await;
    let ahead = codes_and_sessions_end_with_it(&mut clocks, ahead).await;
    what_was_due_is_late(&mut clocks, ahead).await;
    clocks.stack.ends_well().await;
}

/// Forwards, while a worker hangs over a command that nobody else could have for ten minutes. The world's clock stays: what is
/// called with the database's time is not let in, until the clocks agree again. Returns how far ahead they are then.
async fn a_lease_ends_early(clocks: &mut Clocks) -> i64 {
    let hangs = json!({"kind": "hang", "seconds": 2, "path": "GET /cloud-accounts", "times": 1});
    clocks.stack.fault("billing_center", hangs).await;
    let mut ann = clocks.stack.buyer();
    ann.purchases().await;
    ann.logs_in_directly().await;
    until("a worker hangs over the command", || async {
        (!clocks.stack.calls("billing_center").await.is_empty()).then_some(())
    })
    .await;
    clocks.stack.workers().signal("STOP");
    let (other, url) = clocks.stack.another_workers(&[]);
    ready(&url).await;
    let stack = &clocks.stack;
    let ahead = Cell::new(0);
    // A wake-up may go to the one who hangs: then the command is due ten minutes later again.
    until("the other has taken over", || async {
        let (fence, is_due_later) = row(stack).await;
        if fence == 0 && is_due_later {
            ahead.set(ahead.get() + if ahead.get() == 0 { HOUR } else { REDISPATCH });
            clocks.database.is_ahead_by(ahead.get());
        }
        (fence > 0).then_some(())
    })
    .await;
    ann.sees_when("it is not let in", |seen| {
        seen["steps"].as_array().unwrap().iter().any(|step| step["problem"]["code"] == "misconfigured")
    })
    .await;
    clocks.are_ahead_by(ahead.get());
    until("it is done", || async {
        if row(stack).await.1 {
            ahead.set(ahead.get() + REDISPATCH);
            clocks.are_ahead_by(ahead.get());
        }
        let seen: Value = ann.polls().send().await.ok()?.json().await.ok()?;
        (seen["action"] == "choose_billing_account").then_some(())
    })
    .await;
    let version = ann.sees().await["version"].clone();

    // The first one hears at last how its call ended, and that counts for nothing.
    clocks.stack.workers().signal("CONT");
    let stack = &clocks.stack;
    stack.metric_is("landfall_attempts_total{step=\"find_billing_account\",outcome=\"retry\"}", 1.0).await;
    stack.is_sound(&[]).await;
    let outcomes: Vec<String> =
        sqlx::query_scalar("select distinct outcome from attempts").fetch_all(&stack.pool).await.unwrap();
    assert_eq!(outcomes, ["misconfigured"]);
    assert_eq!(ann.sees().await["version"], version);
    drop(other);
    println!("taken over and done when the clock was ahead by {} min", ahead.get() / 60);
    ahead.get()
}

/// The fence of the command that hangs, and whether it is not due for a while.
async fn row(stack: &Stack) -> (i64, bool) {
    let row = "select fence, coalesce(due_at > now() + interval '1 minute', false) from commands
               where name = 'find_billing_account'";
    sqlx::query_as(row).fetch_one(&stack.pool).await.unwrap()
}

/// A code lives for ten minutes, what it proved for a day, and a session for a day from its last use.
async fn codes_and_sessions_end_with_it(clocks: &mut Clocks, mut ahead: i64) -> i64 {
    let stack = &clocks.stack;
    let mut ben = stack.buyer();
    ben.comes_to_the_choice().await;
    let check = async |code: &str| {
        let body = json!({"purpose": "registration", "email": "ben@example.com", "code": code});
        ben.asks(Method::POST, "/verification-codes/check", Some(body)).await
    };
    let code = {
        let body = json!({"purpose": "registration", "email": "ben@example.com"});
        let asked = ben.asks(Method::POST, "/verification-codes", Some(body)).await;
        assert_eq!(asked.status(), StatusCode::ACCEPTED);
        ben.reads_code("ben@example.com", 1).await
    };
    ahead += HOUR;
    clocks.are_ahead_by(ahead);
    assert_eq!(check(&code).await.status(), StatusCode::GONE);
    ben.sees_when("the code is over", |seen| seen["verification"]["status"] == "expired").await;
    let seen = ben.proves_address("registration", "ben@example.com").await;
    assert_eq!(seen["verification"]["status"], "proven", "{seen:#}");
    ahead += 25 * HOUR;
    clocks.are_ahead_by(ahead);
    assert_eq!(ben.asks(Method::GET, "", None).await.status(), StatusCode::UNAUTHORIZED);
    ben.logs_in_directly().await;
    ben.sees_when("what was proven is over", |seen| seen["verification"]["status"] == "expired").await;
    ben.is_known_as("ben").await;
    let seen = ben.binds_billing_account("ben", "ben@bills.example").await;
    assert_eq!(seen["action"], "choose_workspace", "{seen:#}");
    ahead
}

/// Back: a command that was accepted an hour later than it is now.
async fn what_was_due_is_late(clocks: &mut Clocks, ahead: i64) {
    clocks.stack.kill_workers();
    let mut carl = clocks.stack.buyer();
    carl.purchases().await;
    carl.logs_in_directly().await;
    clocks.are_ahead_by(ahead - HOUR);
    clocks.stack.start_workers().await;
    // Its wake-up comes, and it is not its time.
    let stack = &clocks.stack;
    stack.metric_is("landfall_wakeups_senseless_total{why=\"nothing-to-do\"}", 1.0).await;
    // Whoever comes now goes by.
    stack.buyer().goes_the_whole_way("dora").await;
    assert_eq!(carl.sees().await["status"], "running");
    clocks.are_ahead_by(ahead);
    let seen = carl.sees_when("its time has come, and its lease has ended", |seen| {
        // An hour more is no matter: from then on it is due.
        clocks.are_ahead_by(ahead + HOUR);
        seen["action"] == "choose_billing_account"
    });
    let seen = seen.await;
    assert_eq!(seen["status"], "waiting_for_buyer", "{seen:#}");
}
