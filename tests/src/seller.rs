//! The marketplace's side, by hand: signed calls of every form, good and bad, and login links of any age.

use landfall_shared::marketplace::alibaba::login::link;
use landfall_shared::marketplace::alibaba::token::{Parameters, token};
use reqwest::Method;
use sqlx::PgPool;
use time::{Duration, OffsetDateTime};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::caller::{Caller, Reply};
use crate::patience::until;
use crate::stack::{Stack, secrets};

/// Whoever holds the seller's key.
#[derive(Clone)]
pub struct Seller {
    pub caller: Caller,
    key: String,
    api: Url,
}

const SPI: &str = "marketplaces/alibaba/spi";

impl Seller {
    /// One with the key that the API knows.
    pub fn of(stack: &Stack) -> Self {
        Self { caller: Caller::new(&stack.api_url), key: secrets::SECURITY_KEY.to_owned(), api: stack.api_url.clone() }
    }

    /// The same, calling another process.
    pub fn at(stack: &Stack, caller: &Caller) -> Self {
        Self { caller: caller.clone(), api: caller.base().clone(), ..Self::of(stack) }
    }

    /// One with another key.
    pub fn with_key(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    /// The token on a query as it stands there, decoded once.
    pub fn token_of(&self, query: &str) -> String {
        token(&Parameters::parse(query.as_bytes()), &self.key.as_str().into())
    }

    /// The query with its token.
    pub fn sign(&self, query: &str) -> String {
        format!("{query}&token={}", self.token_of(query))
    }

    /// Calls with these parameters, as the marketplace does.
    pub async fn calls(&self, pairs: &[(&str, &str)]) -> Reply {
        self.calls_raw(&self.sign(&query(pairs))).await
    }

    /// Calls with a query as it is.
    pub async fn calls_raw(&self, query: &str) -> Reply {
        self.caller.get(&format!("{SPI}?{query}")).await
    }

    /// Sends a form as it is.
    pub async fn posts_raw(&self, form: &str) -> Reply {
        let caller = self.caller.with("content-type", "application/x-www-form-urlencoded");
        caller.send(Method::POST, SPI, Some(form.into())).await
    }

    /// Announces a purchase, which must be accepted.
    pub async fn announces(&self, account_id: &str, instance_id: &str) {
        let answer = self.calls(&announcement(account_id, instance_id)).await.is(200);
        assert_eq!(answer["instanceId"], instance_id, "{answer}");
    }

    /// A login link that was made so many seconds from now.
    pub async fn link(&self, db: &PgPool, instance_id: &str, seconds: i64) -> String {
        let made_at = now(db).await + Duration::seconds(seconds);
        link(&format!("{}marketplaces/alibaba/login", self.api), instance_id, made_at, &self.key.as_str().into())
    }

    /// The same login link to the process that is called here.
    pub fn to(&self, link: &str) -> String {
        let (_, rest) = link.split_once("/marketplaces/").unwrap();
        format!("{}marketplaces/{rest}", self.api)
    }

    /// A browser of its own that came by *Login Directly*, and the activation's path in the API.
    pub async fn logs_in(&self, db: &PgPool, instance_id: &str) -> (Caller, String) {
        let landed = self.caller.get(&self.link(db, instance_id, 0).await).await;
        assert_eq!(landed.status, 303, "{}", landed.text);
        let id = landed.header("location").rsplit_once("/activate/").unwrap().1.to_owned();
        (self.caller.with("cookie", &landed.cookie()), format!("v1/activations/{id}"))
    }
}

/// The parameters of a pay-as-you-go purchase.
pub fn announcement<'a>(account_id: &'a str, instance_id: &'a str) -> [(&'a str, &'a str); 7] {
    [
        ("action", "createInstance"),
        ("aliUid", account_id),
        ("orderBizId", instance_id),
        ("orderId", "2900000000001"),
        ("productCode", "cmgj000001"),
        ("skuId", "yuncode000001"),
        ("trial", "false"),
    ]
}

/// A query of these pairs.
pub fn query(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The database's time.
pub async fn now(db: &PgPool) -> OffsetDateTime {
    sqlx::query_scalar("select now()").fetch_one(db).await.unwrap()
}

/// Polls an activation until it is as described.
pub async fn sees(
    caller: &Caller,
    path: &str,
    what: &str,
    is: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    let is = &is;
    until(what, || async move {
        let seen = caller.get(path).await.is(200);
        is(&seen).then_some(seen)
    })
    .await
}
