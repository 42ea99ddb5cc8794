//! URLs, and who may be reached over plain HTTP.

use std::fmt;

use secrecy::SecretString;
use url::{Host, Url};

use super::error::Expected;

/// A URL that paths are appended to: host, port and perhaps a path, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The URL with a path, which begins with a slash, appended.
    #[must_use]
    pub fn with(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// Scheme, host and port, as browsers write them in `Origin` (RFC 6454 §6.2).
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether cookies can be `Secure`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where buyers and marketplaces reach us: http or https, and no path: pages, cookies and calls stand at the root.
pub(super) fn public(text: &str) -> Result<BaseUrl, Expected> {
    let expected =
        Expected("an http or https URL without user, path, query and fragment, such as https://activate.example.com");
    base(text).filter(|url| matches!(url.0.scheme(), "http" | "https") && url.0.path() == "/").ok_or(expected)
}

/// The rule for platform, webhook and OpenAPI URLs: https, or http on loopback addresses or where `ALLOW_HTTP` says so.
pub(super) fn outside(text: &str, allow_http: bool) -> Result<BaseUrl, Expected> {
    let expected = Expected(
        "an https URL without user, query and fragment (http only on loopback addresses, or with ALLOW_HTTP=true)",
    );
    base(text)
        .filter(|BaseUrl(url)| url.scheme() == "https" || url.scheme() == "http" && (allow_http || is_loopback(url)))
        .ok_or(expected)
}

/// Where the vendor hears of events, by the same rule; a query is part of it.
pub(super) fn webhook(text: &str, allow_http: bool) -> Result<Url, Expected> {
    let expected = Expected("an https URL without user (http only on loopback addresses, or with ALLOW_HTTP=true)");
    let url = page(text).map_err(|_| expected)?;
    if url.scheme() == "https" || allow_http || is_loopback(&url) { Ok(url) } else { Err(expected) }
}

/// A page that buyers are sent to: http or https.
pub(super) fn page(text: &str) -> Result<Url, Expected> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.filter(has_no_user)
        .filter(|_| holds_no_place(text))
        .ok_or(Expected("an http or https URL, such as https://console.example.com/login"))
}

/// A link for buyers: https or mailto.
pub(super) fn link(text: &str) -> Result<Url, Expected> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "mailto"));
    url.filter(has_no_user).ok_or(Expected("an https or mailto URL, such as https://example.com/terms"))
}

/// A URL of PostgreSQL; user and password are its secret part.
pub(super) fn database(text: &str) -> Result<SecretString, Expected> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    url.map(|_| text.into()).ok_or(Expected("a URL such as postgres://user:password@host:5432/database"))
}

/// URLs of NATS servers; user and password are their secret part.
pub(super) fn nats(text: &str) -> Result<Vec<SecretString>, Expected> {
    let expected = Expected("NATS URLs, comma separated, such as nats://user:password@host:4222");
    super::plain::items(text)
        .map(|item| match item.parse::<async_nats::ServerAddr>() {
            Ok(_) if !item.is_empty() => Ok(item.into()),
            _ => Err(expected),
        })
        .collect()
}

/// Where traces go: http or https, collectors stand beside us.
pub(super) fn collector(text: &str) -> Result<Url, Expected> {
    page(text).map_err(|_| Expected("an http or https URL, such as http://127.0.0.1:4318"))
}

fn base(text: &str) -> Option<BaseUrl> {
    let url = Url::parse(text).ok()?;
    let is_base = url.has_host() && has_no_user(&url) && url.query().is_none() && url.fragment().is_none();
    (is_base && holds_no_place(text)).then_some(BaseUrl(url))
}

/// Where `{site}` may stand it is filled in by now: what is left would be sent as it is.
fn holds_no_place(text: &str) -> bool {
    !text.contains(['{', '}'])
}

fn has_no_user(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_leaves_the_machine_only_where_it_is_allowed() {
        for text in
            ["https://b.example", "http://127.0.0.1:9", "http://[::1]:9", "http://localhost/api", "http://cn.localhost"]
        {
            assert!(outside(text, false).is_ok(), "{text}");
        }
        for text in ["http://b.example", "http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example"] {
            assert!(outside(text, false).is_err(), "{text}");
            assert!(outside(text, true).is_ok(), "{text}");
        }
        for text in [
            "ftp://b.example",
            "b.example",
            "https://",
            "https://u:p@b.example",
            "https://b.example?x=1",
            "https://b.example#x",
        ] {
            assert!(outside(text, true).is_err(), "{text}");
        }
    }

    #[test]
    fn a_base_loses_its_last_slash() {
        assert_eq!(
            outside("https://a.example/console/", false).unwrap().with("/accounts"),
            "https://a.example/console/accounts"
        );
        let root = public("http://A.example:80/").unwrap();
        assert_eq!(
            (root.as_str(), root.origin().as_str(), root.is_https()),
            ("http://a.example", "http://a.example", false)
        );
    }

    #[test]
    fn what_is_public_has_no_path() {
        assert!(public("https://a.example").is_ok() && public("http://127.0.0.1:8080/").is_ok());
        for text in ["https://a.example/landfall", "https://a.example/landfall/", "https://a.example//", "mailto:a@b"] {
            assert!(public(text).is_err(), "{text}");
        }
    }

    #[test]
    fn links_are_https_or_mailto() {
        assert!(link("https://a.example/terms?v=2").is_ok() && link("mailto:help@a.example").is_ok());
        assert!(link("http://a.example").is_err() && link("javascript:alert(1)").is_err());
        assert!(page("javascript:alert(1)").is_err());
    }

    #[test]
    fn databases_and_nats_servers_are_taken_with_their_passwords_hidden() {
        assert!(!format!("{:?}", database("postgres://u:hunter2@h/d").unwrap()).contains("hunter2"));
        assert!(database("mysql://h/d").is_err() && database("h/d").is_err());
        assert_eq!(nats("nats://u:p@a:4222, tls://b,c:4222").unwrap().len(), 3);
        assert!(nats("http://a").is_err() && nats("nats://a,").is_err());
    }
}
