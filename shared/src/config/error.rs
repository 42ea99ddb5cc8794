//! Why a process does not start: one sentence that names the variable and never shows its value.

/// A missing or malformed variable (contract §1); its Display is what the process prints before it ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Required, and absent or empty.
    #[error("{name} is missing ({meaning}): set it, or {name}_FILE to the path of a file that holds it.")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it means.
        meaning: &'static str,
    },
    /// Absent although the variable that needs it is set.
    #[error("{name} is missing although {with} is set: set both or neither.")]
    Alone {
        /// The variable that is absent.
        name: &'static str,
        /// The variable that is set.
        with: &'static str,
    },
    /// Set to something else than expected.
    #[error("{name} is malformed: correct it to {expected}.")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// What is expected.
        expected: &'static str,
    },
    /// Set both itself and as a file.
    #[error("{name} and {name}_FILE are both set: remove one of them.")]
    Twice {
        /// The variable.
        name: &'static str,
    },
    /// Given as a file that cannot be read.
    #[error(
        "{name}_FILE names a file that cannot be read as text ({why}): correct the path or the file's permissions."
    )]
    Unreadable {
        /// The variable.
        name: &'static str,
        /// What the operating system said.
        why: std::io::ErrorKind,
    },
    /// `.env` exists and cannot be read or parsed.
    #[error("the file .env in the working directory cannot be read: correct it to lines of NAME=value, or remove it.")]
    DotEnv,
}

/// What a variable should have been, as the end of the sentence "correct it to …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected(pub(super) &'static str);
