//! Operators: who may look, and who may act.

use secrecy::SecretString;

use super::error::Expected;
use super::plain::items;
use super::secrets;

/// What an operator may do (contract §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorRole {
    /// Look.
    Read,
    /// Look and act.
    Act,
}

/// One operator's token (`OPERATOR_TOKENS`). Compare it in constant time.
#[derive(Debug, Clone)]
pub struct OperatorToken {
    /// The token's name, which the table `audit` keeps beside every act.
    pub name: String,
    /// What it allows.
    pub role: OperatorRole,
    /// The token: 24 visible ASCII characters or more.
    pub token: SecretString,
}

/// `name:role:token`, comma separated, each name once.
pub(super) fn tokens(text: &str) -> Result<Vec<OperatorToken>, Expected> {
    let expected = Expected(
        "`name:role:token`, comma separated, each name once; role `read` or `act`, \
         token of 24 visible ASCII characters or more",
    );
    let tokens: Vec<OperatorToken> = items(text).map(token).collect::<Option<_>>().ok_or(expected)?;
    let names: std::collections::BTreeSet<_> = tokens.iter().map(|token| &token.name).collect();
    if names.len() == tokens.len() { Ok(tokens) } else { Err(expected) }
}

fn token(item: &str) -> Option<OperatorToken> {
    let (name, rest) = item.split_once(':')?;
    let (role, token) = rest.split_once(':')?;
    let role = match role {
        "read" => OperatorRole::Read,
        "act" => OperatorRole::Act,
        _ => return None,
    };
    let is_name = (1..=64).contains(&name.len()) && !name.contains(|c: char| c.is_control() || c.is_whitespace());
    let token = secrets::plain(token).ok().filter(|_| token.len() >= 24)?;
    is_name.then(|| OperatorToken { name: name.to_owned(), role, token })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn tokens_have_a_name_and_a_role() {
        let tokens = tokens("ann:read:aaaaaaaaaaaaaaaaaaaaaaaa, bob:act:b:bbbbbbbbbbbbbbbbbbbbbb").unwrap();
        let seen: Vec<_> = tokens.iter().map(|t| (t.name.as_str(), t.role, t.token.expose_secret())).collect();
        assert_eq!(seen[0], ("ann", OperatorRole::Read, "aaaaaaaaaaaaaaaaaaaaaaaa"));
        assert_eq!(seen[1], ("bob", OperatorRole::Act, "b:bbbbbbbbbbbbbbbbbbbbbb"));
        assert!(!format!("{tokens:?}").contains("aaaa"));
    }

    #[test]
    fn short_tokens_other_roles_and_double_names_are_refused() {
        let long = "a".repeat(24);
        for text in [
            format!("ann:act:{}", "a".repeat(23)),
            format!("ann:admin:{long}"),
            format!(":act:{long}"),
            format!("ann:{long}"),
            format!("ann:act:{long},ann:read:{long}"),
            format!("ann:act:{long},"),
        ] {
            assert!(tokens(&text).is_err(), "{text}");
        }
    }
}
