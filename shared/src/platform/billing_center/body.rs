//! What the Billing Center is told: the bodies of its calls, every member of them always there (contract §7).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::platform::{Password, PlatformId};

/// A Billing Center account to open.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct NewBillingAccount<'a> {
    /// The buyer's choice.
    pub username: &'a str,
    /// Proven by a code.
    pub email: &'a str,
    /// None when the console account existed before.
    pub password: Option<Password<'a>>,
    /// E.164.
    pub phone: Option<&'a str>,
    /// Whom the bills go to.
    pub company: Company<'a>,
    /// When the buyer accepted the terms.
    #[serde(with = "time::serde::rfc3339")]
    pub terms_accepted_at: OffsetDateTime,
}

/// The buyer's company.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Company<'a> {
    /// Its name.
    pub name: &'a str,
    /// ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
    /// In the buyer's words.
    pub industry: Option<&'a str>,
}

/// A cloud account and the Billing Center account to link it to.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Link<'a> {
    /// The marketplace's name, `alibaba`.
    pub marketplace: &'a str,
    /// The page's Account ID.
    pub cloud_account_id: &'a str,
    /// Whom it is linked to.
    pub billing_account_id: &'a PlatformId,
}

/// A workspace to bind to an instance, with what the marketplace has said of the instance so far; unknown is null.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Binding<'a> {
    /// The workspace.
    pub workspace_id: &'a PlatformId,
    /// Whose workspace it must be.
    pub billing_account_id: &'a PlatformId,
    /// The marketplace's name, `alibaba`.
    pub marketplace: &'a str,
    /// The page's Account ID.
    pub cloud_account_id: &'a str,
    /// The page's Product Instance ID.
    pub instance_id: &'a str,
    /// The marketplace's product.
    pub product_code: Option<&'a str>,
    /// The marketplace's specification.
    pub sku_id: Option<&'a str>,
    /// Whether it is a trial.
    pub trial: Option<bool>,
    /// When it ends; none for a pay-as-you-go purchase.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// The order.
    pub order_id: Option<&'a str>,
    /// The marketplace's extra billing items.
    pub items: &'a BTreeMap<String, String>,
}

/// A bound instance as the purchase is now.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Instance<'a> {
    /// The marketplace's name, `alibaba`.
    pub marketplace: &'a str,
    /// The page's Product Instance ID.
    pub instance_id: &'a str,
    /// What the buyer may do with it.
    pub state: InstanceState,
    /// When it ends; none for a pay-as-you-go purchase.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// The marketplace's specification.
    pub sku_id: Option<&'a str>,
    /// The order that caused it.
    pub order_id: Option<&'a str>,
    /// The marketplace's extra billing items.
    pub items: &'a BTreeMap<String, String>,
}

/// What the buyer may do with a bound instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Everything.
    Active,
    /// Nothing until it is renewed.
    Suspended,
    /// It is over.
    Released,
}
