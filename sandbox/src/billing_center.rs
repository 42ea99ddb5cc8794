//! The vendor's Billing Center: its accounts, the cloud accounts linked to them, and what is bound (contract §7).

use sqlx::PgConnection;

use crate::{answer::Answer, signed::asked::Asked};

pub mod accounts;
pub mod bindings;
pub mod cloud_accounts;
pub mod page;
pub mod workspaces;

/// Answers one checked call.
///
/// # Errors
/// The problem that stands in the way; both are answers.
pub async fn answer(database: &mut PgConnection, asked: &Asked) -> Result<Answer, Answer> {
    let (method, segments) = asked.route();
    match (method, segments.as_slice()) {
        ("GET", ["accounts"]) => accounts::find(database, asked.required("username")?).await,
        ("POST", ["accounts"]) => accounts::open(database, asked.body()?).await,
        ("GET", ["accounts", id, "workspaces"]) => workspaces::list(database, id, asked.parameter("cursor")).await,
        ("GET", ["cloud-accounts", marketplace, id]) => cloud_accounts::find(database, marketplace, id).await,
        ("PUT", ["cloud-accounts", marketplace, id]) => {
            cloud_accounts::link(database, marketplace, id, asked.body()?).await
        }
        ("DELETE", ["cloud-accounts", marketplace, id]) => cloud_accounts::unlink(database, marketplace, id).await,
        ("PUT", ["workspaces", id, "binding"]) => bindings::bind(database, id, asked.body()?).await,
        ("DELETE", ["workspaces", id, "binding"]) => bindings::unbind(database, id).await,
        ("PUT", ["instances", marketplace, id]) => bindings::change(database, marketplace, id, asked.body()?).await,
        _ => Err(asked.unknown()),
    }
}
