//! Whatever waits is taken together: one small task drains its channel and does the batch at once. A lone item never waits.

use std::future::Future;

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
                for (answer, asker) in work(asks).await.into_iter().zip(askers) {
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
