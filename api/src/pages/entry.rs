//! The typed entry: Account ID and Product Instance ID, with help on where to find both.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Frame, Page, page};
use crate::app::App;
use crate::asked::Asked;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "entry.html", whitespace = "minimize")]
struct EntryPage<'a> {
    frame: Frame<'a>,
}

impl Page for EntryPage<'_> {
    fn frame(&self) -> &Frame<'_> {
        &self.frame
    }
}

/// `GET /activate`.
///
/// # Errors
/// 404 where it is switched off.
pub async fn entry(State(app): State<App>, asked: Asked) -> Result<Response, Problem> {
    if !app.config.typed_entry {
        return Err(Problem::not_found());
    }
    Ok(page(StatusCode::OK, &app, &asked, &EntryPage { frame: Frame::of(&app, &asked) }))
}
