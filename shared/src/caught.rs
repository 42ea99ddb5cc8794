//! Work that may panic where something must go on: a turn of a loop is given up and the next one comes; a task that everything
//! rests on takes its process with it.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::task::JoinHandle;

/// Does one turn; none if it panicked. Without this its task would be gone, and nobody would notice.
pub async fn caught<T>(what: &'static str, turn: impl Future<Output = T>) -> Option<T> {
    let done = AssertUnwindSafe(turn).catch_unwind().await.ok();
    if done.is_none() {
        metrics::counter!("landfall_panics_total", "in" => what).increment(1);
        tracing::error!("{what} ended in a panic: given up");
    }
    done
}

/// Starts a task that lives as long as its process. If it panics the process ends, and whoever restarts it loses time and nothing
/// else: without this the process would go on, and look well, without it.
pub fn for_life(what: &'static str, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        if caught(what, task).await.is_none() {
            tracing::error!("without it nothing is done well: the process ends");
            std::process::abort();
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_turn_that_panics_is_given_up() {
        assert_eq!(caught("a test", async { panic!("as a test has asked") }).await, None::<()>);
        assert_eq!(caught("a test", async { 1 }).await, Some(1));
    }

    #[tokio::test]
    #[ignore = "it ends its process: the next test starts it in one of its own"]
    async fn a_task_for_life_panics() {
        let _ = for_life("a test", async { panic!("as a test has asked") }).await;
    }

    #[test]
    fn a_task_for_life_that_panics_takes_its_process_with_it() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "caught::tests::a_task_for_life_panics"]);
        let ended = child.output().unwrap();
        assert_eq!(ended.status.signal(), Some(6), "{ended:?}");
    }
}
