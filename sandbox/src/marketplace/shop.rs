//! What the buyer sees of the marketplace: the shop page, the pay-as-you-go dialog, and *Purchased Services*.

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use super::Purchase;
use crate::{answer::Answer, app::App, cookie, invent, pages::Page};

/// The cookie that says who is signed in at the marketplace.
const COOKIE: &str = "sandbox_buyer";

/// The marketplace's pages.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/shop", get(product))
        .route("/shop/activate", get(dialog).post(activate))
        .route("/shop/submitted", get(submitted))
        .route("/purchased", get(purchased))
        .route("/purchased/{instance_id}/login", get(log_in_directly))
}

#[derive(Template)]
#[template(path = "shop.html")]
struct Product {
    account_id: String,
}

#[derive(Template)]
#[template(path = "shop_activate.html")]
struct Dialog {
    account_id: String,
    problem: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "shop_submitted.html")]
struct Submitted {
    account_id: String,
}

#[derive(Template)]
#[template(path = "purchased.html")]
struct Purchased {
    account_id: String,
    services: Vec<Service>,
}

#[derive(sqlx::FromRow)]
struct Service {
    instance_id: String,
    status: String,
    sku_id: String,
    expires_on: Option<String>,
    problem: Option<String>,
    attempts: i32,
}

/// Who comes to the marketplace; `account_id` in the address signs another buyer in.
#[derive(Debug, Default, Deserialize)]
struct Visit {
    account_id: Option<String>,
}

fn buyer(headers: &HeaderMap, visit: &Visit) -> String {
    let digits = |id: &&str| (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    let asked = visit.account_id.as_deref().map(str::trim).filter(digits);
    let known = cookie::read(headers, COOKIE).filter(digits);
    asked.or(known).map_or_else(|| invent::digits('1', 15), str::to_owned)
}

fn remembered(account_id: &str, page: impl IntoResponse) -> Response {
    let mut response = page.into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie::write(COOKIE, account_id)) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

async fn product(headers: HeaderMap, Query(visit): Query<Visit>) -> Response {
    let account_id = buyer(&headers, &visit);
    remembered(&account_id, Page(Product { account_id: account_id.clone() }))
}

async fn dialog(headers: HeaderMap, Query(visit): Query<Visit>) -> Response {
    let account_id = buyer(&headers, &visit);
    remembered(&account_id, Page(Dialog { account_id: account_id.clone(), problem: None }))
}

#[derive(Deserialize)]
struct Agreement {
    terms: Option<String>,
}

async fn activate(
    State(app): State<App>,
    headers: HeaderMap,
    Form(agreement): Form<Agreement>,
) -> Result<Response, Answer> {
    let account_id = buyer(&headers, &Visit::default());
    if agreement.terms.is_none() {
        let problem = Some("Agree to the terms of service first.");
        return Ok(remembered(&account_id, Page(Dialog { account_id: account_id.clone(), problem })));
    }
    super::buy(&app, Purchase { account_id: Some(account_id.clone()), ..Purchase::default() }).await?;
    Ok(remembered(&account_id, Redirect::to("/shop/submitted")))
}

async fn submitted(headers: HeaderMap, Query(visit): Query<Visit>) -> Response {
    let account_id = buyer(&headers, &visit);
    remembered(&account_id, Page(Submitted { account_id: account_id.clone() }))
}

async fn purchased(State(app): State<App>, headers: HeaderMap, Query(visit): Query<Visit>) -> Result<Response, Answer> {
    let account_id = buyer(&headers, &visit);
    let services = sqlx::query_as(
        "select i.instance_id, i.status, i.sku_id, i.expires_on, n.problem, coalesce(n.attempts, 0) as attempts
         from instances i
         left join lateral (
             select problem, attempts
             from notices
             where instance_id = i.instance_id
             and accepted_at is null
             order by id
             limit 1
         ) n on true
         where i.account_id = $1
         order by i.bought_at desc",
    )
    .bind(&account_id)
    .fetch_all(&app.database)
    .await?;
    Ok(remembered(&account_id, Page(Purchased { account_id: account_id.clone(), services })))
}

async fn log_in_directly(
    State(app): State<App>,
    headers: HeaderMap,
    Path(instance_id): Path<String>,
) -> Result<Redirect, Answer> {
    let account_id = buyer(&headers, &Visit::default());
    let instance = super::find(&app.database, &instance_id).await?.filter(|found| found.account_id == account_id);
    let instance = instance.ok_or_else(|| Answer::not_there("unknown-instance", "You have no such instance."))?;
    let url = instance.login_url(&app).await?.ok_or_else(|| {
        Answer::conflict("not-ready", "The instance is still being opened: the seller has not accepted it yet.")
    })?;
    Ok(Redirect::to(&url))
}
