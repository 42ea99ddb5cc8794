//! The verification code as a buyer types it.

use secrecy::{ExposeSecret, SecretString};

use super::{Invalid, text};

/// Six ASCII digits (contract §3); Debug shows nothing, and it cannot be serialised.
///
/// Compare one only through [`crate::code::is_right`], which takes the same time for every answer.
#[derive(Debug, Clone)]
pub struct Code(SecretString);

impl Code {
    /// Blanks and dashes anywhere are ignored, full-width digits count as ASCII; else `required` or `invalid-format`.
    pub fn parse(typed: &str) -> Result<Self, Invalid> {
        let code: String = text::ascii_forms(typed).chars().filter(|c| !c.is_whitespace() && !is_dash(*c)).collect();
        if code.is_empty() {
            return Err(Invalid::REQUIRED);
        }
        if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Invalid::format("Use the six digits of the e-mail."));
        }
        Ok(Self(code.into()))
    }

    /// The six digits in the clear, for the mail and the comparison.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn is_dash(typed: char) -> bool {
    matches!(typed, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_taken_however_they_are_grouped() {
        for typed in
            ["012345", " 012 345 ", "012-345", "０１２３４５", "０１２－３４５", "0 1 2 – 3 4 5", "012\u{3000}345\n"]
        {
            assert_eq!(Code::parse(typed).unwrap().expose(), "012345", "{typed:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for typed in ["12345", "1234567", "12345a", "١٢٣٤٥٦", "123.456", "12345\u{200B}6", "①②③④⑤⑥"] {
            assert_eq!(Code::parse(typed).unwrap_err().code, "invalid-format", "{typed:?}");
        }
        for typed in ["", " ", "-", "\u{3000}"] {
            assert_eq!(Code::parse(typed).unwrap_err().code, "required", "{typed:?}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert!(!format!("{:?}", Code::parse("123456").unwrap()).contains("123456"));
    }
}
