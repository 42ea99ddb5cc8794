//! Usernames: of an account that is to be made, and of a Billing Center account that exists.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{Invalid, text};

/// The username of a new account: 3 to 32 of `a-z A-Z 0-9 . _ -`, a letter first (contract §3).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct NewUsername(String);

impl NewUsername {
    /// Taken as typed, nothing is trimmed or converted; else `required`, `invalid-characters`, `invalid-format` (no
    /// letter first), `too-short` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        if typed.trim().is_empty() {
            return Err(Invalid::REQUIRED);
        }
        if !typed.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return Err(Invalid::characters("Use only letters a to z, digits, dots, underscores and hyphens."));
        }
        if !typed.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(Invalid::format("Begin with a letter."));
        }
        match typed.len() {
            0..3 => Err(Invalid::too_short("Use at least 3 characters.")),
            3..=32 => Ok(Self(typed.to_owned())),
            _ => Err(Invalid::too_long("Use at most 32 characters.")),
        }
    }

    /// The username.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NewUsername {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for NewUsername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NewUsername {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewUsername({})", text::masked(&self.0))
    }
}

/// The username of an existing Billing Center account: 1 to 254 characters, no control characters (contract §3).
///
/// The vendor made it by the vendor's own rules, so ours are wide.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Username(String);

impl Username {
    /// Trimmed, else as typed; else `required`, `invalid-characters` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        let username = typed.trim();
        if username.is_empty() {
            return Err(Invalid::REQUIRED);
        }
        if username.chars().any(char::is_control) {
            return Err(Invalid::characters("Use no control characters."));
        }
        if username.chars().count() > 254 {
            return Err(Invalid::too_long("Use at most 254 characters."));
        }
        Ok(Self(username.to_owned()))
    }

    /// The username.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first character and three stars, as the activation shows it (contract §4).
    #[must_use]
    pub fn masked(&self) -> String {
        text::masked(&self.0)
    }

    /// The form that limits on verification codes are counted by: without regard to case and compatibility forms.
    #[must_use]
    pub fn normalised(&self) -> String {
        self.0.nfkc().collect::<String>().to_lowercase()
    }
}

impl TryFrom<String> for Username {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

/// A new account's username names an existing account as soon as the account is made.
impl From<NewUsername> for Username {
    fn from(made: NewUsername) -> Self {
        Self(made.0)
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Username({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(typed: &str) -> &'static str {
        NewUsername::parse(typed).map_or_else(|invalid| invalid.code, |_| "taken")
    }

    fn existing(typed: &str) -> &'static str {
        Username::parse(typed).map_or_else(|invalid| invalid.code, |_| "taken")
    }

    #[test]
    fn a_new_username_has_three_to_thirty_two_characters_and_a_letter_first() {
        for typed in ["ann", "A.b_c-9", &"a".repeat(32)] {
            assert_eq!(new(typed), "taken", "{typed}");
        }
        assert_eq!(new("an"), "too-short");
        assert_eq!(new(&"a".repeat(33)), "too-long");
        for typed in ["1ann", ".ann", "_ann", "-ann"] {
            assert_eq!(new(typed), "invalid-format", "{typed}");
        }
        assert_eq!(new(""), "required");
    }

    #[test]
    fn a_new_username_is_ascii_and_not_converted() {
        for typed in ["ａｎｎ", "änn", "ann ", "an n", "ann@x", "安娜安", "ann\u{200B}", "ann🚀", "ann\n"] {
            assert_eq!(new(typed), "invalid-characters", "{typed:?}");
        }
    }

    #[test]
    fn an_existing_username_is_trimmed_and_kept_as_typed() {
        assert_eq!(Username::parse("\u{3000} Ann@Example.com \n").unwrap().as_str(), "Ann@Example.com");
        assert_eq!(existing(&"安".repeat(254)), "taken");
        assert_eq!(existing(&"安".repeat(255)), "too-long");
        assert_eq!(existing("an\0n"), "invalid-characters");
        assert_eq!(existing(" \u{3000}"), "required");
    }

    #[test]
    fn limits_count_a_username_without_regard_to_case() {
        let [one, other] = ["ANN", "ａnn"].map(|typed| Username::parse(typed).unwrap().normalised());
        assert_eq!(one, other);
    }

    #[test]
    fn only_the_first_character_shows() {
        let username = Username::parse("ann").unwrap();
        assert_eq!(username.masked(), "a***");
        assert_eq!(format!("{username:?}"), "Username(a***)");
        assert_eq!(format!("{:?}", NewUsername::parse("bertha").unwrap()), "NewUsername(b***)");
    }
}
