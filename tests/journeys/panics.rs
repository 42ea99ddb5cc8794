//! Panics, and commands that end every process that takes them up: a failed attempt like any other, for an operator when there is
//! no end to it, and nobody else's matter.

use futures_util::future::join_all;
use landfall_shared::crash;
use landfall_tests::journey::Buyer;
use landfall_tests::seller::{Seller, announcement};
use landfall_tests::stack::{Stack, Wishes};
use landfall_tests::supervised::{Supervised, Which};
use serde_json::{Value, json};
use sqlx::Row;

/// What became of the attempts that failed, with the code of each problem.
async fn attempts(stack: &Stack) -> Vec<(String, String)> {
    let rows = sqlx::query("select outcome, problem ->> 'code' as code from attempts");
    rows.fetch_all(&stack.pool).await.unwrap().iter().map(|row| (row.get("outcome"), row.get("code"))).collect()
}

/// How often a process has panicked.
fn panics(stack: &Stack) -> usize {
    stack.logs().matches("a test has asked for a panic").count()
}

async fn both_ways(stack: &Stack, name: &str) {
    let (mut ann, mut ben) = (stack.buyer().insisting(), stack.buyer().insisting());
    let (ann_name, ben_name) = (format!("ann{name}"), format!("ben{name}"));
    tokio::join!(ann.goes_the_whole_way(&ann_name), ben.goes_the_whole_way_registering(&ben_name));
}

#[tokio::test]
async fn a_panic_in_a_step_is_an_attempt_that_failed() {
    let mut stack = Wishes::default().with("RETRY_INITIAL_MS", "100").prepare().await;
    stack.start_api().await;
    // Before the effect, and after it: then it is asked for again under the same key.
    for point in ["runner.before_effect", "runner.after_effect"] {
        let (before, every_other) = (panics(&stack), (1..60).step_by(2));
        let at: Vec<String> = every_other.map(|passing| format!("{point}:{passing}")).collect();
        stack.start_workers_with(&[("LANDFALL_PANIC_AT", &at.join(","))]).await;
        both_ways(&stack, point.rsplit_once('.').unwrap().1).await;
        stack.is_sound(&[]).await;
        let so_often = panics(&stack) - before;
        assert!(so_often >= 15, "{point}: only {so_often} attempts panicked");
        let failed = attempts(&stack).await;
        let (retry, internal) = ("retry".to_owned(), "internal".to_owned());
        assert!(failed.iter().all(|it| *it == (retry.clone(), internal.clone())), "{point}: {failed:?}");
        // A buyer whose mail has come may be through before its step is: what becomes of that counts for nothing then.
        let counted = failed.len();
        assert!((panics(&stack) * 3 / 4..=panics(&stack)).contains(&counted), "{point}: {counted} attempts failed");
    }
    stack.ends_well().await;
}

/// Also where nothing of a step runs: whatever loop it is in goes on, and the row comes back.
#[tokio::test]
async fn a_panic_at_any_point_costs_time_only_and_so_does_a_command_that_kills_each_time() {
    let mut stack =
        Wishes::default().with("REDISPATCH_AFTER_MS", "500").with("RETRY_INITIAL_MS", "100").prepare().await;
    let of = |process: &str| {
        let names = crash::POINTS.iter().map(|(name, _)| *name);
        let mine =
            names.filter(|name| name.starts_with("dispatch.before") || name.starts_with("api.") == (process == "api"));
        mine.flat_map(|name| [2, 5].map(|passing| format!("{name}:{passing}"))).collect::<Vec<_>>()
    };
    let (api, workers) = (of("api"), of("workers"));
    stack.start_api_with(&[("LANDFALL_PANIC_AT", &api.join(","))]).await;
    stack.start_workers_with(&[("LANDFALL_PANIC_AT", &workers.join(","))]).await;
    let due = api.len() + workers.len();
    for round in 0..6 {
        both_ways(&stack, &round.to_string()).await;
        stack.is_sound(&[]).await;
        println!("round {round}: {} of {due} panics so far", panics(&stack));
        if panics(&stack) == due {
            break;
        }
    }
    assert_eq!(panics(&stack), due);
    // Rows that are due are still sent out, and nobody waits for a message that nobody acknowledged.
    both_ways(&stack, "afterwards").await;
    stack.is_sound(&[]).await;

    kills_its_process_each_time(&mut stack).await;
    stack.ends_with_dead(&["verify_purchase"]).await;
}

#[tokio::test]
async fn a_panic_over_a_marketplaces_call_is_answered_in_the_marketplaces_form() {
    let mut stack = Wishes::default().by_announcement().prepare().await;
    let at = ["before_commit:1", "after_commit:1", "before_commit:4"].map(|point| format!("api.{point}")).join(",");
    stack.start_api_with(&[("LANDFALL_PANIC_AT", &at)]).await;
    let seller = Seller::of(&stack);
    let (bought, expired) =
        (announcement("1", "400430001"), [("action", "expiredInstance"), ("instanceId", "400430001")]);
    // Nothing of it is kept; then all of it is, and nobody hears so; then it is answered as it was to be.
    for (taken, of_purchases) in [(false, 0_i64), (false, 1), (true, 1)] {
        let answer = seller.calls(&bought).await.is(200);
        let purchases: i64 = sqlx::query_scalar("select count(*) from purchases").fetch_one(&stack.pool).await.unwrap();
        assert_eq!((answer["instanceId"] == "400430001", purchases), (taken, of_purchases), "{answer}");
        assert!(taken || answer["message"].is_string(), "{answer}");
    }
    for success in ["false", "true"] {
        assert_eq!(seller.calls(&expired).await.is(200)["success"], success);
    }
    stack.start_workers().await;
    stack.ends_well().await;
}

/// Asks for the same end at each attempt at a buyer's command.
async fn each_time(stack: &Stack, point: &str, buyer: &Buyer) -> String {
    let id = sqlx::query_scalar::<_, String>(
        "select id::text from commands where activation_id = $1::uuid and state = 'ready'",
    );
    let id = id.bind(&buyer.activation_id).fetch_one(&stack.pool).await.unwrap();
    format!("{point}@{id}:*")
}

fn ended_with_internal(seen: &Value, attempts: i64) {
    let step = seen["steps"].as_array().unwrap().last().unwrap();
    let told = (seen["status"].as_str(), seen["problem"]["code"].as_str(), step["status"].as_str());
    assert_eq!(told, (Some("needs_attention"), Some("internal"), Some("failed")), "{seen:#}");
    assert_eq!(step["attempt"].as_i64(), Some(attempts), "{seen:#}");
}

#[tokio::test]
async fn a_command_that_panics_each_time_ends_with_an_operator_and_holds_up_nobody() {
    let mut stack = Wishes::default().with("RETRY_ATTEMPTS", "5").with("RETRY_INITIAL_MS", "100").prepare().await;
    stack.start_api().await;
    let mut buyers = stack.who_come_directly(4).await;
    let mut doomed = buyers.swap_remove(1);
    let at = each_time(&stack, "runner.before_effect", &doomed).await;
    stack.start_workers_with(&[("LANDFALL_PANIC_AT", &at)]).await;
    for seen in join_all(buyers.iter_mut().map(Buyer::settles)).await {
        assert_eq!(seen["action"], "choose_billing_account", "{seen:#}");
    }
    ended_with_internal(&doomed.settles().await, 5);
    assert_eq!(panics(&stack), 5);
    stack.ends_with_dead(&["verify_purchase"]).await;
}

/// A command that ends every process that takes it up ends with an operator, and holds up nobody: not even those who were in the
/// same hands.
async fn kills_its_process_each_time(stack: &mut Stack) {
    stack.kill_workers();
    stack.set("REDISPATCH_AFTER_MS", "1000");
    let mut buyers = stack.who_come_directly(5).await;
    let mut doomed = buyers.swap_remove(2);
    let at = each_time(stack, "runner.before_effect", &doomed).await;
    // Slow enough to be in the same hands each time that these are cut off, if they come back together.
    stack.fault("marketplace", json!({"kind": "slow", "seconds": 0.3})).await;
    let supervised = Supervised::start(stack, Which::Workers, move |_, _| Some(at.clone()));
    for seen in join_all(buyers.iter_mut().map(Buyer::settles)).await {
        assert_eq!(seen["action"], "choose_billing_account", "{seen:#}");
    }
    println!("{} processes had died when the others were through", supervised.deaths());
    assert!(supervised.deaths() >= 1, "the others were not in the same hands");
    // Nobody waits for two hundred deaths.
    let nearly_spent = "update commands set attempts = 199 where state = 'ready' and activation_id = $1::uuid";
    let nearly_spent = sqlx::query(nearly_spent).bind(&doomed.activation_id).execute(&stack.pool).await.unwrap();
    assert_eq!(nearly_spent.rows_affected(), 1);
    ended_with_internal(&doomed.settles().await, 200);
    stack.buyer().goes_the_whole_way("newcomer").await;
    supervised.stop(stack).await;
}
