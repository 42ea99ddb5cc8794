//! What an operator does to one activation: cancels it, or has what died or waits tried now. Each act stands in `audit` with its reason.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::NothingToDo;
use landfall_shared::crash;
use landfall_shared::dispatch::News;
use landfall_shared::store::activations::{self, Locked};
use landfall_shared::store::said::{self, Writing};
use landfall_shared::store::{audit, commands, sealed};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{actor, reason};
use crate::app::App;
use crate::asked::Asked;
use crate::problem::Problem;
use crate::status::Document;
use crate::trace;
use crate::writing::{Reserved, Shows, keep, key_text, replay, reserve, undone};

/// What every act is sent with.
#[derive(Debug, Deserialize)]
pub struct Body {
    reason: Option<String>,
}

/// What can be done to an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Cancel,
    Retry,
}

impl Act {
    /// The last word of its path, and of its row in `audit`.
    fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }
}

/// `POST /v1/operations/activations/{id}/cancel`: over, before it is active; what is bound is taken back.
///
/// # Errors
/// The problems of contract §3 that can come here, and 409 `nothing-to-do`.
pub async fn cancel(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    act(&app, &asked, &id, Act::Cancel).await
}

/// `POST /v1/operations/activations/{id}/retry`: what died, or waits for its next attempt, is tried now, under the same keys.
///
/// # Errors
/// As above, and 409 `too-old`.
pub async fn retry(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    act(&app, &asked, &id, Act::Retry).await
}

async fn act(app: &App, asked: &Asked, id: &str, act: Act) -> Result<Response, Problem> {
    let body: Body = asked.json()?;
    let key = key_text(asked)?;
    let operator = &actor(app, asked)?.name;
    // No activation has the id that a malformed one becomes.
    let acting = Acting { app, asked, operator, act, id: id.parse().unwrap_or_else(|_| Uuid::nil()) };
    let mut transaction = app.database.begin().await?;
    match acting.answered(&mut transaction, &body, key).await {
        Ok((answer, news)) => {
            crash::point("api.before_commit");
            transaction.commit().await?;
            crash::point("api.after_commit");
            if let Some(news) = news {
                tracing::info!(activation.id = %acting.id, act = act.as_str(), "activation {}: {} by an operator", acting.id, act.as_str());
                app.wakeups.tell(news);
            }
            answer
        }
        Err(problem) => Err(undone(transaction, problem).await),
    }
}

/// An act that was asked for.
struct Acting<'a> {
    app: &'a App,
    asked: &'a Asked,
    /// The token's name.
    operator: &'a str,
    act: Act,
    id: Uuid,
}

impl Acting<'_> {
    /// The answer, which may be a problem to be kept, and what changed.
    async fn answered(
        &self,
        db: &mut PgConnection,
        body: &Body,
        key: Option<String>,
    ) -> Result<(Result<Response, Problem>, Option<News>), Problem> {
        let locked = activations::lock(db, self.id).await?.ok_or_else(Problem::no_such_activation)?;
        let key = match key {
            None => None,
            Some(text) => match reserve(self.app, db, self.asked, &self.caller(), text).await? {
                Reserved::Fresh(key) => Some(key),
                Reserved::Kept(kept) => {
                    return Ok((Ok(replay(self.app, db, &kept, Shows::Activation).await?), None));
                }
            },
        };
        let (news, done) = match self.carry_out(db, body, locked).await {
            Ok(news) => (Some(news), Ok(StatusCode::ACCEPTED)),
            Err(problem) if problem.status >= 500 => return Err(problem),
            Err(problem) => (None, Err(problem)),
        };
        if let Some(key) = &key {
            keep(db, key, &done, self.id).await?;
        }
        let answer = match done {
            Ok(status) => {
                let document = Document::read(self.app, db, self.id).await?;
                Ok(document.ok_or_else(Problem::no_such_activation)?.answer(status))
            }
            Err(problem) => Err(problem),
        };
        Ok((answer, news))
    }

    /// Whose `Idempotency-Key` it is: the operator's, whatever token the name has now.
    fn caller(&self) -> Vec<u8> {
        Sha256::digest(format!("operator {}", self.operator)).to_vec()
    }

    /// Nothing is written unless all of it is.
    async fn carry_out(&self, db: &mut PgConnection, body: &Body, locked: Locked) -> Result<News, Problem> {
        let trace = trace::parent();
        let (news, reason) = match self.act {
            Act::Cancel => self.cancel(db, body, locked, &trace).await?,
            Act::Retry => retry_now(db, body, locked).await?,
        };
        let (operator, act) = (self.operator, self.act.as_str());
        let noted = audit::Act { operator, act, activation_id: self.id, reason: &reason, trace: &trace };
        audit::note(db, &noted).await?;
        Ok(news)
    }

    async fn cancel(
        &self,
        db: &mut PgConnection,
        body: &Body,
        Locked { mut activation, .. }: Locked,
        trace: &str,
    ) -> Result<(News, String), Problem> {
        let queued = activation.cancelled_by_operator().map_err(|NothingToDo| {
            Problem::nothing_to_do("It is active, or over already: only what is under way can be cancelled.")
        })?;
        let reason = reason(body.reason.as_deref())?;
        let redispatch = self.app.config.both.redispatch_after.as_secs_f64();
        let writing = Writing { redispatch_seconds: redispatch, trace };
        Ok((said::write(db, &activation, queued, writing).await?, reason))
    }
}

/// What is dead, also of an activation that is active or over, and what waits for its next attempt is due now.
async fn retry_now(
    db: &mut PgConnection,
    body: &Body,
    Locked { mut activation, version, .. }: Locked,
) -> Result<(News, String), Problem> {
    let id = activation.id;
    let retriable = commands::lock_retriable(db, id).await?;
    if retriable.is_empty() {
        return Err(Problem::nothing_to_do(
            "Nothing of this activation waits for an operator, or for its next attempt.",
        ));
    }
    if retriable.iter().any(|command| command.too_old) {
        return Err(Problem::too_old());
    }
    let reason = reason(body.reason.as_deref())?;
    commands::retry(db, &retriable).await?;
    sealed::is_on_its_way(db, id).await?;
    activation.retried_by_operator();
    // Of a mail that the buyer must not know of nothing shows.
    let shows = retriable.iter().any(|command| !command.hidden);
    let version = if shows { activations::save(db, &activation).await? } else { version };
    // What is due at once is sent out by the workers.
    Ok((News { id, version, status: activation.status().as_str(), queued: None }, reason))
}
