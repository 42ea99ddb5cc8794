//! What exists before a purchase, by the control API: accounts and workspaces, made as the platforms make them.

use axum::{body::Bytes, extract::State};
use serde::Deserialize;

use super::parsed;
use crate::{
    answer::Answer,
    app::App,
    billing_center,
    console::{self, workspaces::CreateWorkspace},
};

#[derive(Deserialize)]
struct BillingAccount {
    username: String,
    email: String,
}

#[derive(Deserialize)]
struct Workspace {
    name: String,
    billing_account_id: String,
    site: String,
    bindable: Option<bool>,
}

/// `POST /sandbox/billing-accounts`.
pub async fn billing_account(State(app): State<App>, body: Bytes) -> Result<Answer, Answer> {
    let asked: BillingAccount = parsed(&body)?;
    let mut database = app.database.acquire().await?;
    let account = billing_center::accounts::OpenAccount::existing(asked.username, asked.email);
    billing_center::accounts::open(&mut database, account).await
}

/// `POST /sandbox/console-accounts`.
pub async fn console_account(State(app): State<App>, body: Bytes) -> Result<Answer, Answer> {
    let mut database = app.database.acquire().await?;
    console::accounts::open(&mut database, parsed(&body)?, &app.config.sites).await
}

/// `POST /sandbox/workspaces`.
pub async fn workspace(State(app): State<App>, body: Bytes) -> Result<Answer, Answer> {
    let asked: Workspace = parsed(&body)?;
    let mut database = app.database.acquire().await?;
    let bindable = asked.bindable.unwrap_or(true);
    let workspace = CreateWorkspace::existing(asked.name, asked.site, asked.billing_account_id, bindable);
    console::workspaces::create(&mut database, workspace, &app.config.sites).await
}
