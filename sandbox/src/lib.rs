//! The outside world that Landfall talks to: a marketplace, the vendor's Billing Center and console, and a mail server.

pub mod config;
pub mod app;
pub mod serve;
pub mod clock;
pub mod part;
pub mod faults;
pub mod calls;
pub mod signed;
pub mod answer;
pub mod invent;
pub mod password;
pub mod cookie;
pub mod marketplace;
pub mod billing_center;
pub mod console;
pub mod mail;
pub mod control;
pub mod pages;
