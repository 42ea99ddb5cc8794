//! The ledger under random interleavings: workers that crash, freeze, take twice and settle late, buyers who act and a marketplace
//! that speaks in between, all over the real tables. Whatever the order, the rows are what the pure state machine makes of some
//! order of the same outcomes, nothing is lost, and no two writers wait for each other for ever.

use landfall_tests::ledger::{Ledger, Move};
use landfall_tests::{history, servers, soak};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// How far each activation has come when the moves begin, and the moves.
fn plans() -> impl Strategy<Value = ([usize; 4], Vec<Move>)> {
    let worker = 0..3_usize;
    let which = any::<usize>();
    let one = prop_oneof![
        6 => (worker.clone(), which, any::<bool>()).prop_map(|(worker, message, twice)| Move::Take { worker, message, twice }),
        6 => (worker.clone(), 0..12_u8).prop_map(|(worker, outcome)| Move::Settle { worker, outcome }),
        2 => any::<u64>().prop_map(Move::AtOnce),
        1 => worker.prop_map(Move::Crash),
        2 => Just(Move::TimePasses),
        2 => which.prop_map(Move::BuyerActs),
        2 => (which, 0..9_u8).prop_map(|(instance, notice)| Move::MarketplaceSays { instance, notice }),
        1 => which.prop_map(Move::OperatorCancels),
        1 => which.prop_map(Move::OperatorRetries),
    ];
    (prop::array::uniform4(0..8_usize), proptest::collection::vec(one, 10..80))
}

#[test]
fn every_interleaving_is_some_order_of_the_state_machine() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let pool = runtime.block_on(async {
        let url = servers::servers().await.database(&format!("interleavings{}", std::process::id())).await;
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        history::watch(&pool).await;
        pool
    });
    let (seed, cases) = (soak::seed_or(1), if soak::is_long() { 1_000 } else { 60 });
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let totals = std::cell::RefCell::new(std::collections::BTreeMap::<&'static str, usize>::new());
    let began = std::time::Instant::now();
    let tried = runner.run(&plans(), |(started, moves)| {
        let ledger = runtime.block_on(async {
            let mut ledger = Ledger::open(&pool).await;
            for (activation, steps) in started.into_iter().enumerate() {
                ledger.advances(activation, steps).await?;
            }
            for one in &moves {
                ledger.makes(one).await?;
            }
            ledger.drains().await?;
            ledger.is_sound().await?;
            Ok::<_, String>(ledger)
        });
        let ledger = ledger.map_err(TestCaseError::fail)?;
        for (what, times) in ledger.counted() {
            *totals.borrow_mut().entry(what).or_default() += times;
        }
        Ok(())
    });
    println!("{cases} interleavings in {:?}: {:?}", began.elapsed(), totals.borrow());
    tried.unwrap();
    for (what, times) in totals.borrow().iter() {
        assert!(*times > 0, "never happened: {what}");
    }
    runtime.block_on(history::never_went_back(&pool));
}
