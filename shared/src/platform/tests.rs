//! Every call of contract §7 against a loopback server: its method, path, headers and body, and what comes back.

use std::collections::BTreeMap;

use axum::response::{IntoResponse as _, Redirect, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::datetime;

use super::billing_center::{Account, Binding, Company, Instance, InstanceState, Link, NewBillingAccount, Workspace};
use super::console::{NewConsoleAccount, NewWorkspace};
use super::{Call, Password, PlatformId, Platforms};
use crate::answer::Http;
use crate::loopback::{Asked, Loopback, json as answer};
use crate::refusal::{Fault, FaultCode, PartyError, RefusalCode};
use crate::signature::SigningKeys;

const NOW: OffsetDateTime = datetime!(2026-11-24 12:00:00 UTC);
const CALL: Call<'_> = Call { key: "key-1", now: NOW, language: "zh", trace: Some("00-aa-bb-01") };
const OLD_KEY: &str = "whsec_plJ3nmyCDGBKInavdOK15jsl";
const NEW_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

async fn platforms(answers: Vec<Response>) -> (Loopback, Platforms) {
    let server = Loopback::start(answers).await;
    let keys = SigningKeys::parse(&format!("{OLD_KEY},{NEW_KEY}")).unwrap();
    let http = Http::new(Vec::new()).unwrap();
    let (billing_center, console) = (format!("{}/bc/", server.url), format!("{}/{{site}}/api", server.url));
    let platforms = Platforms::new(&http, &billing_center, &console, &keys).unwrap();
    (server, platforms)
}

/// What was asked, as one line, after its headers were checked as a platform does.
fn line(asked: &Asked) -> String {
    assert_eq!(asked.header("idempotency-key"), asked.header("webhook-id"));
    assert_eq!((asked.header("accept-language"), asked.header("traceparent")), ("zh", "00-aa-bb-01"));
    let json = if asked.body.is_empty() { "" } else { "application/json" };
    assert_eq!(asked.header("content-type"), json);
    for key in [OLD_KEY, NEW_KEY] {
        let (id, at) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
        let keys = SigningKeys::parse(key).unwrap();
        keys.verify(id, at, &asked.body, asked.header("webhook-signature"), NOW).unwrap();
    }
    format!("{} {}", asked.method, asked.uri)
}

fn only(server: &Loopback) -> (String, Value) {
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    (line(&asked[0]), if asked[0].body.is_empty() { Value::Null } else { asked[0].json() })
}

fn id(text: &str) -> PlatformId {
    PlatformId::try_from(text.to_owned()).unwrap()
}

fn ann() -> Account {
    Account { id: id("a/1"), username: "ann".into(), email: "ann@example.com".into() }
}

fn not_there() -> Response {
    answer(404, &json!({"code": "unknown"}))
}

fn is_unreadable(error: &PartyError) -> bool {
    matches!(error, PartyError::Retry { fault: Fault { code: FaultCode::PlatformUnavailable, .. }, .. })
}

#[tokio::test]
async fn accounts_are_found_by_username_and_by_email() {
    let found = || answer(200, &json!({"id": "a/1", "username": "ann", "email": "ann@example.com", "more": 1}));
    let (server, platforms) = platforms(vec![found(), found(), not_there(), not_there()]).await;
    let (billing_center, console) = (&platforms.billing_center, &platforms.console);
    assert_eq!(billing_center.find_account("ann&b +ü", &CALL).await, Ok(Some(ann())));
    assert_eq!(console.find_account("a+b@example.com", "cn", &CALL).await, Ok(Some(ann())));
    assert_eq!(billing_center.find_account("bob", &CALL).await, Ok(None));
    assert_eq!(console.find_account("bob@example.com", "eu", &CALL).await, Ok(None));
    let lines: Vec<_> = server.asked().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "GET /bc/accounts?username=ann%26b%20%2B%C3%BC",
            "GET /cn/api/accounts?email=a%2Bb%40example.com&site=cn",
            "GET /bc/accounts?username=bob",
            "GET /eu/api/accounts?email=bob%40example.com&site=eu",
        ]
    );
}

#[tokio::test]
async fn opening_a_billing_account_sends_every_member() {
    let (server, platforms) = platforms(vec![answer(201, &json!({"id": "a-1"}))]).await;
    let company = Company { name: "Ann's", country: Some("DE"), industry: None };
    let account = NewBillingAccount {
        username: "ann",
        email: "ann@example.com",
        password: None,
        phone: None,
        company,
        terms_accepted_at: NOW,
    };
    assert_eq!(platforms.billing_center.open_account(&account, &CALL).await, Ok(id("a-1")));
    let body = json!({
        "username": "ann", "email": "ann@example.com", "password": null, "phone": null,
        "company": {"name": "Ann's", "country": "DE", "industry": null}, "terms_accepted_at": "2026-11-24T12:00:00Z",
    });
    assert_eq!(only(&server), ("POST /bc/accounts".into(), body));
}

#[tokio::test]
async fn registering_sends_the_password_and_debug_hides_it() {
    let taken = answer(409, &json!({"code": "email-taken"}));
    let (server, platforms) = platforms(vec![taken]).await;
    let password = SecretString::from("correct horse");
    let account = NewConsoleAccount {
        username: "ann",
        email: "ann@example.com",
        password: Password(&password),
        phone: Some("+4930"),
        site: "cn",
        terms_accepted_at: NOW,
    };
    assert!(!format!("{account:?}").contains("horse"));
    let refused = PartyError::Refused(RefusalCode::EmailTaken.into());
    assert_eq!(platforms.console.register(&account, &CALL).await, Err(refused));
    let body = json!({
        "username": "ann", "email": "ann@example.com", "password": "correct horse", "phone": "+4930", "site": "cn",
        "terms_accepted_at": "2026-11-24T12:00:00Z",
    });
    assert_eq!(only(&server), ("POST /cn/api/accounts".into(), body));
}

#[tokio::test]
async fn creating_a_workspace_sends_every_member() {
    let (server, platforms) = platforms(vec![answer(201, &json!({"id": "w-1"}))]).await;
    let (owner, payer) = (id("c-1"), id("a-1"));
    let workspace = NewWorkspace {
        name: "研发",
        language: "zh",
        site: "cn",
        owner_account_id: &owner,
        billing_account_id: &payer,
        marketplace: "alibaba",
        instance_id: "400012345",
        product_code: None,
        sku_id: Some("yuncode1"),
        trial: None,
        terms_accepted_at: NOW,
    };
    assert_eq!(platforms.console.create_workspace(&workspace, &CALL).await, Ok(id("w-1")));
    let body = json!({
        "name": "研发", "language": "zh", "site": "cn", "owner_account_id": "c-1", "billing_account_id": "a-1",
        "marketplace": "alibaba", "instance_id": "400012345", "product_code": null, "sku_id": "yuncode1",
        "trial": null, "terms_accepted_at": "2026-11-24T12:00:00Z",
    });
    assert_eq!(only(&server), ("POST /cn/api/workspaces".into(), body));
}

#[tokio::test]
async fn a_cloud_account_is_found_linked_and_unlinked() {
    let account = json!({"account": {"id": "a/1", "username": "ann", "email": "ann@example.com"}});
    let elsewhere = answer(409, &json!({"code": "cloud-account-linked-elsewhere"}));
    let answers = vec![answer(200, &account), not_there(), answer(201, &json!({})), elsewhere, not_there()];
    let (server, platforms) = platforms(answers).await;
    let billing_center = &platforms.billing_center;
    assert_eq!(billing_center.find_link("alibaba", "19", &CALL).await, Ok(Some(ann())));
    assert_eq!(billing_center.find_link("alibaba", "19", &CALL).await, Ok(None));
    let payer = id("a/1");
    let link = Link { marketplace: "alibaba", cloud_account_id: "19", billing_account_id: &payer };
    assert_eq!(billing_center.link(&link, &CALL).await, Ok(()));
    let refused = PartyError::Refused(RefusalCode::CloudAccountLinkedElsewhere.into());
    assert_eq!(billing_center.link(&link, &CALL).await, Err(refused));
    assert_eq!(billing_center.unlink("alibaba", "19", &CALL).await, Ok(()));
    let asked = server.asked();
    let methods = ["GET", "GET", "PUT", "PUT", "DELETE"];
    let lines: Vec<_> = asked.iter().map(line).collect();
    assert_eq!(lines, methods.map(|method| format!("{method} /bc/cloud-accounts/alibaba/19")));
    let body = json!({"marketplace": "alibaba", "cloud_account_id": "19", "billing_account_id": "a/1"});
    assert_eq!(asked[2].json(), body);
}

fn workspace(id: &str) -> Value {
    json!({"id": id, "name": "n", "site": "cn", "language": "zh", "bindable": false, "reason": "full\u{202e}"})
}

#[tokio::test]
async fn all_pages_of_workspaces_are_read_each_under_its_own_key() {
    let pages = vec![
        answer(200, &json!({"workspaces": [workspace("w1")], "next_cursor": "a b"})),
        answer(200, &json!({"workspaces": [workspace("w1"), workspace("w2")], "next_cursor": "c"})),
        answer(200, &json!({"workspaces": [workspace("w3")], "next_cursor": null})),
    ];
    let (server, platforms) = platforms(pages).await;
    let list = platforms.billing_center.list_workspaces(&id("a/1"), &CALL).await.unwrap();
    let expected = |id: &str| serde_json::from_value::<Workspace>(workspace(id)).unwrap();
    assert_eq!(list, [expected("w1"), expected("w2"), expected("w3")]);
    assert_eq!(list[0].reason.as_deref(), Some("full"));
    let asked = server.asked();
    let lines: Vec<_> = asked.iter().map(line).collect();
    let path = "GET /bc/accounts/a%2F1/workspaces";
    assert_eq!(lines, [path.to_owned(), format!("{path}?cursor=a%20b"), format!("{path}?cursor=c")]);
    let keys: Vec<_> = asked.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert_eq!(keys, ["key-1", "key-1-2", "key-1-3"]);
}

#[tokio::test]
async fn a_list_of_workspaces_that_leads_round_ends() {
    let page = |cursor: &str| answer(200, &json!({"workspaces": [workspace(cursor)], "next_cursor": cursor}));
    let (server, platforms) = platforms(vec![page("a"), page("b"), page("a"), page("b")]).await;
    let list = platforms.billing_center.list_workspaces(&id("1"), &CALL).await.unwrap();
    assert_eq!((list.len(), server.asked().len()), (2, 3));
}

#[tokio::test]
async fn a_list_of_workspaces_ends_after_fifty_pages() {
    let page = |n: usize| {
        let n = n.to_string();
        answer(200, &json!({"workspaces": [workspace(&n)], "next_cursor": n}))
    };
    let (server, platforms) = platforms((0..60).map(page).collect()).await;
    let list = platforms.billing_center.list_workspaces(&id("1"), &CALL).await.unwrap();
    assert_eq!((list.len(), server.asked().len()), (50, 50));
}

#[tokio::test]
async fn a_missing_account_has_no_list_of_workspaces() {
    let (_server, platforms) = platforms(vec![not_there()]).await;
    let error = platforms.billing_center.list_workspaces(&id("1"), &CALL).await.unwrap_err();
    assert!(matches!(error, PartyError::Broken(Fault { code: FaultCode::PlatformRefused, .. })));
}

#[tokio::test]
async fn a_workspace_is_bound_and_unbound() {
    let bound = answer(409, &json!({"code": "instance-already-bound"}));
    let answers = vec![answer(200, &json!({})), bound, not_there(), answer(200, &json!({})), not_there()];
    let (server, platforms) = platforms(answers).await;
    let (workspace, payer, items) = (id("w?1"), id("a-1"), BTreeMap::from([("Count".to_owned(), "2".to_owned())]));
    let binding = Binding {
        workspace_id: &workspace,
        billing_account_id: &payer,
        marketplace: "alibaba",
        cloud_account_id: "19",
        instance_id: "400012345",
        product_code: Some("cmgj1"),
        sku_id: None,
        trial: Some(false),
        expires_at: None,
        order_id: None,
        items: &items,
    };
    let billing_center = &platforms.billing_center;
    assert_eq!(billing_center.bind(&binding, &CALL).await, Ok(()));
    for code in [RefusalCode::InstanceAlreadyBound, RefusalCode::WorkspaceNotBindable] {
        assert_eq!(billing_center.bind(&binding, &CALL).await, Err(PartyError::Refused(code.into())));
    }
    assert_eq!(billing_center.unbind(&workspace, &CALL).await, Ok(()));
    assert_eq!(billing_center.unbind(&workspace, &CALL).await, Ok(()));
    let asked = server.asked();
    let lines: Vec<_> = asked.iter().map(line).collect();
    let methods = ["PUT", "PUT", "PUT", "DELETE", "DELETE"];
    assert_eq!(lines, methods.map(|method| format!("{method} /bc/workspaces/w%3F1/binding")));
    let body = json!({
        "workspace_id": "w?1", "billing_account_id": "a-1", "marketplace": "alibaba", "cloud_account_id": "19",
        "instance_id": "400012345", "product_code": "cmgj1", "sku_id": null, "trial": false, "expires_at": null,
        "order_id": null, "items": {"Count": "2"},
    });
    assert_eq!(asked[0].json(), body);
}

#[tokio::test]
async fn the_billing_center_is_told_what_became_of_an_instance() {
    let (server, platforms) = platforms(vec![answer(200, &json!({}))]).await;
    let instance = Instance {
        marketplace: "alibaba",
        instance_id: "400012345",
        state: InstanceState::Suspended,
        expires_at: Some(NOW),
        sku_id: None,
        order_id: Some("29"),
        items: &BTreeMap::new(),
    };
    assert_eq!(platforms.billing_center.tell_instance(&instance, &CALL).await, Ok(()));
    let body = json!({
        "marketplace": "alibaba", "instance_id": "400012345", "state": "suspended",
        "expires_at": "2026-11-24T12:00:00Z", "sku_id": null, "order_id": "29", "items": {},
    });
    assert_eq!(only(&server), ("PUT /bc/instances/alibaba/400012345".into(), body));
}

#[tokio::test]
async fn redirects_long_answers_and_what_cannot_be_read_are_tried_again() {
    let long_id = answer(200, &json!({"id": "x".repeat(129), "username": "ann", "email": "ann@example.com"}));
    let answers = vec![
        Redirect::temporary("/bc/accounts").into_response(),
        "x".repeat(1024 * 1024 + 1).into_response(),
        "<html>".into_response(),
        long_id,
        (axum::http::StatusCode::NOT_FOUND, "<html>").into_response(),
    ];
    let (server, platforms) = platforms(answers).await;
    for _ in 0..5 {
        let error = platforms.billing_center.find_account("ann", &CALL).await.unwrap_err();
        assert!(is_unreadable(&error), "{error:?}");
    }
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn a_platforms_url_is_http_without_a_query() {
    let keys = SigningKeys::parse(OLD_KEY).unwrap();
    let http = Http::new(Vec::new()).unwrap();
    let new = |billing_center, console| Platforms::new(&http, billing_center, console, &keys).is_ok();
    assert!(new("https://billing.example.com", "https://{site}.example.com/api/"));
    for bad in ["billing", "ftp://a", "https://a?b", "https://a#b", "https://{site}.a", "https://a/{site}"] {
        assert!(!new(bad, "https://a"), "{bad}");
    }
    for bad in ["https://a/{region}", "https://a?site={site}"] {
        assert!(!new("https://a", bad), "{bad}");
    }
}
