//! The variables that the processes of a test are started with, unless it wishes others.

use std::collections::BTreeMap;

use url::Url;

use super::secrets;

/// Two sites, with labels in both languages.
pub const SITES: &str = "cn=China|中国,sg=Singapore|新加坡";

pub(super) fn outside_variables(database_url: &str, api_url: &Url) -> BTreeMap<String, String> {
    [
        ("SANDBOX_LISTEN_ADDR", "127.0.0.1:0"),
        ("SANDBOX_SMTP_LISTEN_ADDR", "127.0.0.1:0"),
        ("SANDBOX_DATABASE_URL", database_url),
        ("SPI_URL", api_url.join("marketplaces/alibaba/spi").unwrap().as_str()),
        ("ALIBABA_SECURITY_KEY", secrets::SECURITY_KEY),
        ("ALIBABA_ACCESS_KEY_ID", secrets::ACCESS_KEY_ID),
        ("ALIBABA_ACCESS_KEY_SECRET", secrets::ACCESS_KEY_SECRET),
        ("PLATFORM_SIGNING_SECRET", secrets::SIGNING),
        ("SITES", SITES),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

pub(super) fn defaults(
    database_url: &str,
    nats_url: &str,
    prefix: &str,
    api_url: &Url,
    sandbox_url: &Url,
    mail_address: &str,
) -> BTreeMap<String, String> {
    let at = |path: &str| format!("{sandbox_url}{path}");
    [
        ("DATABASE_URL", database_url.to_owned()),
        ("NATS_URL", nats_url.to_owned()),
        ("NATS_PREFIX", prefix.to_owned()),
        ("PUBLIC_URL", api_url.as_str().trim_end_matches('/').to_owned()),
        ("SECRET_KEY", secrets::SECRET_KEY.to_owned()),
        ("BRAND_NAME", "Acme Observability|艾克观测".to_owned()),
        ("SITES", SITES.to_owned()),
        ("LOGIN_URL", at("console/login?site={site}")),
        ("BILLING_CENTER_LOGIN_URL", at("billing-center/login")),
        ("SMTP_URL", format!("smtp://landfall:{}@{mail_address}", secrets::SMTP_PASSWORD)),
        ("MAIL_FROM", "Acme <activation@acme.example>".to_owned()),
        ("BILLING_CENTER_URL", at("billing-center")),
        ("CONSOLE_URL", at("console")),
        ("PLATFORM_SIGNING_SECRET", secrets::SIGNING.to_owned()),
        ("ALIBABA_SECURITY_KEY", secrets::SECURITY_KEY.to_owned()),
        ("ALIBABA_ACCESS_KEY_ID", secrets::ACCESS_KEY_ID.to_owned()),
        ("ALIBABA_ACCESS_KEY_SECRET", secrets::ACCESS_KEY_SECRET.to_owned()),
        ("ALIBABA_API_URL", sandbox_url.as_str().trim_end_matches('/').to_owned()),
        ("OPERATOR_TOKENS", format!("test:act:{}", secrets::OPERATOR)),
        // Short, so that a test sees a retry; never so short that a noisy machine makes one.
        ("RETRY_INITIAL_MS", "200".to_owned()),
        ("RETRY_MAX_MS", "1000".to_owned()),
        ("REDISPATCH_AFTER_MS", "2000".to_owned()),
        ("RUST_LOG", "info,landfall_shared=debug,landfall_api=debug,landfall_workers=debug".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
