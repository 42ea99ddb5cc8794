//! Typed entry: a buyer who came without *Login Directly* types Account ID and Product Instance ID.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use landfall_shared::activation::{Activation, StartedBy};
use landfall_shared::buyer::{AccountId, InstanceId};
use landfall_shared::crash;
use landfall_shared::dispatch::News;
use landfall_shared::purchase::MarketplaceName;
use landfall_shared::session::{PageToken, SessionId};
use landfall_shared::store::idempotency::Kept;
use landfall_shared::store::sessions::{self, Entry};
use landfall_shared::store::{activations, commands, typed_entries};
use secrecy::ExposeSecret;
use serde::Deserialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::asked::Asked;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::status::Document;
use crate::trace;
use crate::writing::{Reserved, Shows, keep, key_text, replay, reserve, undone};

/// What a new activation's page token carries; *Login Directly* raises it.
const FIRST_EPOCH: i32 = 1;

/// What the buyer types.
#[derive(Debug, Deserialize)]
pub struct Body {
    marketplace: Option<String>,
    account_id: Option<String>,
    instance_id: Option<String>,
}

struct Entered {
    marketplace: MarketplaceName,
    account_id: AccountId,
    instance_id: InstanceId,
}

/// `POST /v1/activations`: 202, the activation with its `token`, and a session.
///
/// # Errors
/// The problems of contract §3.
pub async fn enter(State(app): State<App>, asked: Asked) -> Result<Response, Problem> {
    if !app.config.typed_entry {
        return Err(Problem::not_found());
    }
    let body: Body = asked.json()?;
    let key = key_text(&asked)?;
    let earlier = access::session(&asked);
    if earlier.is_some() && !access::is_ours(&app, &asked) {
        return Err(Problem::cross_origin());
    }
    let mut transaction = app.database.begin().await?;
    match answered(&app, &mut transaction, &asked, &body, key, earlier.as_deref()).await {
        Ok((answer, begun)) => {
            crash::point("api.before_commit");
            transaction.commit().await?;
            crash::point("api.after_commit");
            if let Some(begun) = begun {
                app.wakeups.tell(begun);
            }
            answer
        }
        Err(problem) => Err(undone(transaction, problem).await),
    }
}

/// The answer, which may be a problem to be kept, and what was begun.
type Answered = (Result<Response, Problem>, Option<News>);

async fn answered(
    app: &App,
    db: &mut PgConnection,
    asked: &Asked,
    body: &Body,
    key: Option<String>,
    earlier: Option<&[u8]>,
) -> Result<Answered, Problem> {
    let key = match key {
        None => None,
        Some(text) => match reserve(app, db, asked, &access::stranger(asked), text).await? {
            Reserved::Fresh(key) => Some(key),
            Reserved::Kept(kept) => return Ok((Ok(replayed(app, db, &kept, earlier).await?), None)),
        },
    };
    let (id, begun, done) = match begin(app, db, asked, body).await {
        Ok(begun) => (begun.id, Some(begun), Ok(StatusCode::ACCEPTED)),
        Err(problem) if problem.status >= 500 => return Err(problem),
        Err(problem) => (Uuid::nil(), None, Err(problem)),
    };
    if let Some(key) = &key {
        keep(db, key, &done, id).await?;
    }
    let answer = match done {
        Ok(status) => {
            let document = Document::read(app, db, id).await?.ok_or_else(Problem::unknown_activation)?;
            Ok(admit(app, db, id, earlier, document.answer(status)).await?)
        }
        Err(problem) => Err(problem),
    };
    Ok((answer, begun))
}

async fn replayed(app: &App, db: &mut PgConnection, kept: &Kept, earlier: Option<&[u8]>) -> Result<Response, Problem> {
    entered_still(db, kept).await?;
    let answer = replay(app, db, kept, Shows::Activation).await?;
    match kept.activation_id.filter(|_| kept.problem.is_none()) {
        Some(id) => admit(app, db, id, earlier, answer).await,
        None => Ok(answer),
    }
}

async fn begin(app: &App, db: &mut PgConnection, asked: &Asked, body: &Body) -> Result<News, Problem> {
    let entered = entered(body)?;
    within_limits(app, db, asked, &entered).await?;
    let held = sqlx::query_scalar!(
        r#"select exists (select from holds where marketplace = $1 and instance_id = $2) as "held!""#,
        entered.marketplace.as_str(),
        entered.instance_id.as_str(),
    );
    if held.fetch_one(&mut *db).await? {
        return Err(Problem::already_started());
    }
    let id = Uuid::now_v7();
    let (mut activation, queued) =
        Activation::begin(id, entered.marketplace, entered.instance_id, Some(entered.account_id), StartedBy::Typed);
    activation.language = asked.accept_language();
    activations::insert(db, &activation).await?;
    let redispatch = app.config.both.redispatch_after.as_secs_f64();
    commands::insert(db, id, &queued, redispatch, &trace::parent()).await?;
    Ok(News { id, version: 1, status: activation.status().as_str(), queued: Some(queued) })
}

fn entered(body: &Body) -> Result<Entered, Problem> {
    let mut fields = Fields::default();
    let marketplace = fields.required("marketplace", body.marketplace.as_deref(), |text| Ok(text.to_owned()));
    let known = marketplace.as_deref().and_then(MarketplaceName::parse);
    if marketplace.is_some() && known.is_none() {
        fields.wrong("marketplace", "unknown", "This marketplace is not known here. Try alibaba.");
    }
    let account_id = fields.required("account_id", body.account_id.as_deref(), AccountId::parse);
    let instance_id = fields.required("instance_id", body.instance_id.as_deref(), InstanceId::parse);
    let values = known.zip(account_id).zip(instance_id);
    let ((marketplace, account_id), instance_id) = fields.done(values)?;
    Ok(Entered { marketplace, account_id, instance_id })
}

/// Nobody gets back by a replay what *Login Directly*, or signing out, has ended.
async fn entered_still(db: &mut PgConnection, kept: &Kept) -> Result<(), Problem> {
    let Some(id) = kept.activation_id.filter(|_| kept.problem.is_none()) else { return Ok(()) };
    let epoch =
        sqlx::query_scalar!("select epoch from activations where id = $1 for update", id).fetch_optional(db).await?;
    if epoch == Some(FIRST_EPOCH) { Ok(()) } else { Err(Problem::already_started()) }
}

/// Counts a well-formed entry. Whoever counts the same client or instance waits, or two of them would count the same; in this
/// order for everybody, or two of them would wait for each other.
async fn within_limits(app: &App, db: &mut PgConnection, asked: &Asked, entered: &Entered) -> Result<(), Problem> {
    let client = asked.counted_client();
    let (marketplace, instance_id) = (entered.marketplace.as_str(), entered.instance_id.as_str());
    typed_entries::lock_client(db, &client).await?;
    let per_client = i64::from(app.config.entries_per_client);
    if let Some(wait) = typed_entries::client_full_for(db, &client, per_client).await? {
        return Err(Problem::too_many_requests("Too many entries from this network within an hour.", wait));
    }
    typed_entries::lock_instance(db, marketplace, instance_id).await?;
    let places = typed_entries::places(db, marketplace, instance_id).await?;
    if let Some(wait) = places.full_for() {
        let detail = if places.full_for.is_some() {
            "The Account ID did not fit this instance too often. Use Marketplace > Purchased Services > Login Directly."
        } else {
            "Others have typed this instance, and the marketplace is being asked. Try again in a moment, or use Marketplace > \
             Purchased Services > Login Directly."
        };
        return Err(Problem::too_many_requests(detail, wait));
    }
    typed_entries::insert(db, &client, marketplace, instance_id).await?;
    Ok(())
}

/// Gives the buyer the page token, which is derived, and a session.
async fn admit(
    app: &App,
    db: &mut PgConnection,
    id: Uuid,
    earlier: Option<&[u8]>,
    response: Response,
) -> Result<Response, Problem> {
    let epoch = sqlx::query_scalar!("select epoch from activations where id = $1", id).fetch_one(&mut *db).await?;
    let token = PageToken { activation: id, epoch }.text(app.keys.current());
    let session = SessionId::random();
    sessions::begin(db, &session.digest(), earlier, id, Entry::Typed).await?;
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut shown: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(members) = shown.as_object_mut() {
        members.insert("token".to_owned(), token.expose_secret().into());
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Ok(cookie) = HeaderValue::from_str(&access::cookie(app, &session)) {
        parts.headers.append(header::SET_COOKIE, cookie);
    }
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/activations/{id}")) {
        parts.headers.insert(header::LOCATION, location);
    }
    Ok(Response::from_parts(parts, shown.to_string().into()))
}
