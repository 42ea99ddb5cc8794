//! A buyer on the way of the guide, from the shop to the login page. What she does reads like the guide.

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::entrusted;
use crate::patience::until;

mod asking;
mod seeing;

/// A buyer with a browser.
pub struct Buyer {
    http: Client,
    api: Url,
    sandbox: Url,
    session: Option<String>,
    language: Option<&'static str>,
    say: fn(&str),
    insists: bool,
    pub account_id: String,
    pub instance_id: String,
    pub activation_id: String,
    seen: Value,
}

impl Buyer {
    /// A buyer who has done nothing yet.
    pub fn new(api: &Url, sandbox: &Url) -> Self {
        Self::telling(api, sandbox, |_| {})
    }

    /// One who tells each step.
    pub fn telling(api: &Url, sandbox: &Url, say: fn(&str)) -> Self {
        let http = Client::builder().redirect(Policy::none()).user_agent("a buyer's browser").build().unwrap();
        let (api, sandbox) = (api.clone(), sandbox.clone());
        let nothing = String::new;
        Self {
            http,
            api,
            sandbox,
            session: None,
            language: None,
            say,
            insists: false,
            account_id: nothing(),
            instance_id: nothing(),
            activation_id: nothing(),
            seen: Value::Null,
        }
    }

    /// One who asks again, under the same `Idempotency-Key`, until there is an answer: the API may die on her.
    pub fn insisting(mut self) -> Self {
        self.insists = true;
        self
    }

    /// Step one: *Activate Now*, agree, *Activate*, *Confirm*. The marketplace announces the purchase.
    pub async fn purchases(&mut self) {
        self.purchases_with(json!({})).await;
    }

    pub async fn purchases_with(&mut self, wishes: Value) {
        let bought = self.sandbox(Method::POST, "sandbox/purchases", wishes).await;
        // What the seller did not take the marketplace tells again by itself.
        let told_again = self.insists && bought.status() == StatusCode::BAD_GATEWAY;
        assert!(told_again || bought.status() == StatusCode::CREATED, "{}", bought.text().await.unwrap());
        let bought: Value = bought.json().await.unwrap();
        bought["account_id"].as_str().unwrap().clone_into(&mut self.account_id);
        bought["instance_id"].as_str().unwrap().clone_into(&mut self.instance_id);
        (self.say)(&format!("Purchased: Account ID {}, Product Instance ID {}", self.account_id, self.instance_id));
    }

    /// Step two: *Marketplace > Purchased Services > Login Directly*.
    pub async fn logs_in_directly(&mut self) {
        let landed = loop {
            let link = self.login_link().await;
            if let Some(landed) = self.follows_if_it_leads_anywhere(&link).await {
                break landed;
            }
        };
        assert_eq!(landed.status(), StatusCode::SEE_OTHER, "{}", landed.text().await.unwrap());
        let place = landed.headers()["location"].to_str().unwrap().to_owned();
        let (_, id) = place.rsplit_once("/activate/").unwrap_or_else(|| panic!("landed at {place}"));
        id.clone_into(&mut self.activation_id);
        (self.say)(&format!("Login Directly: landed at {place}"));
    }

    /// A fresh login link, as the marketplace makes it once the seller has accepted the instance.
    pub async fn login_link(&self) -> Url {
        let path = format!("sandbox/instances/{}/login", self.instance_id);
        until("the marketplace has a login link", || async {
            let link: Value = self.sandbox(Method::POST, &path, json!({})).await.json().await.unwrap();
            let url: Url = link["login_url"].as_str()?.parse().unwrap();
            let token = url.query_pairs().find(|(name, _)| name == "token").map(|(_, token)| token.into_owned());
            entrusted::secret(&self.api, &token.unwrap_or_default());
            Some(url)
        })
        .await
    }

    /// Opens a link and keeps the session it gives.
    pub async fn follows(&mut self, link: &Url) -> Response {
        self.follows_if_it_leads_anywhere(link).await.expect("the API answers")
    }

    /// Opens a link, and once more if nobody answers. A buyer who insists comes back with a fresh one after that.
    async fn follows_if_it_leads_anywhere(&mut self, link: &Url) -> Option<Response> {
        for _ in 0..if self.insists { 2 } else { 1 } {
            let mut request = self.http.get(link.clone());
            if let Some(session) = &self.session {
                request = request.header("cookie", session);
            }
            match request.send().await {
                Ok(landed) if !self.insists || landed.status() == StatusCode::SEE_OTHER => {
                    self.keep_session(&landed);
                    return Some(landed);
                }
                Ok(_) => return None,
                Err(error) => assert!(self.insists, "{error}"),
            }
            self.api_answers().await;
        }
        None
    }

    /// The browser turns to another activation: its versions begin anew.
    pub fn begins_another(&mut self) {
        self.seen = Value::Null;
    }

    /// The id of her session.
    pub fn session_id(&self) -> &str {
        self.session.as_deref().and_then(|cookie| cookie.split_once('=')).map_or("", |(_, id)| id)
    }

    /// Without *Login Directly*: types both ids.
    pub async fn types_both_ids(&mut self) -> Response {
        let body = json!({"marketplace": "alibaba", "account_id": self.account_id, "instance_id": self.instance_id});
        let answer = self.api(Method::POST, "v1/activations", Some(body)).await;
        self.keep_session(&answer);
        answer
    }

    /// Reads pages and mails in this language from now on.
    pub fn reads(&mut self, language: &'static str) {
        self.language = Some(language);
    }

    /// The cookie of the session.
    pub fn cookie(&self) -> &str {
        self.session.as_deref().unwrap_or_default()
    }

    /// Asks for a code that proves a Billing Center account.
    pub async fn asks_for_account_code(&mut self, username: &str) -> Response {
        let body = json!({"purpose": "billing_account", "username": username});
        self.asks(Method::POST, "/verification-codes", Some(body)).await
    }

    /// Asks for a code that proves an address.
    pub async fn asks_for_code(&mut self, purpose: &str, email: &str) -> Response {
        let body = json!({"purpose": purpose, "email": email});
        self.asks(Method::POST, "/verification-codes", Some(body)).await
    }

    /// Reads the code in the latest mail, once so many mails have come.
    pub async fn reads_code(&self, to: &str, mails: usize) -> String {
        let mail = until("a code arrives by mail", || async {
            let all = self.mails(to).await;
            (all.len() >= mails).then(|| all.last().cloned()).flatten()
        })
        .await;
        let subject = mail["subject"].as_str().unwrap();
        let digits: String = subject.chars().filter(char::is_ascii_digit).take(6).collect();
        assert_eq!(digits.len(), 6, "no code in {subject:?}");
        digits
    }

    /// Has a Billing Center account: types its username and the code that its address got.
    pub async fn binds_billing_account(&mut self, username: &str, address: &str) -> Value {
        let before = self.mails(address).await.len();
        let asked = self.asks_for_account_code(username).await;
        assert_eq!(asked.status(), StatusCode::ACCEPTED, "{}", asked.text().await.unwrap());
        let code = self.reads_code(address, before + 1).await;
        (self.say)(&format!("Verification code for the Billing Center account of {username} arrived by mail"));
        let body = json!({"username": username, "code": code});
        let bound = self.asks(Method::POST, "/billing-account", Some(body)).await;
        assert_eq!(bound.status(), StatusCode::ACCEPTED, "{}", bound.text().await.unwrap());
        let seen = self.settles().await;
        (self.say)("Billing Center account bound");
        seen
    }

    /// Creates a workspace as an owner who has an account.
    pub async fn creates_workspace(&mut self, name: &str, owner: &str) -> Value {
        let before = self.mails(owner).await.len();
        let asked = self.asks_for_code("workspace_owner", owner).await;
        assert_eq!(asked.status(), StatusCode::ACCEPTED, "{}", asked.text().await.unwrap());
        let code = self.reads_code(owner, before + 1).await;
        (self.say)("Verification code for the workspace's owner arrived by mail");
        let body = json!({"create": {"name": name, "language": "en", "site": "cn", "terms_accepted": true,
                                     "owner": {"email": owner, "code": code}}});
        let created = self.asks(Method::POST, "/workspace", Some(body)).await;
        assert_eq!(created.status(), StatusCode::ACCEPTED, "{}", created.text().await.unwrap());
        let seen = self.settles().await;
        (self.say)(&format!("Workspace {name}: {}", if seen["binding"].is_null() { "not bound" } else { "Bound" }));
        seen
    }

    /// Binds one of the list.
    pub async fn binds_workspace(&mut self, workspace_id: &str) -> Value {
        let body = json!({"bind": {"workspace_id": workspace_id}});
        let bound = self.asks(Method::POST, "/workspace", Some(body)).await;
        assert_eq!(bound.status(), StatusCode::ACCEPTED, "{}", bound.text().await.unwrap());
        self.settles().await
    }

    /// The marketplace does something with the instance: renew, upgrade, expire, resume or release.
    pub async fn marketplace_says(&self, change: &str, details: Value) {
        let path = format!("sandbox/instances/{}/{change}", self.instance_id);
        let said = self.sandbox(Method::POST, &path, details).await;
        let told_again = self.insists && said.status() == StatusCode::BAD_GATEWAY;
        assert!(told_again || said.status() == StatusCode::OK, "{}", said.text().await.unwrap());
    }

    /// Step three: confirms, and is sent to the login page.
    pub async fn confirms(&mut self) -> Url {
        let confirmed = self.asks(Method::POST, "/confirmation", Some(json!({}))).await;
        assert_eq!(confirmed.status(), StatusCode::OK, "{}", confirmed.text().await.unwrap());
        let told: Value = confirmed.json().await.unwrap();
        let login_url: Url = told["login_url"].as_str().unwrap().parse().unwrap();
        (self.say)(&format!("Confirmed: on to {login_url}"));
        login_url
    }

    /// Enters username and password at the login page; what the page says then.
    pub async fn logs_in(&self, login_url: &Url, username: &str, password: &str) -> String {
        let site = login_url.query_pairs().find(|(name, _)| name == "site").map(|(_, site)| site.into_owned());
        let form = [("username", username), ("password", password), ("site", site.as_deref().unwrap_or_default())];
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut page = self
            .http
            .post(login_url.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await
            .unwrap();
        if page.status().is_redirection() {
            let cookie = page.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
            let next = login_url.join(page.headers()["location"].to_str().unwrap()).unwrap();
            let mut request = self.http.get(next);
            if let Some(cookie) = cookie {
                request = request.header("cookie", cookie.split(';').next().unwrap());
            }
            page = request.send().await.unwrap();
        }
        assert_eq!(page.status(), StatusCode::OK, "the login page refused");
        (self.say)("Logged in at the console with username and password");
        page.text().await.unwrap()
    }
}
