//! The words of a page: every text stands where it is shown, in both languages, and is chosen here.

use askama::filters::Safe;
use landfall_shared::buyer::Language;

/// Where a buyer goes back to, word for word as the marketplace writes it.
const WAY_BACK: (&str, &str) = ("Marketplace > Purchased Services > Login Directly", "云市场 > 已购买的服务 > 免登");

/// A text in English and in Chinese. Our own words only: they may hold markup, `{brand}` and `{back}`.
pub type Both = (&'static str, &'static str);

/// Chooses between the two languages, and fills in the brand.
#[derive(Debug, Clone)]
pub struct Words {
    language: Language,
    /// Escaped: it comes from the configuration.
    brand: String,
}

impl Words {
    /// The words of a page in one language for one brand.
    #[must_use]
    pub fn new(language: Language, brand: &str) -> Self {
        Self { language, brand: escaped(brand) }
    }

    /// One of two. What comes from outside never goes through here: the result is not escaped again.
    #[must_use]
    pub fn say(&self, english: &str, chinese: &str) -> Safe<String> {
        Safe(self.filled(self.pick(english, chinese)))
    }

    /// One of two, as it stands.
    #[must_use]
    pub fn pick<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        match self.language {
            Language::En => english,
            Language::Zh => chinese,
        }
    }

    /// Chinese puts a blank beside a brand only where the brand is Latin there.
    fn closed_up(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if self.language == Language::Zh && self.brand.starts_with(is_chinese) {
            text = text.replace(" {brand}", "{brand}");
        }
        if self.language == Language::Zh && self.brand.ends_with(is_chinese) {
            text = text.replace("{brand} ", "{brand}");
        }
        text
    }

    fn filled(&self, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let text = self.closed_up(text);
        let back = format!("<b class=\"path\">{}</b>", self.pick(WAY_BACK.0, WAY_BACK.1));
        text.replace("{brand}", &self.brand).replace("{back}", &back)
    }
}

/// Whether a character is written without a blank beside it in Chinese.
fn is_chinese(character: char) -> bool {
    character >= '\u{2E80}'
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brand_is_escaped_and_the_way_back_stands_word_for_word() {
        let words = Words::new(Language::En, "A<b>&Co");
        assert_eq!(words.say("{brand} account", "").0, "A&lt;b&gt;&amp;Co account");
        assert!(words.say("Go to {back}.", "").0.contains(">Marketplace > Purchased Services > Login Directly<"));
        let words = Words::new(Language::Zh, "极致");
        assert_eq!(words.say("", "开通 {brand} 账号").0, "开通极致账号");
        assert_eq!(Words::new(Language::Zh, "Acme").say("", "开通 {brand} 账号").0, "开通 Acme 账号");
        assert_eq!(Words::new(Language::Zh, "极致 Pro").say("", "开通 {brand} 账号").0, "开通极致 Pro 账号");
        assert!(words.say("", "{back}").0.contains(">云市场 > 已购买的服务 > 免登<"));
    }
}
