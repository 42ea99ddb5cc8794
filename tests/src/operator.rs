//! An operator, who acts over the API and says why.

use serde_json::{Value, json};
use sqlx::PgPool;
use url::Url;

use crate::caller::{Caller, Reply};
use crate::stack::{Stack, secrets};

/// Whoever holds an operator's token.
#[derive(Clone)]
pub struct Operator {
    pub caller: Caller,
}

impl Operator {
    /// One who may act.
    pub fn of(stack: &Stack) -> Self {
        Self::with_token(&stack.api_url, secrets::OPERATOR)
    }

    /// One with this token, at this process.
    pub fn with_token(api: &Url, token: &str) -> Self {
        Self { caller: Caller::new(api).with("authorization", &format!("Bearer {token}")) }
    }

    /// The path of an act.
    pub fn path(activation_id: &str, act: &str) -> String {
        format!("v1/operations/activations/{activation_id}/{act}")
    }

    pub async fn acts(&self, activation_id: &str, act: &str, body: Value) -> Reply {
        self.caller.post(&Self::path(activation_id, act), body).await
    }

    /// Cancels, which must be accepted; gives the activation as it is then.
    pub async fn cancels(&self, activation_id: &str, reason: &str) -> Value {
        self.acts(activation_id, "cancel", json!({"reason": reason})).await.is(202)
    }

    /// Has what died tried again, which must be accepted.
    pub async fn retries(&self, activation_id: &str, reason: &str) -> Value {
        self.acts(activation_id, "retry", json!({"reason": reason})).await.is(202)
    }
}

/// The acts on an activation that stand in `audit`, in their order: operator, act, reason.
pub async fn audited(db: &PgPool, activation_id: &str) -> Vec<(String, String, String)> {
    let acts = "select operator, act, reason from audit where activation_id = $1::uuid order by acted_at, id";
    sqlx::query_as(acts).bind(activation_id).fetch_all(db).await.unwrap()
}
