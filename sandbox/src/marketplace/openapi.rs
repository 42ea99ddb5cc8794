//! Alibaba's `OpenAPI` (product Market, 2015-11-01) as a seller may ask it: two calls, RPC style, strictly signed.

use std::collections::HashMap;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;

use super::Instance;
use crate::{
    app::App,
    calls::{self, Call},
    clock,
    faults::{Fault, Kind, kept},
    part::Part,
    serve,
};

pub mod fields;
pub mod signature;

/// An error as Alibaba answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The documented code.
    pub code: String,
    /// One sentence.
    pub message: String,
}

impl Refused {
    /// An error of that status and code.
    #[must_use]
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned() }
    }
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        tracing::error!(%error, "the sandbox's database failed");
        Self::new(500, "UnknownError", "The request processing has failed due to some unknown error.")
    }
}

/// An order, as it is asked for.
#[derive(Debug, FromRow)]
pub struct Order {
    /// The order id.
    pub id: String,
    /// `NEW`, `TRIAL`, `RENEW` or `UPGRADE`.
    pub kind: String,
    /// `NORMAL` or `REFUND`.
    pub status: String,
    /// When it was made.
    pub at: OffsetDateTime,
    /// What it is for.
    pub instance_id: String,
}

/// `POST /`: one call, told apart by `x-acs-action`.
pub async fn call(State(app): State<App>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, 1024 * 1024).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let action = header(&head, "x-acs-action").to_owned();
    let mut call = Call {
        part: Part::Marketplace.name(),
        method: head.method.to_string(),
        path: format!("/{action}"),
        idempotency_key: None,
        headers: json!({}),
        body: json!(parameters(&head)),
        status: None,
        received_at: clock::now(),
        effect: false,
        problem: None,
    };
    let fault = kept::meet(&app.database, Part::Marketplace, &format!("{} {}", call.method, call.path)).await;
    let answer = match fault {
        Err(error) => Err(error.into()),
        Ok(Some(fault)) if fault.kind == Kind::Hang => return hang(&app, call, &fault).await,
        Ok(fault) => answered(&app, &head, &body, &mut call, fault.as_ref()).await,
    };
    let response = match answer {
        Ok(response) => response,
        Err(refused) => {
            call.status = Some(refused.status);
            call.problem = Some(format!("{}: {}", refused.code, refused.message));
            shown(&refused)
        }
    };
    if let Err(error) = calls::record(&app.database, &call).await {
        return shown(&error.into());
    }
    response
}

/// Is recorded at once: whoever waits gives up, and nothing after that is certain to run.
async fn hang(app: &App, mut call: Call, fault: &Fault) -> Response {
    call.problem = Some(fault.sentence());
    if let Err(error) = calls::record(&app.database, &call).await {
        return shown(&error.into());
    }
    tokio::time::sleep(fault.pause()).await;
    serve::dropped()
}

async fn answered(
    app: &App,
    head: &Parts,
    body: &[u8],
    call: &mut Call,
    fault: Option<&Fault>,
) -> Result<Response, Refused> {
    call.problem = fault.map(Fault::sentence);
    let kind = fault.map(|fault| fault.kind);
    if let Some(fault) = fault {
        match fault.kind {
            Kind::Error => return Ok(told_to_refuse(fault, call)),
            Kind::Garbage => {
                call.status = fault.status.or(Some(200));
                return Ok(fault.garbage());
            }
            Kind::Drop => return Ok(serve::dropped()),
            Kind::Slow => tokio::time::sleep(fault.pause()).await,
            Kind::NotYet | Kind::DropAfter | Kind::Hang => {}
        }
    }
    signature::check(app, head, body).await?;
    let mut answer = asked(app, head).await?;
    if let (Some(Kind::NotYet), Some(status)) = (kind, answer.get_mut("Status")) {
        *status = json!("OPENING");
    }
    call.status = Some(200);
    if kind == Some(Kind::DropAfter) { Ok(serve::dropped()) } else { Ok(Json(answer).into_response()) }
}

fn told_to_refuse(fault: &Fault, call: &mut Call) -> Response {
    let status = fault.status.unwrap_or(503);
    call.status = Some(status);
    let code = fault.code.as_deref().unwrap_or("ServiceUnavailable");
    fault.with_retry_after(shown(&Refused::new(status, code, "The sandbox was told to refuse this call.")))
}

async fn asked(app: &App, head: &Parts) -> Result<Value, Refused> {
    if header(head, "x-acs-version") != "2015-11-01" {
        return Err(Refused::new(400, "InvalidVersion", "Specified parameter Version is not valid."));
    }
    let parameters = parameters(head);
    let required = |name: &str| {
        let missing = || Refused::new(400, &format!("Missing{name}"), &format!("{name} is mandatory for this action."));
        parameters.get(name).filter(|value| !value.is_empty()).cloned().ok_or_else(missing)
    };
    match header(head, "x-acs-action") {
        "DescribeInstanceForIsv" => {
            let instance = instance(&app.database, &required("InstanceId")?).await?;
            let order = order_of(&app.database, &instance.instance_id).await?;
            Ok(fields::instance(&instance, &order.id))
        }
        "DescribeOrderForIsv" => {
            let order = order(&app.database, &required("OrderId")?).await?;
            let instance = instance(&app.database, &order.instance_id).await?;
            Ok(fields::order(&instance, &order))
        }
        _ => Err(Refused::new(404, "InvalidAction.NotFound", "Specified api is not found.")),
    }
}

async fn instance(database: &PgPool, id: &str) -> Result<Instance, Refused> {
    super::find(database, id).await?.ok_or_else(permission_denied)
}

async fn order(database: &PgPool, id: &str) -> Result<Order, Refused> {
    let order: Option<Order> = sqlx::query_as(
        "select order_id as id, order_type as kind, order_status as status, ordered_at as at, instance_id
         from orders
         where order_id = $1",
    )
    .bind(id)
    .fetch_optional(database)
    .await?;
    order.ok_or_else(permission_denied)
}

/// The order by which an instance was bought.
async fn order_of(database: &PgPool, instance_id: &str) -> Result<Order, Refused> {
    let order: Option<Order> = sqlx::query_as(
        "select order_id as id, order_type as kind, order_status as status, ordered_at as at, instance_id
         from orders
         where instance_id = $1
         order by ordered_at
         limit 1",
    )
    .bind(instance_id)
    .fetch_optional(database)
    .await?;
    order.ok_or_else(permission_denied)
}

/// Alibaba's one answer to an id that is not there, or not this seller's.
fn permission_denied() -> Refused {
    Refused::new(400, "IllegalPermission", "Permission Denied.")
}

fn shown(refused: &Refused) -> Response {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({"Code": refused.code, "Message": refused.message, "RequestId": fields::request_id()});
    (status, Json(body)).into_response()
}

fn parameters(head: &Parts) -> HashMap<String, String> {
    form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

fn header<'a>(head: &'a Parts, name: &str) -> &'a str {
    head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
