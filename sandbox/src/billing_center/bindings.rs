//! Bindings of workspaces to purchased instances, and what the marketplace said of them later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection};

use super::cloud_accounts;
use crate::answer::Answer;

/// `PUT /workspaces/{workspace_id}/binding`: all of it is kept and shown.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bind {
    workspace_id: String,
    billing_account_id: String,
    marketplace: String,
    cloud_account_id: String,
    instance_id: String,
    product_code: Option<String>,
    sku_id: Option<String>,
    trial: Option<bool>,
    expires_at: Option<String>,
    order_id: Option<String>,
    items: Option<BTreeMap<String, String>>,
}

/// `PUT /instances/{marketplace}/{instance_id}`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    marketplace: String,
    instance_id: String,
    state: State,
    expires_at: Option<String>,
    sku_id: Option<String>,
    order_id: Option<String>,
    items: Option<BTreeMap<String, String>>,
}

/// What an instance's workspace is allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works.
    Active,
    /// Frozen until it is renewed or paid.
    Suspended,
    /// Ended at the marketplace.
    Released,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Released => "released",
        }
    }
}

#[derive(Debug, FromRow)]
struct Workspace {
    billing_account_id: String,
    bindable: bool,
    bound_to: Option<String>,
    state: Option<String>,
}

/// 201 where the binding is new, 200 where it exists, 404, 409 `workspace-not-bindable` or `instance-already-bound`.
pub async fn bind(database: &mut PgConnection, id: &str, asked: Bind) -> Result<Answer, Answer> {
    if asked.workspace_id != id {
        return Err(Answer::malformed("body and path name different workspaces"));
    }
    let workspace = locked(database, id).await?;
    let not_bindable = |detail| Err(Answer::conflict("workspace-not-bindable", detail));
    if workspace.billing_account_id != asked.billing_account_id {
        return not_bindable("The workspace is not this account's.");
    }
    let open = workspace.state.as_deref().is_none_or(|state| state == "released");
    let instance = format!("{}/{}", asked.marketplace, asked.instance_id);
    let same = workspace.bound_to.as_deref() == Some(instance.as_str());
    if !same && !open {
        return not_bindable("The workspace is bound to another instance.");
    }
    if !same && !workspace.bindable {
        return not_bindable("The workspace's plan cannot be bound.");
    }
    let linked = cloud_accounts::linked(database, &asked.marketplace, &asked.cloud_account_id).await?;
    if linked.is_none_or(|account| account.id != asked.billing_account_id) {
        let code = axum::http::StatusCode::CONFLICT;
        return Err(Answer::problem(code, "refused", "The cloud account is not linked to this account."));
    }
    write(database, id, &asked).await?;
    let shown = json!({"workspace_id": id, "instance_id": asked.instance_id, "state": State::Active});
    Ok(if same { Answer::changed(shown) } else { Answer::created(shown) })
}

async fn locked(database: &mut PgConnection, id: &str) -> Result<Workspace, Answer> {
    let workspace: Option<Workspace> = sqlx::query_as(
        "select w.billing_account_id, w.bindable, b.marketplace || '/' || b.instance_id as bound_to, b.state
         from workspaces w
         left join bindings b on b.workspace_id = w.id
         where w.id = $1
         for update of w",
    )
    .bind(id)
    .fetch_optional(database)
    .await?;
    workspace.ok_or_else(|| Answer::not_there("workspace-unknown", "There is no such workspace."))
}

async fn write(database: &mut PgConnection, id: &str, asked: &Bind) -> Result<(), Answer> {
    let elsewhere: Option<String> = sqlx::query_scalar(
        "select workspace_id
         from bindings
         where marketplace = $1
         and instance_id = $2
         and workspace_id <> $3
         for update",
    )
    .bind(&asked.marketplace)
    .bind(&asked.instance_id)
    .bind(id)
    .fetch_optional(&mut *database)
    .await?;
    if elsewhere.is_some() {
        return Err(Answer::conflict("instance-already-bound", "The instance is bound to another workspace."));
    }
    sqlx::query(
        "insert into bindings (workspace_id, marketplace, instance_id, cloud_account_id, state, details)
         values ($1, $2, $3, $4, 'active', $5)
         on conflict (workspace_id) do update
         set marketplace = excluded.marketplace, instance_id = excluded.instance_id,
             cloud_account_id = excluded.cloud_account_id, state = excluded.state, details = excluded.details",
    )
    .bind(id)
    .bind(&asked.marketplace)
    .bind(&asked.instance_id)
    .bind(&asked.cloud_account_id)
    .bind(json!(asked))
    .execute(database)
    .await?;
    Ok(())
}

/// 200 where the workspace was bound, or 404.
pub async fn unbind(database: &mut PgConnection, id: &str) -> Result<Answer, Answer> {
    let ended = sqlx::query(
        "delete from bindings
         where workspace_id = $1",
    )
    .bind(id)
    .execute(database)
    .await?;
    if ended.rows_affected() == 0 {
        return Err(Answer::not_there("not-bound", "The workspace is not bound."));
    }
    Ok(Answer::changed(json!({"workspace_id": id})))
}

/// 200 with the new state of a bound instance, or 404.
pub async fn change(database: &mut PgConnection, marketplace: &str, id: &str, asked: Change) -> Result<Answer, Answer> {
    if asked.marketplace != marketplace || asked.instance_id != id {
        return Err(Answer::malformed("body and path name different instances"));
    }
    let details: Option<Value> = sqlx::query_scalar(
        "update bindings
         set state = $3, details = details || $4
         where marketplace = $1
         and instance_id = $2
         returning details",
    )
    .bind(marketplace)
    .bind(id)
    .bind(asked.state.name())
    .bind(json!(asked))
    .fetch_optional(database)
    .await?;
    let details = details.ok_or_else(|| Answer::not_there("not-bound", "The instance is not bound."))?;
    Ok(Answer::changed(details))
}
