//! The mail server: what it took, and where it shows.

use serde::Serialize;
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;

use crate::clock;

pub mod mailbox;
pub mod message;
pub mod session;
pub mod smtp;

/// One mail to one recipient.
#[derive(Debug, Clone, Serialize, FromRow)]
pub struct Mail {
    /// In the order of receipt.
    pub id: i64,
    /// The envelope's recipient.
    #[serde(rename = "to")]
    #[sqlx(rename = "recipient")]
    pub to: String,
    /// The message's sender, as its header says.
    #[serde(rename = "from")]
    #[sqlx(rename = "sender")]
    pub from: String,
    /// Decoded (RFC 2047).
    pub subject: String,
    /// The plain part, decoded; empty when there is none.
    pub text: String,
    /// The HTML part, decoded; empty when there is none.
    pub html: String,
    /// When the server took it.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
}

/// Keeps a message for each of its recipients.
pub async fn keep(database: &PgPool, recipients: &[String], message: &message::Message) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into mails (recipient, sender, subject, text, html, received_at)
         select recipient, $2, $3, $4, $5, $6
         from unnest($1::text[]) recipient",
    )
    .bind(recipients)
    .bind(&message.from)
    .bind(&message.subject)
    .bind(&message.text)
    .bind(&message.html)
    .bind(clock::now())
    .execute(database)
    .await?;
    Ok(())
}

/// The mails to an address, without regard to case, or all of them; oldest first.
pub async fn list(database: &PgPool, to: Option<&str>) -> Result<Vec<Mail>, sqlx::Error> {
    sqlx::query_as(
        "select id, recipient, sender, subject, text, html, received_at
         from mails
         where $1::text is null
         or lower(recipient) = lower($1)
         order by id",
    )
    .bind(to)
    .fetch_all(database)
    .await
}
