//! The budget of the ledger (design: one row read, one row finished, one row inserted, in shared statements), read from
//! PostgreSQL's own statistics.

use landfall_shared::activation::{Activation, Happened, Outcome, StartedBy};
use landfall_shared::buyer::{AccountId, InstanceId};
use landfall_shared::command::Command;
use landfall_shared::purchase::{MarketplaceName, Purchased};
use landfall_shared::store::commands::Loaded;
use landfall_shared::store::settle::{Settled, Settlement, settle};
use landfall_shared::store::{activations, commands, due};
use landfall_tests::patience::until;
use landfall_tests::servers::servers;
use landfall_tests::stack::Wishes;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Row};
use uuid::Uuid;

/// So many activations at once.
const AT_ONCE: usize = 64;

/// What PostgreSQL has counted of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counted {
    inserted: i64,
    updated: i64,
    deleted: i64,
}

async fn counted(pool: &PgPool, table: &str) -> Counted {
    let row = sqlx::query("select n_tup_ins, n_tup_upd, n_tup_del from pg_stat_user_tables where relname = $1")
        .bind(table)
        .fetch_one(pool)
        .await
        .unwrap();
    Counted { inserted: row.get(0), updated: row.get(1), deleted: row.get(2) }
}

/// The commits of a database so far, once everything that was done over its one connection is written down.
async fn commits(pool: &PgPool, reader: &PgPool) -> i64 {
    let name: String = sqlx::query_scalar("select current_database()::text").fetch_one(pool).await.unwrap();
    sqlx::query("select pg_stat_force_next_flush()").execute(pool).await.unwrap();
    let row = sqlx::query("select xact_commit from pg_stat_database where datname = $1");
    row.bind(name).fetch_one(reader).await.unwrap().get(0)
}

async fn begun(pool: &PgPool, number: usize) -> Uuid {
    let id = Uuid::now_v7();
    let instance_id = InstanceId::parse(&format!("4000{number}")).unwrap();
    let (activation, queued) = Activation::begin(id, MarketplaceName::Alibaba, instance_id, None, StartedBy::Login);
    let mut transaction = pool.begin().await.unwrap();
    activations::insert(&mut transaction, &activation).await.unwrap();
    commands::insert(&mut transaction, id, &queued, 3600.0, "").await.unwrap();
    transaction.commit().await.unwrap();
    queued.id
}

/// The outcome of every command in a batch: verified, so that each moves its activation and queues the next.
fn verified(loaded: &[Loaded]) -> Vec<Settlement> {
    let settlement = |loaded: &Loaded| {
        let command = Command::from_row(&loaded.name, &loaded.input).unwrap();
        let purchased = Purchased { order_id: None, product_code: None, sku_id: None, trial: None, expires_at: None };
        let account_id = AccountId::parse("19").unwrap();
        let outcome = Outcome::Happened(Happened::PurchaseVerified { account_id, purchased });
        let mut activation = loaded.activation.clone();
        let follow = activation.apply(&command, &outcome, None, loaded.now);
        Settlement {
            command_id: loaded.id,
            fence: loaded.fence,
            version: loaded.version,
            outcome,
            claimed: false,
            counts: true,
            pause: 0.0,
            activation,
            follow,
        }
    };
    loaded.iter().map(settlement).collect()
}

#[tokio::test]
async fn a_batch_costs_as_many_commits_as_one_command() {
    let servers = servers().await;
    let url = servers.database(&format!("budget_{}", std::process::id())).await;
    // One connection for what is measured, so that its statistics can be told to be written; another reads them.
    let one_connection = || PgPoolOptions::new().max_connections(1).test_before_acquire(false);
    let pool = one_connection().connect(&url).await.unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    let reader = one_connection().connect(&format!("{server}/postgres")).await.unwrap();
    landfall_tests::history::migrate(&pool).await;
    let mut ids = Vec::new();
    for number in 0..AT_ONCE {
        ids.push(begun(&pool, number).await);
    }
    // Preparing a statement is a commit of its own, once a connection.
    assert!(commands::load(&pool, &[]).await.unwrap().is_empty());
    assert!(settle(&pool, &[], 3600.0).await.unwrap().is_empty());
    assert!(due::lease(&pool, "nothing", 3600.0).await.unwrap().is_empty());
    commits(&pool, &reader).await;

    // Reading: one, then one again so that both rounds are alike, then all.
    let mut rounds = Vec::new();
    let mut last = commits(&pool, &reader).await;
    let mut loaded = Vec::new();
    for batch in [&ids[..1], &ids[..1], &ids[..], &ids[..]] {
        loaded = commands::load(&pool, batch).await.unwrap();
        assert_eq!(loaded.len(), batch.len());
        let now = commits(&pool, &reader).await;
        rounds.push(now - last);
        last = now;
    }
    assert_eq!(rounds[1], rounds[3], "reading all costs what reading one costs: {rounds:?}");

    // Settling: two of one each, then all the others.
    let settlements = verified(&loaded);
    let all = i64::try_from(AT_ONCE).unwrap();
    let before = (counted(&pool, "commands").await, counted(&pool, "activations").await);
    let mut rounds = Vec::new();
    let mut last = commits(&pool, &reader).await;
    for batch in [&settlements[..1], &settlements[1..2], &settlements[2..]] {
        let settled = settle(&pool, &batch.iter().collect::<Vec<_>>(), 3600.0).await.unwrap();
        assert!(settled.iter().all(|settled| matches!(settled, Settled::Written { next: Some(_), .. })));
        let now = commits(&pool, &reader).await;
        rounds.push(now - last);
        last = now;
    }
    assert_eq!(
        rounds[1], rounds[2],
        "one commit finishes all, moves their activations and queues what is next: {rounds:?}"
    );
    let (finished, moved) = (counted(&pool, "commands").await, counted(&pool, "activations").await);
    assert_eq!(finished.inserted - before.0.inserted, all, "one row inserted a command");
    assert_eq!(finished.updated - before.0.updated, all, "one row finished a command");
    assert_eq!(moved.updated - before.1.updated, all, "one row of the activation a command");
    assert_eq!(counted(&pool, "holds").await, Counted { inserted: all, ..Counted::default() });
    assert_eq!(counted(&pool, "attempts").await, Counted::default(), "what succeeds leaves no failed attempt");

    // Rows that are due go out together, too.
    let mut rounds = Vec::new();
    for due in [1, 1, AT_ONCE - 2] {
        let some = "update commands set due_at = now() where id in
                    (select id from commands where state = 'ready' and dispatches = 1 order by id limit $1)";
        sqlx::query(some).bind(i64::try_from(due).unwrap()).execute(&pool).await.unwrap();
        let last = commits(&pool, &reader).await;
        assert_eq!(due::lease(&pool, "find_billing_account", 3600.0).await.unwrap().len(), due);
        rounds.push(commits(&pool, &reader).await - last);
    }
    assert_eq!(rounds[1], rounds[2], "one commit leases all: {rounds:?}");
}

/// The whole way over the real processes, in the good case: nothing is written that the budget does not know.
#[tokio::test]
async fn the_whole_way_writes_one_row_and_finishes_one_row_a_command_and_claims_only_mails() {
    // Nothing is sent out again while this is counted, however slow the machine is.
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", "60000").unwatched().start().await;
    stack.receives("verify_purchase").await;
    let mut buyer = stack.buyer();
    buyer.goes_the_whole_way("ann").await;
    // A fence rises with every claim and every outcome, and with nothing else.
    let rows = sqlx::query("select lane, count(*), sum(fence)::bigint, max(fence) from commands group by lane");
    let mut budget = Counted::default();
    for row in rows.fetch_all(&stack.pool).await.unwrap() {
        let (lane, all, fences, most): (String, i64, i64, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        assert!(most <= if lane == "mail" { 2 } else { 1 }, "{lane}: a command was claimed, or ended twice");
        assert!(fences >= all, "{lane}: a command has not ended");
        budget = Counted { inserted: budget.inserted + all, updated: budget.updated + fences, deleted: 0 };
    }
    assert!(budget.inserted >= 9, "{budget:?}");
    until("PostgreSQL has counted the way", || async {
        let seen = counted(&stack.pool, "commands").await;
        assert!(seen.inserted <= budget.inserted && seen.updated <= budget.updated, "{seen:?} is over {budget:?}");
        (seen == budget).then_some(())
    })
    .await;
    assert_eq!(counted(&stack.pool, "attempts").await, Counted::default());
    stack.ends_well().await;
}
