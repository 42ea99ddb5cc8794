//! A buyer without accounts: registers, or makes an account with the workspace.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::journey::Buyer;

/// What she fills in, without the code.
#[must_use]
pub fn form(username: &str, email: &str, workspace: &str) -> Value {
    json!({
        "username": username, "email": email, "password": "correct horse", "phone": "+8613800138000",
        "company": {"name": "Acme 有限公司", "country": "CN", "industry": "Observability"},
        "workspace": {"name": workspace, "language": "zh", "site": "cn"},
        "terms_accepted": true,
    })
}

/// The same with some members changed; null takes one out.
#[must_use]
pub fn changed(mut form: Value, changes: Value) -> Value {
    let (Value::Object(members), Value::Object(changes)) = (&mut form, changes) else { return form };
    members.extend(changes);
    form
}

impl Buyer {
    /// Proves an address there and then, as part one of registering does.
    pub async fn proves_address(&mut self, purpose: &str, email: &str) -> Value {
        let before = self.mails(email).await.len();
        let asked = self.asks_for_code(purpose, email).await;
        assert_eq!(asked.status(), StatusCode::ACCEPTED, "{}", asked.text().await.unwrap());
        let code = self.reads_code(email, before + 1).await;
        let body = json!({"purpose": purpose, "email": email, "code": code});
        let checked = self.asks(Method::POST, "/verification-codes/check", Some(body)).await;
        assert_eq!(checked.status(), StatusCode::OK, "{}", checked.text().await.unwrap());
        checked.json().await.unwrap()
    }

    /// *Activate*: sends the form.
    pub async fn sends_registration(&mut self, form: &Value) -> Response {
        self.asks(Method::POST, "/registration", Some(form.clone())).await
    }

    /// *Activate*, and waits for what becomes of it.
    pub async fn registers(&mut self, form: &Value) -> Value {
        let sent = self.sends_registration(form).await;
        assert_eq!(sent.status(), StatusCode::ACCEPTED, "{}", sent.text().await.unwrap());
        self.settles().await
    }

    /// Asks for a workspace, and waits for what becomes of it.
    pub async fn asks_for_workspace(&mut self, body: Value) -> Value {
        let asked = self.asks(Method::POST, "/workspace", Some(body)).await;
        assert_eq!(asked.status(), StatusCode::ACCEPTED, "{}", asked.text().await.unwrap());
        self.settles().await
    }
}
