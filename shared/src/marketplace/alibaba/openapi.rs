//! The marketplace's OpenAPI: what it knows of an instance and of its order (Market 2015-11-01).

mod wire;
#[cfg(test)]
mod tests;

use http::{Request, header};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use url::{Position, Url};

use super::acs3::{AccessKey, RpcCall, canonical_query};
use crate::answer::{Answer, Http};
use crate::refusal::{Credentials, Fault, FaultCode, Party, PartyError};

const VERSION: &str = "2015-11-01";
/// The action that shows an instance.
pub(crate) const DESCRIBE_INSTANCE: &str = "DescribeInstanceForIsv";
const DESCRIBE_ORDER: &str = "DescribeOrderForIsv";

/// The `OpenAPI`, ready to be called with a seller's key.
#[derive(Debug, Clone)]
pub struct OpenApi {
    http: Http,
    url: Url,
    key: AccessKey,
}

/// An instance as `DescribeInstanceForIsv` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Where it is in its life.
    pub status: InstanceStatus,
    /// The marketplace's product.
    pub product_code: Option<String>,
    /// The specification: the package version where there is one, else the product's SKU code.
    pub sku_id: Option<String>,
    /// The order that began it.
    pub order_id: String,
    /// Whether it is a trial.
    pub trial: bool,
    /// When it ends.
    pub expires_at: Option<OffsetDateTime>,
    /// Whether it is pay-as-you-go.
    pub postpaid: bool,
}

/// Where an instance is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceStatus {
    /// Bought, and not ready.
    Opening,
    /// In use.
    Opened,
    /// Over until it is renewed.
    Expired,
    /// Over.
    Closed,
    /// A status of other kinds of product.
    Other(String),
}

/// An order as `DescribeOrderForIsv` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Who ordered: the page's Account ID.
    pub account_id: String,
    /// Whether it stands.
    pub status: OrderStatus,
    /// Whether it is paid.
    pub paid: bool,
    /// Whether it is pay-as-you-go.
    pub postpaid: bool,
}

/// Whether an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// It stands.
    Normal,
    /// The buyer got the money back.
    Refund,
    /// It was deleted.
    Delete,
}

impl OpenApi {
    /// The `OpenAPI` at this URL, of which only scheme, host and port count.
    #[must_use]
    pub fn new(http: Http, url: Url, key: AccessKey) -> Self {
        Self { http, url, key }
    }

    /// The instance; `None` when the marketplace says `IllegalPermission`: it shows us no such instance.
    pub async fn describe_instance(
        &self,
        instance_id: &str,
        now: OffsetDateTime,
    ) -> Result<Option<Instance>, PartyError> {
        let answer: Option<wire::Instance> = self.ask(DESCRIBE_INSTANCE, ("InstanceId", instance_id), now).await?;
        Ok(answer.map(Instance::from))
    }

    /// The order of an instance that the marketplace showed us; that it does not show the order is a fault of our key's permissions.
    pub async fn describe_order(&self, order_id: &str, now: OffsetDateTime) -> Result<Order, PartyError> {
        let answer: Option<wire::Order> = self.ask(DESCRIBE_ORDER, ("OrderId", order_id), now).await?;
        let order = answer.ok_or_else(|| misconfigured(DESCRIBE_ORDER, "IllegalPermission"))?;
        Order::try_from(order).map_err(|wire::UnknownStatus| unreadable(DESCRIBE_ORDER))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        action: &str,
        parameter: (&str, &str),
        now: OffsetDateTime,
    ) -> Result<Option<T>, PartyError> {
        let request = self.request(action, parameter, now).map_err(|_| unavailable(action, "cannot be asked"))?;
        let answer = self.http.send(request).await.map_err(|none| unavailable(action, &none.to_string()))?;
        let judged = if answer.status.is_success() {
            answer.json().map(Some).ok_or_else(|| unreadable(action))
        } else {
            judge(action, &answer, now)
        };
        if judged.is_ok() {
            Party::Marketplace.credentials(Credentials::Accepted);
        }
        judged
    }

    fn request(
        &self,
        action: &str,
        parameter: (&str, &str),
        now: OffsetDateTime,
    ) -> Result<Request<Vec<u8>>, http::Error> {
        // The marketplace keeps nonces apart by key, and two processes may ask in the same second.
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let query = [parameter];
        // As in the `Host` header: the port only where the URL names one.
        let host = &self.url[Position::BeforeHost..Position::AfterPort];
        let call = RpcCall { host, action, version: VERSION, query: &query };
        let address = format!("{}/?{}", &self.url[..Position::AfterPort], canonical_query(&query));
        let mut request = Request::post(address).header(header::ACCEPT, "application/json");
        for (name, value) in self.key.sign(&call, now, &nonce) {
            request = request.header(name, value);
        }
        request.body(Vec::new())
    }
}

/// What a refusal means. Business errors come with status 500, so the code counts first.
fn judge<T>(action: &str, answer: &Answer, now: OffsetDateTime) -> Result<Option<T>, PartyError> {
    let status = answer.status.as_u16();
    let code = answer.json().map(|wire::Refusal { code }| code).unwrap_or_default();
    if code == "IllegalPermission" {
        return Ok(None);
    }
    let key_rejected = code.starts_with("InvalidAccessKeyId") || code.starts_with("SignatureDoesNotMatch");
    if key_rejected || (matches!(status, 401 | 403) && !code.starts_with("Throttling")) {
        return Err(misconfigured(action, &shown(status, &code)));
    }
    let fault = fault(FaultCode::MarketplaceUnavailable, action, &format!("answered {}", shown(status, &code)));
    Err(PartyError::Retry { fault, after: answer.retry_after(now) })
}

/// An answer that cannot be read: tried again.
pub(crate) fn unreadable(action: &str) -> PartyError {
    unavailable(action, "answered unreadably")
}

fn misconfigured(action: &str, answer: &str) -> PartyError {
    let fault = fault(FaultCode::Misconfigured, action, &format!("rejected our access key with {answer}"));
    PartyError::Misconfigured { party: Party::Marketplace, fault }
}

fn unavailable(action: &str, did: &str) -> PartyError {
    PartyError::Retry { fault: fault(FaultCode::MarketplaceUnavailable, action, did), after: None }
}

fn fault(code: FaultCode, action: &str, did: &str) -> Fault {
    Fault::new(code, format!("{action}: the marketplace {did}."))
}

/// A status with the marketplace's code, where the code looks like one.
fn shown(status: u16, code: &str) -> String {
    let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if plain && (1..=64).contains(&code.len()) { format!("{status} {code}") } else { status.to_string() }
}
