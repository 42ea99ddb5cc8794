//! The *change settlement method* dialog: asks Landfall to bind a workspace to a purchase (contract §7).

use axum::{
    Form,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{home, login};
use crate::{answer::Answer, app::App, clock, invent};

/// The dialog's form.
#[derive(Debug, Deserialize)]
pub struct ChangeSettlement {
    #[serde(rename = "workspace_id")]
    workspace: String,
    #[serde(rename = "account_id")]
    account: String,
    #[serde(rename = "instance_id")]
    instance: String,
}

/// `POST /console/settlement`.
pub async fn change(
    State(app): State<App>,
    headers: HeaderMap,
    Form(asked): Form<ChangeSettlement>,
) -> Result<Response, Answer> {
    let Some(signed_in) = login::who(&app.database, &headers).await? else {
        return Ok(Redirect::to("/console/login").into_response());
    };
    let mine = home::workspaces(&app.database, &signed_in).await?;
    if !mine.iter().any(|workspace| workspace.id == asked.workspace) {
        return Err(Answer::not_there("workspace-unknown", "There is no such workspace."));
    }
    let billing_account_id: String = sqlx::query_scalar(
        "select billing_account_id
         from workspaces
         where id = $1",
    )
    .bind(&asked.workspace)
    .fetch_one(&app.database)
    .await?;
    let body = json!({
        "marketplace": "alibaba",
        "account_id": asked.account.trim(),
        "instance_id": asked.instance.trim(),
        "billing_account_id": billing_account_id,
        "workspace_id": asked.workspace,
    });
    let said = send(&app, &body).await;
    home::show(&app, &headers, Some(&said)).await
}

/// Sends the signed call and says in one sentence what came of it.
async fn send(app: &App, body: &Value) -> String {
    let Some(keys) = &app.inbound_keys else { return "PLATFORM_INBOUND_SECRET is not set.".to_owned() };
    let Ok(url) = app.config.spi_url.join("/v1/platform/bindings") else { return "SPI_URL has no host.".to_owned() };
    let id = invent::opaque("settlement");
    let timestamp = clock::now().unix_timestamp();
    let body = body.to_string();
    let sent = app
        .http
        .post(url)
        .header("content-type", "application/json")
        .header("idempotency-key", &id)
        .header("webhook-signature", keys.sign(&id, timestamp, body.as_bytes()))
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .body(body)
        .send()
        .await;
    match sent {
        Ok(answer) if answer.status().is_success() => "The change was asked for; it shows here when it is done.".into(),
        Ok(answer) => {
            let status = answer.status();
            let problem: Value = answer.json().await.unwrap_or_default();
            let detail = problem.get("detail").and_then(Value::as_str).unwrap_or("no detail");
            format!("It was refused: {status}, {detail}")
        }
        Err(_) => "Landfall does not answer.".to_owned(),
    }
}
