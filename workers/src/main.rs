//! `landfall-workers`: reads its configuration and works until it is told to stop.

use std::process::ExitCode;

use clap::Parser;
use landfall_shared::config::{self, UsedBy};

/// Carries commands: asks the marketplace, mails codes, creates and binds at the vendor's platforms, with retries.
#[derive(Parser)]
#[command(version, about, after_help = config::help(UsedBy::Workers))]
struct Arguments {}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments {} = Arguments::parse();
    match landfall_workers::process::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("landfall-workers: {error}");
            ExitCode::FAILURE
        }
    }
}
