//! What the API and the workers both say: the journey's words, its state machine, its commands, and the doors to the outside.

pub mod activation;
pub mod purchase;
pub mod command;
pub mod buyer;
pub mod refusal;

pub mod dispatch;
pub mod topology;
pub mod store;

pub mod marketplace;
pub mod platform;
pub mod answer;
mod encoding;
pub mod signature;
pub mod tls;

pub mod config;
pub mod telemetry;
pub mod keys;
pub mod code;
pub mod seal;
pub mod session;
pub mod idempotency;
pub mod random;
pub mod stopping;
pub mod caught;

pub mod crash;
#[cfg(test)]
mod loopback;
