//! Every call with its answers.

use serde_json::{Map, Value, json};

use super::answers::{activation, refer};
use super::marketplace;

const WRITE: [u16; 10] = [400, 401, 403, 404, 409, 413, 415, 422, 429, 503];

/// Every path.
pub(super) fn paths() -> Map<String, Value> {
    let paths = [
        ("/v1/sites", json!({"get": sites()})),
        ("/v1/session", json!({"delete": sign_out()})),
        ("/v1/activations", json!({"post": enter()})),
        ("/v1/activations/{id}", json!({"parameters": [reference("id")], "get": poll()})),
        (
            "/v1/activations/{id}/verification-codes",
            post("askForCode", "Ask for a verification code", "CodeRequest", &WRITE),
        ),
        ("/v1/activations/{id}/verification-codes/check", check()),
        (
            "/v1/activations/{id}/registration",
            post("register", "No Billing Center account: register", "Registration", &with_code()),
        ),
        (
            "/v1/activations/{id}/billing-account",
            post("bindBillingAccount", "Has a Billing Center account: bind it", "BillingAccountChoice", &with_code()),
        ),
        ("/v1/activations/{id}/workspaces/refresh", refresh()),
        (
            "/v1/activations/{id}/workspace",
            post("chooseWorkspace", "Bind a workspace, or create and bind one", "WorkspaceChoice", &with_code()),
        ),
        ("/v1/activations/{id}/confirmation", confirm()),
        ("/v1/operations/activations/{id}/cancel", act("cancel", "An operator ends it, before it is active")),
        (
            "/v1/operations/activations/{id}/retry",
            act("retry", "An operator has what died, or waits for its next attempt, tried now"),
        ),
        ("/marketplaces/alibaba/spi", marketplace::spi()),
        ("/marketplaces/alibaba/login", marketplace::login()),
        ("/openapi.json", json!({"get": plain("openapi", "This document", "application/json", false)})),
        ("/healthz", json!({"get": plain("alive", "Whether the process lives", "text/plain", false)})),
        ("/readyz", json!({"get": plain("ready", "Whether PostgreSQL answers", "text/plain", true)})),
        ("/metrics", json!({"get": plain("metrics", "Prometheus metrics", "text/plain", false)})),
    ];
    paths.into_iter().map(|(path, item)| (path.to_owned(), item)).collect()
}

/// Every parameter.
pub(super) fn parameters() -> Vec<(&'static str, Value)> {
    let header = |name: &str, schema: Value, description: &str| json!({"name": name, "in": "header", "schema": schema, "description": description});
    let text = || json!({"type": "string"});
    vec![
        (
            "id",
            json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}, "description": "The activation.", "example": "01990000-0000-7000-8000-000000000001"}),
        ),
        (
            "IdempotencyKey",
            header(
                "Idempotency-Key",
                json!({"type": "string", "pattern": "^[!-~]{1,255}$"}),
                "Makes repeats harmless for 7 days.",
            ),
        ),
        ("IfNoneMatch", header("If-None-Match", text(), "The version that is known.")),
        ("Prefer", header("Prefer", text(), "`wait=N`: hold for N seconds, 25 at most, while there is nothing new.")),
        ("LastEventId", header("Last-Event-ID", text(), "Of a stream: the version that was seen last.")),
    ]
}

fn reference(parameter: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{parameter}")})
}

fn signed_in() -> Value {
    json!([{"session": []}, {"token": []}])
}

fn with_code() -> Vec<u16> {
    WRITE.into_iter().chain([410]).collect()
}

pub(super) fn operation(id: &str, summary: &str, statuses: &[u16], answers: &[(&str, Value)]) -> Map<String, Value> {
    let mut responses = refer(statuses);
    responses.extend(answers.iter().map(|(status, answer)| ((*status).to_owned(), answer.clone())));
    let operation = [("operationId", json!(id)), ("summary", json!(summary)), ("responses", Value::Object(responses))];
    operation.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn on_an_activation(mut operation: Map<String, Value>) -> Value {
    operation.insert("security".into(), signed_in());
    json!({"parameters": [reference("id"), reference("IdempotencyKey")], "post": operation})
}

fn body(schema: &str) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}}})
}

fn post(id: &str, summary: &str, schema: &str, statuses: &[u16]) -> Value {
    let accepted = json!({"$ref": "#/components/responses/Accepted"});
    let mut operation = operation(id, summary, statuses, &[("202", accepted)]);
    operation.insert("requestBody".into(), body(schema));
    on_an_activation(operation)
}

fn check() -> Value {
    let proven = activation("The code is right: the address is proven for 24 hours.");
    let mut operation = operation("checkCode", "Check a verification code alone", &with_code(), &[("200", proven)]);
    operation.insert("requestBody".into(), body("CodeCheck"));
    on_an_activation(operation)
}

fn refresh() -> Value {
    let accepted = json!({"$ref": "#/components/responses/Accepted"});
    let statuses = [400, 401, 403, 404, 409, 413, 422, 429, 503];
    on_an_activation(operation(
        "refreshWorkspaces",
        "Ask again which workspaces can be bound",
        &statuses,
        &[("202", accepted)],
    ))
}

fn confirm() -> Value {
    let schema = super::schemas::object(&[("login_url", json!({"type": "string", "format": "uri"}))]);
    let confirmed = json!({
        "description": "The activation is active.",
        "content": {"application/json": {"schema": schema, "example": {"login_url": "https://console.example.com/login"}}},
    });
    let statuses = [400, 401, 403, 404, 409, 413, 422, 429, 503];
    on_an_activation(operation("confirm", "Confirm, and learn where to log in", &statuses, &[("200", confirmed)]))
}

fn act(id: &str, summary: &str) -> Value {
    let accepted = json!({"$ref": "#/components/responses/Accepted"});
    let [read_only, nothing] =
        ["ReadOnly", "NothingToDo"].map(|name| json!({"$ref": format!("#/components/responses/{name}")}));
    let answers = [("202", accepted), ("403", read_only), ("409", nothing)];
    let mut operation = operation(id, summary, &[400, 401, 404, 413, 415, 422, 503], &answers);
    operation.insert("requestBody".into(), body("Reason"));
    operation.insert("security".into(), json!([{"operator": []}]));
    json!({"parameters": [reference("id"), reference("IdempotencyKey")], "post": operation})
}

fn enter() -> Value {
    let entered = json!({
        "description": "The activation, its page token, and a session.",
        "headers": {
            "ETag": {"$ref": "#/components/headers/ETag"},
            "Set-Cookie": {"$ref": "#/components/headers/SetCookie"},
            "Location": {"$ref": "#/components/headers/Location"},
            "Idempotent-Replayed": {"$ref": "#/components/headers/IdempotentReplayed"},
        },
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/EnteredActivation"}}},
    });
    let not_found = json!({"$ref": "#/components/responses/NotFound"});
    let statuses = [400, 403, 409, 413, 415, 422, 429, 503];
    let answers = [("202", entered), ("404", not_found)];
    let mut operation = operation("enter", "Type Account ID and Product Instance ID", &statuses, &answers);
    operation.insert("parameters".into(), json!([reference("IdempotencyKey")]));
    operation.insert("requestBody".into(), body("TypedEntry"));
    Value::Object(operation)
}

fn poll() -> Value {
    let mut now = activation("The activation as it is now, or its versions as they come.");
    if let Some(content) = now.get_mut("content").and_then(Value::as_object_mut) {
        content.insert("text/event-stream".into(), json!({"schema": {"type": "string"}}));
    }
    if let Some(headers) = now.get_mut("headers").and_then(Value::as_object_mut) {
        headers.insert("Preference-Applied".into(), json!({"$ref": "#/components/headers/PreferenceApplied"}));
    }
    let answers = [
        ("200", now),
        ("204", json!({"description": "Of a stream: the end was seen already."})),
        ("304", json!({"description": "Nothing new."})),
    ];
    let mut operation = operation("getActivation", "Poll an activation", &[400, 401, 404, 413, 503], &answers);
    operation.insert("security".into(), signed_in());
    let parameters = [reference("IfNoneMatch"), reference("Prefer"), reference("LastEventId")];
    operation.insert("parameters".into(), json!(parameters));
    Value::Object(operation)
}

fn sign_out() -> Value {
    let out =
        json!({"description": "Signed out.", "headers": {"Set-Cookie": {"$ref": "#/components/headers/SetCookie"}}});
    let mut operation =
        operation("signOut", "End the session, or the page token", &[400, 401, 403, 413, 503], &[("204", out)]);
    operation.insert("security".into(), signed_in());
    Value::Object(operation)
}

fn sites() -> Value {
    let schema = json!({"$ref": "#/components/schemas/Sites"});
    let example = json!({"sites": [{"id": "cn", "label": "China"}]});
    let sites = json!({
        "description": "The sites, the default one first; labels by Accept-Language.",
        "content": {"application/json": {"schema": schema, "example": example}},
    });
    Value::Object(operation("listSites", "Where a workspace can live", &[400, 413, 503], &[("200", sites)]))
}

/// What is for whoever watches the process: plain texts, but for the document itself.
fn plain(id: &str, summary: &str, kind: &str, tells_503: bool) -> Value {
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    let schema = if kind == "text/plain" { json!({"type": "string"}) } else { json!({"type": "object"}) };
    let told = json!({"description": summary, "content": {kind: {"schema": schema}}});
    let mut content = json!({"application/problem+json": {"schema": problem}});
    if tells_503 && let Some(content) = content.as_object_mut() {
        content.insert("text/plain".into(), json!({"schema": {"type": "string"}}));
    }
    let unavailable = json!({"description": "Not now.", "content": content});
    Value::Object(operation(id, summary, &[], &[("200", told), ("503", unavailable)]))
}
