//! The marketplace's own calls (contract §2): its SPI, and the link of *Login Directly*.

use serde_json::{Value, json};

use super::paths::operation;
use super::schemas::object;

/// What the marketplace signs; which of them a call has depends on its action.
const PARAMETERS: [&str; 12] = [
    "action",
    "aliUid",
    "orderBizId",
    "orderId",
    "instanceId",
    "productCode",
    "skuId",
    "trial",
    "expiredOn",
    "isRefund",
    "timeStamp",
    "token",
];

/// As a query, or the same as a form.
pub(super) fn spi() -> Value {
    let text = json!({"type": "string"});
    let members: serde_json::Map<String, Value> =
        PARAMETERS.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
    let form = json!({"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": members}}}});
    let (mut get, mut post) = (call("hearSpi"), call("hearSpiForm"));
    if let (Some(get), Some(post)) = (get.as_object_mut(), post.as_object_mut()) {
        get.insert("parameters".into(), json!(PARAMETERS.map(query)));
        post.insert("requestBody".into(), form);
    }
    json!({"get": get, "post": post})
}

fn call(id: &str) -> Value {
    let heard = json!({
        "description": "Always, also when the call is refused: then with `message`.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SpiAnswer"}}},
    });
    let not_found = json!({"$ref": "#/components/responses/NotFound"});
    let summary = "The marketplace announces a purchase, or says what became of it";
    let mut operation = operation(id, summary, &[400, 503], &[("200", heard), ("404", not_found)]);
    let description = "Parameters as in Alibaba Cloud's production SPI, signed by `token`; others are kept with the \
                       purchase. Only a body that breaks off, or never ends, is a problem.";
    operation.insert("description".into(), json!(description));
    Value::Object(operation)
}

/// createInstance names the instance, or `0`; everything else says whether it was taken.
pub(super) fn spi_answer() -> Value {
    let text = || json!({"type": "string"});
    let app_info = object(&[("frontEndUrl", text()), ("adminUrl", text()), ("authUrl", text()), ("username", text())]);
    let created =
        object(&[("instanceId", json!({"type": "string", "pattern": "^[0-9]{1,32}$"})), ("appInfo", app_info)]);
    let not_created = object(&[("instanceId", json!({"const": "0"})), ("message", text())]);
    let mut told = object(&[("success", json!({"enum": ["true", "false", true, false]}))]);
    if let Some(properties) = told.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("message".into(), text());
    }
    json!({"anyOf": [created, not_created, told], "examples": [{"success": "true"}]})
}

/// Good once, for five minutes.
pub(super) fn login() -> Value {
    let led = json!({
        "description": "To the activation, with a session; or to the login page of an active one.",
        "headers": {
            "Location": {"$ref": "#/components/headers/Location"},
            "Set-Cookie": {"$ref": "#/components/headers/SetCookie"},
        },
    });
    let page = |description: &str| json!({"description": description, "content": {"text/html": {"schema": {"type": "string"}}}});
    let back = page("A page that sends the buyer back.");
    let mut later = page("A page that asks for patience: the database does not answer.");
    if let Some(later) = later.as_object_mut() {
        later.insert("headers".into(), json!({"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}));
    }
    let not_found = json!({"$ref": "#/components/responses/NotFound"});
    let answers = [("303", led), ("403", back), ("404", not_found), ("503", later)];
    let summary = "Login Directly: the marketplace's signed link";
    let mut operation = operation("logInDirectly", summary, &[400, 413], &answers);
    operation.insert("parameters".into(), json!(["action", "instanceId", "timeStamp", "token"].map(query)));
    json!({"get": operation})
}

fn query(name: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": "string"}})
}
