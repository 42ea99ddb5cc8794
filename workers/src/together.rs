//! Whatever waits is taken together: one small task drains its channel and does the batch at once. A lone item never waits.

use std::future::Future;

use landfall_shared::caught::caught;
use tokio::sync::{mpsc, oneshot};

/// The most that is done at once.
const AT_ONCE: usize = 256;

/// A door at which single askers become a batch.
pub struct Together<Ask, Answer> {
    queue: mpsc::Sender<(Ask, oneshot::Sender<Answer>)>,
}

impl<Ask, Answer> Clone for Together<Ask, Answer> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<Ask: Send + 'static, Answer: Send + 'static> Together<Ask, Answer> {
    /// Starts the task; `work` answers a batch in its order.
    pub fn start<Work, Working>(work: Work) -> Self
    where
        Work: Fn(Vec<Ask>) -> Working + Send + 'static,
        Working: Future<Output = Vec<Answer>> + Send,
    {
        let (queue, mut waiting) = mpsc::channel::<(Ask, oneshot::Sender<Answer>)>(AT_ONCE);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(AT_ONCE);
            while waiting.recv_many(&mut batch, AT_ONCE).await > 0 {
                let (asks, askers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                // A batch that panics is given up; the task goes on, or nothing would ever be answered here again.
                let Some(answers) = caught("a batch", work(asks)).await else { continue };
                for (answer, asker) in answers.into_iter().zip(askers) {
                    let _ = asker.send(answer);
                }
            }
        });
        Self { queue }
    }

    /// Asks, and waits for the answer; none if the batch was given up.
    pub async fn ask(&self, ask: Ask) -> Option<Answer> {
        let (asker, answer) = oneshot::channel();
        self.queue.send((ask, asker)).await.ok()?;
        answer.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::join_all;
    use tokio::sync::{Mutex, Notify};

    use super::*;

    /// The sizes of the batches so far.
    type Sizes = Arc<Mutex<Vec<usize>>>;

    /// A door whose first batch waits until it is let go on.
    fn door() -> (Together<u32, u32>, Arc<Notify>, Sizes) {
        let (go_on, sizes) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
        let (waits, noted) = (Arc::clone(&go_on), Arc::clone(&sizes));
        let together = Together::start(move |asks: Vec<u32>| {
            let (waits, noted) = (Arc::clone(&waits), Arc::clone(&noted));
            async move {
                let mut sizes = noted.lock().await;
                sizes.push(asks.len());
                if sizes.len() == 1 {
                    waits.notified().await;
                }
                assert!(!asks.contains(&1300), "a batch that panics");
                asks.into_iter().map(|ask| ask * 2).collect()
            }
        });
        (together, go_on, sizes)
    }

    #[tokio::test]
    async fn a_lone_item_goes_at_once_and_what_waits_meanwhile_goes_together() {
        let (together, go_on, sizes) = door();
        let first = tokio::spawn({
            let together = together.clone();
            async move { together.ask(1).await }
        });
        while sizes.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        let rest = join_all((2..=200).map(|ask| together.ask(ask)));
        let (rest, ()) = tokio::join!(rest, async {
            tokio::task::yield_now().await;
            go_on.notify_one();
        });
        assert_eq!(first.await.unwrap(), Some(2));
        assert_eq!(rest.into_iter().flatten().collect::<Vec<_>>(), (2..=200).map(|ask| ask * 2).collect::<Vec<_>>());
        assert_eq!(*sizes.lock().await, [1, 199]);
    }

    #[tokio::test]
    async fn a_batch_that_panics_takes_nothing_else_with_it() {
        let (together, go_on, _) = door();
        go_on.notify_one();
        assert_eq!(together.ask(1300).await, None);
        assert_eq!(together.ask(4).await, Some(8));
    }
}
