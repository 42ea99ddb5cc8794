//! Interruptions: no step is lost or done twice when a process dies by SIGKILL, at whatever point of the order of things.

use std::collections::BTreeSet;
use std::time::Instant;

use landfall_shared::crash;
use landfall_tests::journey::Buyer;
use landfall_tests::operator::Operator;
use landfall_tests::registering::form;
use landfall_tests::stack::{Stack, Wishes};
use landfall_tests::supervised::{Passed, Supervised, Which};
use serde_json::json;

mod soak;

/// A point at which a process can die, and which of its passings ends each life so that the way still goes on.
///
/// At `passing` 2 a life first makes up for the death before, then dies over what comes next: each command, or write, is
/// interrupted once. Where a death leaves nothing to make up for, every life may end at its first passing.
struct Point {
    which: Which,
    name: &'static str,
    passing: Passing,
    /// How often the process dies at least on a whole way: so many commands, writes or wake-ups come by.
    deaths: u32,
}

enum Passing {
    /// Always the same one.
    Always(u32),
    /// The first, the second, the first …: a write whose answer is lost is repeated, and may pass here again.
    InTurns,
    /// A life that ends with a row just read, and one that ends here: it comes by only when something was lost.
    AfterALoss,
}

use Passing::{AfterALoss, Always, InTurns};

static POINTS: [Point; 13] = [
    Point { which: Which::Api, name: "api.before_commit", passing: Always(2), deaths: 7 },
    Point { which: Which::Api, name: "api.after_commit", passing: InTurns, deaths: 7 },
    // While a new life is not connected yet it sends no wake-ups: the rows are due again without them.
    Point { which: Which::Api, name: "dispatch.before_publish", passing: Always(1), deaths: 2 },
    Point { which: Which::Workers, name: "runner.after_receipt", passing: Always(2), deaths: 8 },
    Point { which: Which::Workers, name: "runner.after_load", passing: Always(2), deaths: 8 },
    Point { which: Which::Workers, name: "runner.after_claim", passing: AfterALoss, deaths: 6 },
    Point { which: Which::Workers, name: "runner.before_effect", passing: Always(2), deaths: 8 },
    Point { which: Which::Workers, name: "runner.after_effect", passing: Always(2), deaths: 8 },
    Point { which: Which::Workers, name: "runner.before_settle", passing: Always(2), deaths: 8 },
    Point { which: Which::Workers, name: "runner.after_settle", passing: Always(1), deaths: 9 },
    Point { which: Which::Workers, name: "runner.before_ack", passing: Always(1), deaths: 9 },
    Point { which: Which::Workers, name: "dispatch.after_lease", passing: AfterALoss, deaths: 6 },
    Point { which: Which::Workers, name: "dispatch.before_publish", passing: Always(2), deaths: 2 },
];

impl Point {
    /// The end of a life, by its number. After some in vain it lasts longer: two commands that come by together each time, one
    /// in each lane, would else never get on.
    fn ends(&self, life: u32, in_vain: u32) -> String {
        let (name, longer) = (self.name, if in_vain > 2 { 2 } else { 0 });
        match self.passing {
            Always(1) => format!("{name}:1"),
            Always(passing) => format!("{name}:{}", passing + longer),
            InTurns => format!("{name}:{}", 1 + life % 2),
            AfterALoss if life.is_multiple_of(2) => format!("runner.after_load:{}", 2 + longer),
            // A doubled wake-up can make up for the loss before: then this life is one that loses.
            AfterALoss => format!("{name}:1,runner.after_load:3"),
        }
    }

    /// The end of a life over the first step alone: the first two that come by here die.
    fn ends_twice(&self, life: u32) -> Option<String> {
        let lost_before = u32::from(matches!(self.passing, AfterALoss));
        match life.checked_sub(lost_before) {
            None => Some("runner.after_load".to_owned()),
            Some(0 | 1) => Some(self.name.to_owned()),
            Some(_) => None,
        }
    }
}

/// Landfall with short pauses: what a dead process had in hand comes back soon.
async fn a_stack_that_dies_often() -> Stack {
    Wishes::default().with("REDISPATCH_AFTER_MS", "500").with("RETRY_INITIAL_MS", "100").start().await
}

#[test]
fn every_crash_point_is_interrupted_here() {
    let here: BTreeSet<&str> = POINTS.iter().map(|point| point.name).collect();
    let all: BTreeSet<&str> = crash::POINTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(here, all);
}

#[tokio::test]
async fn the_first_step_survives_sigkill_at_every_crash_point_twice_in_a_row() {
    let mut stack = a_stack_that_dies_often().await;
    for point in &POINTS {
        let (which, name, began) = (point.which, point.name, Instant::now());
        let supervised = Supervised::start(&mut stack, which, move |life, _| point.ends_twice(life));
        // The API sends one wake-up here, and no second one for the same login; none while it is not connected yet.
        let due = if (which, name) == (Which::Api, "dispatch.before_publish") { 1 } else { 2 };
        for _ in 0..20 {
            let mut buyer = stack.buyer().insisting();
            // Then the step writes the purchase, too.
            buyer.purchases_with(json!({"announced": false})).await;
            buyer.logs_in_directly().await;
            let seen = buyer.settles().await;
            assert_eq!(seen["action"], "choose_billing_account", "{name}: {seen:#}");
            stack.is_sound(&[]).await;
            if supervised.deaths() >= due {
                break;
            }
        }
        let deaths = supervised.stop(&mut stack).await;
        println!("the first step: {which:?} died {deaths} times at {name}, {:?}", began.elapsed());
        assert!(deaths >= due, "{which:?} died only {deaths} times at {name}");
    }
    stack.ends_well().await;
}

/// One whole way for each point, on which a process dies at it again and again.
async fn whole_ways_with_deaths_at(points: &'static [Point], way: Way) {
    let mut stack = a_stack_that_dies_often().await;
    for (number, point) in points.iter().enumerate() {
        let (which, name, began) = (point.which, point.name, Instant::now());
        let supervised = Supervised::start(&mut stack, which, move |life, in_vain| Some(point.ends(life, in_vain)));
        let mut buyer = stack.buyer().insisting();
        way.goes(&stack, &mut buyer, &format!("ann{number}")).await;
        stack.is_sound(&[]).await;
        let deaths = supervised.stop(&mut stack).await;
        println!("{way:?}: {which:?} died {deaths} times at {name}, {:?}", began.elapsed());
        // The way that is cancelled has fewer commands.
        let due = if matches!(way, Way::IsCancelled) { point.deaths - point.deaths / 4 } else { point.deaths };
        assert!(deaths >= due, "{which:?} died only {deaths} times at {name}");
    }
    stack.ends_well().await;
}

/// The two ways of the guide, to the release of the instance; and one that an operator ends when something is bound.
#[derive(Debug, Clone, Copy)]
enum Way {
    HasBillingAccount,
    Registers,
    IsCancelled,
}

impl Way {
    async fn goes(self, stack: &Stack, buyer: &mut Buyer, name: &str) {
        match self {
            Self::HasBillingAccount => buyer.goes_the_whole_way(name).await,
            Self::Registers => buyer.goes_the_whole_way_registering(name).await,
            Self::IsCancelled => {
                let email = format!("{name}@example.com");
                buyer.comes_to_the_choice().await;
                buyer.proves_address("registration", &email).await;
                let seen = buyer.registers(&form(name, &email, &format!("Lab of {name}"))).await;
                assert_eq!(seen["action"], "confirm", "{seen:#}");
                let _ = Operator::of(stack).cancels(&buyer.activation_id, "a test").await;
                buyer.sees_steps("unbind_workspace", "succeeded", 1).await;
                return;
            }
        }
        for (said, step) in
            [("upgrade", "upgrade"), ("expire", "suspend"), ("resume", "resume"), ("release", "release")]
        {
            buyer.marketplace_says(said, json!({})).await;
            buyer.sees_steps(step, "succeeded", 1).await;
        }
        assert_eq!(buyer.sees().await["status"], "cancelled");
    }
}

#[tokio::test]
async fn whole_ways_survive_a_death_over_every_command_and_every_write_at_every_point() {
    let (api, workers) = POINTS.split_at(3);
    let (some, others) = workers.split_at(5);
    tokio::join!(
        whole_ways_with_deaths_at(api, Way::HasBillingAccount),
        whole_ways_with_deaths_at(some, Way::HasBillingAccount),
        whole_ways_with_deaths_at(others, Way::HasBillingAccount),
        whole_ways_with_deaths_at(some, Way::Registers),
        whole_ways_with_deaths_at(others, Way::Registers),
        whole_ways_with_deaths_at(workers, Way::IsCancelled),
    );
}

/// A way with something lost at each neighbour, so that every point is passed.
async fn learns_which_points_are_passed() -> (Stack, Passed) {
    let mut stack = Wishes::default().with("RETRY_INITIAL_MS", "100").prepare().await;
    for which in [Which::Api, Which::Workers] {
        let log = Passed::log(&stack, which);
        let log = [("LANDFALL_CRASH_LOG", log.to_str().unwrap())];
        match which {
            Which::Api => stack.start_api_with(&log).await,
            Which::Workers => stack.start_workers_with(&log).await,
        }
    }
    for part in ["marketplace", "billing_center", "console"] {
        stack.fault(part, json!({"kind": "error", "status": 503, "times": 1})).await;
    }
    stack.fault("mail", json!({"kind": "error", "status": 451, "times": 1})).await;
    stack.buyer().goes_the_whole_way("learner").await;
    stack.buyer().goes_the_whole_way_registering("newcomer").await;
    stack.stream_is_empty().await;
    let passed = Passed::read(&stack);
    (stack, passed)
}

#[tokio::test]
async fn every_crash_point_is_passed_on_the_way() {
    let (mut stack, passed) = learns_which_points_are_passed().await;
    for (name, loses) in crash::POINTS {
        println!("{:4} times at {name}: {loses}", passed.times(name));
        assert!(passed.times(name) > 0, "{name} is never passed: it interrupts nothing");
    }
    stack.ends_well().await;
}
