//! Step one: the marketplace announces a purchase, and says later what becomes of it. Answered from PostgreSQL alone.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use landfall_shared::activation::Activation;
use landfall_shared::buyer::{AccountId, InstanceId, Invalid};
use landfall_shared::caught::caught;
use landfall_shared::crash;
use landfall_shared::dispatch::News;
use landfall_shared::marketplace::alibaba::spi::{Action, Announcement, AppInfo, SpiAnswer, SpiCall};
use landfall_shared::marketplace::alibaba::token::Parameters;
use landfall_shared::purchase::{MarketplaceName, Purchase, PurchaseState, Purchased};
use landfall_shared::store::marketplace_calls::{self, Call, Verdict};
use landfall_shared::store::said::{self, Writing};
use landfall_shared::store::{becoming_known, purchases};
use serde_json::Value;
use sqlx::PgConnection;

use crate::app::App;
use crate::asked::Beginning;
use crate::problem::Problem;
use crate::trace;

/// The marketplace is answered before this, also when PostgreSQL does not answer.
const LONGEST: Duration = Duration::from_secs(8);
const MARKETPLACE: MarketplaceName = MarketplaceName::Alibaba;

/// A call, once it is read.
struct Heard<'a> {
    parameters: &'a Parameters,
    /// In bytes, of the query and the form together.
    length: usize,
    action: Option<Action>,
    /// What is recorded: without the token, and without what PostgreSQL cannot keep.
    kept: Value,
    kept_action: String,
}

/// `GET` or form `POST /marketplaces/alibaba/spi`: always 200 with JSON.
///
/// # Errors
/// 404 where there is no security key.
pub async fn hear(State(app): State<App>, beginning: Beginning) -> Result<Response, Problem> {
    if app.security_keys.is_none() {
        return Err(Problem::not_found());
    }
    let Beginning { asked, .. } = beginning;
    // A form comes the same way, and may have a query beside it. Of one that is too long the beginning tells what it is.
    let parts = [asked.uri.query().unwrap_or_default().as_bytes(), &asked.body];
    let raw = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(&b'&');
    let parameters = Parameters::parse(&raw);
    let heard = Heard {
        length: raw.len(),
        action: Action::of(&parameters),
        kept: kept(&parameters),
        kept_action: storable(parameters.get("action").unwrap_or_default()),
        parameters: &parameters,
    };
    let answering = caught("a marketplace's call", answer(&app, &heard));
    let answer = match tokio::time::timeout(LONGEST, answering).await {
        Ok(Some(Ok(answer))) => answer,
        Ok(Some(Err(error))) => {
            tracing::error!(%error, "a marketplace's call could not be taken: it will call again");
            unavailable(heard.action)
        }
        Ok(None) | Err(_) => unavailable(heard.action),
    };
    Ok(Json(answer).into_response())
}

/// `HEAD` is safe (RFC 9110, 9.2.1), and a call takes effect: who only looks has nothing to see.
pub async fn only_looked_at() -> Response {
    let mut response = Problem::method_not_allowed().into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

fn kept(parameters: &Parameters) -> Value {
    let parameters = parameters.without_token().into_iter().map(|(name, value)| (storable(name), storable(value)));
    serde_json::to_value(parameters.collect::<BTreeMap<_, _>>()).unwrap_or_default()
}

/// PostgreSQL keeps every character but one.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn unavailable(action: Option<Action>) -> Value {
    form(&SpiAnswer::refused(action, "this cannot be taken now: call again"))
}

fn form(answer: &SpiAnswer) -> Value {
    serde_json::to_value(answer).unwrap_or_default()
}

async fn answer(app: &App, heard: &Heard<'_>) -> Result<Value, sqlx::Error> {
    let signed = app.security_keys.as_ref().is_some_and(|keys| keys.verify(heard.parameters).is_ok());
    if !signed {
        let call = heard.call(None, None, Verdict::BadToken, Some("bad token"));
        app.bad_tokens.record(&app.database, &call).await;
        return Ok(form(&SpiAnswer::refused(heard.action, "bad token")));
    }
    let call = SpiCall::read(heard.parameters, heard.length);
    let mut transaction = app.database.begin().await?;
    let (answer, news) = match call {
        Err(malformed) => {
            let detail = malformed.to_string();
            let call = heard.call(None, None, Verdict::Refused, Some(&detail));
            record(&mut transaction, &call).await?;
            (form(&SpiAnswer::refused(heard.action, detail)), Vec::new())
        }
        Ok(SpiCall::Create(announcement)) => announce(app, &mut transaction, heard, announcement).await?,
        Ok(call) => listen(app, &mut transaction, heard, &call).await?,
    };
    crash::point("api.before_commit");
    transaction.commit().await?;
    crash::point("api.after_commit");
    for news in news {
        app.wakeups.tell(news);
    }
    Ok(answer)
}

impl Heard<'_> {
    fn call<'a>(
        &'a self,
        instance_id: Option<&'a str>,
        order_id: Option<&'a str>,
        verdict: Verdict,
        detail: Option<&'a str>,
    ) -> Call<'a> {
        Call {
            marketplace: MARKETPLACE,
            action: &self.kept_action,
            instance_id,
            order_id,
            parameters: &self.kept,
            verdict,
            detail,
        }
    }
}

async fn record(db: &mut PgConnection, call: &Call<'_>) -> Result<(), sqlx::Error> {
    metrics::counter!("landfall_marketplace_calls_total", "verdict" => call.verdict.as_str()).increment(1);
    marketplace_calls::record(db, call).await
}

/// createInstance: the purchase, and nothing else: the activation begins with the buyer.
async fn announce(
    app: &App,
    db: &mut PgConnection,
    heard: &Heard<'_>,
    announcement: Announcement,
) -> Result<(Value, Vec<News>), sqlx::Error> {
    let Ok(purchase) = purchase(announcement) else {
        let call = heard.call(None, None, Verdict::Refused, Some("an id is malformed"));
        record(db, &call).await?;
        return Ok((form(&SpiAnswer::refused(heard.action, "an id is malformed")), Vec::new()));
    };
    let instance_id = purchase.instance_id.clone();
    let order_id = purchase.sold.order_id.clone();
    let call = |verdict, detail| heard.call(Some(instance_id.as_str()), order_id.as_deref(), verdict, detail);
    purchases::lock_instance(db, MARKETPLACE, &instance_id).await?;
    let before = purchases::lock(db, MARKETPLACE, &instance_id).await?;
    if before.as_ref().is_some_and(|(before, _)| before.account_id != purchase.account_id) {
        let detail = "another aliUid has this instance";
        record(db, &call(Verdict::Refused, Some(detail))).await?;
        return Ok((form(&SpiAnswer::refused(heard.action, detail)), Vec::new()));
    }
    if let Some((_, Some(answer))) = before {
        record(db, &call(Verdict::Repeated, None)).await?;
        return Ok((answer, Vec::new()));
    }
    record(db, &call(Verdict::Accepted, None)).await?;
    let answer = form(&created(app, &purchase));
    let trace = trace::parent();
    let news = match before {
        None => becoming_known::announced(db, purchase, &answer, writing(app, &trace)).await?,
        Some((known, _)) => becoming_known::announced_late(db, known, purchase, &answer, writing(app, &trace)).await?,
    };
    Ok((answer, news))
}

fn writing<'a>(app: &App, trace: &'a str) -> Writing<'a> {
    Writing { redispatch_seconds: app.config.both.redispatch_after.as_secs_f64(), trace }
}

fn purchase(announcement: Announcement) -> Result<Purchase, Invalid> {
    Ok(Purchase {
        marketplace: MARKETPLACE,
        instance_id: InstanceId::parse(&announcement.instance_id)?,
        account_id: AccountId::parse(&announcement.account_id)?,
        sold: Purchased {
            order_id: Some(announcement.order_id),
            product_code: Some(announcement.product_code),
            sku_id: Some(announcement.sku_id),
            trial: Some(announcement.trial),
            expires_at: announcement.expires_at,
        },
        items: announcement.items,
        state: PurchaseState::Active,
        version: 1,
        announced: true,
    })
}

fn created(app: &App, purchase: &Purchase) -> SpiAnswer {
    let public_url = &app.config.both.public_url;
    let default_site = app.config.sites.first().map(|site| app.config.login_url.filled(&site.id));
    SpiAnswer::Created {
        instance_id: purchase.instance_id.to_string(),
        app_info: AppInfo {
            front_end_url: public_url.with("/activate"),
            admin_url: default_site.unwrap_or_default(),
            auth_url: public_url.with("/marketplaces/alibaba/login"),
            username: purchase.account_id.to_string(),
        },
    }
}

/// Every other call: taken in, kept as unmatched if its instance is not known yet, and told to whoever it concerns.
async fn listen(
    app: &App,
    db: &mut PgConnection,
    heard: &Heard<'_>,
    call: &SpiCall,
) -> Result<(Value, Vec<News>), sqlx::Error> {
    let taken = form(&SpiAnswer::taken(heard.action.unwrap_or(Action::ExpiredInstance)));
    let told = |verdict| heard.call(Some(call.instance_id()), call.order_id(), verdict, None);
    let Ok(instance_id) = InstanceId::parse(call.instance_id()) else {
        record(db, &told(Verdict::Refused)).await?;
        return Ok((form(&SpiAnswer::refused(heard.action, "an id is malformed")), Vec::new()));
    };
    purchases::lock_instance(db, MARKETPLACE, &instance_id).await?;
    let known = purchases::lock(db, MARKETPLACE, &instance_id).await?;
    if marketplace_calls::is_repeated(db, &told(Verdict::Accepted)).await? {
        record(db, &told(Verdict::Repeated)).await?;
        return Ok((taken, Vec::new()));
    }
    let Some((mut purchase, _)) = known else {
        record(db, &told(Verdict::Unmatched)).await?;
        return Ok((taken, Vec::new()));
    };
    record(db, &told(Verdict::Accepted)).await?;
    let Some(notice) = call.notice() else { return Ok((taken, Vec::new())) };
    if !notice.clone().take_effect(&mut purchase) {
        return Ok((taken, Vec::new()));
    }
    purchases::save(db, &purchase).await?;
    let said = |activation: &mut Activation, holds| activation.marketplace_said(&notice, &purchase, holds);
    let news = said::tell(db, MARKETPLACE, &instance_id, writing(app, &trace::parent()), said).await?;
    Ok((taken, news))
}
