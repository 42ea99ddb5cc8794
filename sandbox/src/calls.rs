//! The record of everything that was asked of the outside world, and of what the marketplace told the seller.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{FromRow, PgExecutor, PgPool};
use time::OffsetDateTime;

/// One call, as it came and as it went.
#[derive(Debug, Clone)]
pub struct Call {
    /// The part that was asked, or `spi` for the marketplace's own calls to the seller.
    pub part: &'static str,
    /// The HTTP method, or `SMTP`.
    pub method: String,
    /// The path and query below the part's mount.
    pub path: String,
    /// The key of the caller's intention.
    pub idempotency_key: Option<String>,
    /// What came with it and means something (contract §7): by name, in lower case.
    pub headers: Value,
    /// What was sent; secrets in it are masked when it is kept.
    pub body: Value,
    /// What was answered; none when the answer was never sent.
    pub status: Option<u16>,
    /// When it came.
    pub received_at: OffsetDateTime,
    /// Whether it changed anything, for the first time.
    pub effect: bool,
    /// What was wrong with it, or with the answer to it.
    pub problem: Option<String>,
}

impl Call {
    /// The headers without a signature over what is masked: by it a password could be guessed, one after another.
    fn kept_headers(&self) -> Value {
        let mut headers = self.headers.clone();
        if masked(self.body.clone()) != self.body
            && let Some(signature) = headers.get_mut("webhook-signature")
        {
            *signature = json!("***");
        }
        headers
    }
}

/// Keeps a call.
pub async fn record(database: impl PgExecutor<'_>, call: &Call) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into calls (part, method, path, idempotency_key, body, status, received_at, effect, problem, headers)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(call.part)
    .bind(&call.method)
    .bind(&call.path)
    .bind(&call.idempotency_key)
    .bind(masked(call.body.clone()))
    .bind(call.status.map(i32::from))
    .bind(call.received_at)
    .bind(call.effect)
    .bind(&call.problem)
    .bind(call.kept_headers())
    .execute(database)
    .await?;
    Ok(())
}

/// A call as it is kept.
#[derive(Debug, Serialize, FromRow)]
pub struct Kept {
    /// In the order of the records.
    pub id: i64,
    /// The part that was asked, or `spi`.
    pub part: String,
    /// The HTTP method, or `SMTP`.
    pub method: String,
    /// The path and query below the part's mount.
    pub path: String,
    /// The key of the caller's intention.
    pub idempotency_key: Option<String>,
    /// What came with it, by name in lower case.
    pub headers: Value,
    /// What was sent, its secrets masked.
    pub body: Option<Value>,
    /// What was answered; none when the answer was never sent.
    pub status: Option<i32>,
    /// When it came.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// Whether it changed anything, for the first time.
    pub effect: bool,
    /// What was wrong with it, or with the answer to it.
    pub problem: Option<String>,
}

/// Every call to a part, or to all of them, oldest first.
pub async fn list(database: &PgPool, part: Option<&str>) -> Result<Vec<Kept>, sqlx::Error> {
    sqlx::query_as(
        "select id, part, method, path, idempotency_key, headers, body, status, received_at, effect, problem
         from calls
         where $1::text is null
         or part = $1
         order by id",
    )
    .bind(part)
    .fetch_all(database)
    .await
}

fn masked(body: Value) -> Value {
    match body {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| match (name.as_str(), value.is_null()) {
                ("password" | "token", false) => (name, json!("***")),
                _ => (name, masked(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_masked_wherever_they_stand() {
        let body = json!({"username": "ann", "password": "secret", "owner": [{"password": "secret"}]});
        assert_eq!(masked(body), json!({"username": "ann", "password": "***", "owner": [{"password": "***"}]}));
    }

    #[test]
    fn a_password_that_is_null_stays_null() {
        assert_eq!(masked(json!({"password": null})), json!({"password": null}));
    }
}
