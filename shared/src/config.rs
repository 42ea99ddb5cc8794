//! The configuration of both processes, read once at start from the environment (contract §1); the only door to it.
//!
//! `variables` is the page that lists every variable, its default and its meaning; `both`, `api` and `workers` are
//! what each process makes of them.

mod variables;
mod both;
mod api;
mod workers;
mod environment;
mod error;
mod brand;
mod mail;
mod operators;
mod plain;
mod secrets;
mod sites;
mod urls;

pub use api::Api;
pub use both::{Both, LogFormat, Migrate};
pub use brand::{Brand, BrandColor, BrandLogo};
pub use environment::Environment;
pub use error::ConfigError;
pub use mail::{Mailbox, Smtp, SmtpCredentials, SmtpSecurity};
pub use operators::{OperatorRole, OperatorToken};
pub use sites::{Site, SiteTemplate};
pub use urls::BaseUrl;
pub use variables::{Fallback, UsedBy, VARIABLES, Variable, help, markdown};
pub use workers::{AlibabaAccess, VendorWebhook, Workers};
