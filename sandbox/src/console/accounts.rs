//! Console accounts: one set of usernames and addresses a site, apart from those of the Billing Center.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{FromRow, PgConnection};

use super::check_site;
use crate::{answer::Answer, config::Site, invent, password};

/// What others may know of a console account.
#[derive(Debug, Serialize, FromRow)]
struct Account {
    id: String,
    username: String,
    email: String,
}

/// `POST /accounts`.
#[derive(Debug, Deserialize)]
pub struct OpenAccount {
    username: String,
    email: String,
    password: String,
    phone: Option<String>,
    site: String,
    terms_accepted_at: Option<String>,
}

/// 200 with the account that has an address on a site, or 404.
pub async fn find(database: &mut PgConnection, email: &str, site: &str) -> Result<Answer, Answer> {
    let account: Option<Account> = sqlx::query_as(
        "select id, username, email
         from console_accounts
         where lower(email) = lower($1)
         and site = $2",
    )
    .bind(email)
    .bind(site)
    .fetch_optional(database)
    .await?;
    let account = account.ok_or_else(|| Answer::not_there("account-unknown", "No account has this address."))?;
    Ok(Answer::found(json!(account)))
}

/// 201 with the id, 409 `username-taken` or `email-taken`.
pub async fn open(database: &mut PgConnection, asked: OpenAccount, sites: &[Site]) -> Result<Answer, Answer> {
    check_site(sites, &asked.site)?;
    if asked.username.trim().is_empty() {
        return Err(Answer::invalid_field("username", "A username is needed."));
    }
    if !asked.email.contains('@') {
        return Err(Answer::invalid_field("email", "This is no e-mail address."));
    }
    if asked.password.is_empty() {
        return Err(Answer::invalid_field("password", "A password is needed."));
    }
    let id = invent::opaque("ca");
    let opened = sqlx::query(
        "insert into console_accounts (id, username, email, password_hash, phone, site, terms_accepted_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do nothing",
    )
    .bind(&id)
    .bind(&asked.username)
    .bind(&asked.email)
    .bind(password::hash(&asked.password))
    .bind(&asked.phone)
    .bind(&asked.site)
    .bind(&asked.terms_accepted_at)
    .execute(&mut *database)
    .await?;
    if opened.rows_affected() == 1 {
        return Ok(Answer::created(json!({"id": id})));
    }
    if username_is_taken(database, &asked).await? {
        return Err(Answer::conflict("username-taken", "Another account has this username."));
    }
    Err(Answer::conflict("email-taken", "Another account has this e-mail address."))
}

async fn username_is_taken(database: &mut PgConnection, asked: &OpenAccount) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select exists (
             select
             from console_accounts
             where lower(username) = lower($1)
             and site = $2
         )",
    )
    .bind(&asked.username)
    .bind(&asked.site)
    .fetch_one(database)
    .await
}
