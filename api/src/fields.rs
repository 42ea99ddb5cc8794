//! Fields of a body: parsed one by one, told about all at once.

use landfall_shared::buyer::Invalid;

use crate::problem::{FieldProblem, Problem};

/// Collects what is wrong.
#[derive(Debug, Default)]
pub struct Fields {
    wrong: Vec<FieldProblem>,
}

impl Fields {
    /// A field that must be there: missing, null or empty is `required`.
    pub fn required<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let text = text.filter(|text| !text.trim().is_empty()).unwrap_or_default();
        let parsed = if text.is_empty() { Err(Invalid::REQUIRED) } else { parse(text) };
        self.take(field, parsed)
    }

    /// A field that may be absent: null or empty is absent.
    pub fn optional<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        self.take(field, parse(text))
    }

    /// A secret that may be absent: null or empty is absent; blanks are characters like others.
    pub fn secret<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let text = text.filter(|text| !text.is_empty())?;
        self.take(field, parse(text))
    }

    /// A secret that must be there.
    pub fn required_secret<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        if text.unwrap_or_default().is_empty() {
            self.wrong(field, Invalid::REQUIRED.code, Invalid::REQUIRED.detail);
        }
        self.secret(field, text, parse)
    }

    /// The terms, which must be accepted.
    pub fn accepted(&mut self, field: &str, accepted: Option<bool>) {
        if accepted != Some(true) {
            self.wrong(field, "required", "The terms must be accepted.");
        }
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, field: &str, code: &str, detail: &str) {
        self.wrong.push(FieldProblem { field: field.to_owned(), code: code.to_owned(), detail: detail.to_owned() });
    }

    fn take<T>(&mut self, field: &str, parsed: Result<T, Invalid>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.wrong(field, invalid.code, invalid.detail);
                None
            }
        }
    }

    /// The values, if nothing was wrong.
    ///
    /// # Errors
    /// 422 `invalid-field` with everything that is wrong.
    pub fn done<T>(self, values: Option<T>) -> Result<T, Problem> {
        match values {
            Some(values) if self.wrong.is_empty() => Ok(values),
            _ => Err(Problem::fields(self.wrong)),
        }
    }
}
