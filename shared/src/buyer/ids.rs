//! The two ids a buyer copies from the marketplace's pages: Account ID and Product Instance ID.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, text};

/// The cloud account's id, shown on the page as **Account ID**: 1 to 32 ASCII digits (contract §3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AccountId(String);

impl AccountId {
    /// Blanks around are forgiven, full-width digits count as ASCII; else `required`,
    /// `invalid-characters` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        digits(typed).map(Self)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The instance's id, shown on the page as **Product Instance ID**: 1 to 32 ASCII digits (contract §3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct InstanceId(String);

impl InstanceId {
    /// Blanks around are forgiven, full-width digits count as ASCII; else `required`,
    /// `invalid-characters` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        digits(typed).map(Self)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for InstanceId {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn digits(typed: &str) -> Result<String, Invalid> {
    let digits = text::ascii_forms(typed);
    if digits.is_empty() {
        return Err(Invalid::REQUIRED);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Invalid::characters("Use digits only."));
    }
    if digits.len() > 32 {
        return Err(Invalid::too_long("Use at most 32 digits."));
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(typed: &str) -> &'static str {
        AccountId::parse(typed).map_or_else(|invalid| invalid.code, |_| "taken")
    }

    #[test]
    fn digits_are_taken_as_typed_full_width_or_with_blanks_around() {
        for typed in ["1925", " 1925\n", "\u{3000}１９２５\u{A0}"] {
            assert_eq!(AccountId::parse(typed).unwrap().as_str(), "1925");
            assert_eq!(InstanceId::parse(typed).unwrap().to_string(), "1925");
        }
    }

    #[test]
    fn thirty_two_digits_are_the_limit() {
        assert_eq!(code(&"7".repeat(32)), "taken");
        assert_eq!(code(&"7".repeat(33)), "too-long");
    }

    #[test]
    fn anything_but_digits_is_refused() {
        for typed in ["19 25", "19a", "-1", "١٢٣", "19\u{200B}25", "1\u{0}", "19\u{202E}25", "①"] {
            assert_eq!(code(typed), "invalid-characters", "{typed:?}");
        }
        for typed in ["", "  ", "\u{3000}"] {
            assert_eq!(code(typed), "required", "{typed:?}");
        }
    }

    #[test]
    fn reading_json_parses() {
        assert_eq!(serde_json::from_str::<InstanceId>("\" ４0 \"").unwrap().as_str(), "40");
        assert!(serde_json::from_str::<InstanceId>("\"4x\"").is_err());
        assert_eq!(serde_json::to_string(&AccountId::parse("19").unwrap()).unwrap(), "\"19\"");
    }
}
