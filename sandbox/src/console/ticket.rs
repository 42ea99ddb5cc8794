//! The ticket by which Landfall signs a buyer in: a JWT, HS256, good for a minute and good once (contract §2).

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, de::DeserializeOwned};
use sha2::Sha256;

use crate::{app::App, clock};

/// What a ticket says.
#[derive(Debug, Deserialize)]
pub struct Ticket {
    aud: String,
    jti: String,
    iat: i64,
    exp: i64,
    /// The workspace that was bought.
    pub workspace_id: String,
    /// The console account that owns it, where it is known.
    pub owner_account_id: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// A ticket that is ours, of now and for this host, and that nobody has shown before; else why it is not.
pub async fn take(app: &App, text: &str, host: &str) -> Result<Result<Ticket, &'static str>, sqlx::Error> {
    let Some(secret) = &app.config.login_ticket_secret else { return Ok(Err("This console takes no tickets.")) };
    let now = clock::now().unix_timestamp();
    let ticket = match checked(text, secret.expose_secret(), host, now) {
        Ok(ticket) => ticket,
        Err(problem) => return Ok(Err(problem)),
    };
    let first = sqlx::query(
        "insert into used_tickets (jti, used_at)
         values ($1, $2)
         on conflict do nothing",
    )
    .bind(&ticket.jti)
    .bind(clock::now())
    .execute(&app.database)
    .await?;
    Ok(if first.rows_affected() == 1 { Ok(ticket) } else { Err("This ticket was used before.") })
}

fn checked(text: &str, secret: &str, host: &str, now: i64) -> Result<Ticket, &'static str> {
    let forged = "This ticket is not signed by Landfall.";
    let (signed, signature) = text.rsplit_once('.').ok_or(forged)?;
    let (header, claims) = signed.split_once('.').ok_or(forged)?;
    let key = STANDARD.decode(secret).map_err(|_| "The console's ticket secret is malformed.")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| forged)?;
    mac.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| forged)?;
    mac.verify_slice(&signature).map_err(|_| forged)?;
    let header: Header = decoded(header).ok_or(forged)?;
    if header.alg != "HS256" {
        return Err(forged);
    }
    let ticket: Ticket = decoded(claims).ok_or("This ticket lacks a claim.")?;
    if now >= ticket.exp || ticket.iat > now + 60 || ticket.exp - ticket.iat > 60 {
        return Err("This ticket is not of this minute.");
    }
    if url::Url::parse(&ticket.aud).ok().is_none_or(|audience| audience.authority() != host) {
        return Err("This ticket is for another console.");
    }
    Ok(ticket)
}

fn decoded<Part: DeserializeOwned>(part: &str) -> Option<Part> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ticket(alg: &str, exp: i64) -> String {
        let claims = json!({
            "aud": "http://sandbox:8090/console/login", "jti": "j1", "iat": 1000, "exp": exp,
            "workspace_id": "ws_1", "owner_account_id": null,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(json!({"alg": alg}).to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(b"key").unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn a_ticket_of_this_minute_and_host_is_taken() {
        let secret = STANDARD.encode("key");
        let taken = checked(&ticket("HS256", 1060), &secret, "sandbox:8090", 1030).unwrap();
        assert_eq!(taken.workspace_id, "ws_1");
    }

    #[test]
    fn a_late_foreign_long_or_forged_ticket_is_refused() {
        let secret = STANDARD.encode("key");
        let good = ticket("HS256", 1060);
        assert!(checked(&good, &secret, "sandbox:8090", 1060).is_err());
        assert!(checked(&good, &secret, "elsewhere", 1030).is_err());
        assert!(checked(&good, &STANDARD.encode("other"), "sandbox:8090", 1030).is_err());
        assert!(checked(&ticket("HS256", 9000), &secret, "sandbox:8090", 1030).is_err());
        assert!(checked(&ticket("none", 1060), &secret, "sandbox:8090", 1030).is_err());
    }
}
