//! A surge: many buyers want a workspace at once from a console that is slow. They get it one after the other, everybody else goes
//! on, nothing grows without bounds, and nobody asks again and again.

use futures_util::StreamExt;
use futures_util::stream;
use landfall_tests::journey::Buyer;
use landfall_tests::patience::until_within;
use landfall_tests::soak;
use landfall_tests::stack::Wishes;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::{Duration, Instant};

/// Buyers who come at the same time.
const AT_ONCE: usize = 16;
/// What a process may ever have had in memory, in MiB: far below what it would take to hold a backlog.
const MEMORY: u64 = 400;
/// The console takes so long for everybody, in seconds, at the default concurrency.
const FOR_ALL: f64 = 8.0;

#[tokio::test]
async fn a_surge_at_a_slow_console_holds_up_nobody_else() {
    let buyers = if soak::is_long() { 2_000 } else { 80 };
    // The production values of what decides how often a wake-up is repeated.
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", "5000").unwatched().start().await;
    let began = Instant::now();
    let waiting: Vec<(Buyer, String)> = stream::iter(0..buyers)
        .map(|number| {
            let mut buyer = stack.buyer();
            async move {
                let name = format!("n{number}");
                buyer.is_known_as(&name).await;
                buyer.purchases().await;
                buyer.logs_in_directly().await;
                buyer.settles().await;
                let seen = buyer.binds_billing_account(&name, &format!("{name}@bills.example")).await;
                assert_eq!(seen["action"], "choose_workspace", "{seen:#}");
                let address = format!("{name}@example.com");
                buyer.proves_address("workspace_owner", &address).await;
                (buyer, address)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    println!("{buyers} buyers stand at the workspace after {:?}", began.elapsed());

    let each = (FOR_ALL * 32.0 / f64::from(u32::try_from(buyers).unwrap())).max(0.2);
    stack.fault("console", json!({"kind": "slow", "seconds": each, "path": "POST /workspaces"})).await;
    let began = Instant::now();
    stream::iter(&waiting)
        .for_each_concurrent(AT_ONCE, |(buyer, address)| async move {
            let create = json!({"create": {"name": format!("Lab {}", buyer.instance_id), "language": "en", "site": "cn",
                                           "terms_accepted": true, "owner": {"email": address}}});
            let asked = buyer.asks(Method::POST, "/workspace", Some(create)).await;
            assert_eq!(asked.status(), StatusCode::ACCEPTED, "{}", asked.text().await.unwrap());
        })
        .await;
    // A newcomer, whose steps are others, does not stand behind them.
    let mut newcomer = stack.buyer();
    newcomer.is_known_as("newcomer").await;
    newcomer.purchases().await;
    newcomer.logs_in_directly().await;
    newcomer.settles().await;
    let seen = newcomer.binds_billing_account("newcomer", "newcomer@bills.example").await;
    assert_eq!(seen["action"], "choose_workspace", "{seen:#}");
    let backlog = "select count(*) from commands where name = 'create_workspace' and state = 'ready'";
    let backlog: i64 = sqlx::query_scalar(backlog).fetch_one(&stack.pool).await.unwrap();
    assert!(backlog > 0, "the surge was over before anybody else came");
    println!("a newcomer went by {backlog} of them after {:?}", began.elapsed());

    until_within(Duration::from_mins(10), "all have a workspace", || async {
        let bound = "select count(*) from activations where stage = 'confirmation'";
        let bound: i64 = sqlx::query_scalar(bound).fetch_one(&stack.pool).await.ok()?;
        (usize::try_from(bound).ok()? == buyers).then_some(())
    })
    .await;
    println!("all {buyers} have one after {:?}", began.elapsed());
    stack.heal().await;

    let (commands, attempts): (i64, i64) =
        sqlx::query_as("select count(*), sum(attempts)::bigint from commands").fetch_one(&stack.pool).await.unwrap();
    let stream = stack.jetstream().await.get_stream(stack.stream()).await.unwrap();
    let sent = stream.cached_info().state.last_sequence;
    println!("{commands} commands, {attempts} attempts, {sent} wake-ups");
    assert_eq!(attempts, commands, "nothing was begun twice");
    assert!(sent < u64::try_from(commands).unwrap() * 5 / 4, "{sent} wake-ups for {commands} commands");
    for (name, pid) in [("the API", stack.api().pid()), ("the workers", stack.workers().pid())] {
        let most = most_memory(pid);
        println!("{name} had {most} MiB at most");
        assert!(most < MEMORY, "{name} had {most} MiB");
    }
    stack.ends_well().await;
}

/// The most memory that a process ever had (`VmHWM`), in MiB.
fn most_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}
