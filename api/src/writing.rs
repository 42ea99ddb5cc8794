//! A buyer's write, from the first check to the answer: one transaction, in the order of contract §3.

use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use landfall_shared::activation::{Activation, Call};
use landfall_shared::buyer::{Language, Password};
use landfall_shared::command::{Command, Queued};
use landfall_shared::crash;
use landfall_shared::idempotency::{self, Fingerprint};
use landfall_shared::keys::KeyId;
use landfall_shared::seal::Sealed;
use landfall_shared::store::activations::{self, Locked};
use landfall_shared::store::idempotency::{self as store, Kept};
use landfall_shared::store::sessions::Entry;
use landfall_shared::store::{commands, sealed};
use serde_json::Value;
use sqlx::{PgConnection, Postgres, Transaction};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::access::{self, Seen};
use crate::app::App;
use crate::asked::Asked;
use crate::language;
use crate::problem::Problem;
use crate::status::Document;
use crate::trace;

/// After so many refusals of an activation within an hour it asks too much (contract §3).
const REFUSALS_AN_HOUR: i64 = 10;

/// What a write begins with.
pub enum Begun {
    /// It was answered before, under the same key.
    Answered(Box<Response>),
    /// It is to be done.
    Open(Box<Writing>),
}

/// How a write is answered: with the activation, or with the login URL alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The activation as it is now.
    Activation,
    /// `{"login_url"}`.
    LoginUrl,
}

/// An open write: the activation is locked until it is finished.
pub struct Writing {
    /// What every handler may reach.
    pub app: App,
    /// The activation.
    pub activation: Activation,
    /// The database's time.
    pub now: OffsetDateTime,
    /// By which entry the caller came.
    pub entry: Entry,
    /// What limits count the client by.
    pub client: String,
    /// The page's language, as the platforms are told it.
    pub accept_language: String,
    /// The page's language, as mails are written in it.
    pub language: Language,
    transaction: Transaction<'static, Postgres>,
    key: Option<Key>,
    shows: Shows,
    changed: Changed,
    queued: Vec<Queued>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Changed {
    Nothing,
    Shown,
    Activation,
}

/// An idempotency key in use: the caller's, for one body on one path.
pub struct Key {
    caller: Vec<u8>,
    text: String,
    asked: Fingerprint,
}

impl Writing {
    /// Checks access and idempotency, and locks the activation.
    ///
    /// # Errors
    /// 401, 403, 404, the problems of idempotency, or 503.
    pub async fn begin(app: &App, asked: &Asked, id: &str, shows: Shows) -> Result<Begun, Problem> {
        // No activation has the id that a malformed one becomes; first the caller is asked who it is.
        let id = id.parse().unwrap_or_else(|_| Uuid::nil());
        let text = key_text(asked)?;
        let mut transaction = app.database.begin().await?;
        match open(app, &mut transaction, asked, id, text, shows).await {
            Ok(Opened::Answered(response)) => {
                transaction.commit().await?;
                Ok(Begun::Answered(Box::new(response)))
            }
            Ok(Opened::Fresh { seen, key, locked }) => Ok(Begun::Open(Box::new(Self {
                app: app.clone(),
                activation: locked.activation,
                now: locked.now,
                entry: seen.entry,
                client: asked.counted_client(),
                accept_language: asked.accept_language(),
                language: language::of(asked),
                transaction,
                key,
                shows,
                changed: Changed::Nothing,
                queued: Vec::new(),
            }))),
            Err(problem) => Err(undone(transaction, problem).await),
        }
    }

    /// The transaction, for reads and for what must be true with the change.
    pub fn db(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Whether a call is allowed at this stage, and was not refused too often.
    ///
    /// # Errors
    /// 409 `out-of-turn` or `in-progress`; 429 after ten refusals in an hour.
    pub async fn may(&mut self, call: Call) -> Result<(), Problem> {
        self.activation.may(call)?;
        let full_for = sqlx::query_scalar!(
            r#"select ceil(extract(epoch from finished_at + interval '1 hour' - now()))::bigint as "full_for!"
               from commands
               where activation_id = $1 and state = 'refused' and not hidden and finished_at > now() - interval '1 hour'
               order by finished_at desc offset $2 limit 1"#,
            self.activation.id,
            REFUSALS_AN_HOUR - 1,
        )
        .fetch_optional(&mut *self.transaction)
        .await?;
        if let Some(wait) = full_for {
            return Err(Problem::too_many_requests(
                "Ten requests of this activation were refused within an hour.",
                wait,
            ));
        }
        Ok(())
    }

    /// Puts a command in; its wake-up is sent when the write is finished.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn queue(&mut self, queued: Queued) -> Result<(), Problem> {
        let redispatch = self.app.config.both.redispatch_after.as_secs_f64();
        let trace = trace::parent();
        commands::insert(&mut self.transaction, self.activation.id, &queued, redispatch, &trace).await?;
        self.queued.push(queued);
        Ok(())
    }

    /// Seals the buyer's password for as long as what was queued, or follows from it, must have it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn seal(&mut self, queued: &Queued, password: Option<&Password>) -> Result<(), Problem> {
        let takes_it = matches!(queued.command, Command::RegisterBuyer(_) | Command::OpenBillingAccount(_));
        if let Some(password) = password.filter(|_| takes_it) {
            let id = self.activation.id;
            let closed = Sealed::new(self.app.keys.current(), id, password);
            sealed::keep(&mut self.transaction, id, &closed).await?;
        }
        Ok(())
    }

    /// The activation has changed and is to be written.
    pub fn changed(&mut self) {
        self.activation.language.clone_from(&self.accept_language);
        self.changed = Changed::Activation;
    }

    /// Something that the activation shows has changed in another table.
    pub fn shown(&mut self) {
        if self.changed == Changed::Nothing {
            self.changed = Changed::Shown;
        }
    }

    /// Commits and answers. A problem that the caller must hear commits too: a wrong code's try is counted.
    ///
    /// # Errors
    /// The problem itself, or 503.
    pub async fn finish(mut self, done: Result<StatusCode, Problem>) -> Result<Response, Problem> {
        if matches!(&done, Err(problem) if problem.status >= 500) {
            let problem = done.err().unwrap_or_else(Problem::unavailable);
            return Err(undone(self.transaction, problem).await);
        }
        let id = self.activation.id;
        match self.changed {
            Changed::Nothing => {}
            Changed::Shown => drop(activations::touch(&mut self.transaction, id).await?),
            Changed::Activation => drop(activations::save(&mut self.transaction, &self.activation).await?),
        }
        let document = Document::read(&self.app, &mut self.transaction, id).await?;
        let document = document.ok_or_else(Problem::unknown_activation)?;
        if let Some(key) = &self.key {
            keep(&mut self.transaction, key, &done, id).await?;
        }
        crash::point("api.before_commit");
        self.transaction.commit().await?;
        crash::point("api.after_commit");
        for queued in &self.queued {
            self.app.wakeups.wake_up(queued.command.name(), queued.id);
        }
        if self.changed != Changed::Nothing {
            self.app.wakeups.hint(id, document.version(), document.status());
        }
        done.map(|status| show(&document, status, self.shows))
    }
}

enum Opened {
    Answered(Response),
    Fresh { seen: Seen, key: Option<Key>, locked: Box<Locked> },
}

async fn open(
    app: &App,
    db: &mut PgConnection,
    asked: &Asked,
    id: Uuid,
    text: Option<String>,
    shows: Shows,
) -> Result<Opened, Problem> {
    let seen = access::see(app, db, asked, id).await?;
    let key = match text {
        None => None,
        Some(text) => match reserve(app, db, asked, &seen.caller, text).await? {
            Reserved::Fresh(key) => Some(key),
            Reserved::Kept(kept) => return Ok(Opened::Answered(replay(app, db, &kept, shows).await?)),
        },
    };
    let locked = activations::lock(db, id).await?.ok_or_else(Problem::unknown_activation)?;
    Ok(Opened::Fresh { seen, key, locked: Box::new(locked) })
}

/// Undoes a transaction before its problem is told: a repeat, which may come at once, must not find its key still taken.
pub async fn undone(transaction: Transaction<'static, Postgres>, problem: Problem) -> Problem {
    if let Err(error) = transaction.rollback().await {
        tracing::debug!(%error, "a transaction ended by itself");
    }
    problem
}

fn show(document: &Document, status: StatusCode, shows: Shows) -> Response {
    match shows {
        Shows::Activation => document.answer(status),
        Shows::LoginUrl => document.login_answer(status),
    }
}

/// An `Idempotency-Key`: 1 to 255 visible ASCII characters.
///
/// # Errors
/// 400 if it is anything else.
pub fn key_text(asked: &Asked) -> Result<Option<String>, Problem> {
    let mut values = asked.headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=255).contains(&text.len()) && values.next().is_none());
    let text = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    let text = text.ok_or_else(|| {
        Problem::malformed("An Idempotency-Key has 1 to 255 visible ASCII characters, and comes once.")
    })?;
    Ok(Some(text.to_owned()))
}

/// What a key turned out to be.
pub enum Reserved {
    /// New: ours until the transaction ends.
    Fresh(Key),
    /// Answered before.
    Kept(Kept),
}

/// Reserves a key for a request, or finds what it was answered.
///
/// # Errors
/// 409 while the first request is still running, 422 if the key was used for another one.
pub async fn reserve(
    app: &App,
    db: &mut PgConnection,
    asked: &Asked,
    caller: &[u8],
    text: String,
) -> Result<Reserved, Problem> {
    if !store::reserve(db, caller, &text).await? {
        return Err(Problem::in_flight());
    }
    let request = idempotency::Asked { method: asked.method.as_str(), path: asked.uri.path(), body: &asked.body };
    if let Some(kept) = store::kept(db, caller, &text).await? {
        let mac = <[u8; 32]>::try_from(kept.body.as_slice()).unwrap_or_default();
        let before = Fingerprint { key_id: KeyId::from_i32(kept.key_id), mac };
        // A key that this process does not have cannot tell; what was answered before is not given to just anybody.
        let same = before.is_of(&app.keys, request).unwrap_or(false);
        return if same { Ok(Reserved::Kept(kept)) } else { Err(Problem::key_reused()) };
    }
    let asked = Fingerprint::of(app.keys.current(), request);
    Ok(Reserved::Fresh(Key { caller: caller.to_vec(), text, asked }))
}

/// Keeps an answer under its key, where answers of its kind are kept.
///
/// # Errors
/// If the database fails.
pub async fn keep(
    db: &mut PgConnection,
    key: &Key,
    done: &Result<StatusCode, Problem>,
    activation_id: Uuid,
) -> Result<(), sqlx::Error> {
    let (status, problem) = match done {
        Ok(status) => (status.as_u16(), None),
        Err(problem) if problem.is_kept() => (problem.status, serde_json::to_value(problem).ok()),
        Err(_) => return Ok(()),
    };
    let kept = Kept {
        key_id: key.asked.key_id.to_i32(),
        body: key.asked.mac.to_vec(),
        status: i32::from(status),
        activation_id: Some(activation_id),
        problem,
    };
    store::keep(db, &key.caller, &key.text, &kept).await
}

/// Answers as before; a 2xx shows the activation as it is now.
///
/// # Errors
/// If the database fails.
pub async fn replay(app: &App, db: &mut PgConnection, kept: &Kept, shows: Shows) -> Result<Response, Problem> {
    let mut response = if let Some(problem) = &kept.problem {
        answered_problem(problem)
    } else {
        let id = kept.activation_id.unwrap_or_default();
        let document = Document::read(app, db, id).await?.ok_or_else(Problem::unknown_activation)?;
        let status = u16::try_from(kept.status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        show(&document, status.unwrap_or(StatusCode::OK), shows)
    };
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

fn answered_problem(problem: &Value) -> Response {
    use axum::response::IntoResponse;
    match serde_json::from_value::<Problem>(problem.clone()) {
        Ok(problem) => problem.into_response(),
        Err(_) => Problem::unavailable().into_response(),
    }
}
