//! Billing Center accounts, apart from those of the console.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection};

use crate::{answer::Answer, invent, password};

/// What others may know of a Billing Center account.
#[derive(Debug, Clone, Serialize, FromRow)]
pub struct Account {
    /// The opaque id.
    pub id: String,
    /// Unique without regard to case.
    pub username: String,
    /// Unique without regard to case.
    pub email: String,
}

/// `POST /accounts`.
#[derive(Debug, Deserialize)]
pub struct OpenAccount {
    username: String,
    email: String,
    /// Null when the console account existed before.
    password: Option<String>,
    phone: Option<String>,
    company: Option<Value>,
    terms_accepted_at: Option<String>,
}

impl OpenAccount {
    /// An account as it existed before any purchase.
    #[must_use]
    pub fn existing(username: String, email: String) -> Self {
        Self { username, email, password: None, phone: None, company: None, terms_accepted_at: None }
    }
}

/// 200 with the account of that username, or 404.
pub async fn find(database: &mut PgConnection, username: &str) -> Result<Answer, Answer> {
    let account: Option<Account> = sqlx::query_as(
        "select id, username, email
         from billing_accounts
         where lower(username) = lower($1)",
    )
    .bind(username)
    .fetch_optional(database)
    .await?;
    let account = account.ok_or_else(|| Answer::not_there("account-unknown", "No account has this username."))?;
    Ok(Answer::found(json!(account)))
}

/// 201 with the id, 409 `username-taken` or `email-taken`.
pub async fn open(database: &mut PgConnection, asked: OpenAccount) -> Result<Answer, Answer> {
    if asked.username.trim().is_empty() {
        return Err(Answer::invalid_field("username", "A username is needed."));
    }
    if !asked.email.contains('@') {
        return Err(Answer::invalid_field("email", "This is no e-mail address."));
    }
    let id = invent::opaque("ba");
    let opened = sqlx::query(
        "insert into billing_accounts (id, username, email, password_hash, phone, company, terms_accepted_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do nothing",
    )
    .bind(&id)
    .bind(&asked.username)
    .bind(&asked.email)
    .bind(asked.password.as_deref().map(password::hash))
    .bind(&asked.phone)
    .bind(&asked.company)
    .bind(&asked.terms_accepted_at)
    .execute(&mut *database)
    .await?;
    if opened.rows_affected() == 1 {
        return Ok(Answer::created(json!({"id": id})));
    }
    match find(database, &asked.username).await {
        Ok(_) => Err(Answer::conflict("username-taken", "Another account has this username.")),
        Err(_) => Err(Answer::conflict("email-taken", "Another account has this e-mail address.")),
    }
}

/// The account of that id.
pub async fn by_id(database: &mut PgConnection, id: &str) -> Result<Option<Account>, sqlx::Error> {
    sqlx::query_as(
        "select id, username, email
         from billing_accounts
         where id = $1",
    )
    .bind(id)
    .fetch_optional(database)
    .await
}
