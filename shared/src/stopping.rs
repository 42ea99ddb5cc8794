//! Stopping: SIGTERM and Ctrl-C ask for it.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled when the process is asked to stop. Asked once more, it ends there and then: what it had in hand
/// comes back as it does after a kill.
#[must_use]
pub fn token() -> CancellationToken {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let stop = stop.clone();
        tokio::spawn(async move {
            match signal(kind) {
                Ok(mut asked) => {
                    while asked.recv().await.is_some() {
                        if stop.is_cancelled() {
                            tracing::warn!("asked to stop once more: ending at once");
                            std::process::exit(1);
                        }
                        stop.cancel();
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a signal cannot be listened for");
                    stop.cancel();
                }
            }
        });
    }
    stop
}
