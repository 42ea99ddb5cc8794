//! Texts that the platforms give us: ids, and words that are only shown.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The longest id of a platform, in characters (contract §7).
const LONGEST_ID: usize = 128;

/// The longest text of a platform that is kept or shown, in characters (contract §7).
const LONGEST_TEXT: usize = 300;

/// A platform's id for an account or a workspace: opaque, 1 to 128 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlatformId(String);

/// A text that cannot be a platform's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a platform's id has 1 to 128 characters")]
pub struct NotPlatformId;

impl PlatformId {
    /// The id as the platform gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PlatformId {
    type Error = NotPlatformId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // A path cannot carry `.` or `..`, encoded or not: URL parsers walk them (WHATWG URL, "double-dot URL path segment").
        let walks = matches!(text.as_str(), "" | "." | "..");
        if walks || text.chars().count() > LONGEST_ID || text.chars().any(char::is_control) {
            Err(NotPlatformId)
        } else {
            Ok(Self(text))
        }
    }
}

impl From<PlatformId> for String {
    fn from(id: PlatformId) -> Self {
        id.0
    }
}

impl fmt::Display for PlatformId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A platform's words as plain text of one line, at most 300 characters: control, bidi and zero-width characters become
/// blanks, because they hide or reorder what a page shows and a database cannot keep NUL.
#[must_use]
pub fn plain(text: &str) -> String {
    let shown = text.chars().map(|character| if hides(character) { ' ' } else { character });
    shown.collect::<String>().trim().chars().take(LONGEST_TEXT).collect()
}

/// Reads a text as [`plain`].
pub(crate) fn plain_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| plain(&text))
}

/// Reads a text or null as [`plain`]; a blank one is none.
pub(crate) fn plain_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| plain(&text)).filter(|text| !text.is_empty()))
}

fn hides(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_1_to_128_characters_and_fits_a_path() {
        for text in ["a", "ä/ö?#%", &"ä".repeat(128), "...", "-"] {
            assert_eq!(PlatformId::try_from(text.to_owned()).unwrap().as_str(), text);
        }
        for text in ["", ".", "..", &"a".repeat(129), "a\0b", "a\n"] {
            assert!(PlatformId::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn words_become_one_line_of_plain_text() {
        assert_eq!(plain(" a\r\nb\0\u{202e}c "), "a  b  c");
        assert_eq!(plain("<b>ä</b>"), "<b>ä</b>");
        assert_eq!(plain(&"ä".repeat(301)), "ä".repeat(300));
    }
}
