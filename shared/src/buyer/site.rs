//! The site of the vendor's console in which a workspace lives.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// A site's id: 1 to 64 of `a-z A-Z 0-9 . _ -`, a letter or digit first, so that it may stand anywhere in a URL.
///
/// Whether it is one of `SITES` only the configuration knows: see [`crate::config::Api::site`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SiteId(String);

impl SiteId {
    /// Taken as typed; else `required`, `too-long` or `unknown`: what cannot be an id is no site of ours.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        if typed.trim().is_empty() {
            return Err(Invalid::REQUIRED);
        }
        if typed.chars().count() > 64 {
            return Err(Invalid::too_long("Use at most 64 characters."));
        }
        let is_id = typed.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && typed.starts_with(|c: char| c.is_ascii_alphanumeric());
        if is_id { Ok(Self(typed.to_owned())) } else { Err(Invalid::unknown("Choose one of the sites offered.")) }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SiteId {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_may_stand_in_a_url_are_taken() {
        for typed in ["cn", "eu-1", "CN_north.2", "1", &"a".repeat(64)] {
            assert_eq!(SiteId::parse(typed).unwrap().as_str(), typed);
        }
    }

    #[test]
    fn ids_that_could_change_a_url_are_refused() {
        for typed in ["..", "a/b", "a@b", "a?b", "-a", "a b", "a:1", "华东", "a%2e", "a\n", "a\u{202E}b"] {
            assert_eq!(SiteId::parse(typed).unwrap_err().code, "unknown", "{typed:?}");
        }
        assert_eq!(SiteId::parse(" ").unwrap_err().code, "required");
        assert_eq!(SiteId::parse(&"a".repeat(65)).unwrap_err().code, "too-long");
    }
}
