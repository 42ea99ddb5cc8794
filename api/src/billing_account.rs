//! Has a Billing Center account: the username, then the code that its address got.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::Call;
use landfall_shared::buyer::Username;
use serde::Deserialize;

use crate::app::App;
use crate::asked::Asked;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::verification::{Purpose, Target, proof};
use crate::writing::{Begun, Shows, Writing};

/// What the buyer types.
#[derive(Debug, Deserialize)]
pub struct Body {
    username: Option<String>,
    code: Option<String>,
}

/// `POST /v1/activations/{id}/billing-account`.
///
/// # Errors
/// The problems of contract §3.
pub async fn bind(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let body: Body = asked.json()?;
    match Writing::begin(&app, &asked, &id, Shows::Activation).await? {
        Begun::Answered(response) => Ok(*response),
        Begun::Open(mut writing) => {
            let done = bind_proven(&mut writing, &body).await;
            writing.finish(done).await
        }
    }
}

async fn bind_proven(writing: &mut Writing, body: &Body) -> Result<StatusCode, Problem> {
    writing.may(Call::BillingAccount).await?;
    let mut fields = Fields::default();
    let username = fields.required("username", body.username.as_deref(), Username::parse).map(Target::Username);
    let whose = (Purpose::BillingAccount, username.as_ref());
    let shown = proof::shown(writing, &mut fields, "code", body.code.as_deref(), whose).await?;
    let (username, shown) = fields.done(username.zip(shown))?;
    let proof = shown.prove(writing, Purpose::BillingAccount, &username).await?;
    let account = proof.account.ok_or_else(|| Problem::code_invalid(0))?;
    let queued = writing.activation.bind_billing_account(account, proof.challenge_id)?;
    writing.queue(queued).await?;
    writing.changed();
    Ok(StatusCode::ACCEPTED)
}
