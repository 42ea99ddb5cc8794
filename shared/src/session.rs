//! How a caller shows who it is: the page token of a typed entry, and the id of a session cookie (contract §3, "Access").

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::keys::{Key, KeyUse, Keys};
use crate::random;

/// What a good page token says. It is derived, not stored: *Login Directly* ends it by raising the activation's epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageToken {
    /// The activation that its holder may see.
    pub activation: Uuid,
    /// The activation's epoch when it was made; good only while the activation still has it.
    pub epoch: i32,
}

impl PageToken {
    /// The text a client keeps: `lf_` and base64url of activation (16 bytes), epoch (4) and HMAC-SHA256 (32).
    #[must_use]
    pub fn text(&self, key: &Key) -> SecretString {
        let (activation, epoch) = (self.activation.as_bytes(), self.epoch.to_be_bytes());
        let mac = key.mac(KeyUse::PageToken, &[activation, &epoch]);
        format!("lf_{}", BASE64_URL_SAFE_NO_PAD.encode([activation.as_slice(), &epoch, &mac].concat())).into()
    }

    /// What a text says if one of our secrets made it; whether the epoch still holds only the activation knows.
    #[must_use]
    pub fn verified(keys: &Keys, text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix("lf_")?).ok()?;
        let (activation, rest) = bytes.split_first_chunk::<16>()?;
        let (epoch, mac) = rest.split_first_chunk::<4>()?;
        let made_by = |key: &Key| bool::from(key.mac(KeyUse::PageToken, &[activation, epoch]).as_slice().ct_eq(mac));
        let token = Self { activation: Uuid::from_bytes(*activation), epoch: i32::from_be_bytes(*epoch) };
        keys.accepted().any(made_by).then_some(token)
    }
}

/// The value of the cookie `landfall_session`: 32 random bytes, base64url. Debug shows nothing; only its digest is stored.
#[derive(Clone)]
pub struct SessionId(SecretString);

impl SessionId {
    /// One that nobody has had before.
    #[must_use]
    pub fn random() -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(random::bytes::<32>()).into())
    }

    /// The one in a cookie, if it has the shape of ours.
    #[must_use]
    pub fn parse(cookie: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?;
        (bytes.len() == 32).then(|| Self(cookie.into()))
    }

    /// The value for `Set-Cookie`.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// SHA-256 of the value: what the table `sessions` is searched by. A copy of the table signs nobody in.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.expose()).into()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;

    const TOKEN: PageToken = PageToken { activation: Uuid::from_u128(7), epoch: 3 };

    #[test]
    fn a_token_says_its_activation_and_epoch_also_after_a_rotation() {
        let text = TOKEN.text(keys(1, None).current());
        assert_eq!(PageToken::verified(&keys(1, None), text.expose_secret()), Some(TOKEN));
        assert_eq!(PageToken::verified(&keys(2, Some(1)), text.expose_secret()), Some(TOKEN));
        assert_eq!(PageToken::verified(&keys(3, Some(2)), text.expose_secret()), None);
    }

    #[test]
    fn a_token_is_derived_and_so_the_same_each_time() {
        let keys = keys(1, None);
        assert_eq!(TOKEN.text(keys.current()).expose_secret(), TOKEN.text(keys.current()).expose_secret());
        let next = PageToken { epoch: 4, ..TOKEN };
        assert_ne!(TOKEN.text(keys.current()).expose_secret(), next.text(keys.current()).expose_secret());
    }

    #[test]
    fn a_token_changed_anywhere_is_no_token() {
        let keys = keys(1, None);
        let text = TOKEN.text(keys.current()).expose_secret().to_owned();
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(PageToken::verified(&keys, std::str::from_utf8(&changed).unwrap()), None, "{place}");
        }
        for other in ["", "lf_", "lf_AAAA", &text[3..], &text[..text.len() - 4], &format!("{text}AAAA"), "lf_安"] {
            assert_eq!(PageToken::verified(&keys, other), None);
        }
    }

    #[test]
    fn a_session_id_is_found_by_its_digest_alone() {
        let id = SessionId::random();
        let back = SessionId::parse(id.expose()).unwrap();
        assert_eq!(back.digest(), id.digest());
        assert_ne!(SessionId::random().digest(), id.digest());
        assert_eq!(format!("{id:?}"), "SessionId(…)");
    }

    #[test]
    fn a_cookie_of_another_shape_is_no_session_id() {
        for cookie in ["", "x", "AAAA", &"A".repeat(44), &"!".repeat(43)] {
            assert!(SessionId::parse(cookie).is_none(), "{cookie}");
        }
    }
}
