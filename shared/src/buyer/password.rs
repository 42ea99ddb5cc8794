//! The password of an account that is to be made.

use secrecy::{ExposeSecret, SecretString};

use super::Invalid;

/// A password: 8 to 128 characters of any kind, exactly as typed (contract §3).
///
/// It cannot be serialised, its Debug shows nothing, and its memory is wiped. It rests only sealed ([`crate::seal`]).
#[derive(Debug, Clone)]
pub struct Password(SecretString);

impl Password {
    /// Nothing is trimmed or converted; else `required`, `too-short` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        match typed.chars().count() {
            0 => Err(Invalid::REQUIRED),
            1..8 => Err(Invalid::too_short("Use at least 8 characters.")),
            8..=128 => Ok(Self(typed.into())),
            _ => Err(Invalid::too_long("Use at most 128 characters.")),
        }
    }

    /// The password in the clear, to be sealed.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The password as a secret, for the platform that must have it.
    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(typed: &str) -> &'static str {
        Password::parse(typed).map_or_else(|invalid| invalid.code, |_| "taken")
    }

    #[test]
    fn eight_to_128_characters_are_taken_as_typed() {
        for typed in ["12345678", "密码密码密码密码", "        ", "e\u{301}e\u{301}e\u{301}e\u{301}", &"🚀".repeat(128)]
        {
            assert_eq!(Password::parse(typed).unwrap().expose(), typed);
        }
        assert_eq!(code(""), "required");
        assert_eq!(code("1234567"), "too-short");
        assert_eq!(code("密码密码密码密"), "too-short");
        assert_eq!(code(&"x".repeat(129)), "too-long");
    }

    #[test]
    fn debug_shows_nothing() {
        assert!(!format!("{:?}", Password::parse("hunter2-hunter2").unwrap()).contains("hunter"));
    }
}
