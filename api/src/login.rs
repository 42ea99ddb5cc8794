//! Login Directly: the marketplace's signed link brings the buyer to the activation that holds the instance.

use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use landfall_shared::activation::{Activation, Stage, StartedBy};
use landfall_shared::buyer::{AccountId, InstanceId};
use landfall_shared::crash;
use landfall_shared::dispatch::News;
use landfall_shared::marketplace::alibaba::login::LoginLink;
use landfall_shared::marketplace::alibaba::token::{Parameters, SecurityKeys};
use landfall_shared::purchase::{MarketplaceName, PurchaseState};
use landfall_shared::session::SessionId;
use landfall_shared::store::activations::{self, Locked};
use landfall_shared::store::sessions::{self, Entry, Link};
use landfall_shared::store::{commands, purchases};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::asked::Asked;
use crate::pages::{SentBack, in_time, sent_back};
use crate::problem::Problem;
use crate::status::login_url;
use crate::trace;

const MARKETPLACE: MarketplaceName = MarketplaceName::Alibaba;

/// Where a good link leads.
enum Led {
    /// To the pages of an activation; a command may have been queued.
    ToActivation(Uuid),
    /// To the console's login page: all is done.
    ToLogin(String),
    /// Back to the marketplace: this cloud account's instance was bound, and is not in use.
    Back(Option<AccountId>),
}

/// `GET /marketplaces/alibaba/login`: 303 with a session, or a page that says what to do; 503 without the database.
///
/// # Errors
/// 404 where there is no security key.
pub async fn enter(State(app): State<App>, asked: Asked) -> Result<Response, Problem> {
    let Some(keys) = &app.security_keys else { return Err(Problem::not_found()) };
    match in_time(follow(&app, &asked, keys)).await {
        Err(problem) if problem.status >= 500 => Ok(sent_back(&app, &asked, SentBack::Unavailable, None)),
        answered => answered,
    }
}

/// Follows a link to where it leads.
async fn follow(app: &App, asked: &Asked, keys: &SecurityKeys) -> Result<Response, Problem> {
    let parameters = Parameters::parse(asked.uri.query().unwrap_or_default().as_bytes());
    let mut transaction = app.database.begin().await?;
    let now = sessions::now(&mut transaction).await?;
    let Ok(link) = LoginLink::read(&parameters, keys, now) else {
        return Ok(sent_back(app, asked, SentBack::BadLink, None));
    };
    let Ok(instance_id) = InstanceId::parse(&link.instance_id) else {
        return Ok(sent_back(app, asked, SentBack::BadLink, None));
    };
    let used = sessions::use_link(&mut transaction, &link.digest, &access::stranger(asked)).await?;
    if used == Link::UsedUp {
        return Ok(sent_back(app, asked, SentBack::BadLink, None));
    }
    let (led, news) = lead(app, &mut transaction, asked, &instance_id, used).await?;
    let mut response = match &led {
        Led::Back(account_id) => {
            let ids = (account_id.as_ref().map(ToString::to_string), link.instance_id.clone());
            sent_back(app, asked, SentBack::NotInUse, Some(ids))
        }
        Led::ToLogin(url) => see_other(url),
        Led::ToActivation(id) => {
            sessions::link_led_to(&mut transaction, &link.digest, *id).await?;
            see_other(&format!("/activate/{id}"))
        }
    };
    if let Led::ToActivation(id) = led {
        let session = SessionId::random();
        let earlier = access::session(asked);
        sessions::begin(&mut transaction, &session.digest(), earlier.as_deref(), id, Entry::Login).await?;
        if let Ok(cookie) = HeaderValue::from_str(&access::cookie(app, &session)) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
    }
    if asked.method == Method::HEAD {
        // Whoever only looks at a link, as scanners do, must not use it up.
        response.headers_mut().remove(header::SET_COOKIE);
        return Ok(response);
    }
    crash::point("api.before_commit");
    transaction.commit().await?;
    crash::point("api.after_commit");
    if let Some(news) = news {
        app.wakeups.tell(news);
    }
    Ok(response)
}

/// The activation that holds the instance, else the unfinished one that *Login Directly* began, else a new one: of an instance
/// that was released before it was bound one that is over, and says so.
async fn lead(
    app: &App,
    db: &mut PgConnection,
    asked: &Asked,
    instance_id: &InstanceId,
    used: Link,
) -> Result<(Led, Option<News>), Problem> {
    // Two first logins at once begin one activation.
    purchases::lock_instance(db, MARKETPLACE, instance_id).await?;
    let purchase = purchases::lock(db, MARKETPLACE, instance_id).await?.map(|(purchase, _)| purchase);
    let state = purchase.as_ref().map(|purchase| purchase.state);
    let found = activations::lock_of_instance(db, MARKETPLACE, instance_id).await?;
    let holder = found.iter().position(|(_, holds)| *holds);
    let begun = || {
        found.iter().position(|(locked, _)| {
            locked.activation.started_by == StartedBy::Login && !locked.activation.status().is_final()
        })
    };
    if let Some((locked, _)) = holder.or_else(begun).and_then(|at| found.into_iter().nth(at)) {
        return go_on(app, db, asked, locked, state).await;
    }
    let account_id = purchase.as_ref().map(|purchase| purchase.account_id.clone());
    let released = purchase.filter(|purchase| purchase.state == PurchaseState::Released);
    if released.is_some() && activations::was_bound(db, MARKETPLACE, instance_id).await? {
        return Ok((Led::Back(account_id), None));
    }
    // A double click leads where the first one did, also if that is over.
    if let Link::Repeated(Some(id)) = used {
        return Ok((Led::ToActivation(id), None));
    }
    let id = Uuid::now_v7();
    let (mut activation, queued) =
        Activation::begin(id, MARKETPLACE, instance_id.clone(), account_id, StartedBy::Login);
    activation.language = asked.accept_language();
    // There is nothing to ask the marketplace, which has said it.
    let over = released.is_some_and(|purchase| {
        activation.purchase_known(&purchase, false);
        activation.cancelled.is_some()
    });
    activations::insert(db, &activation).await?;
    let queued = if over { None } else { Some(queued) };
    if let Some(queued) = &queued {
        let redispatch = app.config.both.redispatch_after.as_secs_f64();
        commands::insert(db, id, queued, redispatch, &trace::parent()).await?;
    }
    let status = activation.status().as_str();
    Ok((Led::ToActivation(id), Some(News { id, version: 1, status, queued })))
}

async fn go_on(
    app: &App,
    db: &mut PgConnection,
    asked: &Asked,
    locked: Locked,
    state: Option<PurchaseState>,
) -> Result<(Led, Option<News>), Problem> {
    let Locked { mut activation, now, .. } = locked;
    let id = activation.id;
    if let Some(binding) = activation.binding() {
        if matches!(state, Some(PurchaseState::Suspended | PurchaseState::Released)) {
            return Ok((Led::Back(activation.account_id), None));
        }
        if matches!(activation.stage, Stage::Active { .. }) {
            return Ok((Led::ToLogin(login_url(app, &binding.site)), None));
        }
    }
    let typed = activation.started_by == StartedBy::Typed;
    let queued = activation.logged_in_directly(now);
    if !typed && queued.is_none() {
        return Ok((Led::ToActivation(id), None));
    }
    activation.language = asked.accept_language();
    if typed {
        activations::raise_epoch(db, id).await?;
        sessions::end_typed(db, id).await?;
    }
    if let Some(queued) = &queued {
        let redispatch = app.config.both.redispatch_after.as_secs_f64();
        commands::insert(db, id, queued, redispatch, &trace::parent()).await?;
    }
    let version = activations::save(db, &activation).await?;
    let status = activation.status().as_str();
    Ok((Led::ToActivation(id), Some(News { id, version, status, queued })))
}

fn see_other(place: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
