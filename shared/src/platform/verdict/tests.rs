//! The table of contract §7, row by row.

use std::time::Duration;

use serde_json::json;
use time::macros::datetime;

use super::*;

const BIND: Listed = Listed {
    method: Method::PUT,
    path: "/workspaces/{workspace_id}/binding",
    refusals: &[RefusalCode::WorkspaceNotBindable, RefusalCode::InstanceAlreadyBound],
    not_found: NotFound::Refused(RefusalCode::WorkspaceNotBindable),
};
const FIND: Listed = Listed { method: Method::GET, path: "/accounts", refusals: &[], not_found: NotFound::NotThere };
const LIST: Listed = Listed { not_found: NotFound::Unforeseen, ..FIND };
const HTML: &str = "<html>not found</html>";

fn answer(status: u16, body: &str) -> Answer {
    let headers = HeaderMap::from_iter([(header::RETRY_AFTER, "9".parse().unwrap())]);
    Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
}

fn judged(listed: &Listed, status: u16, body: &str) -> Result<Option<Answer>, PartyError> {
    judge(Party::Console, listed, answer(status, body), datetime!(2026-11-24 12:00 UTC))
}

fn error(listed: &Listed, status: u16, body: &Value) -> PartyError {
    judged(listed, status, &body.to_string()).unwrap_err()
}

fn broken(listed: &Listed, did: &str) -> PartyError {
    let (method, path) = (&listed.method, listed.path);
    PartyError::Broken(Fault::new(FaultCode::PlatformRefused, format!("{method} {path}: the console answered {did}.")))
}

fn is_retried(error: &PartyError) -> bool {
    matches!(error, PartyError::Retry { fault: Fault { code: FaultCode::PlatformUnavailable, .. }, after: Some(after) }
        if *after == Duration::from_secs(9))
}

#[test]
fn every_2xx_but_202_is_done() {
    for status in [200, 201, 204, 299] {
        for body in ["", "\n", "{}", "null", r#"{"id":"1"}"#] {
            assert!(judged(&FIND, status, body).unwrap().is_some(), "{status} {body}");
        }
    }
}

#[test]
fn a_2xx_that_no_platform_says_is_tried_again() {
    for body in [HTML, "OK", "{", "\u{fffd}"] {
        let error = judged(&BIND, 200, body).unwrap_err();
        assert!(matches!(error, PartyError::Retry { .. }), "{body}: {error:?}");
    }
    let mut plain = answer(200, "OK");
    plain.headers.insert(header::CONTENT_TYPE, "text/plain; charset=utf-8".parse().unwrap());
    assert!(judge(Party::Console, &BIND, plain, datetime!(2026-11-24 12:00 UTC)).unwrap().is_some());
}

#[test]
fn accepted_and_in_flight_are_not_yet() {
    let not_yet = PartyError::NotYet { after: Some(Duration::from_secs(9)) };
    assert_eq!(judged(&BIND, 202, "").unwrap_err(), not_yet);
    assert_eq!(error(&BIND, 409, &json!({"code": "idempotency-in-flight"})), not_yet);
    assert_eq!(
        error(&BIND, 422, &json!({"code": "idempotency-in-flight"})),
        broken(&BIND, "422 idempotency-in-flight")
    );
}

#[test]
fn a_404_with_any_code_means_what_the_call_says() {
    let body = json!({"code": "no-such-thing"});
    assert!(judged(&FIND, 404, &body.to_string()).unwrap().is_none());
    assert_eq!(error(&BIND, 404, &body), PartyError::Refused(RefusalCode::WorkspaceNotBindable.into()));
    assert_eq!(error(&LIST, 404, &body), broken(&LIST, "404 no-such-thing"));
}

#[test]
fn a_404_that_no_platform_wrote_is_tried_again() {
    for listed in [&FIND, &BIND, &LIST] {
        for body in [HTML, "", "[]", r#"{"detail":"Not Found"}"#] {
            assert!(is_retried(&judged(listed, 404, body).unwrap_err()), "{body}");
        }
    }
}

#[test]
fn listed_codes_are_answers_and_every_other_is_broken() {
    for status in [409, 422] {
        let listed = error(&BIND, status, &json!({"code": "instance-already-bound", "detail": "bound"}));
        assert_eq!(listed, PartyError::Refused(RefusalCode::InstanceAlreadyBound.into()));
        let other = error(&BIND, status, &json!({"code": "username-taken"}));
        assert_eq!(other, broken(&BIND, &format!("{status} username-taken")));
        let secret = error(&BIND, status, &json!({"code": "Ann Smith <ann@example.com>"}));
        assert_eq!(secret, broken(&BIND, &status.to_string()));
        assert!(is_retried(&judged(&BIND, status, HTML).unwrap_err()));
    }
}

#[test]
fn refused_fields_reach_the_buyer_as_plain_text() {
    let body =
        json!({"code": "invalid-field", "errors": [{"field": "name", "detail": "x".repeat(400)}, {"detail": "?"}]});
    let errors = vec![FieldError { field: "name".into(), detail: "x".repeat(300) }];
    let refusal = Refusal { code: RefusalCode::FieldRefused, detail: None, errors };
    assert_eq!(error(&BIND, 422, &body), PartyError::Refused(refusal));
    assert_eq!(error(&BIND, 409, &body), broken(&BIND, "409 invalid-field"));
    assert_eq!(error(&BIND, 422, &json!({"code": "invalid-field"})), broken(&BIND, "422 invalid-field"));
}

#[test]
fn a_refusal_reaches_the_buyer_in_the_vendors_words() {
    for status in [409, 422] {
        let refusal = Refusal { detail: Some("Not on  Sundays".into()), ..RefusalCode::RefusedByVendor.into() };
        let body = json!({"code": "refused", "detail": "Not on\r\nSundays"});
        assert_eq!(error(&BIND, status, &body), PartyError::Refused(refusal));
        let silent = error(&BIND, status, &json!({"code": "refused"}));
        assert_eq!(silent, broken(&BIND, &format!("{status} refused")));
    }
}

#[test]
fn the_callers_faults_are_broken_with_a_problem_and_tried_again_without() {
    for status in [400, 405, 410] {
        assert_eq!(error(&BIND, status, &json!({"code": "gone"})), broken(&BIND, &format!("{status} gone")));
        assert!(is_retried(&judged(&BIND, status, HTML).unwrap_err()));
        assert!(is_retried(&error(&BIND, status, &json!({"error": "bad"}))));
        let mut problem = answer(status, r#"{"title":"Bad Request"}"#);
        problem.headers.insert(header::CONTENT_TYPE, "application/problem+json; charset=utf-8".parse().unwrap());
        let judged = judge(Party::Console, &BIND, problem, datetime!(2026-11-24 12:00 UTC));
        assert_eq!(judged.unwrap_err(), broken(&BIND, &status.to_string()));
    }
}

#[test]
fn what_may_pass_is_tried_again_when_it_says() {
    for status in [408, 425, 429, 500, 502, 503, 504, 599, 301, 307, 402, 413, 418] {
        assert!(is_retried(&error(&BIND, status, &json!({"code": "anything"}))), "{status}");
    }
}

#[test]
fn a_rejected_signature_is_misconfigured_whoever_says_so() {
    for (status, body) in [(401, HTML), (403, r#"{"code":"workspace-not-bindable"}"#)] {
        let sentence = format!("{} {}: the console rejected our signature with {status}.", BIND.method, BIND.path);
        let fault = Fault::new(FaultCode::Misconfigured, sentence);
        assert_eq!(
            judged(&BIND, status, body).unwrap_err(),
            PartyError::Misconfigured { party: Party::Console, fault }
        );
    }
}

#[test]
fn silence_is_tried_again() {
    let fault = Fault::new(FaultCode::PlatformUnavailable, "GET /accounts: the console did not answer in time.");
    assert_eq!(unanswered(Party::Console, &FIND, NoAnswer::TimedOut), PartyError::Retry { fault, after: None });
}
