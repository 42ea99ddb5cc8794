//! What the outside world makes up: ids, nonces and session secrets.

/// `length` random decimal digits after `first`: marketplace ids are digits only.
#[must_use]
pub fn digits(first: char, length: usize) -> String {
    std::iter::once(first).chain(random_bytes(length).into_iter().map(|byte| char::from(b'0' + byte % 10))).collect()
}

/// An opaque id of a platform: a short word that says what it names, and a random part.
#[must_use]
pub fn opaque(word: &str) -> String {
    format!("{word}_{}", uuid::Uuid::new_v4().simple())
}

/// 32 random bytes in hexadecimal, for cookies.
#[must_use]
pub fn secret() -> String {
    hex::encode(random_bytes(32))
}

/// Random bytes, 122 of every 128 bits of them random.
#[must_use]
pub fn random_bytes(length: usize) -> Vec<u8> {
    std::iter::repeat_with(|| uuid::Uuid::new_v4().into_bytes()).flatten().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marketplace_ids_are_digits_of_the_length_asked() {
        let id = digits('4', 11);
        assert_eq!(id.len(), 12);
        assert!(id.starts_with('4') && id.bytes().all(|byte| byte.is_ascii_digit()));
    }
}
