//! Activation successful: the buyer confirms, and is sent to the login page.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::{Call, Stage};

use crate::app::App;
use crate::asked::Asked;
use crate::problem::Problem;
use crate::writing::{Begun, Shows, Writing};

/// `POST /v1/activations/{id}/confirmation`.
///
/// # Errors
/// The problems of contract §3.
pub async fn confirm(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    match Writing::begin(&app, &asked, &id, Shows::LoginUrl).await? {
        Begun::Answered(response) => Ok(*response),
        Begun::Open(mut writing) => {
            let done = confirm_bound(&mut writing).await;
            writing.finish(done).await
        }
    }
}

async fn confirm_bound(writing: &mut Writing) -> Result<StatusCode, Problem> {
    writing.may(Call::Confirmation).await?;
    if matches!(writing.activation.stage, Stage::Confirmation { .. }) {
        writing.activation.confirm()?;
        writing.changed();
    }
    Ok(StatusCode::OK)
}
