//! Six-digit verification codes, derived from their challenge and never stored (contract §3, "Verification codes").

use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::buyer::Code;
use crate::keys::{Key, KeyUse};

/// The code of a challenge: HMAC-SHA256 of `"code"` and the challenge's id, its first 64 bits modulo a million.
///
/// The same for every mail of the challenge and for the check; another challenge has another code.
///
/// # Panics
/// Never: six digits are a code.
#[must_use]
#[expect(clippy::expect_used, reason = "six digits are a code")]
pub fn of_challenge(key: &Key, challenge: Uuid) -> Code {
    let mac = key.mac(KeyUse::Code, &[b"code", challenge.as_bytes()]);
    let number = mac.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) % 1_000_000;
    Code::parse(&format!("{number:06}")).expect("six digits")
}

/// Whether the buyer typed the challenge's code; takes the same time for every answer.
///
/// The try is to be counted and committed before.
#[must_use]
pub fn is_right(key: &Key, challenge: Uuid, typed: &Code) -> bool {
    of_challenge(key, challenge).expose().as_bytes().ct_eq(typed.expose().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;

    #[test]
    fn derivation_never_changes() {
        let code = of_challenge(keys(1, None).current(), Uuid::from_u128(1));
        assert_eq!(code.expose(), "110124");
    }

    #[test]
    fn a_code_belongs_to_one_challenge_and_one_key() {
        let keys = keys(1, Some(2));
        let challenge = Uuid::from_u128(7);
        let code = of_challenge(keys.current(), challenge);
        assert!(is_right(keys.current(), challenge, &code));
        assert!(!is_right(keys.current(), Uuid::from_u128(8), &code));
        assert!(!is_right(keys.accepted().nth(1).unwrap(), challenge, &code));
    }

    #[test]
    fn small_numbers_keep_their_zeros_and_the_digits_spread() {
        let keys = keys(1, None);
        let codes: Vec<_> = (0..2_000).map(|n| of_challenge(keys.current(), Uuid::from_u128(n))).collect();
        assert!(codes.iter().all(|code| code.expose().len() == 6));
        assert!(codes.iter().any(|code| code.expose().starts_with('0')));
        let different: std::collections::BTreeSet<_> = codes.iter().map(Code::expose).collect();
        assert!(different.len() > 1_980);
    }
}
