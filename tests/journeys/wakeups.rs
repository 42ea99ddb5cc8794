//! Wake-ups may be doubled, late, reordered, senseless or lost: that costs time, and nothing else.

use futures_util::future::join_all;
use landfall_tests::meddler::Meddler;
use landfall_tests::patience::until;
use landfall_tests::stack::Stack;

/// How often a command of ours was taken up is no business of the outside: every step of both ways, disturbed as much as can be.
#[tokio::test]
async fn every_wake_up_twice_shuffled_late_and_among_nonsense() {
    let mut stack = Stack::start().await;
    let meddler = Meddler::start(&stack, 7).await;
    let ways = (0..4).map(|number| {
        let mut buyer = stack.buyer();
        async move {
            match number % 2 {
                0 => buyer.goes_the_whole_way(&format!("ann{number}")).await,
                _ => buyer.goes_the_whole_way_registering(&format!("ben{number}")).await,
            }
        }
    });
    join_all(ways).await;
    let heard = meddler.stop();
    assert!(heard >= 4 * 9, "the meddler heard of {heard} wake-ups only");
    let taken_out = stack.metric("landfall_wakeups_senseless_total").await;
    assert!(taken_out > 0.0, "nonsense is counted");
    stack.ends_well().await;
}

/// Whatever is published, somebody takes it out as fast as he can: of each wake-up it is a matter of chance whether it arrives.
#[tokio::test]
async fn every_wake_up_may_be_lost() {
    let mut stack = Stack::start().await;
    let jetstream = stack.jetstream().await;
    let name = stack.stream();
    let purging = tokio::spawn(async move {
        let stream = jetstream.get_stream(name).await.unwrap();
        loop {
            let _ = stream.purge().await;
        }
    });
    let mut buyer = stack.buyer();
    buyer.goes_the_whole_way("ann").await;
    purging.abort();
    until("the purging has ended", || async { purging.is_finished().then_some(()) }).await;
    stack.ends_well().await;
}
