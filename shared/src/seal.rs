//! Passwords, sealed while they wait for whoever must have them (contract §3, "Passwords").

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use crate::buyer::Password;
use crate::keys::{Key, KeyId, KeyUse, Keys, UnknownKey};
use crate::random;

const NONCE: usize = 12;

/// A sealed password, as the table `sealed` keeps it; useless without the secret named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which secret it was sealed with.
    pub key_id: KeyId,
    /// Nonce (12 bytes), then ciphertext and tag of ChaCha20-Poly1305 (RFC 8439).
    pub contents: Vec<u8>,
}

/// Why a sealed password does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The secret is not configured here: `misconfigured`, and goes on by itself once it is.
    #[error(transparent)]
    UnknownKey(#[from] UnknownKey),
    /// Sealed for another activation, or damaged: the buyer must be asked again.
    #[error("the sealed password belongs elsewhere or is damaged")]
    Damaged,
}

impl Sealed {
    /// Seals a password for one activation; it opens for no other.
    ///
    /// # Panics
    /// When the operating system has no randomness to give.
    #[must_use]
    #[expect(clippy::expect_used, reason = "ChaCha20-Poly1305 seals anything shorter than 256 GiB")]
    pub fn new(key: &Key, activation: Uuid, password: &Password) -> Self {
        let nonce = random::bytes::<NONCE>();
        let payload = Payload { msg: password.expose().as_bytes(), aad: activation.as_bytes() };
        let sealed = cipher(key).encrypt(&Nonce::from(nonce), payload).expect("a password is short");
        Self { key_id: key.id(), contents: [nonce.as_slice(), &sealed].concat() }
    }

    /// Opens what was sealed for this activation.
    pub fn open(&self, keys: &Keys, activation: Uuid) -> Result<Password, OpenError> {
        let cipher = cipher(keys.by_id(self.key_id)?);
        let (nonce, sealed) = self.contents.split_first_chunk::<NONCE>().ok_or(OpenError::Damaged)?;
        let payload = Payload { msg: sealed, aad: activation.as_bytes() };
        let opened =
            cipher.decrypt(&Nonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| OpenError::Damaged)?;
        let password = std::str::from_utf8(&opened).map_err(|_| OpenError::Damaged)?;
        Password::parse(password).map_err(|_| OpenError::Damaged)
    }
}

fn cipher(key: &Key) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&(*key.derived(KeyUse::Seal)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;

    const ANN: Uuid = Uuid::from_u128(1);

    fn password() -> Password {
        Password::parse("correct horse 电池").unwrap()
    }

    #[test]
    fn what_was_sealed_opens_also_after_a_rotation() {
        let sealed = Sealed::new(keys(1, None).current(), ANN, &password());
        let opened = sealed.open(&keys(2, Some(1)), ANN).unwrap();
        assert_eq!(opened.expose(), password().expose());
    }

    #[test]
    fn a_process_without_the_key_says_so() {
        let sealed = Sealed::new(keys(1, None).current(), ANN, &password());
        let refused = sealed.open(&keys(2, None), ANN).unwrap_err();
        assert_eq!(refused, OpenError::UnknownKey(UnknownKey(sealed.key_id)));
    }

    #[test]
    fn it_opens_for_no_other_activation_and_not_when_damaged() {
        let keys = keys(1, None);
        let sealed = Sealed::new(keys.current(), ANN, &password());
        assert_eq!(sealed.open(&keys, Uuid::from_u128(2)).unwrap_err(), OpenError::Damaged);
        for place in 0..sealed.contents.len() {
            let mut damaged = sealed.clone();
            damaged.contents[place] ^= 1;
            assert_eq!(damaged.open(&keys, ANN).unwrap_err(), OpenError::Damaged);
        }
        let short = Sealed { contents: vec![0; 5], ..sealed };
        assert_eq!(short.open(&keys, ANN).unwrap_err(), OpenError::Damaged);
    }

    #[test]
    fn the_same_password_never_looks_the_same_and_never_shows() {
        let keys = keys(1, None);
        let [one, other] = [(); 2].map(|()| Sealed::new(keys.current(), ANN, &password()));
        assert_ne!(one.contents, other.contents);
        assert!(!one.contents.windows(7).any(|window| window == b"correct"));
    }
}
