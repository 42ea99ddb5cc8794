//! The language of a page: chosen, else the browser's, else English.

use axum::http::header;
use landfall_shared::buyer::Language;

use crate::asked::Asked;

/// Remembers the choice.
const COOKIE: &str = "landfall_language";

/// What a request asks for.
#[must_use]
pub fn of(asked: &Asked) -> Language {
    let chosen = asked.cookie(COOKIE).and_then(of_tag);
    chosen.unwrap_or_else(|| preferred(asked.header(header::ACCEPT_LANGUAGE.as_str()).unwrap_or_default()))
}

/// The better of the two by an `Accept-Language` (RFC 9110, 12.5.4).
#[must_use]
pub fn preferred(accept: &str) -> Language {
    let mut best = (0.0_f32, Language::En);
    for range in accept.split(',') {
        let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
        if let Some(language) = of_tag(tag.trim()).filter(|_| weight > best.0) {
            best = (weight, language);
        }
    }
    best.1
}

fn of_tag(tag: &str) -> Option<Language> {
    match tag.to_ascii_lowercase().split('-').next() {
        Some("zh") => Some(Language::Zh),
        Some("en") => Some(Language::En),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heavier_of_the_two_languages_wins() {
        assert_eq!(preferred("zh-CN,zh;q=0.9,en;q=0.8"), Language::Zh);
        assert_eq!(preferred("en-GB,en;q=0.9,zh;q=0.8"), Language::En);
        assert_eq!(preferred("fr, zh;q=0.4"), Language::Zh);
        assert_eq!(preferred("fr"), Language::En);
        assert_eq!(preferred(""), Language::En);
    }
}
