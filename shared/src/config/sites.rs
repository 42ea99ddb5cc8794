//! The sites of the vendor's console, and URLs in which a site stands.

use super::error::Expected;
use super::plain::items;
use crate::buyer::{Language, SiteId, is_invisible};
use crate::encoding::encode;

/// One site that a workspace can be made in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its id, as platforms know it.
    pub id: SiteId,
    /// Its name on English pages.
    pub label_en: String,
    /// Its name on Chinese pages.
    pub label_zh: String,
}

impl Site {
    /// Its name in one language.
    #[must_use]
    pub fn label(&self, language: Language) -> &str {
        match language {
            Language::En => &self.label_en,
            Language::Zh => &self.label_zh,
        }
    }
}

/// `id=Label` or `id=Label|Chinese label`, comma separated, each id once.
pub(super) fn sites(text: &str) -> Result<Vec<Site>, Expected> {
    let expected = Expected("`id=Label` or `id=Label|Chinese label`, comma separated, each id once");
    let sites: Vec<Site> = items(text).map(site).collect::<Option<_>>().ok_or(expected)?;
    let is_new = |(n, site): (usize, &Site)| !sites.iter().take(n).any(|earlier| earlier.id == site.id);
    if sites.iter().enumerate().all(is_new) { Ok(sites) } else { Err(expected) }
}

fn site(item: &str) -> Option<Site> {
    let (id, labels) = item.split_once('=')?;
    let (label_en, label_zh) = two_languages(labels)?;
    Some(Site { id: SiteId::parse(id.trim()).ok()?, label_en, label_zh })
}

/// `A` or `A|B`: the words in English and in Chinese, none of them blank or with invisible characters.
pub(super) fn two_languages(text: &str) -> Option<(String, String)> {
    let (en, zh) = text.split_once('|').unwrap_or((text, text));
    let words = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty() && !t.contains(is_invisible));
    Some((words(en)?, words(zh)?)).filter(|(_, zh)| !zh.contains('|'))
}

/// A URL in which `{site}` may stand for a workspace's site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteTemplate(String);

impl SiteTemplate {
    /// A template that satisfies the rule when it is filled; kept as it was written.
    pub(super) fn parse<T>(text: &str, rule: impl FnOnce(&str) -> Result<T, Expected>) -> Result<Self, Expected> {
        let template = Self(text.to_owned());
        rule(&template.with("site")).map(|_| template)
    }

    /// The URL of one site. A site's id holds nothing that could change the rest of the URL.
    #[must_use]
    pub fn filled(&self, site: &SiteId) -> String {
        self.with(site.as_str())
    }

    /// The URL of a site in a platform's own words, which may be no id of ours: percent-encoded, it changes nothing else.
    #[must_use]
    pub fn with_site(&self, site: &str) -> String {
        self.with(&encode(site))
    }

    /// The URL as it was written, with its `{site}`.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.0
    }

    fn with(&self, site: &str) -> String {
        self.0.replace("{site}", site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::urls;

    #[test]
    fn sites_have_labels_in_two_languages() {
        let sites = sites("cn=China|中国, eu-1=Europe").unwrap();
        let labels: Vec<_> = sites.iter().map(|site| [Language::En, Language::Zh].map(|l| site.label(l))).collect();
        assert_eq!(labels, [["China", "中国"], ["Europe", "Europe"]]);
        assert_eq!(sites[0].id.as_str(), "cn");
    }

    #[test]
    fn sites_without_id_or_label_and_double_ones_are_refused() {
        for text in
            ["cn", "=China", "cn=", "cn=China,", "cn=China,cn=Other", "../x=China", "cn=A|B|C", "cn=A|", "cn=A\u{202E}"]
        {
            assert!(sites(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_template_is_filled_with_the_site_wherever_it_stands() {
        let eu = SiteId::parse("eu-1").unwrap();
        let filled = |text| SiteTemplate::parse(text, urls::page).unwrap().filled(&eu);
        assert_eq!(filled("https://{site}.example.com/login?s={site}"), "https://eu-1.example.com/login?s=eu-1");
        assert_eq!(filled("https://example.com"), "https://example.com");
        let words =
            SiteTemplate::parse("https://example.com/login?s={site}", urls::page).unwrap().with_site("cn&x=1 华东");
        assert_eq!(words, "https://example.com/login?s=cn%26x%3D1%20%E5%8D%8E%E4%B8%9C");
        for text in ["{site}/login", "https://example.com/{place}", "https://example.com/{site"] {
            assert!(SiteTemplate::parse(text, urls::page).is_err(), "{text}");
            assert!(SiteTemplate::parse(text, |text| urls::outside(text, false)).is_err(), "{text}");
        }
        assert!(SiteTemplate::parse("http://{site}.example", |text| urls::outside(text, false)).is_err());
    }
}
