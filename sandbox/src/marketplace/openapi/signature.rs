//! Whether a call to the `OpenAPI` is the seller's: ACS3-HMAC-SHA256, fifteen minutes either way, each nonce once.

use axum::http::request::Parts;
use landfall_shared::marketplace::alibaba::acs3::{self, Signed};
use secrecy::SecretString;
use sqlx::PgPool;
use subtle::ConstantTimeEq as _;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use super::Refused;
use crate::{app::App, clock};

const TOLERANCE: Duration = Duration::minutes(15);
/// What must be signed, whatever else is.
const SIGNED: [&str; 6] =
    ["host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"];

/// Refuses what is not the seller's call, of now, and for the first time.
pub async fn check(app: &App, head: &Parts, body: &[u8]) -> Result<(), Refused> {
    let given = Authorization::parse(header(head, "authorization"))
        .ok_or_else(|| Refused::new(400, "IncompleteSignature", "The request signature is incomplete."))?;
    if given.credential != app.config.access_key_id {
        return Err(Refused::new(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found."));
    }
    let sent = timestamp(header(head, "x-acs-date"))
        .ok_or_else(|| Refused::new(400, "InvalidTimeStamp.Format", "Specified time stamp is not well formatted."))?;
    let off = clock::now() - sent;
    if off.abs() > TOLERANCE {
        return Err(Refused::new(400, "InvalidTimeStamp.Expired", "Specified time stamp is expired."));
    }
    if !genuine(&given, head, body, &app.config.access_key_secret) {
        return Err(Refused::new(400, "SignatureDoesNotMatch", "Specified signature does not match our calculation."));
    }
    if !first_use(&app.database, header(head, "x-acs-signature-nonce")).await? {
        return Err(Refused::new(400, "SignatureNonceUsed", "Specified signature nonce was used already."));
    }
    Ok(())
}

struct Authorization<'a> {
    credential: &'a str,
    names: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix(acs3::ALGORITHM)?.trim_start().split(',').map(str::trim);
        let given = Self {
            credential: parts.next()?.strip_prefix("Credential=")?,
            names: parts.next()?.strip_prefix("SignedHeaders=")?.split(';').collect(),
            signature: parts.next()?.strip_prefix("Signature=")?,
        };
        let complete = SIGNED.iter().all(|name| given.names.contains(name)) && given.names.is_sorted();
        complete.then_some(given)
    }
}

fn genuine(given: &Authorization<'_>, head: &Parts, body: &[u8], secret: &SecretString) -> bool {
    if header(head, "x-acs-content-sha256") != acs3::sha256_hex(body)
        || header(head, "x-acs-signature-nonce").is_empty()
    {
        return false;
    }
    let parameters: Vec<(String, String)> =
        form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let query: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers: Vec<_> = given.names.iter().map(|name| (*name, header(head, name))).collect();
    let signed = Signed { method: head.method.as_str(), query: &query, headers: &headers, body };
    signed.signature(secret).as_bytes().ct_eq(given.signature.as_bytes()).into()
}

async fn first_use(database: &PgPool, nonce: &str) -> Result<bool, sqlx::Error> {
    let used = sqlx::query(
        "insert into nonces (nonce, used_at)
         values ($1, $2)
         on conflict do nothing",
    )
    .bind(nonce)
    .bind(clock::now())
    .execute(database)
    .await?;
    Ok(used.rows_affected() == 1)
}

fn timestamp(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text, acs3::DATE).ok().map(PrimitiveDateTime::assume_utc)
}

fn header<'a>(head: &'a Parts, name: &str) -> &'a str {
    head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    /// The worked example of Alibaba's documentation of V3 signatures.
    fn example(signature: &str) -> bool {
        let names = SIGNED.join(";");
        let authorization =
            format!("ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders={names},Signature={signature}");
        let (head, ()) =
            Request::post("/?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai")
                .header("host", "ecs.cn-shanghai.aliyuncs.com")
                .header("x-acs-action", "RunInstances")
                .header("x-acs-version", "2014-05-26")
                .header("x-acs-date", "2023-10-26T10:22:32Z")
                .header("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d")
                .header("x-acs-content-sha256", acs3::sha256_hex(b""))
                .body(())
                .unwrap()
                .into_parts();
        let given = Authorization::parse(&authorization).unwrap();
        genuine(&given, &head, b"", &SecretString::from("YourAccessKeySecret"))
    }

    #[test]
    fn the_documented_signature_is_genuine_and_no_other() {
        assert!(example("06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"));
        assert!(!example("06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c1"));
    }

    #[test]
    fn a_header_that_is_left_unsigned_makes_the_signature_incomplete() {
        let text = "ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host;x-acs-action,Signature=b";
        assert!(Authorization::parse(text).is_none());
    }
}
