//! The four parts of the outside world, by the names that contract §8 gives them.

use std::fmt;

/// One of the systems that Landfall talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Alibaba's `OpenAPI`.
    Marketplace,
    /// The vendor's Billing Center.
    BillingCenter,
    /// The vendor's console.
    Console,
    /// The mail server.
    Mail,
}

impl Part {
    /// All of them, in the contract's order.
    pub const ALL: [Self; 4] = [Self::Marketplace, Self::BillingCenter, Self::Console, Self::Mail];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Marketplace => "marketplace",
            Self::BillingCenter => "billing_center",
            Self::Console => "console",
            Self::Mail => "mail",
        }
    }

    /// The part of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
