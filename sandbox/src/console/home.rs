//! The console's start page: the workspaces of who is signed in, with what is bound to them.

use askama::Template;
use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
};
use sqlx::{FromRow, PgPool};

use super::login::{self, SignedIn};
use crate::{answer::Answer, app::App, pages::Page};

/// One workspace as its owner sees it.
#[derive(Debug, FromRow)]
pub struct Workspace {
    /// The opaque id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The site's id.
    pub site: String,
    /// `zh` or `en`.
    pub language: String,
    /// The instance that it is bound to.
    pub instance_id: Option<String>,
    /// The cloud account that settles it.
    pub cloud_account_id: Option<String>,
    /// `active`, `suspended` or `released`.
    pub state: Option<String>,
}

#[derive(Template)]
#[template(path = "console_home.html")]
struct Home<'a> {
    username: Option<&'a str>,
    workspaces: &'a [Workspace],
    said: Option<&'a str>,
}

/// `GET /console`.
pub async fn page(State(app): State<App>, headers: HeaderMap) -> Result<Response, Answer> {
    show(&app, &headers, None).await
}

/// The start page, with a sentence about what was just done.
pub async fn show(app: &App, headers: &HeaderMap, said: Option<&str>) -> Result<Response, Answer> {
    let Some(signed_in) = login::who(&app.database, headers).await? else {
        return Ok(Redirect::to("/console/login").into_response());
    };
    let workspaces = workspaces(&app.database, &signed_in).await?;
    let page = Home { username: signed_in.username.as_deref(), workspaces: &workspaces, said };
    Ok(Page(page).into_response())
}

/// The workspaces that somebody owns, or that a ticket named.
pub async fn workspaces(database: &PgPool, signed_in: &SignedIn) -> Result<Vec<Workspace>, sqlx::Error> {
    sqlx::query_as(
        "select w.id, w.name, w.site, w.language, b.instance_id, b.cloud_account_id, b.state
         from workspaces w
         left join bindings b on b.workspace_id = w.id
         where w.owner_account_id = $1
         or w.id = $2
         order by w.number",
    )
    .bind(&signed_in.account_id)
    .bind(&signed_in.workspace_id)
    .fetch_all(database)
    .await
}
