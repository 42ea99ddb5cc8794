//! What a platform is asked, taken apart: method, decoded path segments, query and body.

use std::collections::HashMap;

use axum::http::Method;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer::Answer;

/// One question to a platform.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The HTTP method.
    pub method: Method,
    /// The path below the mount, cut at `/` and then percent-decoded.
    pub segments: Vec<String>,
    query: HashMap<String, String>,
    body: Value,
}

impl Asked {
    /// Takes a call apart; `target` is its path and query below the mount.
    #[must_use]
    pub fn new(method: Method, target: &str, body: Value) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        Self { method, segments, query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(), body }
    }

    /// The method and the segments, to be matched.
    #[must_use]
    pub fn route(&self) -> (&str, Vec<&str>) {
        (self.method.as_str(), self.segments.iter().map(String::as_str).collect())
    }

    /// A query parameter, which may be missing.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A query parameter that must be there.
    ///
    /// # Errors
    /// 400 when it is missing or empty.
    pub fn required(&self, name: &str) -> Result<&str, Answer> {
        self.parameter(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| Answer::malformed(&format!("the query parameter {name} is missing")))
    }

    /// The body, as what the call takes.
    ///
    /// # Errors
    /// 400 when a member is missing or of another type.
    pub fn body<Body: DeserializeOwned>(&self) -> Result<Body, Answer> {
        serde_json::from_value(self.body.clone()).map_err(|error| Answer::malformed(&format!("the body: {error}")))
    }

    /// The answer to a path or method that the platform does not have.
    #[must_use]
    pub fn unknown(&self) -> Answer {
        Answer::not_there("no-such-call", "The platform has no such call.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_after_the_cut() {
        let asked = Asked::new(Method::GET, "/accounts/a%2Fb/workspaces?cursor=a+b", Value::Null);
        assert_eq!(asked.route(), ("GET", vec!["accounts", "a/b", "workspaces"]));
        assert_eq!(asked.parameter("cursor"), Some("a b"));
        assert!(asked.required("username").is_err());
    }
}
