//! The mailbox pages: every mail that the server took, newest first.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    routing::get,
};
use serde::Deserialize;

use super::Mail;
use crate::{answer::Answer, app::App, pages::Page};

/// The mailbox's pages.
pub fn routes() -> Router<App> {
    Router::new().route("/mailbox", get(all)).route("/mailbox/{id}", get(one))
}

#[derive(Debug, Deserialize)]
struct Search {
    to: Option<String>,
}

/// The list of mails.
#[derive(Template)]
#[template(path = "mailbox.html")]
struct Mailbox {
    to: String,
    mails: Vec<Mail>,
}

/// One mail.
#[derive(Template)]
#[template(path = "mail.html")]
struct Opened {
    mail: Mail,
}

async fn all(State(app): State<App>, Query(search): Query<Search>) -> Result<Page<Mailbox>, Answer> {
    let to = search.to.unwrap_or_default();
    let mut mails = super::list(&app.database, Some(to.trim()).filter(|to| !to.is_empty())).await?;
    mails.reverse();
    Ok(Page(Mailbox { to, mails }))
}

async fn one(State(app): State<App>, Path(id): Path<i64>) -> Result<Page<Opened>, Answer> {
    let mail: Option<Mail> = sqlx::query_as(
        "select id, recipient, sender, subject, text, html, received_at
         from mails
         where id = $1",
    )
    .bind(id)
    .fetch_optional(&app.database)
    .await?;
    let mail = mail.ok_or_else(|| Answer::not_there("unknown-mail", "There is no such mail."))?;
    Ok(Page(Opened { mail }))
}
