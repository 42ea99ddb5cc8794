//! The vendor's console: its accounts and workspaces, and the pages where their owners arrive (contract §7).

use axum::{Router, routing::get};
use sqlx::PgConnection;

use crate::{answer::Answer, app::App, config::Site, signed::asked::Asked};

pub mod accounts;
pub mod home;
pub mod login;
pub mod settlement;
pub mod ticket;
pub mod workspaces;

/// The console's pages; its calls come through `signed`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/console", get(home::page))
        .route("/console/login", get(login::page).post(login::log_in))
        .route("/console/logout", axum::routing::post(login::log_out))
        .route("/console/settlement", axum::routing::post(settlement::change))
}

/// Answers one checked call.
///
/// # Errors
/// The problem that stands in the way; both are answers.
pub async fn answer(database: &mut PgConnection, asked: &Asked, sites: &[Site]) -> Result<Answer, Answer> {
    let (method, segments) = asked.route();
    match (method, segments.as_slice()) {
        ("GET", ["accounts"]) => accounts::find(database, asked.required("email")?, asked.required("site")?).await,
        ("POST", ["accounts"]) => accounts::open(database, asked.body()?, sites).await,
        ("POST", ["workspaces"]) => workspaces::create(database, asked.body()?, sites).await,
        _ => Err(asked.unknown()),
    }
}

/// Whether the vendor has a site of that id.
///
/// # Errors
/// 422 when not.
pub fn check_site(sites: &[Site], id: &str) -> Result<(), Answer> {
    if sites.iter().any(|site| site.id == id) {
        Ok(())
    } else {
        Err(Answer::invalid_field("site", "There is no such site."))
    }
}
