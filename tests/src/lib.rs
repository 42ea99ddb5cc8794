//! The harness: real PostgreSQL, real NATS, the real processes, the sandbox as the outside world, and a buyer who travels.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a harness fails loudly"
)]
#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "every function of a harness may panic, and a test says what it uses"
)]
#![expect(missing_docs, reason = "the names are sentences")]

pub mod servers;
pub mod leash;
pub mod binaries;
pub mod patience;
pub mod chance;
pub mod stack;
pub mod journey;
pub mod registering;
pub mod whole_way;
pub mod entrusted;
pub mod history;
pub mod supervised;
pub mod meddler;
pub mod caller;
pub mod events;
pub mod seller;
pub mod operator;
pub mod doors;
pub mod proxy;
pub mod clocks;
pub mod links;
pub mod soak;
pub mod ledger;
pub mod invariants;
pub mod browser;
pub mod visitor;
pub mod looks;
pub mod overheard;
