//! The mail server, and the sender that mails name.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::{Host, Url};

use super::error::Expected;
use crate::buyer::{Email, is_invisible};

/// How the connection to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// `smtp://`: not at all.
    Plain,
    /// `smtps://`: TLS from the first byte (RFC 8314).
    ImplicitTls,
    /// `smtp+starttls://`: TLS after `STARTTLS`, never without (RFC 3207).
    StartTls,
}

impl SmtpSecurity {
    const fn default_port(self) -> u16 {
        match self {
            Self::Plain => 25,
            Self::ImplicitTls => 465,
            Self::StartTls => 587,
        }
    }
}

/// The mail server (`SMTP_URL`).
#[derive(Debug, Clone)]
pub struct Smtp {
    /// How the connection is encrypted.
    pub security: SmtpSecurity,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// 25, 465 or 587 where the URL says none.
    pub port: u16,
    /// With what to sign in, if at all.
    pub credentials: Option<SmtpCredentials>,
}

/// User and password at the mail server.
#[derive(Debug, Clone)]
pub struct SmtpCredentials {
    /// The user, percent-decoded.
    pub user: String,
    /// The password, percent-decoded.
    pub password: SecretString,
}

const SMTP_URL: Expected = Expected(
    "smtp://, smtps:// or smtp+starttls:// with a host, such as smtp+starttls://user:password@mail.example.com:587",
);

impl Smtp {
    pub(super) fn parse(text: &str) -> Result<Self, Expected> {
        let url = Url::parse(text).map_err(|_| SMTP_URL)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(SMTP_URL);
        }
        let security = match url.scheme() {
            "smtp" => SmtpSecurity::Plain,
            "smtps" => SmtpSecurity::ImplicitTls,
            "smtp+starttls" => SmtpSecurity::StartTls,
            _ => return Err(SMTP_URL),
        };
        let host = match url.host().ok_or(SMTP_URL)? {
            Host::Domain("") => return Err(SMTP_URL),
            Host::Domain(name) => name.to_ascii_lowercase(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let port = url.port().unwrap_or(security.default_port());
        Ok(Self { security, host, port, credentials: credentials(&url)? })
    }
}

/// User and password, both or neither.
fn credentials(url: &Url) -> Result<Option<SmtpCredentials>, Expected> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None) => Err(SMTP_URL),
        (user, Some(password)) => {
            Ok(Some(SmtpCredentials { user: decoded(user)?, password: decoded(password)?.into() }))
        }
    }
}

/// Percent-decoded; a line break would end the command that it is sent in.
fn decoded(text: &str) -> Result<String, Expected> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| SMTP_URL)?;
    if decoded.contains(['\r', '\n', '\0']) { Err(SMTP_URL) } else { Ok(decoded.into_owned()) }
}

/// The sender of mails (`MAIL_FROM`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// The name shown, without control characters: a line break in it would be a header of its own.
    pub name: Option<String>,
    /// The address.
    pub address: Email,
}

impl Mailbox {
    pub(super) fn parse(text: &str) -> Result<Self, Expected> {
        Self::from_text(text.trim()).ok_or(Expected("an address, or a name and an address: `Ann <ann@example.com>`"))
    }

    fn from_text(text: &str) -> Option<Self> {
        let Some((name, rest)) = text.split_once('<') else {
            return Some(Self { name: None, address: Email::parse(text).ok()? });
        };
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name).trim();
        if name.contains(is_invisible) || name.contains(['"', '\\']) {
            return None;
        }
        let address = Email::parse(rest.strip_suffix('>')?).ok()?;
        Some(Self { name: (!name.is_empty()).then(|| name.to_owned()), address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_scheme_says_how_to_encrypt_and_which_port() {
        let of = |text| Smtp::parse(text).map(|smtp| (smtp.security, smtp.host, smtp.port)).unwrap();
        assert_eq!(of("smtp://Mail.example.com"), (SmtpSecurity::Plain, "mail.example.com".into(), 25));
        assert_eq!(of("smtps://mail.example.com/"), (SmtpSecurity::ImplicitTls, "mail.example.com".into(), 465));
        assert_eq!(of("smtp+starttls://10.0.0.1"), (SmtpSecurity::StartTls, "10.0.0.1".into(), 587));
        assert_eq!(of("smtp://[::1]:1025"), (SmtpSecurity::Plain, "::1".into(), 1025));
    }

    #[test]
    fn user_and_password_are_decoded_and_hidden() {
        let smtp = Smtp::parse("smtp+starttls://ann%40example.com:p%3A%2Fhunter2@mail.example.com").unwrap();
        let credentials = smtp.credentials.clone().unwrap();
        assert_eq!(
            (credentials.user.as_str(), credentials.password.expose_secret()),
            ("ann@example.com", "p:/hunter2")
        );
        assert!(!format!("{smtp:?}").contains("hunter2"));
    }

    #[test]
    fn other_urls_are_refused() {
        for text in [
            "mail.example.com",
            "http://m",
            "smtp://",
            "smtp://u@m",
            "smtp://:p@m",
            "smtp://m/x",
            "smtp://m?x=1",
            "smtp://u:%0d%0a@m",
            "smtp://m:99999",
        ] {
            assert!(Smtp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_sender_has_an_address_and_perhaps_a_name() {
        let of = |text| Mailbox::parse(text).map(|m| (m.name.unwrap_or_default(), m.address.to_string())).unwrap();
        assert_eq!(of("a@b.example"), (String::new(), "a@b.example".into()));
        assert_eq!(of("Acme 安 <a@b.example>"), ("Acme 安".into(), "a@b.example".into()));
        assert_eq!(of("\"Acme, Inc.\" <a@b.example>"), ("Acme, Inc.".into(), "a@b.example".into()));
        for text in ["Acme", "Acme <a@b", "Acme <a@b> x", "A\r\nBcc: x <a@b>", "A\0 <a@b>", "a@b, c@d", "<>"] {
            assert!(Mailbox::parse(text).is_err(), "{text:?}");
        }
    }
}
