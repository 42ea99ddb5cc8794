//! Whether two requests under one `Idempotency-Key` are the same, without keeping what they said (contract §3).

use subtle::ConstantTimeEq;

use crate::keys::{Key, KeyId, KeyUse, Keys, UnknownKey};

/// What must be the same for a stored answer to be given again: the same bytes on the same path.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The HTTP method, upper case.
    pub method: &'a str,
    /// The path, without the query.
    pub path: &'a str,
    /// The body's bytes as they came.
    pub body: &'a [u8],
}

/// An HMAC of what was asked: a plain hash of a six-digit code and a password would be a copy of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Which secret it was made with.
    pub key_id: KeyId,
    /// HMAC-SHA256 of method, path and body.
    pub mac: [u8; 32],
}

impl Fingerprint {
    /// The fingerprint to keep.
    #[must_use]
    pub fn of(key: &Key, asked: Asked<'_>) -> Self {
        // Neither a method nor a path holds a line break, so two different requests never read alike.
        let parts = [asked.method.as_bytes(), b"\n", asked.path.as_bytes(), b"\n", asked.body];
        Self { key_id: key.id(), mac: key.mac(KeyUse::Idempotency, &parts) }
    }

    /// Whether this is what was asked then.
    pub fn is_of(&self, keys: &Keys, asked: Asked<'_>) -> Result<bool, UnknownKey> {
        let now = Self::of(keys.by_id(self.key_id)?, asked);
        Ok(now.mac.ct_eq(&self.mac).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;

    const ASKED: Asked<'static> = Asked { method: "POST", path: "/v1/activations", body: b"{\"code\":\"123456\"}" };

    #[test]
    fn the_same_bytes_on_the_same_path_are_the_same_also_after_a_rotation() {
        let kept = Fingerprint::of(keys(1, None).current(), ASKED);
        assert_eq!(kept.is_of(&keys(2, Some(1)), ASKED), Ok(true));
        assert_eq!(kept.is_of(&keys(2, None), ASKED), Err(UnknownKey(kept.key_id)));
    }

    #[test]
    fn another_method_path_or_byte_is_another_request() {
        let keys = keys(1, None);
        let kept = Fingerprint::of(keys.current(), ASKED);
        let others = [
            Asked { method: "PUT", ..ASKED },
            Asked { path: "/v1/activations/1", ..ASKED },
            Asked { body: b"{\"code\": \"123456\"}", ..ASKED },
            Asked { body: b"", ..ASKED },
        ];
        for other in others {
            assert_eq!(kept.is_of(&keys, other), Ok(false));
        }
    }
}
