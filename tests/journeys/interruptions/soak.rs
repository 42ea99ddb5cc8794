//! The long run (`./dev test --soak`): a death at every single passing of every point, in an order that a seed decides.

use std::time::Instant;

use landfall_tests::chance::Chance;
use landfall_tests::soak::{self, Soak};
use landfall_tests::supervised::{Supervised, Which};

use super::{Way, a_stack_that_dies_often, learns_which_points_are_passed};

#[tokio::test]
async fn a_death_at_every_single_passing() {
    let Some(Soak { seed, longest }) = soak::asked() else { return };
    let (mut learned, passed) = learns_which_points_are_passed().await;
    learned.ends_well().await;
    let every =
        passed.0.iter().flat_map(|((which, point), times)| (1..=*times).map(move |n| (*which, point.clone(), n)));
    let mut every: Vec<(Which, String, u32)> = every.collect();
    Chance::seeded(seed).shuffle(&mut every);
    let (began, all) = (Instant::now(), every.len());
    let mut stack = a_stack_that_dies_often().await;
    let (mut done, mut died) = (0, 0);
    for (number, (which, point, n)) in every.into_iter().enumerate() {
        if began.elapsed() > longest {
            break;
        }
        let at = format!("{point}:{n}");
        let supervised = Supervised::start(&mut stack, which, move |life, _| (life == 0).then(|| at.clone()));
        let mut buyer = stack.buyer().insisting();
        // An operator asks once: the API must live.
        let ways: &[Way] = match which {
            Which::Api => &[Way::HasBillingAccount, Way::Registers],
            Which::Workers => &[Way::HasBillingAccount, Way::Registers, Way::IsCancelled],
        };
        let way = ways[number % ways.len()];
        way.goes(&stack, &mut buyer, &format!("soaked{number}")).await;
        stack.is_sound(&[]).await;
        let deaths = supervised.stop(&mut stack).await;
        println!("{which:?} at {point}:{n}: {}", if deaths > 0 { "died" } else { "did not come by so often" });
        (done, died) = (done + 1, died + deaths);
    }
    println!("seed {seed}: {done} of {all} passings tried, {died} deaths, in {:?}", began.elapsed());
    assert!(died > 0, "nothing died");
    stack.ends_well().await;
}
