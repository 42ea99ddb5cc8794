//! The console's login page: by username and password, or by the ticket of a buyer who comes signed in.

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;

use super::ticket;
use crate::{answer::Answer, app::App, clock, cookie, invent, pages::Page, password};

/// The cookie of a session.
pub const COOKIE: &str = "sandbox_console";
/// How long a session lives.
const SESSION: time::Duration = time::Duration::hours(12);

#[derive(Template)]
#[template(path = "console_login.html")]
struct LoginPage<'a> {
    site: &'a str,
    username: &'a str,
    problem: Option<&'a str>,
}

/// What stands in the login page's address.
#[derive(Debug, Default, Deserialize)]
pub struct Arrival {
    site: Option<String>,
    ticket: Option<String>,
}

/// `GET /console/login`, with a ticket or without.
pub async fn page(
    State(app): State<App>,
    headers: HeaderMap,
    Query(arrival): Query<Arrival>,
) -> Result<Response, Answer> {
    let site = arrival.site.unwrap_or_default();
    let Some(ticket) = arrival.ticket else {
        return Ok(Page(LoginPage { site: &site, username: "", problem: None }).into_response());
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match ticket::take(&app, &ticket, host).await? {
        Ok(arrived) => {
            let session =
                begin(&app.database, arrived.owner_account_id.as_deref(), Some(&arrived.workspace_id)).await?;
            Ok(signed_in(&session))
        }
        Err(problem) => {
            let page = Page(LoginPage { site: &site, username: "", problem: Some(problem) });
            Ok((StatusCode::FORBIDDEN, page).into_response())
        }
    }
}

/// The login form.
#[derive(Debug, Deserialize)]
pub struct Credentials {
    username: String,
    password: String,
    #[serde(default)]
    site: String,
}

/// `POST /console/login`: lets an account in by its username or e-mail address.
pub async fn log_in(State(app): State<App>, Form(given): Form<Credentials>) -> Result<Response, Answer> {
    let candidates: Vec<(String, String)> = sqlx::query_as(
        "select id, password_hash
         from console_accounts
         where (lower(username) = lower($1) or lower(email) = lower($1))
         and ($2 = '' or site = $2)",
    )
    .bind(given.username.trim())
    .bind(&given.site)
    .fetch_all(&app.database)
    .await?;
    let account = candidates.into_iter().find(|(_, kept)| password::matches(&given.password, kept));
    let Some((account, _)) = account else {
        let problem = Some("Username or password is wrong.");
        let page = Page(LoginPage { site: &given.site, username: &given.username, problem });
        return Ok((StatusCode::FORBIDDEN, page).into_response());
    };
    let session = begin(&app.database, Some(&account), None).await?;
    Ok(signed_in(&session))
}

/// `POST /console/logout`.
pub async fn log_out(State(app): State<App>, headers: HeaderMap) -> Result<Redirect, Answer> {
    sqlx::query(
        "delete from console_sessions
         where id_hash = $1",
    )
    .bind(cookie::read(&headers, COOKIE).map(hashed))
    .execute(&app.database)
    .await?;
    Ok(Redirect::to("/console/login"))
}

/// Who is signed in: the account, and the workspace that a ticket named.
pub async fn who(database: &PgPool, headers: &HeaderMap) -> Result<Option<SignedIn>, sqlx::Error> {
    sqlx::query_as(
        "select s.account_id, s.workspace_id, a.username
         from console_sessions s
         left join console_accounts a on a.id = s.account_id
         where s.id_hash = $1
         and s.ends_at > $2",
    )
    .bind(cookie::read(headers, COOKIE).map(hashed))
    .bind(clock::now())
    .fetch_optional(database)
    .await
}

/// One who is signed in to the console.
#[derive(Debug, sqlx::FromRow)]
pub struct SignedIn {
    /// The account; none when a ticket came without one.
    pub account_id: Option<String>,
    /// The workspace that a ticket named.
    pub workspace_id: Option<String>,
    /// The account's username.
    pub username: Option<String>,
}

async fn begin(database: &PgPool, account: Option<&str>, workspace: Option<&str>) -> Result<String, sqlx::Error> {
    let session = invent::secret();
    sqlx::query(
        "insert into console_sessions (id_hash, account_id, workspace_id, ends_at)
         values ($1, $2, $3, $4)",
    )
    .bind(hashed(&session))
    .bind(account)
    .bind(workspace)
    .bind(clock::now() + SESSION)
    .execute(database)
    .await?;
    Ok(session)
}

fn signed_in(session: &str) -> Response {
    ([(header::SET_COOKIE, cookie::write(COOKIE, session))], Redirect::to("/console")).into_response()
}

fn hashed(session: &str) -> String {
    hex::encode(Sha256::digest(session))
}
