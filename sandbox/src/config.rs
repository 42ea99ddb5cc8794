//! Every variable that the sandbox reads, its default and its meaning.

use std::net::SocketAddr;

use secrecy::SecretString;
use thiserror::Error;
use url::Url;

const HELP: &str = "Environment (each also as NAME_FILE, the path of a file that holds it):
  SANDBOX_LISTEN_ADDR        pages, platforms and control API   [127.0.0.1:8090]
  SANDBOX_SMTP_LISTEN_ADDR   the mail server                    [127.0.0.1:2525]
  SANDBOX_DATABASE_URL       PostgreSQL, a database of its own  required
  SPI_URL                    the seller's SPI                   required
  ALIBABA_SECURITY_KEY       signs the SPI's tokens             required
  ALIBABA_ACCESS_KEY_ID      the seller's key to the OpenAPI    required
  ALIBABA_ACCESS_KEY_SECRET  its secret                         required
  PLATFORM_SIGNING_SECRET    whsec_..., of calls to us          required
  SITES                      id=Label,...                       required
  PLATFORM_INBOUND_SECRET    whsec_..., of our calls (change settlement method)
  LOGIN_TICKET_SECRET        base64, of the tickets that the console takes";

/// What the sandbox is told.
#[derive(Debug)]
pub struct Config {
    /// Where pages, platforms and control API listen; port 0 takes a free one.
    pub listen_addr: SocketAddr,
    /// Where the mail server listens; port 0 takes a free one.
    pub smtp_listen_addr: SocketAddr,
    /// The sandbox's own database.
    pub database_url: SecretString,
    /// The seller's SPI, without a query.
    pub spi_url: Url,
    /// The seller's key for SPI tokens.
    pub security_key: SecretString,
    /// The id of the seller's key to the `OpenAPI`.
    pub access_key_id: String,
    /// The secret of the seller's key to the `OpenAPI`.
    pub access_key_secret: SecretString,
    /// Verifies the calls to the Billing Center and the console.
    pub platform_signing_secret: SecretString,
    /// The sites on which console accounts and workspaces can be.
    pub sites: Vec<Site>,
    /// Signs the change-settlement dialog's call to Landfall.
    pub platform_inbound_secret: Option<SecretString>,
    /// Verifies the tickets of buyers who come signed in; base64.
    pub login_ticket_secret: Option<SecretString>,
}

/// One site of the vendor's console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The id in URLs and bodies.
    pub id: String,
    /// The label on pages.
    pub label: String,
}

/// Why the sandbox cannot start; names the variable and shows no value.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A required variable is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A variable does not have its form.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// A variable and its `_FILE` were both given.
    #[error("{0} and {0}_FILE are both given")]
    Twice(&'static str),
    /// The file that holds a variable cannot be read.
    #[error("the file of {0}_FILE cannot be read")]
    Unreadable(&'static str),
}

impl Config {
    /// Answers `--help` and `--version`, else reads the environment.
    ///
    /// # Errors
    /// The first variable that is missing or malformed.
    pub fn from_command_line() -> Result<Self, ConfigError> {
        clap::Command::new("landfall-sandbox")
            .version(env!("CARGO_PKG_VERSION"))
            .about("Plays what Landfall talks to: marketplace, Billing Center, console and mail server")
            .after_help(HELP)
            .get_matches();
        Self::read(environment)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name| text(&variable, name);
        let required = |name| text(name)?.ok_or(ConfigError::Missing(name));
        let secret = |name| required(name).map(SecretString::from);
        let optional = |name| Ok(text(name)?.map(SecretString::from));
        let address = |name, default: &str| {
            text(name)?.unwrap_or_else(|| default.to_owned()).parse().map_err(|_| ConfigError::Malformed(name))
        };
        Ok(Self {
            listen_addr: address("SANDBOX_LISTEN_ADDR", "127.0.0.1:8090")?,
            smtp_listen_addr: address("SANDBOX_SMTP_LISTEN_ADDR", "127.0.0.1:2525")?,
            database_url: secret("SANDBOX_DATABASE_URL")?,
            spi_url: Url::parse(&required("SPI_URL")?).map_err(|_| ConfigError::Malformed("SPI_URL"))?,
            security_key: secret("ALIBABA_SECURITY_KEY")?,
            access_key_id: required("ALIBABA_ACCESS_KEY_ID")?,
            access_key_secret: secret("ALIBABA_ACCESS_KEY_SECRET")?,
            platform_signing_secret: secret("PLATFORM_SIGNING_SECRET")?,
            sites: parse_sites(&required("SITES")?).ok_or(ConfigError::Malformed("SITES"))?,
            platform_inbound_secret: optional("PLATFORM_INBOUND_SECRET")?,
            login_ticket_secret: optional("LOGIN_TICKET_SECRET")?,
        })
    }
}

fn text(variable: &impl Fn(&str) -> Option<String>, name: &'static str) -> Result<Option<String>, ConfigError> {
    let given = variable(name).filter(|value| !value.is_empty());
    let Some(path) = variable(&format!("{name}_FILE")).filter(|value| !value.is_empty()) else { return Ok(given) };
    if given.is_some() {
        return Err(ConfigError::Twice(name));
    }
    let held = std::fs::read_to_string(path).map_err(|_| ConfigError::Unreadable(name))?;
    Ok(Some(held.trim_end().to_owned()))
}

fn parse_sites(text: &str) -> Option<Vec<Site>> {
    text.split(',')
        .map(|entry| {
            let (id, labels) = entry.trim().split_once('=')?;
            let label = labels.split('|').next().unwrap_or(labels);
            (!id.is_empty()).then(|| Site { id: id.to_owned(), label: label.to_owned() })
        })
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "this is the sandbox's one door to the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str) -> Option<String> {
        let value = match name {
            "SPI_URL" => "http://127.0.0.1:8080/marketplaces/alibaba/spi",
            "SITES" => "cn1=China 1|中国 1, us1=Oregon",
            "PLATFORM_SIGNING_SECRET" => "whsec_AAAA",
            "SANDBOX_DATABASE_URL" | "ALIBABA_SECURITY_KEY" | "ALIBABA_ACCESS_KEY_ID" => "value",
            "ALIBABA_ACCESS_KEY_SECRET" => "secret value",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn defaults_fill_what_is_not_given() {
        let config = Config::read(given).unwrap();
        assert_eq!(config.listen_addr.to_string(), "127.0.0.1:8090");
        assert_eq!(config.sites.len(), 2);
        assert_eq!(config.sites[0], Site { id: "cn1".into(), label: "China 1".into() });
        assert!(!format!("{config:?}").contains("secret value"));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let problem = Config::read(|name| given(name).filter(|_| name != "SITES")).unwrap_err();
        assert_eq!(problem.to_string(), "SITES is missing");
    }
}
