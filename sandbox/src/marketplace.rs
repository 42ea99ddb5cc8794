//! Alibaba's side: what was bought, what the seller is told of it, and what the seller may ask.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;

use crate::{app::App, clock, invent};

pub mod change;
pub mod openapi;
pub mod shop;
pub mod spi;

/// The one product on sale.
pub const PRODUCT: &str = "cmgj00053362";
/// Its specification, unless another is asked for.
pub const SKU: &str = "yuncode4736200001";

/// One instance of the product.
#[derive(Debug, Clone, FromRow)]
pub struct Instance {
    /// The Product Instance ID.
    pub instance_id: String,
    /// The Account ID of who bought it.
    pub account_id: String,
    /// The product.
    pub product_code: String,
    /// The specification.
    pub sku_id: String,
    /// Whether it was bought on trial.
    pub trial: bool,
    /// The end of the paid period, as the marketplace writes dates; none for pay-as-you-go.
    pub expires_on: Option<String>,
    /// The extra billing items.
    pub items: sqlx::types::Json<BTreeMap<String, String>>,
    /// `OPENING`, `OPENED`, `EXPIRED` or `CLOSED`.
    pub status: String,
    /// What the seller answered to createInstance.
    pub app_info: Option<Value>,
    /// When it was bought.
    pub bought_at: OffsetDateTime,
}

/// What is to be bought; what is not said is made up or usual.
#[derive(Debug, Default, Deserialize)]
pub struct Purchase {
    /// The buyer's Account ID: 1 to 18 digits, as the `OpenAPI` counts in 64 bits.
    pub account_id: Option<String>,
    /// Whether it is on trial.
    pub trial: Option<bool>,
    /// The specification.
    pub sku_id: Option<String>,
    /// The end of a prepaid period.
    pub expires_on: Option<String>,
    /// Extra billing items, passed as parameters of their own.
    #[serde(default)]
    pub items: BTreeMap<String, String>,
    /// False: the seller is not told, and has to ask.
    pub announced: Option<bool>,
}

/// A purchase and what the seller answered to it.
#[derive(Debug)]
pub struct Bought {
    /// What was bought.
    pub instance: Instance,
    /// By which order.
    pub order_id: String,
    /// The seller's answer; none when the seller was not told.
    pub told: Option<spi::Told>,
}

/// Buys: keeps instance and order, then tells the seller.
pub async fn buy(app: &App, asked: Purchase) -> Result<Bought, sqlx::Error> {
    let announced = asked.announced.unwrap_or(true);
    let instance = Instance {
        instance_id: invent::digits('4', 11),
        account_id: asked.account_id.unwrap_or_else(|| invent::digits('1', 15)),
        product_code: PRODUCT.to_owned(),
        sku_id: asked.sku_id.unwrap_or_else(|| SKU.to_owned()),
        trial: asked.trial.unwrap_or(false),
        expires_on: asked.expires_on,
        items: sqlx::types::Json(asked.items),
        status: if announced { "OPENING" } else { "OPENED" }.to_owned(),
        app_info: None,
        bought_at: clock::now(),
    };
    let order_id = keep(&app.database, &instance).await?;
    let told = if announced {
        Some(spi::tell(app, &instance, "createInstance", created(&instance, &order_id)).await?)
    } else {
        None
    };
    let instance = find(&app.database, &instance.instance_id).await?.unwrap_or(instance);
    Ok(Bought { instance, order_id, told })
}

async fn keep(database: &PgPool, instance: &Instance) -> Result<String, sqlx::Error> {
    let mut transaction = database.begin().await?;
    sqlx::query(
        "insert into instances
             (instance_id, account_id, product_code, sku_id, trial, expires_on, items, status, bought_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&instance.instance_id)
    .bind(&instance.account_id)
    .bind(&instance.product_code)
    .bind(&instance.sku_id)
    .bind(instance.trial)
    .bind(&instance.expires_on)
    .bind(&instance.items)
    .bind(&instance.status)
    .bind(instance.bought_at)
    .execute(&mut *transaction)
    .await?;
    let order_type = if instance.trial { "TRIAL" } else { "NEW" };
    let order_id = change::order(&mut transaction, &instance.instance_id, order_type).await?;
    transaction.commit().await?;
    Ok(order_id)
}

fn created(instance: &Instance, order_id: &str) -> Vec<(String, String)> {
    let mut parameters = spi::parameters(&[
        ("aliUid", &instance.account_id),
        ("orderBizId", &instance.instance_id),
        ("orderId", order_id),
        ("productCode", &instance.product_code),
        ("skuId", &instance.sku_id),
        ("trial", if instance.trial { "true" } else { "false" }),
    ]);
    if let Some(date) = &instance.expires_on {
        parameters.push(("expiredOn".to_owned(), date.clone()));
    }
    parameters.extend(instance.items.0.clone());
    parameters
}

/// The instance of that id.
pub async fn find(database: &PgPool, instance_id: &str) -> Result<Option<Instance>, sqlx::Error> {
    sqlx::query_as(
        "select instance_id, account_id, product_code, sku_id, trial, expires_on, items, status, app_info, bought_at
         from instances
         where instance_id = $1",
    )
    .bind(instance_id)
    .fetch_optional(database)
    .await
}

impl Instance {
    /// A fresh *Login Directly* link: good for five minutes, and once.
    ///
    /// It leads to the `authUrl` that the seller gave; for an instance that the seller was never told of, to `login`
    /// next to its SPI. None while createInstance is not accepted.
    pub async fn login_url(&self, app: &App) -> Result<Option<String>, sqlx::Error> {
        let given = self.app_info.as_ref().and_then(|info| info.get("authUrl")).and_then(Value::as_str);
        let url = match given {
            Some(given) => url::Url::parse(given),
            None if self.status == "OPENING" => return Ok(None),
            None => app.config.spi_url.join("login"),
        };
        let Ok(mut url) = url else { return Ok(None) };
        let parameters = spi::parameters(&[
            ("action", "verify"),
            ("instanceId", &self.instance_id),
            ("timeStamp", &clock::marketplace_date(self.log_in(app).await?)),
        ]);
        url.query_pairs_mut().extend_pairs(spi::signed(app, parameters));
        Ok(Some(url.into()))
    }

    /// The second of this login: no two of an instance share one, or their links would be the same.
    async fn log_in(&self, app: &App) -> Result<OffsetDateTime, sqlx::Error> {
        sqlx::query_scalar(
            "update instances
             set last_login_at = greatest(date_trunc('second', $2), last_login_at + interval '1 second')
             where instance_id = $1
             returning last_login_at",
        )
        .bind(&self.instance_id)
        .bind(clock::now())
        .fetch_one(&app.database)
        .await
    }
}
