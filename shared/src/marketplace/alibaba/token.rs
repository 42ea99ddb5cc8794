//! The marketplace's token: an MD5 over every parameter of a call and the seller's key.

use std::collections::BTreeMap;
use std::fmt;

use md5::{Digest as _, Md5};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

const TOKEN: &str = "token";

/// The decoded parameters of a query or a form, in the order they came; of a repeated name the first counts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameters({} of them)", self.0.len())
    }
}

impl Parameters {
    /// Decodes a raw query (without `?`) or form body once, as a Java servlet does: `+` and `%20` are blanks, empty values
    /// stay, a name without `=` has an empty value.
    #[must_use]
    pub fn parse(raw: &[u8]) -> Self {
        Self(form_urlencoded::parse(raw).into_owned().collect())
    }

    /// The value that counts for a name; `Some("")` is a parameter that was sent empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All of them as they came, repeated ones and the token included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many were sent, repeated ones and the token included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What the token covers and what may be kept: everything but the token, sorted by name as bytes.
    #[must_use]
    pub fn without_token(&self) -> BTreeMap<&str, &str> {
        let mut sorted = BTreeMap::new();
        for (name, value) in self.iter().filter(|(name, _)| *name != TOKEN) {
            sorted.entry(name).or_insert(value);
        }
        sorted
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// The token the marketplace puts on these parameters, lower-case hex; a token among them is left out
/// (Alibaba Cloud help 147280, "SPI security scheme").
#[must_use]
pub fn token(parameters: &Parameters, key: &SecretString) -> String {
    let mut md5 = Md5::new();
    for (name, value) in parameters.without_token() {
        for part in [name, "=", value, "&"] {
            md5.update(part);
        }
    }
    md5.update("key=");
    md5.update(key.expose_secret());
    hex::encode(md5.finalize())
}

/// The seller's security key, and while rotating a second one; both are accepted. `Debug` shows neither.
#[derive(Debug, Clone)]
pub struct SecurityKeys(Vec<SecretString>);

/// A text that is not one or two keys; it does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one security key, or two separated by a comma")]
pub struct NotSecurityKeys;

/// A token that none of the seller's keys makes, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bad token")]
pub struct BadToken;

impl SecurityKeys {
    /// Reads `key` or `key,key`; blanks around each are forgiven.
    pub fn parse(text: &str) -> Result<Self, NotSecurityKeys> {
        let keys: Vec<&str> = text.split(',').map(str::trim).collect();
        if keys.len() > 2 || keys.iter().any(|key| key.is_empty()) {
            return Err(NotSecurityKeys);
        }
        Ok(Self(keys.into_iter().map(SecretString::from).collect()))
    }

    /// Checks the parameters' `token` in constant time; upper-case hex counts too.
    pub fn verify(&self, parameters: &Parameters) -> Result<(), BadToken> {
        let given = parameters.get(TOKEN).unwrap_or_default().to_ascii_lowercase();
        let made = |key| bool::from(token(parameters, key).as_bytes().ct_eq(given.as_bytes()));
        if self.0.iter().any(made) { Ok(()) } else { Err(BadToken) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        name: String,
        query: String,
        key: String,
        token: String,
    }

    fn vectors() -> Vec<Vector> {
        serde_json::from_str(include_str!("token_vectors.json")).unwrap()
    }

    #[test]
    fn every_vector_is_made_and_verified() {
        assert_eq!(vectors().len(), 22);
        for Vector { name, query, key, token: expected } in vectors() {
            let made = token(&Parameters::parse(query.as_bytes()), &SecretString::from(key.as_str()));
            assert_eq!(made, expected.to_ascii_lowercase(), "{name}");
            let call = Parameters::parse(format!("token={expected}&{query}").as_bytes());
            assert_eq!(SecurityKeys::parse(&key).unwrap().verify(&call), Ok(()), "{name}");
        }
    }

    #[test]
    fn while_rotating_both_keys_are_accepted_and_no_other() {
        let call =
            Parameters::parse(b"action=expiredInstance&instanceId=400012346&token=e4102495ef0cd7068d33680643d3bbb5");
        let verify = |keys: &str| SecurityKeys::parse(keys).unwrap().verify(&call);
        assert_eq!(verify("new-key, Kx7Qm2Vb9Tz4Lw8Rn1Hc6Yd3"), Ok(()));
        assert_eq!(verify("Kx7Qm2Vb9Tz4Lw8Rn1Hc6Yd3,new-key"), Ok(()));
        assert_eq!(verify("new-key"), Err(BadToken));
    }

    #[test]
    fn a_call_without_a_token_or_with_a_cut_one_is_refused() {
        let keys = SecurityKeys::parse("Kx7Qm2Vb9Tz4Lw8Rn1Hc6Yd3").unwrap();
        for token in ["", "&token=", "&token=e410", "&token=e4102495ef0cd7068d33680643d3bbb5&x=1"] {
            let call = Parameters::parse(format!("action=expiredInstance&instanceId=400012346{token}").as_bytes());
            assert_eq!(keys.verify(&call), Err(BadToken), "{token}");
        }
    }

    #[test]
    fn no_list_of_keys_is_empty_or_longer_than_two() {
        for text in ["", "a,", ",a", "a,b,c", " "] {
            assert!(SecurityKeys::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn neither_key_nor_token_shows_in_debug() {
        assert!(!format!("{:?}", SecurityKeys::parse("hidden").unwrap()).contains("hidden"));
        assert!(!format!("{:?}", Parameters::parse(b"token=hidden")).contains("hidden"));
    }
}
