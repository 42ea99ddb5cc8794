//! What both processes are configured by.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{SecretSlice, SecretString};
use url::Url;

use super::brand::{Brand, BrandColor, BrandLogo};
use super::environment::Environment;
use super::error::{ConfigError, Expected};
use super::urls::BaseUrl;
use super::{plain, secrets, urls, variables as v};

/// The variables that both processes use, each field named after its variable (contract §1).
#[derive(Debug)]
pub struct Both {
    /// The URL of PostgreSQL 14 or newer, with its password.
    pub database_url: SecretString,
    /// The pool: database connections of this process.
    pub database_connections: u32,
    /// The URLs of the NATS servers, some with passwords.
    pub nats_url: Vec<SecretString>,
    /// The contents of a NATS credentials file.
    pub nats_creds: Option<SecretString>,
    /// What stands before every stream, consumer and subject name; empty for nothing.
    pub nats_prefix: String,
    /// Whether this process applies the migrations.
    pub migrate: Migrate,
    /// How buyers and marketplaces reach the API.
    pub public_url: BaseUrl,
    /// What every key is derived from: 32 bytes or more.
    pub secret_key: SecretSlice<u8>,
    /// Still accepted while rotating.
    pub secret_key_previous: Option<SecretSlice<u8>>,
    /// The product's name on pages and in mails.
    pub brand_name: Brand,
    /// The brand's colour.
    pub brand_color: BrandColor,
    /// The brand's logo, read at start.
    pub brand_logo: Option<BrandLogo>,
    /// The longest first pause before a retry.
    pub retry_initial: Duration,
    /// The longest pause of all, never below `retry_initial`.
    pub retry_max: Duration,
    /// Attempts at one command before an operator must act; 1 or more.
    pub retry_attempts: u32,
    /// When a command that nobody finished is sent out again.
    pub redispatch_after: Duration,
    /// Life of a verification code.
    pub code_ttl: Duration,
    /// Pause before a verification code is sent again; zero for none.
    pub code_resend: Duration,
    /// Whether platform, webhook and OpenAPI URLs may be http on other than loopback addresses.
    pub allow_http: bool,
    /// The form of log lines.
    pub log_format: LogFormat,
    /// Which log lines are written: a filter of `tracing-subscriber`.
    pub rust_log: String,
    /// Where traces go.
    pub otel_exporter_otlp_endpoint: Option<Url>,
    /// A private CA's certificates, trusted beside the system's roots.
    pub ssl_cert_file: Option<PathBuf>,
}

/// Whether a process applies the migrations at start (`MIGRATE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// It does, safely when several start at once.
    Auto,
    /// Another role does it.
    Off,
}

/// The form of log lines (`LOG_FORMAT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Both {
    pub(super) fn read(from: &Environment) -> Result<Self, ConfigError> {
        let retry_initial = from.value(&v::RETRY_INITIAL_MS, plain::milliseconds)?;
        Ok(Self {
            database_url: from.value(&v::DATABASE_URL, urls::database)?,
            database_connections: from.value(&v::DATABASE_CONNECTIONS, |text| plain::number(text, 1))?,
            nats_url: from.value(&v::NATS_URL, urls::nats)?,
            nats_creds: from.optional(&v::NATS_CREDS, credentials)?,
            nats_prefix: from.optional(&v::NATS_PREFIX, prefix)?.unwrap_or_default(),
            migrate: from.value(&v::MIGRATE, migrate)?,
            public_url: from.value(&v::PUBLIC_URL, urls::public)?,
            secret_key: from.value(&v::SECRET_KEY, secrets::key)?,
            secret_key_previous: from.optional(&v::SECRET_KEY_PREVIOUS, secrets::key)?,
            brand_name: from.value(&v::BRAND_NAME, Brand::parse)?,
            brand_color: from.value(&v::BRAND_COLOR, BrandColor::parse)?,
            brand_logo: from.optional(&v::BRAND_LOGO, BrandLogo::read)?,
            retry_initial,
            retry_max: from.value(&v::RETRY_MAX_MS, |text| not_below(retry_initial, text))?,
            retry_attempts: from.value(&v::RETRY_ATTEMPTS, |text| plain::number(text, 1))?,
            redispatch_after: from.value(&v::REDISPATCH_AFTER_MS, plain::milliseconds)?,
            code_ttl: from.value(&v::CODE_TTL_SECONDS, |text| plain::seconds(text, 1))?,
            code_resend: from.value(&v::CODE_RESEND_SECONDS, |text| plain::seconds(text, 0))?,
            allow_http: from.value(&v::ALLOW_HTTP, plain::true_or_false)?,
            log_format: from.value(&v::LOG_FORMAT, log_format)?,
            rust_log: from.value(&v::RUST_LOG, filter)?,
            otel_exporter_otlp_endpoint: from.optional(&v::OTEL_EXPORTER_OTLP_ENDPOINT, urls::collector)?,
            ssl_cert_file: from.optional(&v::SSL_CERT_FILE, certificates)?,
        })
    }
}

fn not_below(retry_initial: Duration, text: &str) -> Result<Duration, Expected> {
    let expected = Expected("a whole number of milliseconds, not below RETRY_INITIAL_MS");
    plain::milliseconds(text).ok().filter(|max| *max >= retry_initial).ok_or(expected)
}

fn prefix(text: &str) -> Result<String, Expected> {
    let is_prefix = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    is_prefix.then(|| text.to_owned()).ok_or(Expected("letters, digits, `-` and `_` only"))
}

/// The credentials themselves, or the path of the file that `nsc` writes, which is what NATS's own tools expect.
fn credentials(text: &str) -> Result<SecretString, Expected> {
    let is_contents = |text: &str| text.contains("BEGIN NATS USER JWT");
    let contents = if is_contents(text) { Some(text.to_owned()) } else { std::fs::read_to_string(text).ok() };
    let expected = Expected("NATS credentials, or the path of a readable file of them");
    contents.filter(|text| is_contents(text)).map(Into::into).ok_or(expected)
}

/// Read here only to say at once where it is wrong; whoever connects reads it again.
fn certificates(path: &str) -> Result<PathBuf, Expected> {
    let pem = std::fs::read_to_string(path).ok().filter(|pem| pem.contains("BEGIN CERTIFICATE"));
    pem.map(|_| PathBuf::from(path)).ok_or(Expected("the path of a readable file of PEM certificates"))
}

fn migrate(text: &str) -> Result<Migrate, Expected> {
    match text {
        "auto" => Ok(Migrate::Auto),
        "off" => Ok(Migrate::Off),
        _ => Err(Expected("`auto` or `off`")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, Expected> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Expected("`text` or `json`")),
    }
}

fn filter(text: &str) -> Result<String, Expected> {
    let filter = tracing_subscriber::EnvFilter::builder().parse(text);
    filter.map(|_| text.to_owned()).map_err(|_| Expected("a filter such as `info` or `warn,landfall_shared=debug`"))
}
