//! Step one: the marketplace announces a purchase, and says later what becomes of it. Answered from PostgreSQL alone.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use landfall_shared::activation::Activation;
use landfall_shared::buyer::{AccountId, InstanceId, Invalid};
use landfall_shared::caught::caught;
use landfall_shared::command::Queued;
use landfall_shared::crash;
use landfall_shared::marketplace::alibaba::spi::{Action, Announcement, AppInfo, SpiAnswer, SpiCall};
use landfall_shared::marketplace::alibaba::token::Parameters;
use landfall_shared::purchase::{MarketplaceName, Notice, Purchase, PurchaseState, Purchased};
use landfall_shared::store::marketplace_calls::{self, Call, Verdict};
use landfall_shared::store::{activations, purchases, said};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

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

/// An activation that changed with a call: whoever waits for it is told after the commit.
struct Changed {
    id: Uuid,
    version: i64,
    status: &'static str,
    queued: Option<Queued>,
}

type Told = Vec<Changed>;

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
    let (answer, told) = match call {
        Err(malformed) => {
            let detail = malformed.to_string();
            let call = heard.call(None, None, Verdict::Refused, Some(&detail));
            record(&mut transaction, &call).await?;
            (form(&SpiAnswer::refused(heard.action, detail)), Told::new())
        }
        Ok(SpiCall::Create(announcement)) => announce(app, &mut transaction, heard, announcement).await?,
        Ok(call) => listen(app, &mut transaction, heard, &call).await?,
    };
    crash::point("api.before_commit");
    transaction.commit().await?;
    crash::point("api.after_commit");
    for changed in told {
        if let Some(queued) = changed.queued {
            app.wakeups.wake_up(queued.command.name(), queued.id);
        }
        app.wakeups.hint(changed.id, changed.version, changed.status);
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
) -> Result<(Value, Told), sqlx::Error> {
    let Ok(mut purchase) = purchase(announcement) else {
        let call = heard.call(None, None, Verdict::Refused, Some("an id is malformed"));
        record(db, &call).await?;
        return Ok((form(&SpiAnswer::refused(heard.action, "an id is malformed")), Told::new()));
    };
    let answer = form(&created(app, &purchase));
    let instance_id = purchase.instance_id.clone();
    let order_id = purchase.sold.order_id.clone();
    let call = |verdict, detail| heard.call(Some(instance_id.as_str()), order_id.as_deref(), verdict, detail);
    purchases::lock_instance(db, MARKETPLACE, &instance_id).await?;
    if !purchases::insert(db, &purchase, &answer).await? {
        let before = purchases::lock(db, MARKETPLACE, &instance_id).await?;
        return match before {
            Some((before, answer)) if before.account_id == purchase.account_id => {
                record(db, &call(Verdict::Repeated, None)).await?;
                Ok((answer, Told::new()))
            }
            _ => {
                let detail = "another aliUid announced this instance before";
                record(db, &call(Verdict::Refused, Some(detail))).await?;
                Ok((form(&SpiAnswer::refused(heard.action, detail)), Told::new()))
            }
        };
    }
    record(db, &call(Verdict::Accepted, None)).await?;
    for kept in marketplace_calls::take_unmatched(db, MARKETPLACE, instance_id.as_str()).await? {
        if let Some(notice) = reread(&kept) {
            notice.take_effect(&mut purchase);
        }
    }
    purchases::save(db, &purchase).await?;
    let told = tell(app, db, &instance_id, |activation, holds| activation.announced(&purchase, holds)).await?;
    Ok((answer, told))
}

/// Tells every activation of an instance that is not over. Each gets a new version, also one that shows no change: whoever
/// settles a command that asked before must ask again.
async fn tell(
    app: &App,
    db: &mut PgConnection,
    instance_id: &InstanceId,
    say: impl Fn(&mut Activation, bool) -> Option<Queued>,
) -> Result<Told, sqlx::Error> {
    let mut told = Told::new();
    for (mut locked, holds) in activations::lock_of_instance(db, MARKETPLACE, instance_id).await? {
        let queued = say(&mut locked.activation, holds);
        told.push(write(app, db, &locked.activation, queued).await?);
    }
    Ok(told)
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

/// Every other call: taken in, kept as unmatched if nobody announced its instance, and told to whoever it concerns.
async fn listen(
    app: &App,
    db: &mut PgConnection,
    heard: &Heard<'_>,
    call: &SpiCall,
) -> Result<(Value, Told), sqlx::Error> {
    let taken = form(&SpiAnswer::taken(heard.action.unwrap_or(Action::ExpiredInstance)));
    let (notice, order_id) = notice(call);
    let told = |verdict| heard.call(Some(call.instance_id()), order_id.as_deref(), verdict, None);
    let Ok(instance_id) = InstanceId::parse(call.instance_id()) else {
        record(db, &told(Verdict::Refused)).await?;
        return Ok((form(&SpiAnswer::refused(heard.action, "an id is malformed")), Told::new()));
    };
    purchases::lock_instance(db, MARKETPLACE, &instance_id).await?;
    let known = purchases::lock(db, MARKETPLACE, &instance_id).await?;
    if marketplace_calls::is_repeated(db, &told(Verdict::Accepted)).await? {
        record(db, &told(Verdict::Repeated)).await?;
        return Ok((taken, Told::new()));
    }
    let Some((mut purchase, _)) = known else {
        record(db, &told(Verdict::Unmatched)).await?;
        let in_use = matches!(notice, Some(Notice::Renewed { .. } | Notice::Resumed));
        let told = if in_use {
            tell(app, db, &instance_id, |activation, _| activation.in_use_unannounced()).await?
        } else {
            Told::new()
        };
        return Ok((taken, told));
    };
    record(db, &told(Verdict::Accepted)).await?;
    let Some(notice) = notice else { return Ok((taken, Told::new())) };
    if !notice.clone().take_effect(&mut purchase) {
        return Ok((taken, Told::new()));
    }
    purchases::save(db, &purchase).await?;
    let said = |activation: &mut Activation, holds| activation.marketplace_said(&notice, &purchase, holds);
    let told = tell(app, db, &instance_id, said).await?;
    Ok((taken, told))
}

/// What a call means for the purchase, and the order by which a repeat is known. orderPay means nothing for it.
fn notice(call: &SpiCall) -> (Option<Notice>, Option<String>) {
    match call.clone() {
        SpiCall::Create(_) => (None, None),
        SpiCall::OrderPay(paid) => (None, Some(paid.order_id)),
        SpiCall::Renew(renewal) => {
            let order_id = renewal.order_id.clone();
            let (expires_at, items) = (renewal.expires_at, renewal.items);
            (Some(Notice::Renewed { order_id: renewal.order_id, expires_at, items }), Some(order_id))
        }
        SpiCall::Upgrade(upgrade) => {
            let order_id = upgrade.order_id.clone();
            let (sku_id, items) = (upgrade.sku_id, upgrade.items);
            (Some(Notice::Upgraded { order_id: upgrade.order_id, sku_id, items }), order_id)
        }
        SpiCall::Expire { .. } => (Some(Notice::Suspended), None),
        SpiCall::Release { .. } => (Some(Notice::Released), None),
        SpiCall::Resume { .. } => (Some(Notice::Resumed), None),
    }
}

/// A call that was kept as unmatched, read once more: its token was checked when it came.
fn reread(kept: &Value) -> Option<Notice> {
    let pairs = kept.as_object()?.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let parameters: Parameters = pairs.collect();
    notice(&SpiCall::read(&parameters, 0).ok()?).0
}

async fn write(
    app: &App,
    db: &mut PgConnection,
    activation: &Activation,
    queued: Option<Queued>,
) -> Result<Changed, sqlx::Error> {
    let redispatch = app.config.both.redispatch_after.as_secs_f64();
    let version = said::write(db, activation, queued.as_ref(), redispatch, &trace::parent()).await?;
    Ok(Changed { id: activation.id, version, status: activation.status().as_str(), queued })
}
