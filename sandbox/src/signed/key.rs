//! One intention, one effect: the same key and call is answered from what is kept, and never done twice.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, Row as _};

use super::{Platform, asked::Asked, replayed};
use crate::{
    answer::Answer,
    app::App,
    billing_center,
    calls::{self, Call},
    console,
    faults::{Fault, Kind},
    serve,
};

/// The keys whose call is being done right now.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<Mutex<HashSet<String>>>);

/// Holds a key until the call is over.
struct Held {
    keys: InFlight,
    key: String,
}

impl InFlight {
    fn hold(&self, key: String) -> Option<Held> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        free.then(|| Held { keys: self.clone(), key })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

struct Done {
    answer: Answer,
    replayed: bool,
}

/// Does a checked call once, keeps its answer and its record in the same transaction, and answers as the fault says.
pub(super) async fn once(app: App, platform: Platform, mut call: Call, asked: Asked, fault: Option<Fault>) -> Response {
    let key = call.idempotency_key.clone().filter(|_| asked.method != Method::GET);
    let held = key.as_deref().map(|key| app.in_flight.hold(format!("{} {key}", call.part)));
    let outcome = if matches!(held, Some(None)) {
        let answer = Answer::conflict("idempotency-in-flight", "A call with this key is being done right now.");
        recorded(&app, &mut call, answer).await
    } else {
        if let Some(fault) = fault.as_ref().filter(|fault| fault.kind == Kind::Slow) {
            tokio::time::sleep(fault.pause()).await;
        }
        done(&app, platform, &mut call, &asked, key.as_deref()).await
    };
    let Done { answer, replayed: again } = match outcome {
        Ok(done) => done,
        Err(answer) => {
            recorded(&app, &mut call, answer).await.unwrap_or_else(|answer| Done { answer, replayed: false })
        }
    };
    if fault.as_ref().is_some_and(|fault| fault.kind == Kind::DropAfter) {
        return serve::dropped();
    }
    let response = answer.into_response();
    if again { replayed(response) } else { response }
}

async fn recorded(app: &App, call: &mut Call, answer: Answer) -> Result<Done, Answer> {
    note(call, &answer);
    calls::record(&app.database, call).await?;
    Ok(Done { answer, replayed: false })
}

async fn done(
    app: &App,
    platform: Platform,
    call: &mut Call,
    asked: &Asked,
    key: Option<&str>,
) -> Result<Done, Answer> {
    let mut transaction = app.database.begin().await?;
    let fingerprint = fingerprint(call);
    let kept = match key {
        Some(key) => kept(&mut transaction, call.part, key, &fingerprint).await?,
        None => None,
    };
    let done = if let Some(answer) = kept {
        Done { answer, replayed: true }
    } else {
        let answer = match platform {
            Platform::BillingCenter => billing_center::answer(&mut transaction, asked).await,
            Platform::Console => console::answer(&mut transaction, asked, &app.config.sites).await,
        };
        Done { answer: answer.unwrap_or_else(|refusal| refusal), replayed: false }
    };
    if done.answer.status.is_server_error() {
        return Err(done.answer);
    }
    note(call, &done.answer);
    if let Some(key) = key.filter(|_| !done.replayed) {
        keep(&mut transaction, call.part, key, &fingerprint, &done.answer).await?;
    }
    calls::record(&mut *transaction, call).await?;
    transaction.commit().await?;
    Ok(done)
}

fn note(call: &mut Call, answer: &Answer) {
    call.status = Some(answer.status.as_u16());
    call.effect = answer.effect;
    if let Some(code) = answer.code() {
        let faulted = call.problem.take().map(|fault| format!("{fault}; "));
        call.problem = Some(format!("{}{code}", faulted.unwrap_or_default()));
    }
}

/// The stored answer to this key, or 422 when the key was another call's.
async fn kept(
    transaction: &mut PgConnection,
    part: &str,
    key: &str,
    fingerprint: &str,
) -> Result<Option<Answer>, Answer> {
    let row = sqlx::query(
        "select fingerprint, status, body
         from answers
         where part = $1
         and key = $2",
    )
    .bind(part)
    .bind(key)
    .fetch_optional(transaction)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<String, _>("fingerprint")? != fingerprint {
        let detail = "This key came before with another call.";
        return Err(Answer::problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail));
    }
    let status = u16::try_from(row.try_get::<i32, _>("status")?).unwrap_or_default();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok(Some(Answer { status, body: row.try_get::<Value, _>("body")?, effect: false }))
}

/// Keeps 2xx, 409 and 422: a call that found nothing, or was malformed, did nothing and may be tried again.
async fn keep(
    transaction: &mut PgConnection,
    part: &str,
    key: &str,
    fingerprint: &str,
    answer: &Answer,
) -> Result<(), sqlx::Error> {
    let settled = answer.status.is_success() || matches!(answer.status.as_u16(), 409 | 422);
    if !settled {
        return Ok(());
    }
    sqlx::query(
        "insert into answers (part, key, fingerprint, status, body)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(part)
    .bind(key)
    .bind(fingerprint)
    .bind(i32::from(answer.status.as_u16()))
    .bind(&answer.body)
    .execute(transaction)
    .await?;
    Ok(())
}

/// Method, path and body, hashed: a body may hold a password.
fn fingerprint(call: &Call) -> String {
    hex::encode(Sha256::digest(format!("{} {}\n{}", call.method, call.path, call.body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_by_one_call_at_a_time() {
        let keys = InFlight::default();
        let first = keys.hold("console k1".into());
        assert!(first.is_some());
        assert!(keys.hold("console k1".into()).is_none());
        assert!(keys.hold("console k2".into()).is_some());
        drop(first);
        assert!(keys.hold("console k1".into()).is_some());
    }
}
