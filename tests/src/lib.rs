//! The harness: real PostgreSQL, real NATS, the real processes, the sandbox as the outside world, and a buyer who travels.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a harness fails loudly")]
#![expect(missing_docs, reason = "the names are sentences")]

pub mod services;
pub mod leash;
pub mod binaries;
pub mod patience;
pub mod stack;
pub mod journey;
pub mod registering;
pub mod invariants;
