//! Faults that can be switched on, one per part: what it is told to do instead of answering well.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{answer::Answer, part::Part};

pub mod kept;

/// What a fault does (contract §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Refuses with a status and a code; nothing is done.
    Error,
    /// Says that it is still at it; nothing is done.
    NotYet,
    /// Does the work after some seconds.
    Slow,
    /// Answers nothing and does nothing, for as long as the caller waits.
    Hang,
    /// Closes the connection before the work.
    Drop,
    /// Does the work and closes the connection in the place of the answer.
    DropAfter,
    /// Answers what nobody can read; nothing is done.
    Garbage,
}

impl Kind {
    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::NotYet => "not_yet",
            Self::Slow => "slow",
            Self::Hang => "hang",
            Self::Drop => "drop",
            Self::DropAfter => "drop_after",
            Self::Garbage => "garbage",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Error, Self::NotYet, Self::Slow, Self::Hang, Self::Drop, Self::DropAfter, Self::Garbage]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One fault, as `PUT /sandbox/faults/{part}` says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What it does.
    pub kind: Kind,
    /// The status (or SMTP reply code) of an error.
    pub status: Option<u16>,
    /// The problem's code of an error.
    pub code: Option<String>,
    /// Seconds of `Retry-After`.
    pub retry_after: Option<u32>,
    /// Which calls: a piece of `METHOD /path`, `*` and `{…}` standing for one segment; for mail the SMTP phase. None: all.
    pub path: Option<String>,
    /// For how many calls; none: until it is taken off.
    pub times: Option<u32>,
    /// How long a slow or hanging call takes.
    pub seconds: Option<f64>,
}

/// How long a slow call takes when nobody says.
const SLOW_SECONDS: f64 = 3.0;
/// Longer than anybody waits.
const HANG_SECONDS: f64 = 600.0;

impl Fault {
    /// The fault as a part can have it: an SMTP phase by its name here.
    ///
    /// # Errors
    /// 422: a status that HTTP does not have, or a phase that SMTP does not have.
    pub fn of(self, part: Part) -> Result<Self, Answer> {
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err(Answer::invalid_field("status", "A status is 200 to 599."));
        }
        let path = match (part, &self.path) {
            (Part::Mail, Some(named)) => Some(phase(named).map(str::to_owned).ok_or_else(|| {
                Answer::invalid_field("path", "A phase is connect, ehlo, auth, mail, rcpt, data or final_dot.")
            })?),
            (_, path) => path.clone(),
        };
        Ok(Self { path, ..self })
    }

    /// How long a slow or hanging call takes.
    #[must_use]
    pub fn pause(&self) -> std::time::Duration {
        let default = if self.kind == Kind::Hang { HANG_SECONDS } else { SLOW_SECONDS };
        std::time::Duration::from_secs_f64(self.seconds.unwrap_or(default).clamp(0.0, HANG_SECONDS))
    }

    /// What the calls page says of a call that met it.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("fault: {}", self.kind.name())
    }

    /// Whether a call line such as `POST /accounts` is meant.
    #[must_use]
    pub fn concerns(&self, line: &str) -> bool {
        let Some(path) = self.path.as_deref() else { return true };
        if !path.contains(['*', '{']) {
            return line.contains(path);
        }
        let asked: Vec<&str> = path.split(['/', ' ']).filter(|piece| !piece.is_empty()).collect();
        let said: Vec<&str> = line.split(['/', ' ']).filter(|piece| !piece.is_empty()).collect();
        said.windows(asked.len().max(1))
            .any(|window| window.iter().zip(&asked).all(|(said, asked)| asked.starts_with(['*', '{']) || said == asked))
    }

    /// The answer of the kinds that do no work; none for those that do it, or say nothing.
    ///
    /// `body` is what the caller sent: a refused field is one that is really there.
    #[must_use]
    pub fn answer(&self, body: &Value) -> Option<Answer> {
        match self.kind {
            Kind::Error => Some(self.error(body)),
            Kind::NotYet => Some(self.not_yet()),
            Kind::Slow | Kind::Hang | Kind::Drop | Kind::DropAfter | Kind::Garbage => None,
        }
    }

    fn error(&self, body: &Value) -> Answer {
        let default = match self.code.as_deref() {
            None => StatusCode::SERVICE_UNAVAILABLE,
            Some("invalid-field" | "refused") => StatusCode::UNPROCESSABLE_ENTITY,
            Some(_) => StatusCode::CONFLICT,
        };
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(default);
        let detail = "The sandbox was told to refuse this call.";
        let code = self.code.as_deref().unwrap_or("unavailable");
        let mut answer = Answer::problem(status, code, detail);
        if code == "invalid-field" {
            let field = body.as_object().and_then(|members| members.keys().next()).map_or("username", String::as_str);
            answer.body = Answer::invalid_field(field, detail).body;
            if let Some(told) = answer.body.get_mut("status") {
                *told = status.as_u16().into();
            }
        }
        answer
    }

    fn not_yet(&self) -> Answer {
        match self.status {
            Some(409) => Answer::conflict("idempotency-in-flight", "The sandbox was told to be still at it."),
            _ => Answer { status: StatusCode::ACCEPTED, body: serde_json::json!({}), effect: false },
        }
    }

    /// Adds `Retry-After` where the fault says one.
    #[must_use]
    pub fn with_retry_after(&self, mut response: Response) -> Response {
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// A proxy's error page where JSON was expected; status 200 unless another was asked for.
    #[must_use]
    pub fn garbage(&self) -> Response {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
        let page = "<html><body><h1>It works!</h1>{\"id\":";
        self.with_retry_after((status, [(header::CONTENT_TYPE, "text/html")], page).into_response())
    }
}

/// The SMTP phase of a name: its own here, or what the command is called on the wire.
fn phase(named: &str) -> Option<&'static str> {
    Some(match named.to_ascii_lowercase().replace(['_', '-'], " ").trim() {
        "connect" | "greeting" | "banner" => "connect",
        "ehlo" | "helo" => "ehlo",
        "auth" => "auth",
        "mail" | "mail from" => "mail",
        "rcpt" | "rcpt to" => "rcpt",
        "data" => "data",
        "final dot" | "dot" | "body" | "end of data" => "final_dot",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(body: Value) -> Fault {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_fault_without_a_path_concerns_every_call() {
        assert!(fault(json!({"kind": "drop"})).concerns("GET /accounts"));
    }

    #[test]
    fn a_path_is_a_piece_of_the_call_line() {
        let fault = fault(json!({"kind": "drop", "path": "/accounts"}));
        assert!(fault.concerns("POST /accounts"));
        assert!(!fault.concerns("PUT /cloud-accounts/alibaba/1"));
    }

    #[test]
    fn stars_and_braces_stand_for_one_segment() {
        let fault = fault(json!({"kind": "drop", "path": "/workspaces/{workspace_id}/binding"}));
        assert!(fault.concerns("PUT /workspaces/ws_1/binding"));
        assert!(!fault.concerns("POST /workspaces"));
    }

    #[test]
    fn an_error_is_503_unless_a_code_or_status_says_otherwise() {
        let answer = |body| fault(body).answer(&json!({"username": "ann"})).unwrap();
        assert_eq!(answer(json!({"kind": "error"})).status, 503);
        assert_eq!(answer(json!({"kind": "error", "code": "username-taken"})).status, 409);
        assert_eq!(answer(json!({"kind": "error", "status": 401})).status, 401);
        let refused = answer(json!({"kind": "error", "code": "invalid-field"}));
        assert_eq!((refused.status.as_u16(), &refused.body["errors"][0]["field"]), (422, &json!("username")));
    }

    #[test]
    fn a_phase_is_known_by_its_name_and_by_its_command() {
        let phase =
            |path| fault(json!({"kind": "error", "path": path})).of(Part::Mail).map(|fault| fault.path.unwrap());
        for (named, is) in [("final_dot", "final_dot"), ("RCPT TO", "rcpt"), ("MAIL_FROM", "mail"), ("HELO", "ehlo")] {
            assert_eq!(phase(named).unwrap(), is);
        }
        assert_eq!(phase("vrfy").unwrap_err().status, 422);
        let elsewhere = fault(json!({"kind": "error", "path": "RCPT"})).of(Part::Console).unwrap();
        assert_eq!(elsewhere.path.as_deref(), Some("RCPT"));
    }

    #[test]
    fn not_yet_is_202() {
        assert_eq!(fault(json!({"kind": "not_yet"})).answer(&Value::Null).unwrap().status, 202);
    }
}
