//! Interruptions: no step is lost or done twice when a process dies by SIGKILL, at whatever point of the order of things.

use landfall_tests::stack::{Stack, Wishes};
use landfall_tests::supervised::{Supervised, Which};

/// Where each process can die.
const API_POINTS: [&str; 3] = ["api.before_commit", "api.after_commit", "dispatch.before_publish"];
const WORKERS_POINTS: [&str; 10] = [
    "runner.after_receipt",
    "runner.after_load",
    "runner.after_claim",
    "runner.before_effect",
    "runner.after_effect",
    "runner.before_settle",
    "runner.after_settle",
    "runner.before_ack",
    "dispatch.after_lease",
    "dispatch.before_publish",
];

fn points() -> impl Iterator<Item = (Which, &'static str)> {
    let api = API_POINTS.into_iter().map(|point| (Which::Api, point));
    api.chain(WORKERS_POINTS.into_iter().map(|point| (Which::Workers, point)))
}

/// Landfall with short pauses: what a dead process had in hand comes back soon.
async fn a_stack_that_dies_often() -> Stack {
    let wishes = Wishes::default().with("REDISPATCH_AFTER_MS", "500").with("RETRY_INITIAL_MS", "100");
    wishes.start().await
}

#[tokio::test]
async fn the_first_step_survives_sigkill_at_every_crash_point_twice_in_a_row() {
    let mut stack = a_stack_that_dies_often().await;
    for (which, point) in points() {
        let began = std::time::Instant::now();
        let supervised = Supervised::start(&mut stack, which, move |life| {
            // A first delivery is not claimed, and nothing is due again, before something has gone wrong.
            let needs_a_loss = ["runner.after_claim", "dispatch.after_lease"].contains(&point);
            match (life, needs_a_loss) {
                (0, true) => Some("runner.after_load".to_owned()),
                (1, _) | (0, false) => Some(point.to_owned()),
                (2, true) => Some(point.to_owned()),
                _ => None,
            }
        });
        let mut buyer = stack.buyer().insisting();
        buyer.purchases().await;
        buyer.logs_in_directly().await;
        let seen = buyer.settles().await;
        assert_eq!(seen["action"], "choose_billing_account", "{point}: {seen:#}");
        stack.is_sound(&[]).await;
        let deaths = supervised.stop(&mut stack).await;
        println!("{which:?} died {deaths} times at {point} {:?}", began.elapsed());
        // The API sends one wake-up here, and no second one for the same login.
        let due = if (which, point) == (Which::Api, "dispatch.before_publish") { 1 } else { 2 };
        assert!(deaths >= due, "{which:?} passed {point} too seldom: it died {deaths} times");
    }
    stack.ends_well().await;
}
