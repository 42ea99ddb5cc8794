//! Signing out.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use landfall_shared::store::sessions;

use crate::access;
use crate::app::App;
use crate::asked::Asked;
use crate::problem::Problem;

/// `DELETE /v1/session`: 204.
///
/// # Errors
/// 401 without a session, 403 from another origin's page.
pub async fn end(State(app): State<App>, asked: Asked) -> Result<Response, Problem> {
    let session = access::session(&asked).ok_or_else(Problem::not_signed_in)?;
    let mut db = app.database.pool().acquire().await?;
    if !sessions::is_alive(&mut db, &session).await? {
        return Err(Problem::not_signed_in());
    }
    if !access::is_ours(&app, &asked) {
        return Err(Problem::cross_origin());
    }
    sessions::end(&mut db, &session).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::from_str(&access::no_cookie()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
