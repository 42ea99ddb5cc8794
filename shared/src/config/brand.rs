//! The brand on pages and in mails: Landfall itself is white label.

use std::fmt;

use super::error::Expected;
use super::sites::two_languages;
use crate::buyer::Language;

/// The product's name (`BRAND_NAME`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brand {
    /// On English pages and in English mails.
    pub en: String,
    /// On Chinese ones.
    pub zh: String,
}

impl Brand {
    pub(super) fn parse(text: &str) -> Result<Self, Expected> {
        let names =
            two_languages(text).ok_or(Expected("a name, or an English and a Chinese one with `|` between them"))?;
        Ok(Self { en: names.0, zh: names.1 })
    }

    /// The name in one language.
    #[must_use]
    pub fn name(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

/// The brand's colour, `#rrggbb` in lower case (`BRAND_COLOR`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrandColor(String);

impl BrandColor {
    pub(super) fn parse(text: &str) -> Result<Self, Expected> {
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        hex.map(|_| Self(text.to_ascii_lowercase())).ok_or(Expected("a colour such as #2f5d8a"))
    }

    /// The colour for a style sheet.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The brand's logo, read at start (`BRAND_LOGO`).
#[derive(Clone, PartialEq, Eq)]
pub struct BrandLogo {
    /// `image/png` or `image/svg+xml`.
    pub media_type: &'static str,
    /// The file's bytes.
    pub bytes: Vec<u8>,
}

impl BrandLogo {
    pub(super) fn read(path: &str) -> Result<Self, Expected> {
        let expected = Expected("the path of a readable SVG or PNG file of at most 1 MiB");
        let bytes = std::fs::read(path).map_err(|_| expected)?;
        let media_type = media_type(&bytes).filter(|_| bytes.len() <= 1 << 20).ok_or(expected)?;
        Ok(Self { media_type, bytes })
    }
}

impl fmt::Debug for BrandLogo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrandLogo({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

/// What the file is, by its contents: a name can be wrong.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    std::str::from_utf8(bytes).ok().filter(|text| text.contains("<svg")).map(|_| "image/svg+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brand_has_one_name_or_two() {
        let names =
            |text| Brand::parse(text).map(|brand| [Language::En, Language::Zh].map(|l| brand.name(l).to_owned()));
        assert_eq!(names("Acme").unwrap(), ["Acme", "Acme"]);
        assert_eq!(names("Acme | 极致").unwrap(), ["Acme", "极致"]);
        assert!(names("Acme|").is_err() && names("|极致").is_err() && names("Ac\r\nBcc: x").is_err());
    }

    #[test]
    fn a_colour_is_six_hex_digits() {
        assert_eq!(BrandColor::parse("#2F5D8A").unwrap().as_str(), "#2f5d8a");
        for text in ["2f5d8a", "#fff", "#2f5d8g", "red", "#2f5d8a;"] {
            assert!(BrandColor::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_logo_is_what_it_contains() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(media_type(b"<?xml version=\"1.0\"?><svg/>"), Some("image/svg+xml"));
        assert_eq!(media_type(b"GIF89a"), None);
        assert!(BrandLogo::read("/nowhere/logo.png").is_err());
    }
}
