//! What a buyer sees of her activation, now or when it has come to something.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::Buyer;
use crate::patience::until;

impl Buyer {
    /// A poll of the activation, to be sent as the test likes.
    pub fn polls(&self) -> reqwest::RequestBuilder {
        let url = self.api.join(&format!("v1/activations/{}", self.activation_id)).unwrap();
        self.http.get(url).header("cookie", self.session.clone().unwrap_or_default())
    }

    /// A poll by a page token alone.
    pub fn polls_with_token(&self, token: &str) -> reqwest::RequestBuilder {
        let url = self.api.join(&format!("v1/activations/{}", self.activation_id)).unwrap();
        self.http.get(url).header("authorization", format!("Bearer {token}"))
    }

    /// The activation as it is polled.
    pub async fn sees(&mut self) -> Value {
        let answer = self.asks(Method::GET, "", None).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        let seen: Value = answer.json().await.unwrap();
        self.notices(&seen);
        seen
    }

    /// Waits until nothing of the journey is in hand, by the long poll that pages use.
    pub async fn settles(&mut self) -> Value {
        self.sees_when("the activation settles", |seen| {
            !["running", "retrying"].contains(&seen["status"].as_str().unwrap())
        })
        .await
    }

    /// Waits until the activation is as described.
    pub async fn sees_when(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let api = self.api.join(&format!("v1/activations/{}", self.activation_id)).unwrap();
        let session = self.session.clone().unwrap_or_default();
        let http = self.http.clone();
        let is = &is;
        let known = std::cell::Cell::new(None::<i64>);
        let known = &known;
        let seen = until(what, || {
            let mut request = http.get(api.clone()).header("cookie", &session).header("prefer", "wait=5");
            if let Some(version) = known.get() {
                request = request.header("if-none-match", format!("\"{version}\""));
            } else {
                request = http.get(api.clone()).header("cookie", &session);
            }
            async move {
                let answer = request.send().await.ok()?;
                if answer.status() != StatusCode::OK {
                    return None;
                }
                let seen: Value = answer.json().await.ok()?;
                known.set(seen["version"].as_i64());
                is(&seen).then_some(seen)
            }
        })
        .await;
        self.notices(&seen);
        seen
    }

    /// Waits until so many steps of a name have come to this status.
    pub async fn sees_steps(&mut self, name: &str, status: &str, times: usize) -> Value {
        self.sees_when(&format!("{times} {name} {status}"), |seen| {
            let steps = seen["steps"].as_array().unwrap();
            steps.iter().filter(|step| step["name"] == name && step["status"] == status).count() >= times
        })
        .await
    }

    /// Of one activation the version never falls, and what shows under one version is one document (contract §4).
    fn notices(&mut self, seen: &Value) {
        let before = std::mem::replace(&mut self.seen, seen.clone());
        if before["id"] != seen["id"] {
            return;
        }
        let (earlier, version) = (before["version"].as_i64().unwrap(), seen["version"].as_i64().unwrap());
        assert!(version >= earlier, "version fell from {earlier} to {version}");
        assert!(version > earlier || before == *seen, "two documents of one version: {before:#} and {seen:#}");
    }
}
