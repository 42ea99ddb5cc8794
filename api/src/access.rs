//! Who may see what: the session cookie of *Login Directly*, or the page token of a typed entry.

use axum::http::{Method, header};
use landfall_shared::session::{PageToken, SessionId};
use landfall_shared::store::sessions::{self, Entry};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::app::App;
use crate::asked::Asked;
use crate::problem::Problem;

/// The session cookie's name (contract §2).
pub const COOKIE: &str = "landfall_session";

/// Somebody who may see an activation.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Who it is, for idempotency keys and open waits: a digest of what was shown.
    pub caller: Vec<u8>,
    /// By which entry.
    pub entry: Entry,
}

/// Finds out whether the caller may see an activation.
///
/// # Errors
/// 401 if nobody we know asks, 403 if another origin's page writes, 404 if the activation is not the caller's to see.
pub async fn see(app: &App, db: &mut PgConnection, asked: &Asked, id: Uuid) -> Result<Seen, Problem> {
    if asked.headers.contains_key(header::AUTHORIZATION) {
        let (token, caller) = page_token(app, db, asked).await?;
        if token.activation != id {
            return Err(Problem::unknown_activation());
        }
        return Ok(Seen { caller, entry: Entry::Typed });
    }
    let session = session(asked).ok_or_else(Problem::not_signed_in)?;
    if !sessions::is_alive(db, &session).await? {
        return Err(Problem::not_signed_in());
    }
    if is_write(&asked.method) && !is_ours(app, asked) {
        return Err(Problem::cross_origin());
    }
    let entry = sessions::entry(db, &session, id).await?.ok_or_else(Problem::unknown_activation)?;
    Ok(Seen { caller: session, entry })
}

/// The page token in `Authorization`, if it is still good, and its holder.
///
/// # Errors
/// 401 if it is none, or has ended.
pub async fn page_token(app: &App, db: &mut PgConnection, asked: &Asked) -> Result<(PageToken, Vec<u8>), Problem> {
    let shown = asked.header(header::AUTHORIZATION.as_str()).ok_or_else(Problem::not_signed_in)?;
    let (scheme, text) = shown.split_once(' ').ok_or_else(Problem::not_signed_in)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::not_signed_in());
    }
    let token = PageToken::verified(&app.keys, text.trim()).ok_or_else(Problem::not_signed_in)?;
    let epoch =
        sqlx::query_scalar!("select epoch from activations where id = $1", token.activation).fetch_optional(db).await?;
    if epoch != Some(token.epoch) {
        return Err(Problem::not_signed_in());
    }
    Ok((token, digest(text.trim())))
}

/// The digest of the session cookie, as it is stored.
#[must_use]
pub fn session(asked: &Asked) -> Option<Vec<u8>> {
    asked.cookie(COOKIE).and_then(SessionId::parse).map(|id| id.digest().to_vec())
}

/// The header that gives a browser its session.
#[must_use]
pub fn cookie(app: &App, id: &SessionId) -> String {
    let secure = if app.config.both.public_url.is_https() { "; Secure" } else { "" };
    format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax{secure}", id.expose())
}

/// The header that takes it back.
#[must_use]
pub fn no_cookie(app: &App) -> String {
    let secure = if app.config.both.public_url.is_https() { "; Secure" } else { "" };
    format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")
}

/// The caller of a request that comes before there is a session: address and user agent (contract §3).
#[must_use]
pub fn stranger(asked: &Asked) -> Vec<u8> {
    let agent = asked.header(header::USER_AGENT.as_str()).unwrap_or_default();
    digest(&format!("{}\n{agent}", asked.client))
}

/// Whether a page of ours sent it. A client that is no browser sends neither header.
#[must_use]
pub fn is_ours(app: &App, asked: &Asked) -> bool {
    if let Some(origin) = asked.headers.get(header::ORIGIN) {
        return origin.as_bytes() == app.config.both.public_url.origin().as_bytes();
    }
    match asked.header("sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None => true,
    }
}

/// A caller is known by a digest: what it showed stands nowhere.
fn digest(shown: &str) -> Vec<u8> {
    Sha256::digest(shown).to_vec()
}

fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}
