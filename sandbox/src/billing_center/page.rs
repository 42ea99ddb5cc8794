//! The Billing Center's page: its accounts, the cloud accounts they settle, and every binding in full.

use askama::Template;
use axum::extract::State;
use serde_json::Value;
use sqlx::FromRow;

use crate::{answer::Answer, app::App, pages::Page};

#[derive(FromRow)]
struct Account {
    id: String,
    username: String,
    email: String,
    cloud_accounts: String,
}

#[derive(FromRow)]
struct Bound {
    workspace_id: String,
    name: String,
    instance_id: String,
    state: String,
    details: Value,
}

/// What the page shows.
#[derive(Template)]
#[template(path = "billing_center.html")]
pub struct BillingCenter {
    accounts: Vec<Account>,
    bindings: Vec<Bound>,
}

/// `GET /billing-center`.
pub async fn page(State(app): State<App>) -> Result<Page<BillingCenter>, Answer> {
    let accounts = sqlx::query_as(
        "select a.id, a.username, a.email,
                coalesce(string_agg(c.marketplace || ' ' || c.cloud_account_id, ', '), '') as cloud_accounts
         from billing_accounts a
         left join cloud_accounts c on c.billing_account_id = a.id
         group by a.id
         order by lower(a.username)",
    )
    .fetch_all(&app.database)
    .await?;
    let bindings = sqlx::query_as(
        "select b.workspace_id, w.name, b.instance_id, b.state, b.details
         from bindings b
         join workspaces w on w.id = b.workspace_id
         order by w.number desc",
    )
    .fetch_all(&app.database)
    .await?;
    Ok(Page(BillingCenter { accounts, bindings }))
}
