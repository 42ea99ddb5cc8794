//! Every key of Landfall, derived from `SECRET_KEY` and `SECRET_KEY_PREVIOUS` (contract §1).

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretSlice};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a key is for. Each use has a key of its own, so that nothing made for one use is accepted in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// Verification codes ([`crate::code`]).
    Code,
    /// Sealed passwords ([`crate::seal`]).
    Seal,
    /// Page tokens ([`crate::session`]).
    PageToken,
    /// Bodies under an `Idempotency-Key` ([`crate::idempotency`]).
    Idempotency,
}

impl KeyUse {
    /// The label that HKDF derives by; another text would be another key.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Code => b"code",
            Self::Seal => b"seal",
            Self::PageToken => b"page token",
            Self::Idempotency => b"idempotency",
        }
    }
}

/// The public name of a secret, kept beside whatever was made with it; it says nothing about the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// The id as a PostgreSQL `integer`.
    #[must_use]
    pub const fn to_i32(self) -> i32 {
        i32::from_be_bytes(self.0)
    }

    /// The id back from a PostgreSQL `integer`.
    #[must_use]
    pub const fn from_i32(column: i32) -> Self {
        Self(column.to_be_bytes())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// This process has not the secret that something was made with: `misconfigured`, and nobody's try is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither SECRET_KEY nor SECRET_KEY_PREVIOUS is the key {0}")]
pub struct UnknownKey(pub KeyId);

/// One secret, from which the key of each use is derived by HKDF-SHA256 (RFC 5869). Debug shows its id alone.
pub struct Key {
    id: KeyId,
    secret: SecretBox<[u8; 32]>,
}

impl Key {
    /// A key from a secret of 32 bytes or more; the configuration guards the length.
    #[must_use]
    pub fn new(secret: &SecretSlice<u8>) -> Self {
        let (extracted, _) = Hkdf::<Sha256>::extract(Some(b"landfall"), secret.expose_secret());
        let secret: SecretBox<[u8; 32]> = SecretBox::new(Box::new(extracted.into()));
        let mut id = [0; 4];
        expand(&secret, b"key id", &mut id);
        Self { id: KeyId(id), secret }
    }

    /// Its public name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes for one use.
    pub(crate) fn derived(&self, used_for: KeyUse) -> Zeroizing<[u8; 32]> {
        let mut derived = Zeroizing::new([0; 32]);
        expand(&self.secret, used_for.label(), derived.as_mut());
        derived
    }

    /// HMAC-SHA256 of the parts, one after the other, under the key of one use.
    ///
    /// Parts of varying length are to be told apart by the caller.
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    pub(crate) fn mac(&self, used_for: KeyUse, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.derived(used_for).as_ref()).expect("a key of any length");
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

#[expect(clippy::expect_used, reason = "HKDF-SHA256 gives up to 8160 bytes, and nobody here asks for more than 32")]
fn expand(secret: &SecretBox<[u8; 32]>, label: &[u8], into: &mut [u8]) {
    Hkdf::<Sha256>::from_prk(secret.expose_secret())
        .and_then(|hkdf| hkdf.expand(label, into).map_err(|_| hkdf::InvalidPrkLength))
        .expect("32 bytes in, at most 32 bytes out");
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// The secret that everything new is made with, and the one that is still accepted while rotating.
#[derive(Debug)]
pub struct Keys {
    current: Key,
    previous: Option<Key>,
}

impl Keys {
    /// From `SECRET_KEY` and `SECRET_KEY_PREVIOUS`.
    #[must_use]
    pub fn new(current: &SecretSlice<u8>, previous: Option<&SecretSlice<u8>>) -> Self {
        Self { current: Key::new(current), previous: previous.map(Key::new) }
    }

    /// The one to make new things with.
    #[must_use]
    pub const fn current(&self) -> &Key {
        &self.current
    }

    /// The one that something was made with.
    pub fn by_id(&self, id: KeyId) -> Result<&Key, UnknownKey> {
        self.accepted().find(|key| key.id == id).ok_or(UnknownKey(id))
    }

    /// Both, the current one first.
    pub fn accepted(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn secret(byte: u8) -> SecretSlice<u8> {
        vec![byte; 32].into()
    }

    /// Keys whose secrets are 32 times one byte.
    pub(crate) fn keys(current: u8, previous: Option<u8>) -> Keys {
        Keys::new(&secret(current), previous.map(secret).as_ref())
    }

    #[test]
    fn derivation_never_changes() {
        let key = Key::new(&secret(1));
        assert_eq!(key.id().to_string(), "1d3ecd1b");
        assert_eq!(
            hex::encode(key.derived(KeyUse::Code)),
            "d0a7e636e2d2774ff4c23fab1ab97d4c10d8a832d2b31c3fa4bf3da25c135ec8"
        );
    }

    #[test]
    fn every_use_has_a_key_of_its_own() {
        let key = Key::new(&secret(1));
        let uses = [KeyUse::Code, KeyUse::Seal, KeyUse::PageToken, KeyUse::Idempotency];
        let derived: std::collections::BTreeSet<_> = uses.iter().map(|used_for| *key.derived(*used_for)).collect();
        assert_eq!(derived.len(), uses.len());
    }

    #[test]
    fn a_rotation_keeps_the_previous_key_and_forgets_older_ones() {
        let (before, rotated) = (keys(1, None), keys(2, Some(1)));
        assert_eq!(rotated.by_id(before.current().id()).unwrap().id(), before.current().id());
        assert_eq!(before.by_id(rotated.current().id()).unwrap_err(), UnknownKey(rotated.current().id()));
        assert_eq!(rotated.accepted().count(), 2);
    }

    #[test]
    fn an_id_survives_its_column() {
        let id = KeyId([0xff, 0, 1, 2]);
        assert_eq!(KeyId::from_i32(id.to_i32()), id);
    }

    #[test]
    fn debug_shows_ids_alone() {
        let keys = keys(1, Some(2));
        let shown = format!("{keys:?}");
        assert!(shown.contains(&keys.current().id().to_string()));
        assert!(!shown.contains("1, 1"));
    }
}
