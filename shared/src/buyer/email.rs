//! An e-mail address by the rule that browsers check `<input type=email>` by.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Invalid, text};

/// One e-mail address: WHATWG's "valid e-mail address" of at most 254 characters (contract §3).
///
/// Case is kept as typed: the part before the `@` belongs to the mail server. Debug shows the masked form.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Email(String);

impl Email {
    /// Blanks around are forgiven, full-width forms count as ASCII; else `required`, `too-long`, `invalid-characters`
    /// (outside ASCII, blanks, control characters) or `invalid-format`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        let address = text::ascii_forms(typed);
        if address.is_empty() {
            return Err(Invalid::REQUIRED);
        }
        if address.chars().count() > 254 {
            return Err(Invalid::too_long("Use an e-mail address of at most 254 characters."));
        }
        if !address.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Invalid::characters("Use an e-mail address of ASCII characters, without blanks."));
        }
        match address.split_once('@') {
            Some((mailbox, domain)) if is_mailbox(mailbox) && domain.split('.').all(is_label) => Ok(Self(address)),
            _ => Err(Invalid::format("Use one e-mail address, such as ann@example.com.")),
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as the activation shows it: `a***@example.com` (contract §4).
    #[must_use]
    pub fn masked(&self) -> String {
        let domain = self.0.split_once('@').map_or("", |(_, domain)| domain);
        format!("{}@{domain}", text::masked(&self.0))
    }

    /// The form that limits on verification codes are counted by: lower case (contract §3).
    #[must_use]
    pub fn normalised(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// What WHATWG allows before the `@`.
fn is_mailbox(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b))
}

/// One label of a host name: 1 to 63 letters, digits and inner hyphens (RFC 1034 §3.5, RFC 1123 §2.1).
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl TryFrom<String> for Email {
    type Error = Invalid;

    fn try_from(typed: String) -> Result<Self, Invalid> {
        Self::parse(&typed)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(typed: &str) -> &'static str {
        Email::parse(typed).map_or_else(|invalid| invalid.code, |_| "taken")
    }

    #[test]
    fn what_browsers_take_is_taken() {
        for typed in
            ["ann@example.com", "a@b", "a.b+c@x-y.example", "..@1.2", "!#$%&'*+/=?^_`{|}~-@x", "Ann@EXAMPLE.com"]
        {
            assert_eq!(code(typed), "taken", "{typed}");
        }
    }

    #[test]
    fn what_browsers_refuse_is_refused() {
        for typed in [
            "ann", "@x", "a@", "a@b@c", "a@-b", "a@b-", "a@b..c", "a@.b", "a@b.", "a@b,c@d", "<a@b>", "a@[::1]",
            "\"a\"@b", "a;b@c", "a@b_c",
        ] {
            assert_eq!(code(typed), "invalid-format", "{typed}");
        }
        for typed in
            ["an n@x", "a@x\r\nbcc:b@y", "änn@x", "a@例.cn", "a@\u{202E}x", "a\u{200B}@x", "a@x\0", "e\u{301}@x"]
        {
            assert_eq!(code(typed), "invalid-characters", "{typed:?}");
        }
        for typed in ["", " ", "\u{3000}"] {
            assert_eq!(code(typed), "required", "{typed:?}");
        }
    }

    #[test]
    fn full_width_characters_count_as_ascii() {
        assert_eq!(Email::parse("\u{3000}ａｎｎ１＠ｅxample．com ").unwrap().as_str(), "ann1@example.com");
    }

    #[test]
    fn two_hundred_and_fifty_four_characters_and_labels_of_sixty_three_are_the_limits() {
        let of = |length: usize| format!("{}@example.com", "a".repeat(length - 12));
        assert_eq!(code(&of(254)), "taken");
        assert_eq!(code(&format!(" {} ", of(254))), "taken");
        assert_eq!(code(&of(255)), "too-long");
        assert_eq!(code(&format!("a@{}.com", "b".repeat(63))), "taken");
        assert_eq!(code(&format!("a@{}.com", "b".repeat(64))), "invalid-format");
    }

    #[test]
    fn only_the_first_character_and_the_domain_show() {
        let email = Email::parse("Ann@Example.com").unwrap();
        assert_eq!(email.masked(), "A***@Example.com");
        assert_eq!(format!("{email:?}"), "Email(A***@Example.com)");
        assert_eq!(email.normalised(), "ann@example.com");
    }
}
