//! NATS forgets: stream or consumers deleted, changed, made by somebody else; the store wiped, its tail lost; the server
//! killed or frozen. It costs time and nothing else.

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{self, RetentionPolicy, StorageType};
use futures_util::future::join_all;
use landfall_shared::topology::Topology;
use landfall_tests::journey::Buyer;
use landfall_tests::patience::until;
use landfall_tests::servers::nats::PrivateNats;
use landfall_tests::stack::{Stack, Wishes};
use reqwest::{Method, StatusCode};
use std::time::Duration;

/// Wake-ups that are sent again come from `ensure()` alone: no row is due by itself for so long.
const NEVER: &str = "3600000";

async fn all_settle(buyers: &mut [Buyer]) {
    for seen in join_all(buyers.iter_mut().map(Buyer::settles)).await {
        assert_eq!(seen["action"], "choose_billing_account", "{seen:#}");
    }
}

async fn waits_in_the_stream(stack: &Stack, messages: u64) {
    let jetstream = stack.jetstream().await;
    until("the wake-ups are in the stream", || async {
        let stream = jetstream.get_stream(stack.stream()).await.ok()?;
        (stream.cached_info().state.messages >= messages).then_some(())
    })
    .await;
}

fn consumer(stack: &Stack, step: &str) -> String {
    Topology::new(&stack.prefix).consumer(step)
}

#[tokio::test]
async fn a_stream_or_a_consumer_that_was_deleted_is_made_again() {
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", NEVER).start().await;
    let jetstream = stack.jetstream().await;
    let stream = jetstream.get_stream(stack.stream()).await.unwrap();
    stream.delete_consumer(&consumer(&stack, "verify_purchase")).await.unwrap();
    let mut buyers = stack.who_come_directly(2).await;
    all_settle(&mut buyers).await;

    jetstream.delete_stream(stack.stream()).await.unwrap();
    let mut buyers = stack.who_come_directly(2).await;
    all_settle(&mut buyers).await;
    stack.buyer().goes_the_whole_way("ann").await;
    stack.ends_well().await;
}

#[tokio::test]
async fn settings_that_were_changed_by_hand_are_put_right_at_the_next_look() {
    let mut stack = Stack::start().await;
    let jetstream = stack.jetstream().await;
    all_settle(&mut stack.who_come_directly(1).await).await;
    stack.kill_workers();
    let mut stream = jetstream.get_stream(stack.stream()).await.unwrap();
    let ours = stream.info().await.unwrap().config.clone();
    let narrowed = stream::Config {
        max_messages: 1,
        max_bytes: 1000,
        max_message_size: 8,
        max_age: Duration::from_secs(2),
        no_ack: true,
        ..ours.clone()
    };
    jetstream.update_stream(&narrowed).await.unwrap();
    for step in ["verify_purchase", "renew"] {
        let name = consumer(&stack, step);
        let found = stream.consumer_info(&name).await.unwrap().config;
        let changed = pull::Config {
            durable_name: Some(name),
            filter_subject: found.filter_subject,
            ack_policy: AckPolicy::Explicit,
            ack_wait: Duration::from_secs(1),
            max_ack_pending: 1,
            max_deliver: 2,
            headers_only: true,
            ..pull::Config::default()
        };
        stream.create_consumer(changed).await.unwrap();
    }
    stack.start_workers().await;
    until("the settings are ours again", || async {
        let config = jetstream.get_stream(stack.stream()).await.ok()?.cached_info().config.clone();
        (config == ours).then_some(())
    })
    .await;
    stack.buyer().goes_the_whole_way("ann").await;
    for step in ["verify_purchase", "renew"] {
        let config = stream.consumer_info(consumer(&stack, step)).await.unwrap().config;
        assert_eq!((config.max_deliver, config.max_ack_pending, config.headers_only), (-1, 4096, false));
        assert_eq!(config.ack_wait, landfall_shared::topology::ACK_WAIT);
    }
    stack.ends_well().await;
}

/// A wider stream is left as it is: a newer version may have made it so.
#[tokio::test]
async fn a_stream_that_is_wider_than_ours_is_not_narrowed() {
    let mut stack = Wishes::default().prepare().await;
    let jetstream = stack.jetstream().await;
    let prefix = &stack.prefix;
    let wider = stream::Config {
        name: stack.stream(),
        subjects: vec![format!("{prefix}landfall.command.>"), format!("{prefix}landfall.later.>")],
        retention: RetentionPolicy::WorkQueue,
        discard: stream::DiscardPolicy::New,
        max_bytes: 1 << 30,
        max_age: Duration::from_hours(48),
        ..stream::Config::default()
    };
    jetstream.create_stream(wider).await.unwrap();
    stack.start_api().await;
    stack.start_workers().await;
    stack.buyer().goes_the_whole_way("ann").await;
    let config = jetstream.get_stream(stack.stream()).await.unwrap().cached_info().config.clone();
    assert_eq!((config.max_bytes, config.max_age, config.subjects.len()), (1 << 30, Duration::from_hours(48), 2));
    stack.ends_well().await;
}

/// Somebody made a stream of that name with settings that are for its life.
#[tokio::test]
async fn a_stream_that_cannot_be_put_right_is_made_again() {
    let mut stack = Wishes::default().with("REDISPATCH_AFTER_MS", NEVER).prepare().await;
    let jetstream = stack.jetstream().await;
    let strange = stream::Config {
        name: stack.stream(),
        subjects: vec![format!("{}landfall.command.>", stack.prefix)],
        retention: RetentionPolicy::Limits,
        storage: StorageType::Memory,
        ..stream::Config::default()
    };
    jetstream.create_stream(strange).await.unwrap();
    stack.start_api().await;
    let mut buyers = stack.who_come_directly(2).await;
    stack.start_workers().await;
    all_settle(&mut buyers).await;
    let config = jetstream.get_stream(stack.stream()).await.unwrap().cached_info().config.clone();
    assert_eq!((config.retention, config.storage), (RetentionPolicy::WorkQueue, StorageType::File));
    stack.ends_well().await;
}

#[tokio::test]
async fn a_wiped_store_and_a_lost_tail_are_made_up_for_from_the_rows() {
    let mut nats = PrivateNats::start().await;
    let mut stack = Wishes::default().on_nats(&nats.url).with("REDISPATCH_AFTER_MS", NEVER).start().await;
    stack.buyer().goes_the_whole_way("ann").await;

    // Everything is gone, with three wake-ups in it.
    stack.kill_workers();
    let mut buyers = stack.who_come_directly(3).await;
    waits_in_the_stream(&stack, 3).await;
    nats.kill();
    nats.wipe();
    nats.start_again().await;
    stack.start_workers().await;
    all_settle(&mut buyers).await;

    // The messages are gone, and the consumers remember more than there is: an old server would never deliver anything again.
    nats.kill();
    nats.loses_its_tail();
    nats.start_again().await;
    let mut buyers = stack.who_come_directly(2).await;
    all_settle(&mut buyers).await;
    stack.buyer().goes_the_whole_way("ben").await;
    stack.ends_well().await;
}

/// The tail is lost, and before anybody looks there are as many messages again: the consumer is not ahead of its stream, and
/// yet an old server left one undelivered, below what was acknowledged before.
#[tokio::test]
async fn a_lost_tail_that_has_grown_again_is_seen() {
    let mut nats = PrivateNats::start().await;
    let mut stack = Wishes::default().on_nats(&nats.url).start().await;
    stack.buyer().goes_the_whole_way("ann").await;
    stack.kill_workers();
    nats.kill();
    nats.loses_its_tail();
    nats.start_again().await;
    let jetstream = stack.jetstream().await;
    let subject = Topology::new(&stack.prefix).command("verify_purchase");
    for _ in 0..100 {
        jetstream.publish(subject.clone(), uuid::Uuid::now_v7().to_string().into()).await.unwrap().await.unwrap();
    }
    stack.start_workers().await;
    all_settle(&mut stack.who_come_directly(2).await).await;
    stack.ends_well().await;
}

#[tokio::test]
async fn a_server_that_dies_or_freezes_under_way_stops_nobody_for_good() {
    let mut nats = PrivateNats::start().await;
    let mut stack = Wishes::default().on_nats(&nats.url).start().await;
    let mut buyers = stack.who_come_directly(2).await;
    nats.kill();
    // What is accepted meanwhile waits in its row, and the API is as ready as before.
    buyers.extend(stack.who_come_directly(2).await);
    let ready = reqwest::get(stack.api_url.join("readyz").unwrap()).await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    nats.start_again().await;
    all_settle(&mut buyers).await;

    nats.freeze(true);
    let mut buyers = stack.who_come_directly(3).await;
    nats.freeze(false);
    all_settle(&mut buyers).await;
    let ways = ["ann", "ben"].map(|name| {
        let mut buyer = stack.buyer();
        async move { buyer.goes_the_whole_way(name).await }
    });
    join_all(ways).await;
    stack.ends_well().await;
}

/// Who asks a frozen server waits for it, step by step; what is over by time alone shows within ten seconds all the same.
#[tokio::test]
async fn a_frozen_server_keeps_nothing_that_is_over_from_showing() {
    let nats = PrivateNats::start().await;
    let mut stack = Wishes::default().on_nats(&nats.url).with("REDISPATCH_AFTER_MS", "60000").start().await;
    let [mut ann, mut ben, mut carl] = [stack.buyer(), stack.buyer(), stack.buyer()];
    for (buyer, name) in [(&mut ann, "ann"), (&mut carl, "carl")] {
        buyer.is_known_as(name).await;
        buyer.comes_to_the_choice().await;
    }
    carl.binds_billing_account("carl", "carl@bills.example").await;
    ben.purchases().await;

    nats.freeze(true);
    ben.logs_in_directly().await;
    assert_eq!(carl.asks(Method::POST, "/workspaces/refresh", None).await.status(), StatusCode::ACCEPTED);
    assert_eq!(ann.asks_for_code("registration", "ann@example.com").await.status(), StatusCode::ACCEPTED);
    // Rows of three steps are due, and none of their consumers answers; a second later the code is over.
    sqlx::query("update commands set due_at = now() where state = 'ready'").execute(&stack.pool).await.unwrap();
    let over: time::OffsetDateTime = sqlx::query_scalar(
        "update challenges set expires_at = now() + interval '1 second' where email = 'ann@example.com' returning expires_at",
    )
    .fetch_one(&stack.pool)
    .await
    .unwrap();
    let seen = ann.sees_when("it is over", |seen| seen["verification"]["status"] == "expired").await;
    let shown: time::OffsetDateTime =
        sqlx::query_scalar("select updated_at from activations where id = $1::text::uuid")
            .bind(&ann.activation_id)
            .fetch_one(&stack.pool)
            .await
            .unwrap();
    assert!(shown - over < time::Duration::seconds(10), "{}: {seen:#}", shown - over);

    nats.freeze(false);
    sqlx::query("update commands set due_at = now() where state = 'ready'").execute(&stack.pool).await.unwrap();
    ben.settles().await;
    carl.settles().await;
    stack.ends_well().await;
}

/// Wake-ups of steps that nobody here knows are left for a while, and then taken out; ours are not.
#[tokio::test]
async fn unknown_steps_are_left_for_an_hour_and_then_taken_out() {
    let mut stack = Stack::start().await;
    let jetstream = stack.jetstream().await;
    for step in ["brew_coffee", "brew_coffee", "brew.tea"] {
        let subject = format!("{}landfall.command.{step}", stack.prefix);
        jetstream.publish(subject, "0199".into()).await.unwrap().await.unwrap();
    }
    let topology = Topology::new(&stack.prefix);
    let now: time::OffsetDateTime = sqlx::query_scalar("select now()").fetch_one(&stack.pool).await.unwrap();
    let an_hour = Duration::from_hours(1);
    assert_eq!(topology.take_out_the_unknown(&jetstream, now - an_hour).await.unwrap(), 0, "they are an instant old");
    assert_eq!(topology.take_out_the_unknown(&jetstream, now + an_hour).await.unwrap(), 3);
    stack.buyer().goes_the_whole_way("ann").await;
    stack.ends_well().await;
}
