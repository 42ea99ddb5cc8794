//! Work that may panic in a loop that must go on: the turn is given up, and the next one comes.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Does one turn; none if it panicked. Without this its task would be gone, and nobody would notice.
pub async fn caught<T>(what: &'static str, turn: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(turn).catch_unwind().await.ok();
    if done.is_none() {
        metrics::counter!("landfall_panics_total", "in" => what).increment(1);
        tracing::error!("{what} ended in a panic: given up");
    }
    done
}
