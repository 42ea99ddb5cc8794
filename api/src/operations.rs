//! Operators (contract §9): their routes, who may act, and that every act has a reason.

use axum::Router;
use axum::http::header;
use axum::routing::post;
use landfall_shared::buyer::{Invalid, is_invisible};
use landfall_shared::config::{OperatorRole, OperatorToken};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::asked::Asked;
use crate::fields::Fields;
use crate::problem::Problem;

mod acts;

/// Everything that operators use; nothing where there are none.
pub fn routes(operators: &[OperatorToken]) -> Router<App> {
    if operators.is_empty() {
        return Router::new();
    }
    Router::new()
        .route("/v1/operations/activations/{id}/cancel", post(acts::cancel))
        .route("/v1/operations/activations/{id}/retry", post(acts::retry))
}

/// The operator who asks.
///
/// # Errors
/// 401 without a token, or with one that is nobody's.
fn operator<'a>(app: &'a App, asked: &Asked) -> Result<&'a OperatorToken, Problem> {
    let shown = asked.header(header::AUTHORIZATION.as_str()).ok_or_else(Problem::no_operator)?;
    let (scheme, text) = shown.split_once(' ').ok_or_else(Problem::no_operator)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::no_operator());
    }
    // All are compared, each in the same time: how long it takes tells nobody how near a guess was.
    let shown = Sha256::digest(text.trim());
    let is_it = |known: &OperatorToken| bool::from(Sha256::digest(known.token.expose_secret()).ct_eq(&shown));
    let found =
        app.config.operator_tokens.iter().fold(None, |found, known| if is_it(known) { Some(known) } else { found });
    found.ok_or_else(Problem::no_operator)
}

/// The operator who would act.
///
/// # Errors
/// 401, or 403 for one who may only look.
fn actor<'a>(app: &'a App, asked: &Asked) -> Result<&'a OperatorToken, Problem> {
    let operator = operator(app, asked)?;
    match operator.role {
        OperatorRole::Act => Ok(operator),
        OperatorRole::Read => Err(Problem::read_only()),
    }
}

/// So many characters of a reason are kept.
const LONGEST_REASON: usize = 1000;

/// Why an operator acts: every act has a reason.
///
/// # Errors
/// 422 if it is missing, blank, too long, or holds characters that nobody can read.
fn reason(text: Option<&str>) -> Result<String, Problem> {
    let mut fields = Fields::default();
    let reason = fields.required("reason", text, |text| {
        let is_line = |c: char| matches!(c, '\n' | '\r' | '\t');
        if text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
            return Err(Invalid::REQUIRED);
        }
        if text.chars().any(|c| c.is_control() && !is_line(c)) {
            return Err(Invalid::characters("Use no control characters."));
        }
        if text.chars().count() > LONGEST_REASON {
            return Err(Invalid::too_long("Use at most 1000 characters."));
        }
        Ok(text.trim().to_owned())
    });
    fields.done(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: Option<&str>) -> String {
        reason(text).unwrap_err().errors[0].code.clone()
    }

    #[test]
    fn a_reason_is_a_text_that_somebody_can_read() {
        assert_eq!(reason(Some(" asked for\nby the buyer ")).unwrap(), "asked for\nby the buyer");
        for blank in [None, Some(""), Some(" \n"), Some("\u{200b}"), Some("\u{3000}")] {
            assert_eq!(wrong(blank), "required", "{blank:?}");
        }
        assert_eq!(wrong(Some("a\u{0}b")), "invalid-characters");
        assert_eq!(wrong(Some(&"长".repeat(1001))), "too-long");
        assert!(reason(Some(&"长".repeat(1000))).is_ok());
    }
}
