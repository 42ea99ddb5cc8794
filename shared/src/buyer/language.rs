//! The two languages that pages, mails and workspaces speak.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// The language of a workspace, a page or a mail (contract §3, §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese, in simplified characters.
    Zh,
}

impl Language {
    /// `zh` or `en`, exactly; else `required` or `unknown`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        match typed {
            "" => Err(Invalid::REQUIRED),
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            _ => Err(Invalid::unknown("Use zh or en.")),
        }
    }

    /// The form in the contract's bodies: `en` or `zh`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// The tag for `<html lang>` (contract §5; BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh-CN",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zh_and_en_are_the_languages() {
        for language in [Language::En, Language::Zh] {
            assert_eq!(Language::parse(language.as_str()), Ok(language));
            assert_eq!(serde_json::to_string(&language).unwrap(), format!("\"{language}\""));
        }
        for typed in ["de", "EN", "zh-CN", " en"] {
            assert_eq!(Language::parse(typed).unwrap_err().code, "unknown", "{typed}");
        }
        assert_eq!(Language::parse("").unwrap_err().code, "required");
    }
}
