//! Which Billing Center account settles which cloud account.

use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;

use super::accounts::{self, Account};
use crate::answer::Answer;

/// `PUT /cloud-accounts/{marketplace}/{cloud_account_id}`.
#[derive(Debug, Deserialize)]
pub struct Link {
    marketplace: String,
    cloud_account_id: String,
    billing_account_id: String,
}

/// 200 with the account that a cloud account is linked to, or 404.
pub async fn find(database: &mut PgConnection, marketplace: &str, id: &str) -> Result<Answer, Answer> {
    let account = linked(database, marketplace, id).await?;
    let account = account.ok_or_else(|| Answer::not_there("not-linked", "The cloud account is not linked."))?;
    Ok(Answer::found(json!({"account": account})))
}

/// 201 where the link is new, 200 where it exists, 409 `cloud-account-linked-elsewhere`.
pub async fn link(database: &mut PgConnection, marketplace: &str, id: &str, asked: Link) -> Result<Answer, Answer> {
    if asked.marketplace != marketplace || asked.cloud_account_id != id {
        return Err(Answer::malformed("body and path name different cloud accounts"));
    }
    if accounts::by_id(database, &asked.billing_account_id).await?.is_none() {
        return Err(Answer::invalid_field("billing_account_id", "There is no such account."));
    }
    let made = sqlx::query(
        "insert into cloud_accounts (marketplace, cloud_account_id, billing_account_id)
         values ($1, $2, $3)
         on conflict do nothing",
    )
    .bind(marketplace)
    .bind(id)
    .bind(&asked.billing_account_id)
    .execute(&mut *database)
    .await?;
    let shown = json!({
        "marketplace": marketplace, "cloud_account_id": id, "billing_account_id": asked.billing_account_id,
    });
    if made.rows_affected() == 1 {
        return Ok(Answer::created(shown));
    }
    match linked(database, marketplace, id).await? {
        Some(account) if account.id == asked.billing_account_id => Ok(Answer::found(shown)),
        Some(_) | None => {
            Err(Answer::conflict("cloud-account-linked-elsewhere", "Another account settles this cloud account."))
        }
    }
}

/// 200 where there was a link, or 404.
pub async fn unlink(database: &mut PgConnection, marketplace: &str, id: &str) -> Result<Answer, Answer> {
    let ended = sqlx::query(
        "delete from cloud_accounts
         where marketplace = $1
         and cloud_account_id = $2",
    )
    .bind(marketplace)
    .bind(id)
    .execute(database)
    .await?;
    if ended.rows_affected() == 0 {
        return Err(Answer::not_there("not-linked", "The cloud account is not linked."));
    }
    Ok(Answer::changed(json!({"marketplace": marketplace, "cloud_account_id": id})))
}

/// The account that a cloud account is linked to.
pub async fn linked(database: &mut PgConnection, marketplace: &str, id: &str) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as(
        "select a.id, a.username, a.email
         from cloud_accounts c
         join billing_accounts a on a.id = c.billing_account_id
         where c.marketplace = $1
         and c.cloud_account_id = $2",
    )
    .bind(marketplace)
    .bind(id)
    .fetch_optional(database)
    .await
}
