//! What was entrusted to, or by, the buyers of a Landfall: session cookies, tokens, codes, passwords. None of it may stand
//! anywhere of ours, and no problem that a buyer was told may hold any of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::Value;

/// What is known of one Landfall.
#[derive(Debug, Clone, Default)]
pub struct Entrusted {
    /// Cookies, page tokens, login tokens, passwords.
    pub secrets: BTreeSet<String>,
    /// The problem bodies that its buyers were told.
    pub problems: Vec<String>,
}

static ALL: LazyLock<Mutex<HashMap<String, Entrusted>>> = LazyLock::new(Mutex::default);

fn of<T>(api: &url::Url, with: impl FnOnce(&mut Entrusted) -> T) -> T {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    with(all.entry(api.to_string()).or_default())
}

/// Notes a secret; short words, which stand anywhere by chance, are not worth noting.
pub fn secret(api: &url::Url, secret: &str) {
    if secret.len() >= 8 {
        of(api, |entrusted| entrusted.secrets.insert(secret.to_owned()));
    }
}

/// Notes the passwords in a body that is sent, and the tokens in one that came.
pub fn body(api: &url::Url, said: &Value) {
    match said {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(text) if name == "password" || name == "token" => secret(api, text),
                    _ => body(api, value),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| body(api, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Notes a problem that a buyer was told.
pub fn problem(api: &url::Url, text: &str) {
    of(api, |entrusted| entrusted.problems.push(text.to_owned()));
}

/// All that was noted of a Landfall.
pub fn all(api: &url::Url) -> Entrusted {
    of(api, |entrusted| entrusted.clone())
}
