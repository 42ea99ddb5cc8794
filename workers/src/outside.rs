//! The outside parties, as the steps reach them.

use std::error::Error;
use std::sync::Arc;

use landfall_shared::answer::Http;
use landfall_shared::config;
use landfall_shared::dispatch::Wakeups;
use landfall_shared::keys::Keys;
use landfall_shared::marketplace::Marketplace;
use landfall_shared::marketplace::alibaba::acs3::AccessKey;
use landfall_shared::marketplace::alibaba::openapi::OpenApi;
use landfall_shared::platform::Platforms;
use landfall_shared::refusal::{Credentials, Party};
use landfall_shared::signature::SigningKeys;
use landfall_shared::store::Database;
use landfall_shared::tls;
use secrecy::ExposeSecret;

use crate::importing::Importing;
use crate::letters::Letters;
use crate::mail::Mailer;

/// Everybody whom a step may ask.
pub struct Outside {
    /// The marketplace's `OpenAPI`, where we have keys for it.
    pub marketplace: Option<Marketplace>,
    /// The vendor's Billing Center and console.
    pub platforms: Platforms,
    /// The mail server.
    pub mailer: Mailer,
    /// What we write.
    pub letters: Letters,
    /// Our own rows, to read.
    pub database: Database,
    /// Where a purchase is kept that the marketplace shows us and never announced.
    pub importing: Importing,
    /// Opens sealed passwords.
    pub keys: Arc<Keys>,
}

impl Outside {
    /// Reaches everybody whom the configuration names.
    ///
    /// # Errors
    /// If an address, a key or a certificate cannot be used.
    pub fn new(
        config: &config::Workers,
        keys: &Arc<Keys>,
        database: Database,
        wakeups: Wakeups,
    ) -> Result<Self, Box<dyn Error>> {
        let both = &config.both;
        // Nobody has rejected anything yet: the metric is there from the start.
        for party in Party::ALL {
            party.credentials(Credentials::Accepted);
        }
        let http = Http::new(tls::roots(both.ssl_cert_file.as_deref())?)?;
        let signing: Vec<&str> = config.platform_signing_secret.iter().map(ExposeSecret::expose_secret).collect();
        let signing = SigningKeys::parse(&signing.join(","))?;
        let platforms =
            Platforms::new(&http, config.billing_center_url.as_str(), config.console_url.template(), &signing)?;
        let marketplace = match &config.alibaba_access {
            Some(access) => {
                let key = AccessKey { id: access.key_id.clone(), secret: access.key_secret.clone() };
                Some(Marketplace::Alibaba(OpenApi::new(http, config.alibaba_api_url.as_str().parse()?, key)))
            }
            None => None,
        };
        let mailer = Mailer::new(config.smtp_url.clone(), config.mail_from.clone(), both.ssl_cert_file.as_deref())?;
        let (brand, color) = (both.brand_name.clone(), both.brand_color.clone());
        let letters = Letters::new(brand, color, Arc::clone(keys), both.code_ttl);
        let importing = Importing { database: database.clone(), wakeups, redispatch: both.redispatch_after };
        Ok(Self { marketplace, platforms, mailer, letters, database, importing, keys: Arc::clone(keys) })
    }
}
