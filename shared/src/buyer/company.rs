//! The buyer's company: its name, and the industry it is in.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, text};

/// A company's name: 1 to 128 characters after NFC, not blank, none of them invisible (contract §3).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct CompanyName(String);

impl CompanyName {
    /// Kept in NFC and without blanks around; else `required` (blank, too), `invalid-characters` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        text::name(typed, 128, "Use at most 128 characters.").map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CompanyName {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for CompanyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CompanyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompanyName(…)")
    }
}

/// A company's industry in the buyer's own words: 1 to 64 characters, by the rule of names (contract §3).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Industry(String);

impl Industry {
    /// Kept in NFC and without blanks around; else `required` (blank, too), `invalid-characters` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        text::name(typed, 64, "Use at most 64 characters.").map(Self)
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Industry {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for Industry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Industry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Industry(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_has_128_characters_and_an_industry_64() {
        assert!(CompanyName::parse(&"安".repeat(128)).is_ok());
        assert_eq!(CompanyName::parse(&"安".repeat(129)).unwrap_err().code, "too-long");
        assert!(Industry::parse(&"安".repeat(64)).is_ok());
        assert_eq!(Industry::parse(&"安".repeat(65)).unwrap_err().code, "too-long");
    }

    #[test]
    fn the_rule_of_names_holds_for_both() {
        assert_eq!(CompanyName::parse("Acme\u{202E}moc").unwrap_err().code, "invalid-characters");
        assert_eq!(Industry::parse("\u{3000}").unwrap_err().code, "required");
        assert_eq!(CompanyName::parse(" Cafe\u{301} ").unwrap().as_str(), "Café");
        assert_eq!(
            format!("{:?}{:?}", CompanyName::parse("A").unwrap(), Industry::parse("B").unwrap()),
            "CompanyName(…)Industry(…)"
        );
    }
}
