//! What the marketplace's calls are answered, in the forms of its own samples.

use serde::Serialize;

use super::Action;

/// What a call is answered, always with status 200.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SpiAnswer {
    /// createInstance was accepted and the purchase is committed.
    Created {
        /// The instance, as the id that all later calls use.
        #[serde(rename = "instanceId")]
        instance_id: String,
        /// Where the buyer goes.
        #[serde(rename = "appInfo")]
        app_info: AppInfo,
    },
    /// createInstance was not accepted: the marketplace calls again.
    NotCreated {
        /// Always `"0"`.
        #[serde(rename = "instanceId")]
        instance_id: &'static str,
        /// Why.
        message: String,
    },
    /// A lifecycle call; the marketplace's samples have texts here.
    Lifecycle {
        /// `"true"` or `"false"`.
        success: &'static str,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// orderPay; the marketplace's sample has a boolean here.
    Message {
        /// Whether it was taken.
        success: bool,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
}

/// The addresses that the marketplace shows the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppInfo {
    /// The typed entry page.
    pub front_end_url: String,
    /// `LOGIN_URL` with the default site.
    pub admin_url: String,
    /// The login route without a query.
    pub auth_url: String,
    /// The Account ID.
    pub username: String,
}

impl SpiAnswer {
    /// A well-formed, well-signed call other than createInstance was taken.
    #[must_use]
    pub fn taken(action: Action) -> Self {
        match action {
            Action::OrderPay => Self::Message { success: true, message: None },
            Action::CreateInstance
            | Action::RenewInstance
            | Action::UpgradeInstance
            | Action::ExpiredInstance
            | Action::ReleaseInstance
            | Action::ResumeInstance => Self::Lifecycle { success: "true", message: None },
        }
    }

    /// A call was not taken, in the form of its action; the marketplace calls again.
    #[must_use]
    pub fn refused(action: Option<Action>, message: impl Into<String>) -> Self {
        let message = message.into();
        match action {
            Some(Action::CreateInstance) => Self::NotCreated { instance_id: "0", message },
            Some(Action::OrderPay) => Self::Message { success: false, message: Some(message) },
            Some(
                Action::RenewInstance
                | Action::UpgradeInstance
                | Action::ExpiredInstance
                | Action::ReleaseInstance
                | Action::ResumeInstance,
            )
            | None => Self::Lifecycle { success: "false", message: Some(message) },
        }
    }
}
