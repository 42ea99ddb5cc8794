//! The control API under `/sandbox`: what tests and demonstrations tell the outside world to do (contract §8).

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query, State},
    routing::{get, post, put},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    app::App,
    calls,
    faults::{Fault, kept},
    mail,
    part::Part,
};

pub mod before;
pub mod purchases;

/// All of it.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/sandbox/purchases", post(purchases::buy))
        .route("/sandbox/instances/{instance_id}/login", post(purchases::log_in))
        .route("/sandbox/instances/{instance_id}/{change}", post(purchases::change))
        .route("/sandbox/billing-accounts", post(before::billing_account))
        .route("/sandbox/console-accounts", post(before::console_account))
        .route("/sandbox/workspaces", post(before::workspace))
        .route("/sandbox/mails", get(mails))
        .route("/sandbox/calls", get(made))
        .route("/sandbox/faults", get(switched_on).delete(switch_all_off))
        .route("/sandbox/faults/{part}", put(switch_on).delete(switch_off))
}

/// A JSON body, whatever its content type says; an empty one is `{}`.
fn parsed<Body: DeserializeOwned>(body: &Bytes) -> Result<Body, Answer> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Answer::malformed(&format!("the body: {error}")))
}

#[derive(Deserialize)]
struct MailQuery {
    to: Option<String>,
}

async fn mails(State(app): State<App>, Query(query): Query<MailQuery>) -> Result<Answer, Answer> {
    let mails = mail::list(&app.database, query.to.as_deref()).await?;
    Ok(Answer::found(json!({"mails": mails})))
}

#[derive(Deserialize)]
struct CallQuery {
    part: Option<String>,
}

async fn made(State(app): State<App>, Query(query): Query<CallQuery>) -> Result<Answer, Answer> {
    let part = query.part.as_deref().filter(|part| !part.is_empty());
    let calls = calls::list(&app.database, part).await?;
    Ok(Answer::found(json!({"calls": calls})))
}

fn part_named(name: &str) -> Result<Part, Answer> {
    Part::named(name).ok_or_else(|| Answer::not_there("unknown-part", "There is no such part."))
}

async fn switched_on(State(app): State<App>) -> Result<Answer, Answer> {
    let mut on = serde_json::Map::new();
    for part in Part::ALL {
        if let Some(fault) = kept::on(&app.database, part).await? {
            on.insert(part.name().to_owned(), json!(fault));
        }
    }
    Ok(Answer::found(json!({"faults": Value::Object(on)})))
}

async fn switch_on(State(app): State<App>, Path(part): Path<String>, body: Bytes) -> Result<Answer, Answer> {
    let part = part_named(&part)?;
    let fault = parsed::<Fault>(&body)?.of(part)?;
    kept::switch_on(&app.database, part, &fault).await?;
    Ok(Answer::changed(json!(fault)))
}

async fn switch_off(State(app): State<App>, Path(part): Path<String>) -> Result<Answer, Answer> {
    kept::switch_off(&app.database, Some(part_named(&part)?)).await?;
    Ok(Answer::changed(json!({})))
}

async fn switch_all_off(State(app): State<App>) -> Result<Answer, Answer> {
    kept::switch_off(&app.database, None).await?;
    Ok(Answer::changed(json!({})))
}
