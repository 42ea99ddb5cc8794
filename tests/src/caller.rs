//! Somebody who calls over HTTP and looks at every part of the answer.

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use url::Url;

use crate::events::Events;

/// A client with headers of its own: a cookie, a token, a language.
#[derive(Clone)]
pub struct Caller {
    http: Client,
    base: Url,
    headers: Vec<(String, String)>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Caller {
    /// One without headers.
    pub fn new(base: &Url) -> Self {
        let http = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { http, base: base.clone(), headers: Vec::new() }
    }

    /// The same with a header more, or another value of it; on the same connections.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.without(name);
        with.headers.push((name.to_owned(), value.to_owned()));
        with
    }

    /// The same without a header.
    pub fn without(&self, name: &str) -> Self {
        let mut without = self.clone();
        without.headers.retain(|(known, _)| known != name);
        without
    }

    /// The same against another process.
    pub fn at(&self, base: &Url) -> Self {
        Self { base: base.clone(), ..self.clone() }
    }

    /// What it sends as a header; empty if it does not.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Where it calls.
    pub fn base(&self) -> &Url {
        &self.base
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.with("content-type", "application/json").send(Method::POST, path, Some(body.to_string().into())).await
    }

    /// Sends these bytes; a path is taken as it is.
    pub async fn send(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Reply {
        let answer = self.begin(method, path, body).await;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Reply { status, headers, text: answer.text().await.unwrap() }
    }

    /// Opens the stream of an activation's versions.
    pub async fn streams(&self, path: &str) -> Events {
        Events::of(self.with("accept", "text/event-stream").begin(Method::GET, path, None).await)
    }

    async fn begin(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Response {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.http.request(method, url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        request.send().await.unwrap()
    }
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} is no JSON: {}", self.status, self.text))
    }

    /// A header's text; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The cookie that it sets, as it is to be sent back.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Asserts the status, and gives the body.
    pub fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// Asserts that it is this problem, in the form of RFC 9457 with all that the contract adds.
    pub fn is_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)), "{problem}");
        for member in ["type", "title", "detail", "trace_id"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {problem}");
        }
        if [429, 503].contains(&status) {
            assert!(
                self.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0),
                "no Retry-After: {problem}"
            );
        }
        problem
    }

    /// The fields that a 422 names, each with its code, in their order.
    pub fn wrong_fields(&self) -> Vec<(String, String)> {
        let problem = self.is_problem(422, "invalid-field");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let errors = problem["errors"].as_array().unwrap();
        assert!(
            errors.iter().all(|error| error["detail"].as_str().is_some_and(|detail| !detail.is_empty())),
            "{problem}"
        );
        errors.iter().map(|error| (text(&error["field"]), text(&error["code"]))).collect()
    }
}
