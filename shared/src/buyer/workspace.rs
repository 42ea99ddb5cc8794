//! The name of a workspace that is to be made.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, text};

/// A workspace's name: 1 to 64 characters after NFC, not blank, none of them invisible (contract §3).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct WorkspaceName(String);

impl WorkspaceName {
    /// Kept in NFC and without blanks around; else `required` (blank, too), `invalid-characters` or `too-long`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        text::name(typed, 64, "Use at most 64 characters.").map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for WorkspaceName {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkspaceName(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(typed: &str) -> &'static str {
        WorkspaceName::parse(typed).map_or_else(|invalid| invalid.code, |_| "taken")
    }

    #[test]
    fn names_of_all_scripts_and_emoji_are_taken() {
        for typed in
            ["Acme", "安娜的工作区", "🚀 Rockets", "❤\u{FE0F}", "שלום", "a\u{0323}\u{0307}", "A\u{3000}B", "A & B <C>"]
        {
            assert_eq!(code(typed), "taken", "{typed}");
        }
    }

    #[test]
    fn characters_count_after_composition() {
        assert_eq!(WorkspaceName::parse("e\u{301}").unwrap().as_str(), "é");
        assert_eq!(code(&"e\u{301}".repeat(64)), "taken");
        assert_eq!(code(&"é".repeat(65)), "too-long");
        assert_eq!(code(&"🚀".repeat(64)), "taken");
    }

    #[test]
    fn a_composition_exclusion_that_grows_is_counted_as_grown() {
        assert_eq!(code(&"\u{0958}".repeat(33)), "too-long");
    }

    #[test]
    fn invisible_characters_are_refused_wherever_they_stand() {
        for typed in [
            "a\u{200B}b",
            "\u{FEFF}ab",
            "ab\u{202E}",
            "a\u{2066}b\u{2069}",
            "a\u{200D}b",
            "a\tb",
            "ab\n",
            "a\0",
            "a\u{2028}b",
            "\u{200F}",
        ] {
            assert_eq!(code(typed), "invalid-characters", "{typed:?}");
        }
    }

    #[test]
    fn blank_names_are_missing_names_and_blanks_around_are_dropped() {
        for typed in ["", "   ", "\u{3000}\u{A0}", "\u{3164}", "\u{2800}", "\u{301}"] {
            assert_eq!(code(typed), "required", "{typed:?}");
        }
        assert_eq!(WorkspaceName::parse("\u{3000} Acme \u{A0}").unwrap().as_str(), "Acme");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", WorkspaceName::parse("Acme").unwrap()), "WorkspaceName(…)");
    }
}
