//! What a buyer's browser asks of the API and of the outside world, and keeps of the answers.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::Buyer;
use crate::entrusted;
use crate::patience::until;

/// The first request under this key still runs, in a connection whose end the API has not noticed.
fn is_in_flight(answer: &Response) -> bool {
    answer.status() == StatusCode::CONFLICT && answer.headers().contains_key("retry-after")
}

impl Buyer {
    pub(super) async fn api_answers(&self) {
        let alive = self.api.join("healthz").unwrap();
        until("the API answers again", || async { self.http.get(alive.clone()).send().await.ok() }).await;
    }

    pub(super) fn keep_session(&mut self, answer: &Response) {
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            if let Some(value) = cookie.strip_prefix("landfall_session=") {
                entrusted::secret(&self.api, value);
                self.session = Some(cookie.to_owned());
            }
        }
    }

    /// Asks the API, with the session if there is one.
    pub async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let mut request = self.http.request(method.clone(), self.api.join(path).unwrap());
        if let Some(session) = &self.session {
            request = request.header("cookie", session);
        }
        if let Some(language) = self.language {
            request = request.header("accept-language", language);
        }
        if let Some(body) = body {
            entrusted::body(&self.api, &body);
            request = request.json(&body);
        }
        if !self.insists {
            return self.noted(request.send().await.unwrap()).await;
        }
        if method == Method::POST {
            request = request.header("idempotency-key", uuid::Uuid::new_v4().to_string());
        }
        let answer = until("the API answers", || async {
            let answer = request.try_clone().unwrap().send().await.ok()?;
            let passing = [StatusCode::SERVICE_UNAVAILABLE].contains(&answer.status()) || is_in_flight(&answer);
            (!passing).then_some(answer)
        });
        self.noted(answer.await).await
    }

    /// Notes what a problem says: no secret may stand in it.
    pub(super) async fn noted(&self, answer: Response) -> Response {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.unwrap();
        let text = String::from_utf8_lossy(&body);
        if status.is_client_error() || status.is_server_error() {
            entrusted::problem(&self.api, &text);
        } else if let Ok(body) = serde_json::from_str(&text) {
            entrusted::body(&self.api, &body);
        }
        let mut again = http::Response::new(body);
        (*again.status_mut(), *again.headers_mut()) = (status, headers);
        again.into()
    }

    /// Asks about, or of, the activation.
    pub async fn asks(&self, method: Method, what: &str, body: Option<Value>) -> Response {
        let path = format!("v1/activations/{}{what}", self.activation_id);
        self.api(method, &path, body).await
    }

    pub(super) async fn sandbox(&self, method: Method, path: &str, body: Value) -> Response {
        self.http.request(method, self.sandbox.join(path).unwrap()).json(&body).send().await.unwrap()
    }

    /// What exists before: POST of contract §8, giving the new thing's id.
    pub async fn has(&self, what: &str, body: Value) -> String {
        let made = self.sandbox(Method::POST, &format!("sandbox/{what}"), body).await;
        assert_eq!(made.status(), StatusCode::CREATED, "{}", made.text().await.unwrap());
        made.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// A write without a body, to be sent as the test likes.
    pub fn posts(&self, what: &str) -> reqwest::RequestBuilder {
        let url = self.api.join(&format!("v1/activations/{}{what}", self.activation_id)).unwrap();
        self.http.post(url).header("cookie", self.session.clone().unwrap_or_default()).json(&json!({}))
    }

    /// All mails to an address so far.
    pub async fn mails(&self, to: &str) -> Vec<Value> {
        let mut url = self.sandbox.join("sandbox/mails").unwrap();
        url.query_pairs_mut().append_pair("to", to);
        let mails: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        mails["mails"].as_array().cloned().unwrap_or_default()
    }
}
