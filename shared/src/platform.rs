//! The vendor's two platforms, Billing Center and console: what Landfall asks of them and what their answers mean (contract §7).

pub mod billing_center;
pub mod console;
pub mod text;
mod exchange;
mod verdict;
#[cfg(test)]
mod tests;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use url::Url;

use crate::answer::Http;
use crate::platform::billing_center::BillingCenter;
use crate::platform::console::Console;
use crate::platform::exchange::Exchange;
use crate::refusal::Party;
use crate::signature::SigningKeys;

pub use crate::platform::text::PlatformId;

/// Both platforms; clones share their connections.
#[derive(Debug, Clone)]
pub struct Platforms {
    /// Accounts, links and bindings.
    pub billing_center: BillingCenter,
    /// Console accounts and workspaces.
    pub console: Console,
}

/// What every call carries beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The intention's `Idempotency-Key` and `webhook-id`: the same for every attempt at it.
    pub key: &'a str,
    /// The database's time, for the signature and for `Retry-After` dates.
    pub now: OffsetDateTime,
    /// `Accept-Language`: the page's language.
    pub language: &'a str,
    /// `traceparent` (W3C Trace Context), where there is a trace.
    pub trace: Option<&'a str>,
}

/// A password on its way into the body of a call: serializing is the one place where it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Password<'a>(pub &'a SecretString);

impl Serialize for Password<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

/// A text that is no address of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a platform's URL is http or https, without a query; only the console's may hold {{site}}")]
pub struct NotPlatformUrl;

impl Platforms {
    /// The platforms at these URLs (paths are put after them); `{site}` in the console's stands for the workspace's site.
    /// Calls are signed with all the keys.
    pub fn new(
        http: &Http,
        billing_center_url: &str,
        console_url: &str,
        keys: &SigningKeys,
    ) -> Result<Self, NotPlatformUrl> {
        let exchange = |party| Exchange::new(party, http.clone(), keys.clone());
        let billing_center =
            BillingCenter::new(exchange(Party::BillingCenter), base(billing_center_url, billing_center_url)?);
        let console =
            Console::new(exchange(Party::Console), base(console_url, &console::at_site(console_url, "site"))?);
        Ok(Self { billing_center, console })
    }
}

/// The text without slashes at its end, when `sample` (the text with its `{site}` filled in) is a URL that a path can follow.
fn base(text: &str, sample: &str) -> Result<String, NotPlatformUrl> {
    let url = Url::parse(sample).map_err(|_| NotPlatformUrl)?;
    let followed = url.query().is_none() && url.fragment().is_none() && !sample.contains(['{', '}']);
    let reachable = matches!(url.scheme(), "http" | "https") && url.has_host();
    if followed && reachable { Ok(text.trim_end_matches('/').to_owned()) } else { Err(NotPlatformUrl) }
}
