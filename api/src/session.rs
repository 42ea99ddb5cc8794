//! Signing out.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use landfall_shared::store::{activations, sessions};

use crate::access;
use crate::app::App;
use crate::asked::Asked;
use crate::problem::Problem;

/// `DELETE /v1/session`: 204. Who came by a page token ends the token: it is derived, so there is no other for this
/// activation.
///
/// # Errors
/// 401 for nobody whom we know, 403 from another origin's page.
pub async fn end(State(app): State<App>, asked: Asked) -> Result<Response, Problem> {
    let mut transaction = app.database.begin().await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if asked.headers.contains_key(header::AUTHORIZATION) {
        let (token, _) = access::page_token(&app, &mut transaction, &asked).await?;
        activations::raise_epoch(&mut transaction, token.activation).await?;
    } else {
        let session = access::session(&asked).ok_or_else(Problem::not_signed_in)?;
        if !sessions::is_alive(&mut transaction, &session).await? {
            return Err(Problem::not_signed_in());
        }
        if !access::is_ours(&app, &asked) {
            return Err(Problem::cross_origin());
        }
        sessions::end(&mut transaction, &session).await?;
        if let Ok(cookie) = HeaderValue::from_str(&access::no_cookie(&app)) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }
    transaction.commit().await?;
    Ok(response)
}
