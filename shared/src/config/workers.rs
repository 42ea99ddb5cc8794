//! What `landfall-workers` is configured by.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::both::Both;
use super::environment::Environment;
use super::error::ConfigError;
use super::mail::{Mailbox, Smtp};
use super::sites::SiteTemplate;
use super::urls::BaseUrl;
use super::{plain, secrets, urls, variables as v};

/// The variables that `landfall-workers` uses, each field named after its variable (contract §1).
#[derive(Debug)]
pub struct Workers {
    /// What both processes use.
    pub both: Both,
    /// Where health and metrics answer.
    pub workers_listen_addr: SocketAddr,
    /// The mail server.
    pub smtp_url: Smtp,
    /// The sender of mails.
    pub mail_from: Mailbox,
    /// Whether the mails *we need you* and *done* are sent.
    pub notice_mails: bool,
    /// The vendor's Billing Center.
    pub billing_center_url: BaseUrl,
    /// The vendor's console, one for each site; a slash at its end is not part of it.
    pub console_url: SiteTemplate,
    /// `whsec_…`, one or two: all of them sign every call to both platforms.
    pub platform_signing_secret: Vec<SecretString>,
    /// `ALIBABA_ACCESS_KEY_ID` and `…_SECRET`; none: purchases are verified against announcements alone.
    pub alibaba_access: Option<AlibabaAccess>,
    /// The marketplace's OpenAPI.
    pub alibaba_api_url: BaseUrl,
    /// Commands of one step in hand at once, in this process; 1 or more.
    pub step_concurrency: u32,
    /// `VENDOR_WEBHOOK_URL` and `…_SECRET`; none: the vendor hears of nothing.
    pub vendor_webhook: Option<VendorWebhook>,
    /// How long records of marketplace calls, attempts, sessions, keys and challenges are kept; whole days.
    pub retention: Duration,
    /// How long after the end, or *active*, personal data is kept; whole days.
    pub personal_data: Duration,
}

/// The access key for the marketplace's OpenAPI.
#[derive(Debug, Clone)]
pub struct AlibabaAccess {
    /// The key's id, which stands in every request.
    pub key_id: String,
    /// The key's secret, which signs every request.
    pub key_secret: SecretString,
}

/// Where the vendor hears of events.
#[derive(Debug, Clone)]
pub struct VendorWebhook {
    /// The URL.
    pub url: Url,
    /// `whsec_…`, signs the events.
    pub secret: SecretString,
}

impl Workers {
    /// From the environment of this process; the error is the sentence to end with.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(&Environment::of_this_process()?)
    }

    /// From an environment, real or made up.
    pub fn read(from: &Environment) -> Result<Self, ConfigError> {
        let both = Both::read(from)?;
        let outside = |text: &str| urls::outside(text, both.allow_http);
        Ok(Self {
            workers_listen_addr: from.value(&v::WORKERS_LISTEN_ADDR, plain::address)?,
            smtp_url: from.value(&v::SMTP_URL, Smtp::parse)?,
            mail_from: from.value(&v::MAIL_FROM, Mailbox::parse)?,
            notice_mails: from.value(&v::NOTICE_MAILS, plain::on_or_off)?,
            billing_center_url: from.value(&v::BILLING_CENTER_URL, outside)?,
            console_url: from
                .value(&v::CONSOLE_URL, |text| SiteTemplate::parse(text.trim_end_matches('/'), outside))?,
            platform_signing_secret: from.value(&v::PLATFORM_SIGNING_SECRET, secrets::webhooks)?,
            alibaba_access: alibaba_access(from)?,
            alibaba_api_url: from.value(&v::ALIBABA_API_URL, outside)?,
            step_concurrency: from.value(&v::STEP_CONCURRENCY, |text| plain::number(text, 1))?,
            vendor_webhook: vendor_webhook(from, both.allow_http)?,
            retention: from.value(&v::RETENTION_DAYS, |text| plain::days(text, 1))?,
            personal_data: from.value(&v::PERSONAL_DATA_DAYS, |text| plain::days(text, 0))?,
            both,
        })
    }
}

fn alibaba_access(from: &Environment) -> Result<Option<AlibabaAccess>, ConfigError> {
    let key_id = from.optional(&v::ALIBABA_ACCESS_KEY_ID, secrets::word)?;
    let key_secret = from.optional(&v::ALIBABA_ACCESS_KEY_SECRET, secrets::plain)?;
    let pair = both(&v::ALIBABA_ACCESS_KEY_ID, key_id, &v::ALIBABA_ACCESS_KEY_SECRET, key_secret)?;
    Ok(pair.map(|(key_id, key_secret)| AlibabaAccess { key_id, key_secret }))
}

fn vendor_webhook(from: &Environment, allow_http: bool) -> Result<Option<VendorWebhook>, ConfigError> {
    let url = from.optional(&v::VENDOR_WEBHOOK_URL, |text| urls::webhook(text, allow_http))?;
    let secret = from.optional(&v::VENDOR_WEBHOOK_SECRET, secrets::webhook)?;
    let pair = both(&v::VENDOR_WEBHOOK_URL, url, &v::VENDOR_WEBHOOK_SECRET, secret)?;
    Ok(pair.map(|(url, secret)| VendorWebhook { url, secret }))
}

/// Two variables that make sense only together.
fn both<A, B>(
    first: &v::Variable,
    a: Option<A>,
    second: &v::Variable,
    b: Option<B>,
) -> Result<Option<(A, B)>, ConfigError> {
    match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(ConfigError::Alone { name: second.name, with: first.name }),
        (None, Some(_)) => Err(ConfigError::Alone { name: first.name, with: second.name }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::tests::{WORKERS, environment, secret_values};
    use super::*;
    use crate::buyer::SiteId;

    fn read(changes: &[(&str, &str)]) -> Result<Workers, String> {
        Workers::read(&environment(WORKERS, changes)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_least_configuration_has_the_contracts_defaults() {
        let workers = read(&[]).unwrap();
        assert_eq!(workers.workers_listen_addr.to_string(), "127.0.0.1:8081");
        assert_eq!(workers.alibaba_api_url.as_str(), "https://market.aliyuncs.com");
        assert!(workers.notice_mails && workers.alibaba_access.is_none() && workers.vendor_webhook.is_none());
        let days = [workers.retention, workers.personal_data].map(|duration| duration.as_secs() / 86_400);
        assert_eq!((workers.step_concurrency, days), (32, [400, 90]));
    }

    #[test]
    fn every_required_variable_is_missed_by_name() {
        for (name, _) in WORKERS {
            let error = read(&[(name, "")]).unwrap_err();
            assert!(error.starts_with(&format!("{name} is missing (")), "{error}");
        }
    }

    #[test]
    fn every_malformed_variable_is_named_and_its_value_never_shown() {
        let names = v::VARIABLES.iter().filter(|variable| variable.used_by != v::UsedBy::Api).map(|v| v.name);
        for name in names.filter(|name| *name != "RUST_LOG") {
            let error = read(&[(name, "hunter2 hunter2:\u{7}")]).unwrap_err();
            assert!(error.starts_with(&format!("{name} is malformed: correct it to ")), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", read(&secret_values()).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn what_only_the_api_uses_is_not_looked_at() {
        assert!(read(&[("SITES", "nonsense"), ("OPERATOR_TOKENS", "x"), ("LISTEN_ADDR_FILE", "/nowhere")]).is_ok());
    }

    #[test]
    fn platforms_are_reached_over_http_only_where_that_is_allowed() {
        for name in ["BILLING_CENTER_URL", "CONSOLE_URL", "ALIBABA_API_URL"] {
            assert!(read(&[(name, "http://127.0.0.1:9")]).is_ok());
            assert!(read(&[(name, "http://b.example")]).unwrap_err().starts_with(name));
            assert!(read(&[(name, "http://b.example"), ("ALLOW_HTTP", "true")]).is_ok());
        }
        let webhook = [("VENDOR_WEBHOOK_URL", "http://b.example?x=1"), ("VENDOR_WEBHOOK_SECRET", "whsec_MfKQ")];
        assert!(read(&webhook).unwrap_err().starts_with("VENDOR_WEBHOOK_URL"));
        assert!(read(&[webhook[0], webhook[1], ("ALLOW_HTTP", "true")]).is_ok());
    }

    #[test]
    fn pairs_come_together_or_not_at_all() {
        assert_eq!(
            read(&[("VENDOR_WEBHOOK_URL", "https://b.example")]).unwrap_err(),
            "VENDOR_WEBHOOK_SECRET is missing although VENDOR_WEBHOOK_URL is set: set both or neither."
        );
        assert!(
            read(&[("ALIBABA_ACCESS_KEY_SECRET", "s")]).unwrap_err().starts_with("ALIBABA_ACCESS_KEY_ID is missing")
        );
    }

    #[test]
    fn a_console_has_an_address_for_each_site() {
        let workers = read(&[("CONSOLE_URL", "https://{site}.example/api/")]).unwrap();
        assert_eq!(workers.console_url.filled(&SiteId::parse("eu").unwrap()), "https://eu.example/api");
    }
}
