//! The outside world as one process: starts `landfall_sandbox` with what the environment says.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let config = match landfall_sandbox::config::Config::from_command_line() {
        Ok(config) => config,
        Err(problem) => {
            eprintln!("landfall-sandbox: {problem}");
            return ExitCode::FAILURE;
        }
    };
    match landfall_sandbox::app::run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("landfall-sandbox: {problem}");
            ExitCode::FAILURE
        }
    }
}
