//! A telephone number in the one form that means the same everywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, text};

/// A phone number: `+`, country code, number; at most 15 digits (E.164 §6, contract §3). Debug shows nothing.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Phone(String);

impl Phone {
    /// Blanks around are forgiven, full-width forms count as ASCII; else `required`, `invalid-characters` (anything but
    /// `+` and digits), `invalid-format`, `too-short` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        let phone = text::ascii_forms(typed);
        if phone.is_empty() {
            return Err(Invalid::REQUIRED);
        }
        if !phone.bytes().all(|b| b.is_ascii_digit() || b == b'+') {
            return Err(Invalid::characters("Use a plus and digits only, such as +8613800138000."));
        }
        match phone.strip_prefix('+') {
            Some(digits) if !digits.starts_with('0') && !digits.contains('+') => match digits.len() {
                0..2 => Err(Invalid::too_short("Use the country code and the number, such as +8613800138000.")),
                2..=15 => Ok(Self(phone)),
                _ => Err(Invalid::too_long("Use at most 15 digits.")),
            },
            _ => Err(Invalid::format("Begin with a plus and the country code, such as +8613800138000.")),
        }
    }

    /// The number, with its plus.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Phone {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(typed: &str) -> &'static str {
        Phone::parse(typed).map_or_else(|invalid| invalid.code, |_| "taken")
    }

    #[test]
    fn numbers_with_a_country_code_are_taken() {
        for typed in ["+8613800138000", "+442079460958", " +19 ", "+123456789012345"] {
            assert_eq!(code(typed), "taken", "{typed}");
        }
        assert_eq!(Phone::parse("＋８６１３８００１３８０００").unwrap().as_str(), "+8613800138000");
    }

    #[test]
    fn other_numbers_are_refused() {
        assert_eq!(code("13800138000"), "invalid-format");
        assert_eq!(code("+0138001380"), "invalid-format");
        assert_eq!(code("++8613"), "invalid-format");
        assert_eq!(code("+1234567890123456"), "too-long");
        assert_eq!(code("+1"), "too-short");
        assert_eq!(code("+"), "too-short");
        assert_eq!(code(""), "required");
        for typed in ["+86 138", "+86-138", "+49(0)30", "+86a", "+٨٦", "+86\u{200B}13"] {
            assert_eq!(code(typed), "invalid-characters", "{typed:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Phone::parse("+8613800138000").unwrap()), "Phone(…)");
    }
}
