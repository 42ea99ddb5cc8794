//! The words a buyer types, each parsed once into a type that can hold nothing else (contract §3, "Fields").

mod code;
mod company;
mod country;
mod email;
mod ids;
mod language;
mod password;
mod phone;
mod site;
mod text;
mod username;
mod workspace;

pub use code::Code;
pub use company::{CompanyName, Industry};
pub use country::Country;
pub use email::Email;
pub use ids::{AccountId, InstanceId};
pub use language::Language;
pub use password::Password;
pub use phone::Phone;
pub use site::SiteId;
pub use text::is_invisible;
pub use username::{NewUsername, Username};
pub use workspace::WorkspaceName;

/// Why a word was not taken: one entry of the problem `invalid-field`, without its path (contract §3).
///
/// Neither member repeats what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// The stable code: `required`, `too-short`, `too-long`, `invalid-characters`, `invalid-format`, `unknown`.
    pub code: &'static str,
    /// One English sentence that says what is expected.
    pub detail: &'static str,
}

impl Invalid {
    /// A required word that is missing, empty or blank.
    pub const REQUIRED: Self = Self { code: "required", detail: "This field is required." };

    /// Fewer characters than the rule asks for.
    #[must_use]
    pub const fn too_short(detail: &'static str) -> Self {
        Self { code: "too-short", detail }
    }

    /// More characters than the rule allows.
    #[must_use]
    pub const fn too_long(detail: &'static str) -> Self {
        Self { code: "too-long", detail }
    }

    /// A character that the rule does not allow.
    #[must_use]
    pub const fn characters(detail: &'static str) -> Self {
        Self { code: "invalid-characters", detail }
    }

    /// Allowed characters in a shape that the rule does not allow.
    #[must_use]
    pub const fn format(detail: &'static str) -> Self {
        Self { code: "invalid-format", detail }
    }

    /// A well-formed choice that is not among those offered.
    #[must_use]
    pub const fn unknown(detail: &'static str) -> Self {
        Self { code: "unknown", detail }
    }
}
