//! A small HTTP server for tests: it gives the answers it was told, in order, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The server; it ends when dropped.
pub(crate) struct Loopback {
    /// Where it listens, without a slash at the end.
    pub(crate) url: String,
    state: Arc<Mutex<Told>>,
    serving: JoinHandle<()>,
}

/// One request as it arrived.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

struct Told {
    answers: VecDeque<Response>,
    asked: Vec<Asked>,
}

impl Loopback {
    pub(crate) async fn start(answers: Vec<Response>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Told { answers: answers.into(), asked: Vec::new() }));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let serving = tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        Self { url, state, serving }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], body.to_string()).into_response()
}

async fn answer(
    State(state): State<Arc<Mutex<Told>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut told = state.lock().unwrap();
    told.asked.push(Asked { method, uri, headers, body });
    told.answers.pop_front().unwrap_or_else(|| StatusCode::IM_A_TEAPOT.into_response())
}
