//! The environment, real or made up by a test: where variables come from.

use std::collections::HashMap;
use std::path::Path;

use super::error::{ConfigError, Expected};
use super::variables::{Fallback, Variable};

type Lookup = Box<dyn Fn(&str) -> Option<String>>;

/// Where variables are looked up: the process's environment first, then `.env`.
pub struct Environment {
    sources: Vec<Lookup>,
}

impl Environment {
    /// The environment of this process and, in development, the file `.env` in its working directory.
    ///
    /// The real environment wins; it is never changed.
    pub fn of_this_process() -> Result<Self, ConfigError> {
        Ok(Self { sources: vec![Box::new(of_process), Box::new(of_dotenv(Path::new(".env"))?)] })
    }

    /// One that a test makes up.
    #[must_use]
    pub fn of(lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self { sources: vec![Box::new(lookup)] }
    }

    /// The variable's value, else its default; missing where it has none.
    pub(super) fn value<T>(
        &self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> Result<T, ConfigError> {
        match (self.text(variable.name)?, variable.fallback) {
            (Some(text), _) => parsed(variable, &text, parse),
            (None, Fallback::Value(default)) => parsed(variable, default, parse),
            (None, Fallback::Required | Fallback::Nothing(_)) => {
                Err(ConfigError::Missing { name: variable.name, meaning: variable.meaning })
            }
        }
    }

    /// The variable's value, where it is given.
    pub(super) fn optional<T>(
        &self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, Expected>,
    ) -> Result<Option<T>, ConfigError> {
        self.text(variable.name)?.map(|text| parsed(variable, &text, parse)).transpose()
    }

    /// The raw text of a variable: given itself or as `NAME_FILE`, not as both; an empty one is absent.
    fn text(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        for source in &self.sources {
            let given = |name: &str| source(name).filter(|text| !text.is_empty());
            match (given(name), given(&format!("{name}_FILE"))) {
                (Some(_), Some(_)) => return Err(ConfigError::Twice { name }),
                (Some(text), None) => return Ok(Some(text)),
                (None, Some(path)) => return of_file(name, &path),
                (None, None) => {}
            }
        }
        Ok(None)
    }
}

fn parsed<T>(
    variable: &Variable,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, Expected>,
) -> Result<T, ConfigError> {
    parse(text).map_err(|Expected(expected)| ConfigError::Malformed { name: variable.name, expected })
}

/// What `NAME_FILE` points to, without the line break that editors put at the end.
fn of_file(name: &'static str, path: &str) -> Result<Option<String>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { name, why: error.kind() })?;
    let text = text.trim_end_matches(['\r', '\n']);
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[expect(clippy::disallowed_methods, reason = "this is the one door to the process's environment")]
fn of_process(name: &str) -> Option<String> {
    match std::env::var(name) {
        Ok(text) => Some(text),
        Err(std::env::VarError::NotPresent) => None,
        // Not UTF-8 is malformed, not absent: the replacement characters make the parser say so.
        Err(std::env::VarError::NotUnicode(text)) => Some(text.to_string_lossy().into_owned()),
    }
}

fn of_dotenv(path: &Path) -> Result<impl Fn(&str) -> Option<String> + 'static, ConfigError> {
    let mut lines = HashMap::new();
    if path.is_file() {
        // dotenvy's own error repeats the line, which may hold a secret.
        for line in dotenvy::from_path_iter(path).map_err(|_| ConfigError::DotEnv)? {
            let (name, text) = line.map_err(|_| ConfigError::DotEnv)?;
            lines.entry(name).or_insert(text);
        }
    }
    Ok(move |name: &str| lines.get(name).cloned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::variables::{BRAND_NAME, LISTEN_ADDR, NATS_PREFIX};

    /// The least that `landfall-api` starts with.
    pub const API: &[(&str, &str)] = &[
        ("DATABASE_URL", "postgres://landfall:hunter2@127.0.0.1/landfall"),
        ("NATS_URL", "nats://landfall:hunter2@127.0.0.1:4222"),
        ("PUBLIC_URL", "https://activate.example.com"),
        ("SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAhunter2"),
        ("BRAND_NAME", "Acme"),
        ("SITES", "cn=China"),
        ("LOGIN_URL", "https://{site}.example.com/login"),
    ];

    /// The least that `landfall-workers` starts with.
    pub const WORKERS: &[(&str, &str)] = &[
        ("DATABASE_URL", "postgres://landfall:hunter2@127.0.0.1/landfall"),
        ("NATS_URL", "nats://landfall:hunter2@127.0.0.1:4222"),
        ("PUBLIC_URL", "https://activate.example.com"),
        ("SECRET_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAhunter2"),
        ("BRAND_NAME", "Acme"),
        ("SMTP_URL", "smtp+starttls://landfall:hunter2@mail.example.com"),
        ("MAIL_FROM", "Acme <noreply@example.com>"),
        ("BILLING_CENTER_URL", "https://billing.example.com"),
        ("CONSOLE_URL", "https://{site}.example.com"),
        ("PLATFORM_SIGNING_SECRET", "whsec_hunter2A,whsec_hunter2Ahunter2A"),
    ];

    /// Every optional secret of both processes; each holds `hunter2`.
    pub fn secret_values() -> Vec<(&'static str, &'static str)> {
        vec![
            ("SECRET_KEY_PREVIOUS", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAhunter2"),
            ("NATS_CREDS", "-----BEGIN NATS USER JWT-----hunter2"),
            ("LOGIN_TICKET_SECRET", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAhunter2"),
            ("PLATFORM_INBOUND_SECRET", "whsec_hunter2A"),
            ("ALIBABA_SECURITY_KEY", "hunter2,hunter2b"),
            ("ALIBABA_ACCESS_KEY_ID", "LTAI"),
            ("ALIBABA_ACCESS_KEY_SECRET", "hunter2"),
            ("OPERATOR_TOKENS", "ann:act:hunter2hunter2hunter2hunter2"),
            ("VENDOR_WEBHOOK_URL", "https://events.example.com"),
            ("VENDOR_WEBHOOK_SECRET", "whsec_hunter2A"),
        ]
    }

    /// An environment of these variables, with changes.
    pub fn environment(least: &[(&str, &str)], changes: &[(&str, &str)]) -> Environment {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let variables: HashMap<String, String> = least.iter().chain(changes).map(owned).collect();
        Environment::of(move |name| variables.get(name).cloned())
    }

    fn of(pairs: &'static [(&'static str, &'static str)]) -> Lookup {
        Box::new(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned()))
    }

    fn text(environment: &Environment) -> Result<String, ConfigError> {
        environment.value(&BRAND_NAME, |text| Ok(text.to_owned()))
    }

    /// A file of this test alone, that holds these bytes.
    fn file(name: &str, bytes: &[u8]) -> String {
        let path = std::env::temp_dir().join(format!("landfall-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn an_empty_variable_is_absent_and_a_default_stands_in() {
        let environment = Environment::of(of(&[("BRAND_NAME", ""), ("LISTEN_ADDR", "")]));
        let missing = text(&environment).unwrap_err().to_string();
        assert!(missing.starts_with("BRAND_NAME is missing (the product's name"), "{missing}");
        assert_eq!(environment.value(&LISTEN_ADDR, |text| Ok(text.to_owned())).unwrap(), "127.0.0.1:8080");
        assert_eq!(environment.optional(&NATS_PREFIX, |text| Ok(text.to_owned())).unwrap(), None);
    }

    #[test]
    fn a_file_is_read_without_its_last_line_break() {
        let path = file("brand", "Acme\r\n".as_bytes());
        let by_file = path.clone();
        let environment = Environment::of(move |name| (name == "BRAND_NAME_FILE").then(|| by_file.clone()));
        assert_eq!(text(&environment).unwrap(), "Acme");
        std::fs::remove_file(&path).unwrap();
        let unreadable = text(&environment).unwrap_err().to_string();
        assert!(unreadable.starts_with("BRAND_NAME_FILE names a file that cannot be read"), "{unreadable}");
        assert!(!unreadable.contains(&path));
    }

    #[test]
    fn a_variable_given_twice_is_refused() {
        let environment = Environment::of(of(&[("BRAND_NAME", "Acme"), ("BRAND_NAME_FILE", "/brand")]));
        assert_eq!(text(&environment).unwrap_err(), ConfigError::Twice { name: "BRAND_NAME" });
    }

    #[test]
    fn the_real_environment_wins_over_the_file_in_every_form() {
        let real: Lookup = of(&[("BRAND_NAME", "Real")]);
        let environment = Environment { sources: vec![real, of(&[("BRAND_NAME_FILE", "/absent")])] };
        assert_eq!(text(&environment).unwrap(), "Real");
        let environment = Environment { sources: vec![of(&[("BRAND_NAME", "")]), of(&[("BRAND_NAME", "Developed")])] };
        assert_eq!(text(&environment).unwrap(), "Developed");
    }

    #[test]
    fn the_process_has_an_environment_of_its_own() {
        assert!(of_process("PATH").is_some() && of_process("LANDFALL_NOBODY_SETS_THIS").is_none());
    }

    #[test]
    fn a_dotenv_file_is_read_and_a_broken_one_is_named_without_its_contents() {
        let path = file("dotenv", b"# development\nBRAND_NAME='A|B'\nSECRET_KEY=abc=\n");
        let lookup = of_dotenv(Path::new(&path)).unwrap();
        assert_eq!((lookup("BRAND_NAME"), lookup("SECRET_KEY")), (Some("A|B".into()), Some("abc=".into())));
        std::fs::write(&path, "SECRET_KEY='hunter2\n").unwrap();
        let broken = of_dotenv(Path::new(&path)).err().unwrap();
        assert_eq!(broken, ConfigError::DotEnv);
        assert!(!broken.to_string().contains("hunter2"));
        std::fs::remove_file(&path).unwrap();
        assert!(of_dotenv(Path::new(&path)).unwrap()("BRAND_NAME").is_none());
    }
}
