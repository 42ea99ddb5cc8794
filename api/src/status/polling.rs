//! Polling: `GET /v1/activations/{id}`, answered at once, or held until there is something new.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use uuid::Uuid;

use super::{Document, stream};
use crate::access::{self, Seen};
use crate::app::App;
use crate::asked::Asked;
use crate::deadline;
use crate::problem::Problem;

/// `Prefer: wait` holds no longer (contract §4): below the usual limits of proxies.
const LONGEST_WAIT: u64 = 25;

/// `GET /v1/activations/{id}`: the activation, or 304, at once or when its version changes; or all versions as they come.
///
/// # Errors
/// 401, 404 or 503.
pub async fn get(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    // No activation has the id that a malformed one becomes; first the caller is asked who it is.
    let id = id.parse().unwrap_or_else(|_| Uuid::nil());
    let (seen, mut document) = deadline::within(look(&app, &asked, id)).await?;
    if stream::is_asked_for(&asked) {
        return Ok(stream::answer(app, asked, &seen, document));
    }
    let known = tags(&asked.headers);
    let wait = preferred_wait(&asked.headers).map(|seconds| seconds.min(LONGEST_WAIT));
    if let Some(seconds) = wait
        && (!known.said || known.fits(document.version()))
        && let Some(seat) = app.waiting.seat(&seen.caller)
    {
        seat.until_after(id, document.version(), Duration::from_secs(seconds)).await;
        // The session may have ended meanwhile, and with it the right to see what is new.
        (_, document) = deadline::within(look(&app, &asked, id)).await?;
    }
    let mut response =
        if known.fits(document.version()) { document.not_modified() } else { document.answer(StatusCode::OK) };
    if let Some(seconds) = wait
        && let Ok(applied) = HeaderValue::from_str(&format!("wait={seconds}"))
    {
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// Who asks, and the activation as it is now.
pub(super) async fn look(app: &App, asked: &Asked, id: Uuid) -> Result<(Seen, Document), Problem> {
    let mut db = app.database.pool().acquire().await?;
    let seen = access::see(app, &mut db, asked, id).await?;
    let document = Document::read(app, &mut db, id).await?.ok_or_else(Problem::unknown_activation)?;
    Ok((seen, document))
}

/// What an `If-None-Match` names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tags {
    /// There is the header, whatever stands in it.
    said: bool,
    any: bool,
    versions: Vec<i64>,
}

impl Tags {
    fn fits(&self, version: i64) -> bool {
        self.any || self.versions.contains(&version)
    }
}

/// The versions in `If-None-Match`; a weak tag is as good as a strong one here (RFC 9110, 13.1.2). What is no tag of ours
/// names no version.
fn tags(headers: &HeaderMap) -> Tags {
    let mut tags = Tags { said: headers.contains_key(header::IF_NONE_MATCH), ..Tags::default() };
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    for tag in lines.flat_map(|line| line.split(',')).map(str::trim) {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        match opaque.parse() {
            Ok(version) => tags.versions.push(version),
            Err(_) => tags.any |= tag == "*",
        }
    }
    tags
}

/// The seconds of `Prefer: wait=N` (RFC 7240); the first counts where it is said twice.
fn preferred_wait(headers: &HeaderMap) -> Option<u64> {
    let lines = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = lines.flat_map(|line| line.split(','));
    preferences.find_map(|preference| {
        let (name, seconds) = preference.split(';').next()?.split_once('=')?;
        let seconds = seconds.trim().trim_matches('"');
        if !name.trim().eq_ignore_ascii_case("wait") || !seconds.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // More digits than a number holds ask for more than any wait, too.
        if seconds.is_empty() { None } else { Some(seconds.parse().unwrap_or(u64::MAX)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (name.parse().unwrap(), line.parse().unwrap())).collect()
    }

    fn wait(lines: &[&str]) -> Option<u64> {
        preferred_wait(&headers("prefer", lines))
    }

    #[test]
    fn a_wait_is_read_as_rfc_7240_writes_it() {
        assert_eq!(wait(&["wait=20"]), Some(20));
        assert_eq!(wait(&["respond-async, wait=100"]), Some(100));
        assert_eq!(wait(&["respond-async", "Wait = \"7\"; x=1"]), Some(7));
        assert_eq!(wait(&["wait=99999999999999999999999"]), Some(u64::MAX));
        assert_eq!(wait(&["wait=5, wait=9"]), Some(5));
        for line in ["respond-async", "wait", "wait=", "wait=-1", "wait=1.5", "wait=soon", "x=1; wait=5", "waiting=5"] {
            assert_eq!(wait(&[line]), None, "{line}");
        }
    }

    #[test]
    fn a_tag_is_the_version_weak_or_strong_and_there_may_be_several() {
        let of = |lines: &[&str]| tags(&headers("if-none-match", lines));
        assert!(of(&["\"7\""]).fits(7) && of(&["W/\"7\""]).fits(7) && !of(&["\"7\""]).fits(8));
        assert!(of(&["\"3\", \"8\""]).fits(8) && of(&["\"x\"", "\"8\""]).fits(8));
        assert!(of(&["*"]).fits(1) && of(&["*"]).said);
        assert!(!of(&[]).said && of(&["\"x\""]).said && !of(&["\"x\""]).fits(1));
    }
}
