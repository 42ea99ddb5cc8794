//! Passwords as the two platforms keep them: PBKDF2-HMAC-SHA256 with a salt of their own.

use subtle::ConstantTimeEq as _;

/// Few enough for a test bench that registers thousands; a real platform takes six hundred thousand.
const ROUNDS: u32 = 10_000;

/// The salted hash of a password, as kept: `salt$hash` in hexadecimal.
#[must_use]
pub fn hash(password: &str) -> String {
    let salt = crate::invent::random_bytes(16);
    format!("{}${}", hex::encode(&salt), hex::encode(derive(password, &salt)))
}

/// Whether a password is the one that was hashed.
#[must_use]
pub fn matches(password: &str, kept: &str) -> bool {
    let Some((salt, expected)) = kept.split_once('$') else { return false };
    let (Ok(salt), Ok(expected)) = (hex::decode(salt), hex::decode(expected)) else { return false };
    derive(password, &salt).ct_eq(&expected).into()
}

fn derive(password: &str, salt: &[u8]) -> [u8; 32] {
    pbkdf2::pbkdf2_hmac_array::<sha2::Sha256, 32>(password.as_bytes(), salt, ROUNDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_matches() {
        let kept = hash("correct horse");
        assert!(matches("correct horse", &kept));
        assert!(!matches("correct horsf", &kept));
        assert!(!kept.contains("horse"));
    }

    #[test]
    fn a_damaged_hash_matches_nothing() {
        assert!(!matches("", ""));
        assert!(!matches("", "zz$zz"));
    }
}
