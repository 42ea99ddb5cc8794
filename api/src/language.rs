//! The language of a page: chosen, else the browser's, else English.

use axum::http::header;
use landfall_shared::buyer::Language;

use crate::app::App;
use crate::asked::Asked;

/// Remembers the choice.
const COOKIE: &str = "landfall_language";

/// What a request asks for.
#[must_use]
pub fn of(asked: &Asked) -> Language {
    let chosen = just_chosen(asked).or_else(|| asked.cookie(COOKIE).and_then(of_tag));
    chosen.unwrap_or_else(|| preferred(asked.header(header::ACCEPT_LANGUAGE.as_str()).unwrap_or_default()))
}

/// The language that the buyer has just switched to: `?lang=zh`.
#[must_use]
pub fn just_chosen(asked: &Asked) -> Option<Language> {
    let query = asked.uri.query()?.as_bytes();
    form_urlencoded::parse(query).find(|(name, _)| name == "lang").and_then(|(_, tag)| of_tag(&tag))
}

/// Remembers a choice for a year.
#[must_use]
pub fn cookie(app: &App, chosen: Language) -> String {
    let secure = if app.config.both.public_url.is_https() { "; Secure" } else { "" };
    format!("{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax{secure}", chosen.as_str())
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

    fn asked(uri: &str, cookie: &str, accept: &str) -> Asked {
        let mut headers = axum::http::HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
        let client = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        Asked {
            method: axum::http::Method::GET,
            uri: uri.parse().unwrap(),
            headers,
            body: axum::body::Bytes::new(),
            client,
        }
    }

    #[test]
    fn the_heavier_of_the_two_languages_wins() {
        assert_eq!(preferred("zh-CN,zh;q=0.9,en;q=0.8"), Language::Zh);
        assert_eq!(preferred("en-GB,en;q=0.9,zh;q=0.8"), Language::En);
        assert_eq!(preferred("fr, zh;q=0.4"), Language::Zh);
        assert_eq!(preferred("fr"), Language::En);
        assert_eq!(preferred(""), Language::En);
    }

    #[test]
    fn a_choice_beats_the_browser_and_a_new_choice_the_old_one() {
        assert_eq!(of(&asked("/activate", "a=b; landfall_language=zh", "en")), Language::Zh);
        assert_eq!(of(&asked("/activate?lang=en", "landfall_language=zh", "zh")), Language::En);
        assert_eq!(of(&asked("/activate?lang=xx", "landfall_language=yy", "zh-CN")), Language::Zh);
        assert_eq!(just_chosen(&asked("/activate", "landfall_language=zh", "zh")), None);
    }
}
