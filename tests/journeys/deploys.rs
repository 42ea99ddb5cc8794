//! Deploys: processes are told to stop under load, old and new ones run side by side, several migrate at once, and clocks are
//! wrong. Nobody is turned away who could have been served, and nothing is lost or waits for a lease to end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use landfall_tests::clocks::{AS_TIME_PASSES, libfaketime};
use landfall_tests::journey::Buyer;
use landfall_tests::leash::Leashed;
use landfall_tests::patience::until;
use landfall_tests::seller::Seller;
use landfall_tests::servers::servers;
use landfall_tests::stack::{Stack, Wishes, ready};
use landfall_tests::supervised::rows_say;
use reqwest::StatusCode;
use serde_json::json;
use url::Url;

/// So long that whoever waits for a lease, or for a wake-up to be sent again, waits in vain.
const NEVER: (&str, &str) = ("REDISPATCH_AFTER_MS", "600000");

/// Several buyers on their way; each asks again when nobody answers.
async fn travel(buyers: &mut [Buyer], name: &str) {
    join_all(buyers.iter_mut().enumerate().map(|(number, buyer)| async move {
        buyer.goes_the_whole_way(&format!("{name}{number}")).await;
    }))
    .await;
}

#[tokio::test]
async fn workers_are_replaced_under_load_again_and_again() {
    let mut stack = Wishes::default().with(NEVER.0, NEVER.1).start().await;
    // Slow enough that there is something in hand whenever they are told to stop.
    for part in ["billing_center", "console"] {
        stack.fault(part, json!({"kind": "slow", "seconds": 0.2})).await;
    }
    for round in 0..4 {
        let mut buyers = [stack.buyer(), stack.buyer(), stack.buyer()];
        let replace = async {
            until("something is in hand", || async {
                let calls = stack.calls("billing_center").await.len();
                (calls > round * 12 + 4).then_some(())
            })
            .await;
            stack.workers().signal("TERM");
            let status = stack.workers().ends().await;
            assert!(status.success(), "{status}");
            stack.start_workers().await;
        };
        let name = format!("r{round}n");
        tokio::join!(travel(&mut buyers, &name), replace);
    }
    let counted = "select coalesce(sum(attempts), 0)::bigint from commands where name <> 'send_verification_code'";
    let attempts: i64 = sqlx::query_scalar(counted).fetch_one(&stack.pool).await.unwrap();
    let done = "select count(*) from commands where name <> 'send_verification_code'";
    let commands: i64 = sqlx::query_scalar(done).fetch_one(&stack.pool).await.unwrap();
    assert_eq!(attempts, commands, "what was in hand was ended, not begun again");
    stack.ends_well().await;
}

/// A Landfall whose mail hangs in the middle, and a buyer who waits for it.
async fn a_mail_that_hangs(wishes: Wishes) -> (Stack, Buyer) {
    let stack = wishes.start().await;
    let mut buyer = stack.buyer();
    buyer.is_known_as("ann").await;
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    buyer.settles().await;
    stack.fault("mail", json!({"kind": "hang", "path": "data"})).await;
    let asked = buyer.asks_for_account_code("ann").await;
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    let held = "select exists (select from commands where lane = 'mail' and hidden and lease_until is not null)";
    rows_say(&stack, "the mail is in hand", held).await;
    (stack, buyer)
}

#[tokio::test]
async fn what_cannot_be_ended_in_time_is_handed_back_at_once() {
    let (mut stack, buyer) = a_mail_that_hangs(Wishes::default().with(NEVER.0, NEVER.1)).await;
    // One that the buyer may see, too: it is shown as running once it has been in hand for a while.
    let mut other = stack.buyer();
    other.comes_to_the_choice().await;
    assert_eq!(other.asks_for_code("registration", "other@example.com").await.status(), StatusCode::ACCEPTED);
    let seen = other.sees_steps("send_verification_code", "running", 1).await;
    stack.workers().signal("TERM");
    let status = stack.workers().ends().await;
    assert!(status.success(), "{status}");
    let back = "select exists (select from commands where lane = 'mail' and hidden and state = 'ready'
                               and lease_until is null and due_at <= now())";
    rows_say(&stack, "the mail is due", back).await;
    let again = other.sees().await;
    assert_eq!(again["steps"].as_array().unwrap().last().unwrap()["status"], "queued", "{again:#}");
    assert!(again["version"].as_i64() > seen["version"].as_i64(), "what shows is a new version");
    stack.heal().await;
    stack.start_workers().await;
    buyer.reads_code("ann@bills.example", 1).await;
    other.reads_code("other@example.com", 1).await;
    stack.ends_well().await;
}

#[tokio::test]
async fn a_second_sigterm_is_a_kill() {
    let (mut stack, buyer) = a_mail_that_hangs(Wishes::default()).await;
    stack.workers().signal("TERM");
    let stopping = stack.workers_url.join("readyz").unwrap();
    until("they say that they stop", || async {
        let answer = reqwest::get(stopping.clone()).await.ok()?;
        (answer.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    stack.workers().signal("TERM");
    let status = stack.workers().ends().await;
    assert_eq!(status.code(), Some(1), "{status}");
    let held = "select exists (select from commands where lane = 'mail' and hidden and lease_until is not null)";
    rows_say(&stack, "nothing was handed back", held).await;
    stack.heal().await;
    stack.start_workers().await;
    buyer.reads_code("ann@bills.example", 1).await;
    stack.ends_well().await;
}

#[tokio::test]
async fn the_api_answers_while_it_stops_and_sends_everybody_elsewhere() {
    let mut stack = Stack::start().await;
    let mut buyer = stack.buyer();
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    let version = buyer.settles().await["version"].clone();
    let held = {
        let poll = buyer.polls().header("prefer", "wait=25").header("if-none-match", format!("\"{version}\""));
        tokio::spawn(poll.send())
    };
    let metrics = stack.api_url.join("metrics").unwrap();
    until("the wait is open", || async {
        let text = reqwest::get(metrics.clone()).await.ok()?.text().await.ok()?;
        text.contains("landfall_open_waits 1").then_some(())
    })
    .await;
    stack.api().signal("TERM");
    let unready = stack.api_url.join("readyz").unwrap();
    until("it says that it stops", || async {
        let answer = reqwest::get(unready.clone()).await.expect("it still answers");
        (answer.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    // Unready, and yet whoever comes is served, and told to come by another connection next time.
    let began = Instant::now();
    let poll = buyer.polls().send().await.expect("it still answers");
    assert_eq!((poll.status(), &poll.headers()["connection"]), (StatusCode::OK, &"close".parse().unwrap()));
    let write = buyer.asks_for_code("registration", "ann@example.com").await;
    assert_eq!(write.status(), StatusCode::ACCEPTED);
    let held = held.await.unwrap().expect("a held poll is answered");
    assert_eq!(held.status(), StatusCode::NOT_MODIFIED, "at once, and not after 25 s: {:?}", began.elapsed());
    let status = stack.api().ends().await;
    assert!(status.success(), "{status}");
    stack.start_api().await;
    buyer.reads_code("ann@example.com", 1).await;
    stack.ends_well().await;
}

/// Asks again and again over connections that are kept, until nobody answers any more; how often it was answered.
async fn polls_until_nobody_answers(poll: reqwest::Request, asked: &AtomicUsize) -> usize {
    let http = reqwest::Client::new();
    let (mut answered, mut sent_away) = (0, false);
    loop {
        match http.execute(poll.try_clone().unwrap()).await {
            Ok(answer) => {
                assert!(!answer.status().is_server_error(), "{}", answer.status());
                sent_away |= answer.headers().get("connection").is_some_and(|connection| connection == "close");
                answered += 1;
                asked.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => {
                assert!(sent_away, "cut off without a warning: {error}");
                return answered;
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_turned_away_by_an_api_that_stops_under_load() {
    let mut stack = Stack::start().await;
    let mut buyer = stack.buyer();
    buyer.purchases().await;
    buyer.logs_in_directly().await;
    buyer.settles().await;
    let asked = AtomicUsize::new(0);
    let polls = join_all((0..6).map(|_| polls_until_nobody_answers(buyer.polls().build().unwrap(), &asked)));
    let stops = async {
        until("they are at it", || async { (asked.load(Ordering::SeqCst) > 60).then_some(()) }).await;
        stack.api().signal("TERM");
        let status = stack.api().ends().await;
        assert!(status.success(), "{status}");
    };
    let (answered, ()) = tokio::join!(polls, stops);
    println!("{answered:?} polls were answered, and none with a 5xx");
    stack.start_api().await;
    stack.ends_well().await;
}

#[tokio::test]
async fn what_a_newer_version_wrote_is_left_alone() {
    let mut stack = Stack::start().await;
    let mut early = stack.buyer();
    let jetstream = stack.jetstream().await;
    let stream = until("the stream is there", || async { jetstream.get_stream(stack.stream()).await.ok() }).await;
    stack.kill_workers();
    early.purchases().await;
    early.logs_in_directly().await;
    // A stage and a step that only a newer version knows, and its worker's consumer.
    let newer = "update activations set state = jsonb_set(state, '{stage,name}', '\"polishing\"')";
    sqlx::query(newer).execute(&stack.pool).await.unwrap();
    let unknown = "insert into commands (id, activation_id, lane, name, key, due_at, input, trace)
                   select gen_random_uuid(), id, 'vendor', 'polish_workspace', gen_random_uuid(), now(), '{}', ''
                   from activations";
    sqlx::query(unknown).execute(&stack.pool).await.unwrap();
    // Ours have to be made again, and what was sent to them is sent again: the newer version's consumer has lost nothing.
    // (They may not have been made yet.)
    let _ = stream.delete_consumer(&format!("{}landfall-verify_purchase", stack.prefix)).await;
    stack.start_workers().await;
    let subject = format!("{}landfall.command.polish_workspace", stack.prefix);
    let settings = async_nats::jetstream::consumer::pull::Config {
        durable_name: Some(format!("{}landfall-polish_workspace", stack.prefix)),
        filter_subject: subject.clone(),
        ..Default::default()
    };
    let consumer = stream.create_consumer(settings).await.unwrap();
    jetstream.publish(subject, "{}".into()).await.unwrap().await.unwrap();

    let mut ann = stack.buyer();
    ann.goes_the_whole_way("ann").await;
    let left = "select count(*) from commands c join activations a on a.id = c.activation_id
                where a.state -> 'stage' ->> 'name' = 'polishing' and c.state = 'ready' and c.attempts = 0 and c.fence = 0";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&stack.pool).await.unwrap();
    assert_eq!(left, 2, "neither is taken, or counted");
    let unknown: (i32, i64) = sqlx::query_as("select dispatches, fence from commands where name = 'polish_workspace'")
        .fetch_one(&stack.pool)
        .await
        .unwrap();
    assert_eq!(unknown, (1, 0), "it is not sent out either");
    let waiting = consumer.get_info().await.unwrap();
    assert_eq!((waiting.num_pending, waiting.num_ack_pending), (1, 0), "its message is nobody else's");

    // The newer version has done its work.
    sqlx::query("delete from commands where name = 'polish_workspace'").execute(&stack.pool).await.unwrap();
    stream.purge().filter(format!("{}landfall.command.polish_workspace", stack.prefix)).await.unwrap();
    let older = "update activations set state = jsonb_set(state, '{stage,name}', '\"purchase\"')
                 where state -> 'stage' ->> 'name' = 'polishing'";
    sqlx::query(older).execute(&stack.pool).await.unwrap();
    let seen = early.settles().await;
    assert_eq!(seen["action"], "choose_billing_account", "{seen:#}");
    stack.ends_well().await;
}

/// Both processes, twice, on a database of their own.
fn four_processes(stack: &Stack, database: &str) -> Vec<(Leashed, Url)> {
    let mut processes = Vec::new();
    for _ in 0..2 {
        processes.push(stack.another_api(&[("DATABASE_URL", database)]));
        processes.push(stack.another_workers(&[("DATABASE_URL", database)]));
    }
    processes
}

#[tokio::test]
async fn several_processes_migrate_at_once_and_none_runs_on_a_newer_schema() {
    let mut stack = Wishes::default().prepare().await;
    let database = servers().await.database(&format!("{}fresh", stack.prefix)).await;
    let processes = four_processes(&stack, &database);
    join_all(processes.iter().map(|(_, url)| ready(url))).await;
    let pool = sqlx::PgPool::connect(&database).await.unwrap();
    let applied: i64 =
        sqlx::query_scalar("select count(*) from _sqlx_migrations where success").fetch_one(&pool).await.unwrap();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations")).unwrap().count();
    assert_eq!(usize::try_from(applied).unwrap(), files);
    drop(processes);

    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (99990101000000, 'of a newer version', true, '', 0)";
    sqlx::query(newer).execute(&pool).await.unwrap();
    for (mut process, _) in four_processes(&stack, &database) {
        assert_eq!(process.ends().await.code(), Some(1));
    }
    let said = stack.logs();
    assert!(said.contains("landfall-api: the database was migrated by a newer version"), "{said}");
    assert!(said.contains("landfall-workers: the database was migrated by a newer version"), "{said}");
    stack.start_api().await;
    stack.start_workers().await;
    stack.ends_well().await;
}

#[tokio::test]
async fn clocks_that_are_wrong_by_an_hour_change_nothing() {
    let mut stack = Wishes::default().prepare().await;
    for (number, (api, workers)) in [("-3600s", "+3600s"), ("+3600s", "-3600s")].into_iter().enumerate() {
        let wrong = |by| [("LD_PRELOAD", libfaketime()), ("FAKETIME", by), AS_TIME_PASSES];
        stack.start_api_with(&wrong(api)).await;
        stack.start_workers_with(&wrong(workers)).await;
        let mut buyers = [stack.buyer(), stack.buyer()];
        let [ann, bob] = &mut buyers;
        let (ann_name, bob_name) = (format!("ann{number}"), format!("bob{number}"));
        tokio::join!(ann.goes_the_whole_way(&ann_name), bob.goes_the_whole_way_registering(&bob_name));
        // The window of a login link is the database's, too.
        let seller = Seller::of(&stack);
        for (age, status) in [(-30, 303), (-290, 303), (-310, 403), (290, 303), (310, 403), (-3600, 403), (3600, 403)] {
            let link = seller.link(&stack.pool, &ann.instance_id, age).await;
            let landed = seller.caller.get(&link).await;
            assert_eq!(landed.status, status, "a link of {age} s: {}", landed.text);
        }
    }
    stack.ends_well().await;
}
