//! The API: a thin layer that accepts, answers what is known, and never calls the marketplace, a platform or the mail server.

pub mod app;
pub mod serving;

mod purchase;
mod login;
mod activation;
mod verification;
mod registration;
mod billing_account;
mod workspace;
mod confirmation;
mod status;
mod pages;
mod operations;

mod access;
mod asked;
mod bad_tokens;
mod deadline;
mod fields;
mod language;
mod object;
mod openapi;
mod problem;
mod session;
mod sites;
mod trace;
mod watch;
mod writing;
