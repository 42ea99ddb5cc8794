//! The outside world of a test: what was asked of it, and the faults that are switched on.

use super::Stack;
use crate::patience::until;

impl Stack {
    /// Starts the outside world again, with another value of one of its variables.
    pub async fn restart_sandbox_with(&mut self, name: &str, value: &str) {
        self.sandbox = None;
        self.outside.variables.insert(name.to_owned(), value.to_owned());
        self.sandbox = Some(self.outside.spawn(&[]));
        let url = self.sandbox_url.join("sandbox/mails").unwrap();
        until("the sandbox answers", || async { reqwest::get(url.clone()).await.ok() }).await;
    }

    /// How many calls of one kind the outside world has seen take effect.
    pub async fn effects(&self, part: &str, method: &str, path: &str) -> usize {
        let calls = self.calls(part).await;
        let took_effect = |call: &&serde_json::Value| {
            call["method"] == method
                && call["effect"] == true
                && call["path"].as_str().is_some_and(|at| at.contains(path))
        };
        calls.iter().filter(took_effect).count()
    }

    /// What was asked of a part of the outside world.
    pub async fn calls(&self, part: &str) -> Vec<serde_json::Value> {
        let url = self.sandbox_url.join(&format!("sandbox/calls?part={part}")).unwrap();
        let answer: serde_json::Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        answer["calls"].as_array().cloned().unwrap_or_default()
    }

    /// Switches a fault on.
    pub async fn fault(&self, part: &str, fault: serde_json::Value) {
        let url = self.sandbox_url.join(&format!("sandbox/faults/{part}")).unwrap();
        let answer = reqwest::Client::new().put(url).json(&fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Switches all faults off.
    pub async fn heal(&self) {
        let url = self.sandbox_url.join("sandbox/faults").unwrap();
        assert!(reqwest::Client::new().delete(url).send().await.unwrap().status().is_success());
    }
}
