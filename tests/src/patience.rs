//! Waiting for what another process will do: asked again and again until it is so, for as long as a noisy machine may need.

use std::future::Future;
use std::time::Duration;

/// Longer than anything here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(90);

/// Asks until there is an answer.
pub async fn until<T, Asking: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> Asking) -> T {
    until_within(PATIENCE, what, ask).await
}

/// The same for what takes longer.
pub async fn until_within<T, Asking: Future<Output = Option<T>>>(
    longest: Duration,
    what: &str,
    mut ask: impl FnMut() -> Asking,
) -> T {
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(25));
        loop {
            ticks.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(longest, asking).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}
