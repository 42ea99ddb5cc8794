//! The journeys: every test goes over the real processes, PostgreSQL, NATS, SMTP and HTTP.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails loudly")]

mod has_billing_account;
mod registration;
mod refusals;
mod interruptions;
mod wakeups;
mod retrying;
mod endings;
mod nats_forgets;
mod nats_full;
mod postgres_dies;
mod panics;
mod clock_jumps;
mod mail_server;

mod spi;
mod imported;
mod login;
mod access;
mod polling;
mod neighbours;
mod deploys;
mod races;
mod operators;

mod pages;
mod corners;
mod rotations;
mod restored;
mod surge;
mod interleavings;
mod typed_entry;
mod idempotency;
mod codes;
mod configuration;
mod outages;
mod budget;
mod wire;
mod openapi;
