//! Stopping: SIGTERM and Ctrl-C ask for it.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled when the process is asked to stop.
#[must_use]
pub fn token() -> CancellationToken {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let stop = stop.clone();
        tokio::spawn(async move {
            match signal(kind) {
                Ok(mut asked) => drop(asked.recv().await),
                Err(error) => tracing::warn!(%error, "a signal cannot be listened for"),
            }
            stop.cancel();
        });
    }
    stop
}
