//! Standard Webhooks signatures: how calls between Landfall and the vendor prove where they come from.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

/// How far a call's timestamp may be from our clock, either way, in seconds.
pub const TOLERANCE_SECONDS: u64 = 300;

const PREFIX: &str = "whsec_";

/// Secrets are copied by hand between systems, and some of them drop the padding.
const UNPADDED_TOO: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One or more symmetric signing secrets (`whsec_…`): all of them sign, any of them verifies, so that a secret can be rotated.
#[derive(Clone)]
pub struct SigningKeys(Vec<SecretSlice<u8>>);

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({} of them)", self.0.len())
    }
}

/// A text that is no list of signing secrets; it does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` and base64; several are comma separated")]
pub struct NotSigningKeys;

/// Why a call is not what one of our keys signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// `webhook-timestamp` is no number of seconds.
    #[error("the timestamp is no number of seconds")]
    Timestamp,
    /// `webhook-timestamp` is more than [`TOLERANCE_SECONDS`] away.
    #[error("the timestamp is more than five minutes away")]
    Stale,
    /// No signature given is one of ours.
    #[error("no signature matches")]
    Signature,
}

impl SigningKeys {
    /// Reads `whsec_<base64>[,whsec_<base64>…]`; blanks around each are forgiven.
    pub fn parse(text: &str) -> Result<Self, NotSigningKeys> {
        text.split(',').map(parse_key).collect::<Result<_, _>>().map(Self)
    }

    /// The `webhook-signature` header: one `v1,<base64>` for each key, separated by blanks. `timestamp` is in Unix seconds.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures = self.digests(id, timestamp, body).map(|digest| format!("v1,{}", STANDARD.encode(digest)));
        signatures.collect::<Vec<_>>().join(" ")
    }

    /// Checks a call's `webhook-*` headers against its body, in constant time where secrets are compared.
    pub fn verify(
        &self,
        id: &str,
        timestamp_header: &str,
        body: &[u8],
        signature_header: &str,
        now: OffsetDateTime,
    ) -> Result<(), Unverified> {
        let timestamp: i64 = timestamp_header.trim().parse().map_err(|_| Unverified::Timestamp)?;
        if timestamp.abs_diff(now.unix_timestamp()) > TOLERANCE_SECONDS {
            return Err(Unverified::Stale);
        }
        let given = given_digests(signature_header);
        let ours = |digest: [u8; 32]| given.iter().any(|candidate| bool::from(candidate.as_slice().ct_eq(&digest)));
        if self.digests(id, timestamp, body).any(ours) { Ok(()) } else { Err(Unverified::Signature) }
    }

    fn digests(&self, id: &str, timestamp: i64, body: &[u8]) -> impl Iterator<Item = [u8; 32]> {
        let head = format!("{id}.{timestamp}.");
        self.0.iter().map(move |key| hmac_sha256(key.expose_secret(), &[head.as_bytes(), body]))
    }
}

/// HMAC-SHA256 over the concatenated parts.
#[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104), so this never fails")]
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn parse_key(text: &str) -> Result<SecretSlice<u8>, NotSigningKeys> {
    let encoded = text.trim().strip_prefix(PREFIX).ok_or(NotSigningKeys)?;
    let key = UNPADDED_TOO.decode(encoded).map_err(|_| NotSigningKeys)?;
    if key.is_empty() { Err(NotSigningKeys) } else { Ok(key.into()) }
}

/// The symmetric signatures of a header; those of other versions (`v1a`) and unreadable ones are not ours to check.
fn given_digests(header: &str) -> Vec<Vec<u8>> {
    let encoded = header.split_ascii_whitespace().filter_map(|one| one.strip_prefix("v1,"));
    encoded.filter_map(|one| STANDARD.decode(one).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_loFOjxBNrRLzqYUf";
    const AT: i64 = 1_731_705_121;
    const BODY: &[u8] = br#"{"event_type":"ping","data":{"success":true}}"#;
    const SECRET: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl";
    const SIGNATURE: &str = "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=";
    const OTHER: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn keys(text: &str) -> SigningKeys {
        SigningKeys::parse(text).unwrap()
    }

    fn verify_at(keys: &SigningKeys, seconds: i64, signature: &str) -> Result<(), Unverified> {
        let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        keys.verify(ID, &AT.to_string(), BODY, signature, now)
    }

    #[test]
    fn signs_as_the_standards_own_libraries_do() {
        assert_eq!(keys(SECRET).sign(ID, AT, BODY), SIGNATURE);
    }

    #[test]
    fn every_key_signs_and_any_key_verifies() {
        let both = keys(&format!("{OTHER}, {SECRET}"));
        let header = both.sign(ID, AT, BODY);
        assert_eq!(header.split(' ').count(), 2);
        assert_eq!(verify_at(&keys(SECRET), AT, &header), Ok(()));
        assert_eq!(verify_at(&both, AT, SIGNATURE), Ok(()));
        assert_eq!(verify_at(&both, AT, &format!("v1a,abc v1,!! v1, {SIGNATURE}")), Ok(()));
    }

    #[test]
    fn five_minutes_either_way_are_tolerated_and_no_more() {
        let keys = keys(SECRET);
        for near in [AT - 300, AT + 300] {
            assert_eq!(verify_at(&keys, near, SIGNATURE), Ok(()));
        }
        for far in [AT - 301, AT + 301] {
            assert_eq!(verify_at(&keys, far, SIGNATURE), Err(Unverified::Stale));
        }
    }

    #[test]
    fn another_key_body_id_or_timestamp_does_not_verify() {
        let now = OffsetDateTime::from_unix_timestamp(AT).unwrap();
        let at = AT.to_string();
        let keys = keys(SECRET);
        assert_eq!(verify_at(&SigningKeys::parse(OTHER).unwrap(), AT, SIGNATURE), Err(Unverified::Signature));
        assert_eq!(verify_at(&keys, AT, ""), Err(Unverified::Signature));
        assert_eq!(keys.verify(ID, &at, b"{}", SIGNATURE, now), Err(Unverified::Signature));
        assert_eq!(keys.verify("msg_2", &at, BODY, SIGNATURE, now), Err(Unverified::Signature));
        assert_eq!(keys.verify(ID, &(AT + 1).to_string(), BODY, SIGNATURE, now), Err(Unverified::Signature));
        assert_eq!(keys.verify(ID, "soon", BODY, SIGNATURE, now), Err(Unverified::Timestamp));
        assert_eq!(keys.verify(ID, &i64::MIN.to_string(), BODY, SIGNATURE, now), Err(Unverified::Stale));
    }

    #[test]
    fn what_is_no_secret_is_refused_and_none_is_ever_shown() {
        for text in ["", "whsec_", "whsec_!!", "plJ3nmyCDGBKInavdOK15jsl", &format!("{SECRET},"), "WHSEC_plJ3"] {
            assert!(SigningKeys::parse(text).is_err(), "{text}");
        }
        assert!(SigningKeys::parse("whsec_cGFkZGluZy1pcy1vcHRpb25hbA").is_ok());
        assert_eq!(format!("{:?}", keys(SECRET)), "SigningKeys(1 of them)");
    }
}
