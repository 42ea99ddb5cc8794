//! What a platform's answer means: the table of contract §7, row by row.

#[cfg(test)]
mod tests;

use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize as _;
use serde::de::IgnoredAny;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error as NoCode, StrDeserializer};
use serde_json::Value;
use time::OffsetDateTime;

use crate::answer::{Answer, NoAnswer};
use crate::platform::text::plain;
use crate::refusal::{Fault, FaultCode, FieldError, Party, PartyError, Refusal, RefusalCode};

/// More refused fields than a form has are no help to the buyer.
const MOST_FIELD_ERRORS: usize = 32;

/// A call as contract §7 lists it.
#[derive(Debug)]
pub(super) struct Listed {
    /// Its method.
    pub(super) method: Method,
    /// Its path with the names of what varies, for sentences.
    pub(super) path: &'static str,
    /// The codes of 409 and 422 that are answers to it.
    pub(super) refusals: &'static [RefusalCode],
    /// What 404 means for it.
    pub(super) not_found: NotFound,
}

/// What 404 means.
#[derive(Debug, Clone, Copy)]
pub(super) enum NotFound {
    /// An answer: it is not there.
    NotThere,
    /// An answer that the buyer mends.
    Refused(RefusalCode),
    /// Not foreseen: an operator must look.
    Unforeseen,
}

/// Sorts an answer into the rows of the table; `None` is *not there*.
pub(super) fn judge(
    party: Party,
    listed: &Listed,
    answer: Answer,
    now: OffsetDateTime,
) -> Result<Option<Answer>, PartyError> {
    let after = answer.retry_after(now);
    let status = answer.status;
    match (status.as_u16(), Problem::read(&answer)) {
        (202, _) => Err(PartyError::NotYet { after }),
        // What no platform says may come from anybody on the way, who did nothing.
        (200..=299, _) if !is_readable(&answer) => Err(unreadable(party, listed)),
        (200..=299, _) => Ok(Some(answer)),
        (401 | 403, _) => Err(misconfigured(party, listed, status)),
        (404, Some(Problem { code: Some(code), .. })) => match listed.not_found {
            NotFound::NotThere => Ok(None),
            NotFound::Refused(refusal) => Err(PartyError::Refused(refusal.into())),
            NotFound::Unforeseen => Err(refused_for_good(party, listed, &with_code(status, Some(&code)))),
        },
        (409 | 422, Some(problem)) => Err(match problem.verdict(status, listed) {
            Some(Verdict::NotYet) => PartyError::NotYet { after },
            Some(Verdict::Refused(refusal)) => PartyError::Refused(refusal),
            None => refused_for_good(party, listed, &with_code(status, problem.code.as_deref())),
        }),
        (400 | 405 | 410, Some(problem)) => {
            Err(refused_for_good(party, listed, &with_code(status, problem.code.as_deref())))
        }
        _ => Err(PartyError::Retry {
            fault: unavailable(party, listed, &format!("answered {}", status.as_u16())),
            after,
        }),
    }
}

/// Whether it is nothing, JSON, or a plain word such as `OK` that says what it is.
fn is_readable(answer: &Answer) -> bool {
    let body = answer.body.trim_ascii();
    body.is_empty() || answer.json::<IgnoredAny>().is_some() || is_sent_as(&answer.headers, "text/plain")
}

/// No answer came: tried again.
pub(super) fn unanswered(party: Party, listed: &Listed, none: NoAnswer) -> PartyError {
    PartyError::Retry { fault: unavailable(party, listed, &none.to_string()), after: None }
}

/// The status was good and the body is not what was agreed: tried again.
pub(super) fn unreadable(party: Party, listed: &Listed) -> PartyError {
    PartyError::Retry { fault: unavailable(party, listed, "answered unreadably"), after: None }
}

/// An answer that no retry mends.
pub(super) fn refused_for_good(party: Party, listed: &Listed, answer: &str) -> PartyError {
    PartyError::Broken(Fault::new(FaultCode::PlatformRefused, sentence(party, listed, &format!("answered {answer}"))))
}

fn misconfigured(party: Party, listed: &Listed, status: StatusCode) -> PartyError {
    let did = format!("rejected our signature with {}", status.as_u16());
    PartyError::Misconfigured { party, fault: Fault::new(FaultCode::Misconfigured, sentence(party, listed, &did)) }
}

fn unavailable(party: Party, listed: &Listed, did: &str) -> Fault {
    Fault::new(FaultCode::PlatformUnavailable, sentence(party, listed, did))
}

fn sentence(party: Party, listed: &Listed, did: &str) -> String {
    let who = match party {
        Party::Marketplace => "marketplace",
        Party::BillingCenter => "Billing Center",
        Party::Console => "console",
        Party::Mail => "mail server",
    };
    format!("{} {}: the {who} {did}.", listed.method, listed.path)
}

/// A status with the platform's code, where the code looks like one: free text could hold personal data.
fn with_code(status: StatusCode, code: Option<&str>) -> String {
    let shown = |code: &&str| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    match code.filter(shown) {
        Some(code) => format!("{} {code}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// What a 409 or 422 says, where it says something that was agreed.
enum Verdict {
    NotYet,
    Refused(Refusal),
}

/// Problem details (RFC 9457): JSON with a `code`, or without one under the media type of problems.
struct Problem {
    code: Option<String>,
    detail: Option<String>,
    errors: Vec<FieldError>,
}

impl Problem {
    fn read(answer: &Answer) -> Option<Self> {
        let body: Value = answer.json()?;
        let code = body.as_object()?.get("code").and_then(Value::as_str).map(str::to_owned);
        if code.is_none() && !is_sent_as(&answer.headers, "application/problem+json") {
            return None;
        }
        let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
        let errors = errors.filter_map(field_error).take(MOST_FIELD_ERRORS).collect();
        Some(Self { code, detail: words(&body, "detail"), errors })
    }

    fn verdict(&self, status: StatusCode, listed: &Listed) -> Option<Verdict> {
        let refused = |code| Verdict::Refused(Refusal::from(code));
        match (self.code.as_deref()?, status) {
            ("idempotency-in-flight", StatusCode::CONFLICT) => Some(Verdict::NotYet),
            ("invalid-field", StatusCode::UNPROCESSABLE_ENTITY) if !self.errors.is_empty() => {
                let errors = self.errors.clone();
                Some(Verdict::Refused(Refusal { errors, ..RefusalCode::FieldRefused.into() }))
            }
            ("refused", _) => {
                let detail = Some(self.detail.clone()?);
                Some(Verdict::Refused(Refusal { detail, ..RefusalCode::RefusedByVendor.into() }))
            }
            (code, _) => refusal_code(code).filter(|code| listed.refusals.contains(code)).map(refused),
        }
    }
}

fn is_sent_as(headers: &HeaderMap, wanted: &str) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

fn field_error(error: &Value) -> Option<FieldError> {
    Some(FieldError { field: words(error, "field")?, detail: words(error, "detail")? })
}

fn words(object: &Value, member: &str) -> Option<String> {
    object.get(member)?.as_str().map(plain).filter(|text| !text.is_empty())
}

fn refusal_code(code: &str) -> Option<RefusalCode> {
    let text: StrDeserializer<'_, NoCode> = code.into_deserializer();
    RefusalCode::deserialize(text).ok()
}
