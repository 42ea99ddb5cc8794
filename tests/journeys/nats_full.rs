//! JetStream has no room: what is accepted waits in its row, wake-ups that are not taken are counted, and work goes on by itself
//! once there is room.

use futures_util::future::join_all;
use landfall_tests::caller::Caller;
use landfall_tests::journey::Buyer;
use landfall_tests::patience::until;
use landfall_tests::servers::nats::PrivateNats;
use landfall_tests::stack::{Stack, Wishes};

/// Buyers whose first command is accepted although nobody can be woken up for it.
async fn are_accepted(stack: &Stack, buyers: usize) -> Vec<Buyer> {
    let mut waiting = Vec::new();
    for _ in 0..buyers {
        let mut buyer = stack.buyer();
        buyer.purchases().await;
        buyer.logs_in_directly().await;
        assert_eq!(buyer.sees().await["status"], "running");
        waiting.push(buyer);
    }
    assert_eq!(Caller::new(&stack.api_url).get("readyz").await.status, 200);
    waiting
}

async fn all_settle(buyers: &mut [Buyer]) {
    for seen in join_all(buyers.iter_mut().map(Buyer::settles)).await {
        assert_eq!(seen["action"], "choose_billing_account", "{seen:#}");
    }
}

async fn ready_rows(stack: &Stack) -> i64 {
    let ready = "select count(*) from commands where state = 'ready' and attempts = 0";
    sqlx::query_scalar(ready).fetch_one(&stack.pool).await.unwrap()
}

/// Waits until more wake-ups were lost by a process than that.
async fn lost_more_than(process: &url::Url, before: f64) {
    until("wake-ups are counted as lost", || async { (lost(process).await > before).then_some(()) }).await;
}

async fn lost(process: &url::Url) -> f64 {
    let text = Caller::new(process).get("metrics").await.text;
    let value = text.lines().find_map(|line| line.strip_prefix("landfall_wakeups_lost_total "));
    value.map_or(0.0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn a_stream_that_is_full_loses_wake_ups_and_no_work() {
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", "1000").start().await;
    stack.buyer().goes_the_whole_way("ann").await;
    let jetstream = stack.jetstream().await;
    let mut stream = jetstream.get_stream(stack.stream()).await.unwrap();
    let narrow =
        async_nats::jetstream::stream::Config { max_bytes: 64 << 10, ..stream.info().await.unwrap().config.clone() };
    jetstream.update_stream(&narrow).await.unwrap();
    // Somebody sends what nobody takes out.
    let junk = format!("{}landfall.command.brew_coffee", stack.prefix);
    for size in [1000, 1] {
        while jetstream.publish(junk.clone(), vec![b'x'; size].into()).await.unwrap().await.is_ok() {}
    }

    let (by_api, by_workers) = (lost(&stack.api_url).await, lost(&stack.workers_url).await);
    let mut buyers = are_accepted(&stack, 3).await;
    lost_more_than(&stack.api_url, by_api).await;
    // Their rows are due again and again, and each time nobody hears of it.
    lost_more_than(&stack.workers_url, by_workers + 6.0).await;
    assert_eq!(ready_rows(&stack).await, 3);

    stream.purge().filter(junk).await.unwrap();
    all_settle(&mut buyers).await;
    stack.buyer().goes_the_whole_way("ben").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn a_server_without_room_for_the_stream_is_waited_for() {
    let mut nats = PrivateNats::start_with_room("1MB").await;
    let mut stack = Wishes::default().on_nats(&nats.url).start().await;
    let mut buyers = are_accepted(&stack, 2).await;
    lost_more_than(&stack.api_url, 0.0).await;
    assert_eq!(ready_rows(&stack).await, 2);
    assert!(stack.logs().contains("wake-ups cannot be received yet"));
    nats.kill();
    nats.gets_room();
    nats.start_again().await;
    all_settle(&mut buyers).await;
    stack.buyer().goes_the_whole_way("ann").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn a_full_disk_loses_wake_ups_and_no_work() {
    let mut nats = PrivateNats::start_on_a_disk_of_its_own().await;
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", "1000").on_nats(&nats.url).start().await;
    stack.buyer().goes_the_whole_way("ann").await;
    nats.disk().fill();
    // What the last pages of its files still held is taken; then nothing is.
    let jetstream = stack.jetstream().await;
    let junk = format!("{}landfall.command.brew_coffee", stack.prefix);
    while jetstream.publish(junk.clone(), vec![b'x'; 1000].into()).await.unwrap().await.is_ok() {}

    let (by_api, by_workers) = (lost(&stack.api_url).await, lost(&stack.workers_url).await);
    let mut buyers = are_accepted(&stack, 3).await;
    lost_more_than(&stack.api_url, by_api).await;
    lost_more_than(&stack.workers_url, by_workers).await;
    assert_eq!(ready_rows(&stack).await, 3);

    // An old server never recovers by itself from this: whoever makes room restarts it.
    nats.disk().make_room();
    nats.kill();
    nats.start_again().await;
    all_settle(&mut buyers).await;
    let jetstream = stack.jetstream().await;
    let stream = jetstream.get_stream(stack.stream()).await.unwrap();
    stream.purge().filter(junk).await.unwrap();
    stack.buyer().goes_the_whole_way("ben").await;
    stack.ends_well().await;
}
