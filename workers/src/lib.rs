//! The workers: they carry commands to whoever must answer them, and settle what came of it.

mod runner;
mod steps;
mod step;
mod verdict;
mod retry;
mod taking;
mod settling;
mod together;
mod importing;
mod in_hand;
mod receiving;
mod due_again;
mod by_time;
mod astray;

mod outside;
mod letters;
pub mod mail;

mod watch;
pub mod process;
