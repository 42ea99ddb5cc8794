//! What `landfall-api` is configured by.

use std::net::SocketAddr;

use ipnet::IpNet;
use secrecy::{SecretSlice, SecretString};
use url::Url;

use super::both::Both;
use super::environment::Environment;
use super::error::ConfigError;
use super::operators::{self, OperatorToken};
use super::sites::{self, Site, SiteTemplate};
use super::{plain, secrets, urls, variables as v};
use crate::buyer::{Invalid, SiteId};

/// The variables that `landfall-api` uses, each field named after its variable (contract §1).
#[derive(Debug)]
pub struct Api {
    /// What both processes use.
    pub both: Both,
    /// Where the API listens.
    pub listen_addr: SocketAddr,
    /// Where, when set, `/metrics` and what operators use answer, and nowhere else.
    pub internal_listen_addr: Option<SocketAddr>,
    /// The proxies whose `X-Forwarded-For` is believed; empty: the header is ignored.
    pub trusted_proxies: Vec<IpNet>,
    /// The sites, at least one; the first is the default.
    pub sites: Vec<Site>,
    /// Where the buyer goes when all is done.
    pub login_url: SiteTemplate,
    /// Signs the ticket of *Login Directly*: 32 bytes or more.
    pub login_ticket_secret: Option<SecretSlice<u8>>,
    /// Shown on success.
    pub billing_center_login_url: Option<Url>,
    /// Linked where terms are accepted.
    pub terms_url: Option<Url>,
    /// Linked where only an operator can help.
    pub support_url: Option<Url>,
    /// Whether buyers may type their ids; else the typed entry answers 404.
    pub typed_entry: bool,
    /// `whsec_…`, signs the Billing Center's calls to us; none: they answer 404.
    pub platform_inbound_secret: Option<SecretString>,
    /// The seller's keys for SPI tokens, one or two; empty: the Alibaba routes answer 404.
    pub alibaba_security_key: Vec<SecretString>,
    /// The operators; empty: what they use answers 404.
    pub operator_tokens: Vec<OperatorToken>,
    /// Verification codes of typed entries, per client address and hour.
    pub codes_per_client: u32,
    /// Typed entries, per client address and hour.
    pub entries_per_client: u32,
}

impl Api {
    /// From the environment of this process; the error is the sentence to end with.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(&Environment::of_this_process()?)
    }

    /// From an environment, real or made up.
    pub fn read(from: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            both: Both::read(from)?,
            listen_addr: from.value(&v::LISTEN_ADDR, plain::address)?,
            internal_listen_addr: from.optional(&v::INTERNAL_LISTEN_ADDR, plain::address)?,
            trusted_proxies: from.optional(&v::TRUSTED_PROXIES, plain::networks)?.unwrap_or_default(),
            sites: from.value(&v::SITES, sites::sites)?,
            login_url: from.value(&v::LOGIN_URL, |text| SiteTemplate::parse(text, urls::page))?,
            login_ticket_secret: from.optional(&v::LOGIN_TICKET_SECRET, secrets::key)?,
            billing_center_login_url: from.optional(&v::BILLING_CENTER_LOGIN_URL, urls::page)?,
            terms_url: from.optional(&v::TERMS_URL, urls::link)?,
            support_url: from.optional(&v::SUPPORT_URL, urls::link)?,
            typed_entry: from.value(&v::TYPED_ENTRY, plain::on_or_off)?,
            platform_inbound_secret: from.optional(&v::PLATFORM_INBOUND_SECRET, secrets::webhook)?,
            alibaba_security_key: from.optional(&v::ALIBABA_SECURITY_KEY, secrets::texts)?.unwrap_or_default(),
            operator_tokens: from.optional(&v::OPERATOR_TOKENS, operators::tokens)?.unwrap_or_default(),
            codes_per_client: from.value(&v::CODES_PER_CLIENT, |text| plain::number(text, 1))?,
            entries_per_client: from.value(&v::ENTRIES_PER_CLIENT, |text| plain::number(text, 1))?,
        })
    }

    /// The configured site that a buyer chose; else `required`, `too-long` or `unknown` (contract §3, "Fields").
    pub fn site(&self, typed: &str) -> Result<&Site, Invalid> {
        let id = SiteId::parse(typed)?;
        let unknown = Invalid::unknown("Choose one of the sites offered.");
        self.sites.iter().find(|site| site.id == id).ok_or(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::super::both::{LogFormat, Migrate};
    use super::super::environment::tests::{API, environment, secret_values};
    use super::*;

    fn read(changes: &[(&str, &str)]) -> Result<Api, String> {
        Api::read(&environment(API, changes)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_least_configuration_has_the_contracts_defaults() {
        let api = read(&[]).unwrap();
        assert_eq!(api.listen_addr.to_string(), "127.0.0.1:8080");
        assert!(api.typed_entry && api.trusted_proxies.is_empty() && api.operator_tokens.is_empty());
        assert_eq!((api.codes_per_client, api.entries_per_client), (10, 20));
        let both = api.both;
        assert_eq!((both.migrate, both.log_format, both.nats_prefix.as_str()), (Migrate::Auto, LogFormat::Text, ""));
        let seconds = [both.retry_initial, both.retry_max, both.redispatch_after, both.code_ttl, both.code_resend];
        assert_eq!(seconds.map(|duration| duration.as_secs()), [2, 900, 30, 600, 60]);
        assert_eq!((both.retry_attempts, both.database_connections, both.allow_http), (200, 16, false));
    }

    #[test]
    fn every_required_variable_is_missed_by_name() {
        for (name, _) in API {
            let error = read(&[(name, "")]).unwrap_err();
            assert!(error.starts_with(&format!("{name} is missing (")), "{error}");
        }
    }

    #[test]
    fn every_malformed_variable_is_named_and_its_value_never_shown() {
        let names = v::VARIABLES.iter().filter(|variable| variable.used_by != v::UsedBy::Workers).map(|v| v.name);
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
    fn what_only_the_workers_use_is_not_looked_at() {
        assert!(read(&[("SMTP_URL", "nonsense"), ("SMTP_URL_FILE", "/nowhere"), ("RETENTION_DAYS", "x")]).is_ok());
    }

    #[test]
    fn the_longest_pause_is_not_below_the_first() {
        let error = read(&[("RETRY_MAX_MS", "1999")]).unwrap_err();
        assert_eq!(
            error,
            "RETRY_MAX_MS is malformed: correct it to a whole number of milliseconds, not below RETRY_INITIAL_MS."
        );
    }

    #[test]
    fn a_filter_of_unknown_levels_is_refused() {
        assert!(read(&[("RUST_LOG", "warn,landfall_shared=debug")]).is_ok());
        assert!(read(&[("RUST_LOG", "landfall_shared=loud")]).unwrap_err().starts_with("RUST_LOG is malformed"));
    }

    #[test]
    fn a_site_is_one_of_those_configured() {
        let api = read(&[("SITES", "cn=China|中国,eu=Europe")]).unwrap();
        assert_eq!(api.site("eu").unwrap().label_en, "Europe");
        assert_eq!(api.site("us").unwrap_err().code, "unknown");
        assert_eq!(api.site("").unwrap_err().code, "required");
    }
}
