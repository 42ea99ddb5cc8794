//! What we write to buyers: in the language of the page that asked, with nothing in it that the buyer typed.

use askama::Template;
use landfall_shared::buyer::Language;
use landfall_shared::code;
use landfall_shared::config::{Brand, BrandColor};
use landfall_shared::keys::{KeyId, Keys};
use landfall_shared::refusal::{Fault, FaultCode, Party};
use landfall_shared::store::challenges::Challenge;
use std::sync::Arc;

use crate::mail::Letter;
use crate::step::{Step, StepError};

/// Writes letters under a brand.
pub struct Letters {
    brand: Brand,
    color: BrandColor,
    keys: Arc<Keys>,
    valid_minutes: u64,
}

/// A code mail, in words.
struct CodeWords<'a> {
    language: Language,
    brand: &'a str,
    color: &'a str,
    code: &'a str,
    purpose: &'a str,
    account_id: &'a str,
    valid_minutes: u64,
}

#[derive(Template)]
#[template(path = "code.txt")]
struct CodeText<'a> {
    words: &'a CodeWords<'a>,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodeHtml<'a> {
    words: &'a CodeWords<'a>,
}

impl CodeWords<'_> {
    fn pick<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        match self.language {
            Language::En => english,
            Language::Zh => chinese,
        }
    }

    /// The code stands in the first words: a phone shows it without opening the mail.
    fn subject(&self) -> String {
        match self.language {
            Language::En => format!("{} is your {} verification code", self.code, self.brand),
            Language::Zh => format!("{} 是您的{}验证码", self.code, self.brand),
        }
    }

    /// What the code does.
    fn does(&self) -> &'static str {
        match (self.purpose, self.language) {
            ("billing_account", Language::En) => {
                "It binds your Billing Center account to this cloud account, which it then pays for:"
            }
            ("billing_account", Language::Zh) => "此验证码用于将您的费用中心账号绑定到以下云账号，并由其进行结算：",
            ("workspace_owner", Language::En) => {
                "It creates a workspace that your account will own, for a purchase of this cloud account:"
            }
            ("workspace_owner", Language::Zh) => "此验证码用于为以下云账号的购买创建由您的账号拥有的工作空间：",
            ("new_workspace_owner", Language::En) => {
                "It creates an account with this address and a workspace, for a purchase of this cloud account:"
            }
            ("new_workspace_owner", Language::Zh) => {
                "此验证码用于以此邮箱注册账号并创建工作空间，对应以下云账号的购买："
            }
            (_, Language::En) => {
                "It registers an account and a Billing Center account with this address, for this cloud account:"
            }
            (_, Language::Zh) => "此验证码用于使用此邮箱注册账号和费用中心账号，对应以下云账号：",
        }
    }
}

impl Letters {
    /// Letters of this brand.
    #[must_use]
    pub fn new(brand: Brand, color: BrandColor, keys: Arc<Keys>, code_ttl: std::time::Duration) -> Self {
        Self { brand, color, keys, valid_minutes: code_ttl.as_secs().div_ceil(60) }
    }

    /// The mail that brings a challenge's code: derived here, and written nowhere else.
    ///
    /// # Errors
    /// If this process does not have the key that makes the code.
    pub fn code(&self, step: &Step<'_>, challenge: &Challenge, to: &str) -> Result<Letter, StepError> {
        let Ok(key) = self.keys.by_id(KeyId::from_i32(challenge.key_id)) else {
            let detail = "the code was made with a key that this process does not have: see SECRET_KEY_PREVIOUS";
            return Err(StepError::Misconfigured {
                party: Party::Mail,
                fault: Fault::new(FaultCode::Misconfigured, detail),
            });
        };
        let code = code::of_challenge(key, challenge.id);
        let language = if challenge.language == "zh" { Language::Zh } else { Language::En };
        let words = CodeWords {
            language,
            brand: self.brand.name(language),
            color: self.color.as_str(),
            code: code.expose(),
            purpose: &challenge.purpose,
            account_id: step.account_id()?.as_str(),
            valid_minutes: self.valid_minutes,
        };
        let rendered = |text: Result<String, askama::Error>| text.unwrap_or_default();
        Ok(Letter {
            to: to.to_owned(),
            subject: words.subject(),
            text: rendered(CodeText { words: &words }.render()),
            html: rendered(CodeHtml { words: &words }.render()),
            id: step.command,
            date: step.now(),
        })
    }
}
