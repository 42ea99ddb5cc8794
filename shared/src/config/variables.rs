//! Every variable of contract §1: its name, who uses it, what it means, and what holds without it.

use Fallback::{Nothing, Required, Value};
use UsedBy::{Api, Both, Workers};

/// One environment variable. Every one can be given as `NAME_FILE`, the path of a file that holds it.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// The name in the environment.
    pub name: &'static str,
    /// Which process looks at it.
    pub used_by: UsedBy,
    /// What it means, in the contract's words.
    pub meaning: &'static str,
    /// What holds where it is absent or empty.
    pub fallback: Fallback,
}

/// Which process looks at a variable; the other neither demands nor reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedBy {
    /// `landfall-api`.
    Api,
    /// `landfall-workers`.
    Workers,
    /// Both processes.
    Both,
}

/// What holds where a variable is absent or empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// The process ends at once.
    Required,
    /// This value.
    Value(&'static str),
    /// Nothing; the text says what follows.
    Nothing(&'static str),
}

impl Fallback {
    /// The text for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Value(text) | Self::Nothing(text) => text,
        }
    }
}

const fn variable(name: &'static str, used_by: UsedBy, fallback: Fallback, meaning: &'static str) -> Variable {
    Variable { name, used_by, meaning, fallback }
}

pub(super) const DATABASE_URL: Variable =
    variable("DATABASE_URL", Both, Required, "PostgreSQL 14 or newer, as `postgres://user:password@host/database`");
pub(super) const NATS_URL: Variable = variable(
    "NATS_URL",
    Both,
    Required,
    "NATS with JetStream, server 2.9 or newer; several, comma separated; user and password in the URL or `NATS_CREDS`",
);
pub(super) const NATS_CREDS: Variable =
    variable("NATS_CREDS", Both, Nothing("none"), "the NATS credentials, or the path of their file");
pub(super) const NATS_PREFIX: Variable = variable(
    "NATS_PREFIX",
    Both,
    Nothing("none"),
    "letters, digits, `-`, `_`: put as it is before every stream, consumer and subject name, \
     so that several Landfalls can share a NATS",
);
pub(super) const MIGRATE: Variable =
    variable("MIGRATE", Both, Value("auto"), "`auto`, or `off` where another role migrates the database");
pub(super) const LISTEN_ADDR: Variable = variable("LISTEN_ADDR", Api, Value("127.0.0.1:8080"), "where the API listens");
pub(super) const INTERNAL_LISTEN_ADDR: Variable = variable(
    "INTERNAL_LISTEN_ADDR",
    Api,
    Nothing("none"),
    "when set, `/metrics` and what operators use answer only there",
);
pub(super) const WORKERS_LISTEN_ADDR: Variable =
    variable("WORKERS_LISTEN_ADDR", Workers, Value("127.0.0.1:8081"), "health and metrics of the workers");
pub(super) const PUBLIC_URL: Variable =
    variable("PUBLIC_URL", Both, Required, "how buyers and marketplaces reach the API");
pub(super) const TRUSTED_PROXIES: Variable = variable(
    "TRUSTED_PROXIES",
    Api,
    Nothing("none: the header is ignored"),
    "CIDRs, comma separated; the client is the rightmost address of `X-Forwarded-For` outside them",
);
pub(super) const SECRET_KEY: Variable =
    variable("SECRET_KEY", Both, Required, "32 bytes or more, base64; every other key is derived from it");
pub(super) const SECRET_KEY_PREVIOUS: Variable =
    variable("SECRET_KEY_PREVIOUS", Both, Nothing("none"), "still accepted while rotating");
pub(super) const BRAND_NAME: Variable =
    variable("BRAND_NAME", Both, Required, "the product's name on pages and in mails; `A|B`: B in Chinese");
pub(super) const BRAND_COLOR: Variable = variable("BRAND_COLOR", Both, Value("#2f5d8a"), "`#rrggbb`");
pub(super) const BRAND_LOGO: Variable =
    variable("BRAND_LOGO", Both, Nothing("none"), "path of an SVG or PNG, at most 1 MiB");
pub(super) const SITES: Variable = variable(
    "SITES",
    Api,
    Required,
    "`id=Label` or `id=Label|Chinese label`, comma separated, the first is the default",
);
pub(super) const LOGIN_URL: Variable = variable(
    "LOGIN_URL",
    Api,
    Required,
    "where the buyer goes when all is done; `{site}` in it is the workspace's site",
);
pub(super) const LOGIN_TICKET_SECRET: Variable = variable(
    "LOGIN_TICKET_SECRET",
    Api,
    Nothing("none"),
    "32 bytes or more, base64: *Login Directly* then signs the buyer in",
);
pub(super) const BILLING_CENTER_LOGIN_URL: Variable =
    variable("BILLING_CENTER_LOGIN_URL", Api, Nothing("none"), "shown on success");
pub(super) const TERMS_URL: Variable =
    variable("TERMS_URL", Api, Nothing("none"), "linked where terms are accepted; https or mailto");
pub(super) const SUPPORT_URL: Variable =
    variable("SUPPORT_URL", Api, Nothing("none"), "linked where only an operator can help; https or mailto");
pub(super) const TYPED_ENTRY: Variable =
    variable("TYPED_ENTRY", Api, Value("on"), "`on`, or `off`: the typed entry answers 404");
pub(super) const SMTP_URL: Variable =
    variable("SMTP_URL", Workers, Required, "`smtp://`, `smtps://` or `smtp+starttls://`, user and password optional");
pub(super) const MAIL_FROM: Variable =
    variable("MAIL_FROM", Workers, Required, "sender of mails, as `ann@example.com` or `Ann <ann@example.com>`");
pub(super) const NOTICE_MAILS: Variable =
    variable("NOTICE_MAILS", Workers, Value("on"), "`on` or `off`: the mails *we need you* and *done*");
pub(super) const BILLING_CENTER_URL: Variable =
    variable("BILLING_CENTER_URL", Workers, Required, "the vendor's Billing Center");
pub(super) const CONSOLE_URL: Variable =
    variable("CONSOLE_URL", Workers, Required, "the vendor's console; `{site}` may stand in it");
pub(super) const PLATFORM_SIGNING_SECRET: Variable = variable(
    "PLATFORM_SIGNING_SECRET",
    Workers,
    Required,
    "`whsec_…`, signs the calls to both platforms; a second after a comma while rotating: both sign",
);
pub(super) const PLATFORM_INBOUND_SECRET: Variable = variable(
    "PLATFORM_INBOUND_SECRET",
    Api,
    Nothing("none: they answer 404"),
    "`whsec_…`, signs the Billing Center's calls to us",
);
pub(super) const ALIBABA_SECURITY_KEY: Variable = variable(
    "ALIBABA_SECURITY_KEY",
    Api,
    Nothing("none: the Alibaba routes answer 404"),
    "the seller's key for SPI tokens; a second one after a comma while rotating",
);
pub(super) const ALIBABA_ACCESS_KEY_ID: Variable = variable(
    "ALIBABA_ACCESS_KEY_ID",
    Workers,
    Nothing("none: purchases are verified against announcements alone"),
    "for the marketplace's OpenAPI, with `ALIBABA_ACCESS_KEY_SECRET`",
);
pub(super) const ALIBABA_ACCESS_KEY_SECRET: Variable = variable(
    "ALIBABA_ACCESS_KEY_SECRET",
    Workers,
    Nothing("none"),
    "for the marketplace's OpenAPI, with `ALIBABA_ACCESS_KEY_ID`",
);
pub(super) const ALIBABA_API_URL: Variable =
    variable("ALIBABA_API_URL", Workers, Value("https://market.aliyuncs.com"), "the marketplace's OpenAPI");
pub(super) const OPERATOR_TOKENS: Variable = variable(
    "OPERATOR_TOKENS",
    Api,
    Nothing("none: operators get 404"),
    "`name:role:token`, comma separated; role `read` or `act`, token of 24 characters or more",
);
pub(super) const RETRY_INITIAL_MS: Variable = variable(
    "RETRY_INITIAL_MS",
    Both,
    Value("2000"),
    "the longest first pause before a retry, in milliseconds; it doubles, with full jitter",
);
pub(super) const RETRY_MAX_MS: Variable =
    variable("RETRY_MAX_MS", Both, Value("900000"), "the longest pause of all, in milliseconds");
pub(super) const RETRY_ATTEMPTS: Variable =
    variable("RETRY_ATTEMPTS", Both, Value("200"), "attempts at one command before an operator must act");
pub(super) const STEP_CONCURRENCY: Variable =
    variable("STEP_CONCURRENCY", Workers, Value("32"), "commands of one step in hand at once, per process");
pub(super) const DATABASE_CONNECTIONS: Variable =
    variable("DATABASE_CONNECTIONS", Both, Value("16"), "database connections, per process");
pub(super) const REDISPATCH_AFTER_MS: Variable = variable(
    "REDISPATCH_AFTER_MS",
    Both,
    Value("30000"),
    "when a command that nobody finished is sent out again, in milliseconds",
);
pub(super) const CODE_TTL_SECONDS: Variable =
    variable("CODE_TTL_SECONDS", Both, Value("600"), "life of a verification code, in seconds");
pub(super) const CODE_RESEND_SECONDS: Variable =
    variable("CODE_RESEND_SECONDS", Both, Value("60"), "pause before a verification code is sent again, in seconds");
pub(super) const CODES_PER_CLIENT: Variable = variable(
    "CODES_PER_CLIENT",
    Api,
    Value("10"),
    "verification codes of typed entries, per client address (IPv6: /64) and hour",
);
pub(super) const ENTRIES_PER_CLIENT: Variable =
    variable("ENTRIES_PER_CLIENT", Api, Value("20"), "typed entries, per client address (IPv6: /64) and hour");
pub(super) const VENDOR_WEBHOOK_URL: Variable =
    variable("VENDOR_WEBHOOK_URL", Workers, Nothing("none"), "where the vendor hears of events");
pub(super) const VENDOR_WEBHOOK_SECRET: Variable =
    variable("VENDOR_WEBHOOK_SECRET", Workers, Nothing("none"), "`whsec_…`, signs the events");
pub(super) const RETENTION_DAYS: Variable = variable(
    "RETENTION_DAYS",
    Workers,
    Value("400"),
    "days that records of marketplace calls, attempts, sessions, keys and challenges are kept",
);
pub(super) const PERSONAL_DATA_DAYS: Variable = variable(
    "PERSONAL_DATA_DAYS",
    Workers,
    Value("90"),
    "days after the end, or *active*, until e-mail, phone, company, usernames, client addresses are erased",
);
pub(super) const ALLOW_HTTP: Variable = variable(
    "ALLOW_HTTP",
    Both,
    Value("false"),
    "`true`: platform, webhook and OpenAPI URLs may be http on other than loopback addresses",
);
pub(super) const LOG_FORMAT: Variable = variable("LOG_FORMAT", Both, Value("text"), "`text` or `json`");
pub(super) const RUST_LOG: Variable =
    variable("RUST_LOG", Both, Value("info"), "which log lines are written: the usual filter");
pub(super) const OTEL_EXPORTER_OTLP_ENDPOINT: Variable =
    variable("OTEL_EXPORTER_OTLP_ENDPOINT", Both, Nothing("none"), "traces go there");
pub(super) const SSL_CERT_FILE: Variable = variable(
    "SSL_CERT_FILE",
    Both,
    Nothing("none"),
    "path of a private CA's certificates (PEM), trusted beside the system's roots",
);

/// All of them, in the contract's order.
pub const VARIABLES: &[Variable] = &[
    DATABASE_URL,
    NATS_URL,
    NATS_CREDS,
    NATS_PREFIX,
    MIGRATE,
    LISTEN_ADDR,
    INTERNAL_LISTEN_ADDR,
    WORKERS_LISTEN_ADDR,
    PUBLIC_URL,
    TRUSTED_PROXIES,
    SECRET_KEY,
    SECRET_KEY_PREVIOUS,
    BRAND_NAME,
    BRAND_COLOR,
    BRAND_LOGO,
    SITES,
    LOGIN_URL,
    LOGIN_TICKET_SECRET,
    BILLING_CENTER_LOGIN_URL,
    TERMS_URL,
    SUPPORT_URL,
    TYPED_ENTRY,
    SMTP_URL,
    MAIL_FROM,
    NOTICE_MAILS,
    BILLING_CENTER_URL,
    CONSOLE_URL,
    PLATFORM_SIGNING_SECRET,
    PLATFORM_INBOUND_SECRET,
    ALIBABA_SECURITY_KEY,
    ALIBABA_ACCESS_KEY_ID,
    ALIBABA_ACCESS_KEY_SECRET,
    ALIBABA_API_URL,
    OPERATOR_TOKENS,
    RETRY_INITIAL_MS,
    RETRY_MAX_MS,
    RETRY_ATTEMPTS,
    STEP_CONCURRENCY,
    DATABASE_CONNECTIONS,
    REDISPATCH_AFTER_MS,
    CODE_TTL_SECONDS,
    CODE_RESEND_SECONDS,
    CODES_PER_CLIENT,
    ENTRIES_PER_CLIENT,
    VENDOR_WEBHOOK_URL,
    VENDOR_WEBHOOK_SECRET,
    RETENTION_DAYS,
    PERSONAL_DATA_DAYS,
    ALLOW_HTTP,
    LOG_FORMAT,
    RUST_LOG,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    SSL_CERT_FILE,
];

/// The variables of one process as lines for `--help`.
#[must_use]
pub fn help(process: UsedBy) -> String {
    let of_process = VARIABLES.iter().filter(|v| v.used_by == UsedBy::Both || v.used_by == process);
    let lines = of_process.map(|v| format!("  {}  [{}]\n      {}\n", v.name, v.fallback.text(), v.meaning));
    std::iter::once("Environment variables (each also as NAME_FILE, the path of a file that holds it):\n".to_owned())
        .chain(lines)
        .collect()
}

/// All variables as the README's table.
#[must_use]
pub fn markdown() -> String {
    let rows = VARIABLES.iter().map(|v| {
        let used_by = match v.used_by {
            UsedBy::Api => "a",
            UsedBy::Workers => "w",
            UsedBy::Both => "aw",
        };
        let fallback = match v.fallback {
            Fallback::Value(value) => format!("`{value}`"),
            other => other.text().to_owned(),
        };
        format!("| `{}` | {used_by} | {} | {fallback} |\n", v.name, v.meaning.replace('|', "\\|"))
    });
    std::iter::once("| variable | for | meaning | default |\n|---|---|---|---|\n".to_owned()).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = VARIABLES.iter().map(|v| v.name).collect();
        assert_eq!(names.len(), VARIABLES.len());
    }

    #[test]
    fn help_shows_a_process_what_it_uses_and_nothing_else() {
        let api = help(UsedBy::Api);
        assert!(api.contains("LISTEN_ADDR  [127.0.0.1:8080]") && api.contains("DATABASE_URL  [required]"));
        assert!(!api.contains("SMTP_URL") && help(UsedBy::Workers).contains("SMTP_URL"));
    }

    #[test]
    fn the_table_has_one_row_a_variable_and_escapes_bars() {
        let table = markdown();
        assert_eq!(table.lines().count(), VARIABLES.len() + 2);
        assert!(table.contains("`A\\|B`: B in Chinese"));
        assert!(table.contains("| `LISTEN_ADDR` | a | where the API listens | `127.0.0.1:8080` |"));
    }
}
