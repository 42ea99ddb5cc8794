//! The sandbox's own pages: the overview, the faults and the calls; and how every page is sent.

use askama::Template;
use axum::{
    Form, Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use crate::{
    answer::Answer,
    app::App,
    calls,
    faults::{Fault, Kind, kept},
    part::Part,
};

/// A template as an answer.
#[derive(Debug)]
pub struct Page<Content>(pub Content);

impl<Content: Template> IntoResponse for Page<Content> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(page) => ([(header::CACHE_CONTROL, "no-store")], Html(page)).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// The overview's content: none of its own.
#[derive(Debug, Template)]
#[template(path = "overview.html")]
pub struct Overview;

#[derive(Template)]
#[template(path = "calls.html")]
struct Calls {
    part: String,
    calls: Vec<calls::Kept>,
}

#[derive(Template)]
#[template(path = "faults.html")]
struct Faults {
    on: Vec<(Part, Option<Fault>)>,
}

/// The pages but the overview, which shares its path with the `OpenAPI`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox.css", get(stylesheet))
        .route("/calls", get(calls_page))
        .route("/faults", get(faults_page).post(switch))
}

/// `GET /`.
pub async fn overview() -> Page<Overview> {
    Page(Overview)
}

async fn stylesheet() -> Response {
    ([(header::CONTENT_TYPE, "text/css")], include_str!("../templates/sandbox.css")).into_response()
}

#[derive(Deserialize)]
struct Filter {
    part: Option<String>,
}

async fn calls_page(State(app): State<App>, Query(filter): Query<Filter>) -> Result<Response, Answer> {
    let part = filter.part.unwrap_or_default();
    let mut calls = calls::list(&app.database, Some(part.as_str()).filter(|part| !part.is_empty())).await?;
    calls.reverse();
    calls.truncate(200);
    Ok(Page(Calls { part, calls }).into_response())
}

async fn faults_page(State(app): State<App>) -> Result<Response, Answer> {
    let mut on = Vec::new();
    for part in Part::ALL {
        on.push((part, kept::on(&app.database, part).await?));
    }
    Ok(Page(Faults { on }).into_response())
}

/// One row of the faults form; an empty kind switches off.
#[derive(Deserialize)]
struct Switch {
    part: String,
    kind: String,
    path: String,
    times: String,
}

async fn switch(State(app): State<App>, Form(asked): Form<Switch>) -> Result<Redirect, Answer> {
    let part = Part::named(&asked.part).ok_or_else(|| Answer::not_there("unknown-part", "There is no such part."))?;
    match Kind::named(&asked.kind) {
        Some(kind) => {
            let path = Some(asked.path.trim().to_owned()).filter(|path| !path.is_empty());
            let times = asked.times.trim().parse().ok();
            let fault = Fault { kind, status: None, code: None, retry_after: None, path, times, seconds: None };
            kept::switch_on(&app.database, part, &fault.of(part)?).await?;
        }
        None => kept::switch_off(&app.database, Some(part)).await?,
    }
    Ok(Redirect::to("/faults"))
}
