//! What is answered: the activation as contract §4 draws it, and problems.

use serde_json::{Value, json};

/// What can stand in the way of an activation or a step (contract §4).
pub(super) const CODES_OF_ACTIVATIONS: [&str; 23] = [
    "instance-not-found",
    "already-started",
    "account-mismatch",
    "instance-not-active",
    "instance-already-bound",
    "username-taken",
    "email-taken",
    "account-unknown",
    "workspace-name-taken",
    "workspace-not-bindable",
    "cloud-account-linked-elsewhere",
    "mail-refused",
    "field-refused",
    "refused-by-vendor",
    "marketplace-unavailable",
    "platform-unavailable",
    "mail-unavailable",
    "not-yet",
    "misconfigured",
    "internal",
    "platform-refused",
    "instance-released",
    "cancelled-by-operator",
];

/// What can be wrong with a field (contract §3).
const CODES_OF_FIELDS: [&str; 7] =
    ["required", "too-short", "too-long", "invalid-characters", "invalid-format", "unknown", "not-bindable"];

/// Everything that an answer is made of.
pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("Activation", activation_schema()),
        ("EnteredActivation", entered_schema()),
        ("Step", step()),
        ("Verification", verification()),
        ("BillingAccount", object(&[("username", nullable("string")), ("bound_at", nullable_time())])),
        ("Workspace", workspace()),
        ("Binding", binding()),
        ("StepProblem", step_problem()),
        ("Problem", problem()),
        ("Sites", sites()),
        ("SpiAnswer", super::marketplace::spi_answer()),
    ]
}

/// The example of contract §4, in full.
pub(super) fn activation() -> Value {
    json!({
        "id": "01990000-0000-7000-8000-000000000001", "version": 7, "marketplace": "alibaba",
        "account_id": "1987654321012345", "instance_id": "400012345", "started_by": "login",
        "product_code": "cmgj00000001", "sku_id": "yuncode0000001", "trial": false, "expires_at": null,
        "status": "retrying", "stage": "workspace", "action": null,
        "steps": [
            {"name": "verify_purchase", "status": "succeeded", "attempt": 1, "max_attempts": 200,
             "queued_at": "2026-11-24T12:00:00Z", "finished_at": "2026-11-24T12:00:01Z", "next_attempt_at": null,
             "problem": null},
            {"name": "create_workspace", "status": "retrying", "attempt": 2, "max_attempts": 200,
             "queued_at": "2026-11-24T12:05:00Z", "finished_at": null, "next_attempt_at": "2026-11-24T12:05:09Z",
             "problem": {"code": "platform-unavailable", "detail": "the console could not be reached"}},
        ],
        "verification": {"purpose": "registration", "sent_to": "a***@example.com", "status": "sent",
                         "expires_at": "2026-11-24T12:14:00Z", "resend_at": "2026-11-24T12:05:00Z",
                         "sends_left": 3, "attempts_left": 5},
        "billing_account": {"username": "a***", "bound_at": "2026-11-24T12:04:00Z"},
        "workspaces": [{"id": "w-1", "name": "Lab", "site": "cn", "language": "en", "bindable": true, "reason": null}],
        "binding": null, "login_url": null, "problem": null,
        "created_at": "2026-11-24T12:00:00Z", "updated_at": "2026-11-24T12:05:03Z",
    })
}

fn activation_schema() -> Value {
    let mut schema = object(&[
        ("id", json!({"type": "string", "format": "uuid"})),
        (
            "version",
            json!({"type": "integer", "minimum": 1, "description": "Rises with every visible change; the ETag."}),
        ),
        ("marketplace", json!({"enum": ["alibaba"]})),
        ("account_id", nullable("string")),
        ("instance_id", json!({"type": "string", "pattern": "^[0-9]{1,32}$"})),
        ("started_by", json!({"enum": ["login", "typed", "platform"]})),
        ("product_code", nullable("string")),
        ("sku_id", nullable("string")),
        ("trial", nullable("boolean")),
        ("expires_at", nullable_time()),
        (
            "status",
            json!({"enum": ["running", "retrying", "waiting_for_buyer", "needs_attention", "succeeded", "cancelled"]}),
        ),
        ("stage", json!({"enum": ["purchase", "billing_account", "workspace", "confirmation", "active"]})),
        (
            "action",
            json!({"enum": ["choose_billing_account", "enter_code", "choose_workspace", "confirm", "correct", null],
                   "description": "What is waited for in `waiting_for_buyer`."}),
        ),
        ("steps", json!({"type": "array", "maxItems": 50, "items": {"$ref": "#/components/schemas/Step"}})),
        ("verification", nullable_ref("Verification")),
        ("billing_account", nullable_ref("BillingAccount")),
        ("workspaces", json!({"type": "array", "items": {"$ref": "#/components/schemas/Workspace"}})),
        ("binding", nullable_ref("Binding")),
        ("login_url", json!({"type": ["string", "null"], "format": "uri"})),
        ("problem", nullable_ref("StepProblem")),
        ("created_at", time()),
        ("updated_at", time()),
    ]);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("examples".into(), json!([activation()]));
    }
    schema
}

fn entered_schema() -> Value {
    let token = object(&[("token", json!({"type": "string", "description": "For `Authorization: Bearer`."}))]);
    json!({"allOf": [{"$ref": "#/components/schemas/Activation"}, token]})
}

fn step() -> Value {
    let names = [
        "verify_purchase",
        "find_billing_account",
        "send_verification_code",
        "send_notice",
        "register_buyer",
        "open_billing_account",
        "bind_billing_account",
        "unlink_billing_account",
        "list_workspaces",
        "create_workspace",
        "bind_workspace",
        "unbind_workspace",
        "renew",
        "upgrade",
        "suspend",
        "resume",
        "release",
    ];
    let statuses = ["queued", "running", "retrying", "succeeded", "refused", "failed", "cancelled"];
    object(&[
        ("name", json!({"enum": names})),
        ("status", json!({"enum": statuses})),
        ("attempt", json!({"type": "integer", "minimum": 0})),
        ("max_attempts", json!({"type": "integer", "minimum": 1})),
        ("queued_at", time()),
        ("finished_at", nullable_time()),
        ("next_attempt_at", nullable_time()),
        ("problem", nullable_ref("StepProblem")),
    ])
}

fn verification() -> Value {
    object(&[
        ("purpose", json!({"enum": super::bodies::PURPOSES})),
        ("sent_to", json!({"type": ["string", "null"], "description": "Masked; null for `billing_account`."})),
        ("status", json!({"enum": ["queued", "sent", "refused", "proven", "spent", "expired"]})),
        ("expires_at", time()),
        ("resend_at", time()),
        ("sends_left", json!({"type": "integer", "minimum": 0})),
        ("attempts_left", json!({"type": "integer", "minimum": 0})),
    ])
}

fn workspace() -> Value {
    object(&[
        ("id", json!({"type": "string"})),
        ("name", json!({"type": "string"})),
        ("site", json!({"type": "string"})),
        ("language", nullable("string")),
        ("bindable", json!({"type": "boolean"})),
        ("reason", nullable("string")),
    ])
}

fn binding() -> Value {
    object(&[
        ("workspace_id", json!({"type": "string"})),
        ("workspace_name", json!({"type": "string"})),
        ("site", json!({"type": "string"})),
        ("bound_at", time()),
    ])
}

fn step_problem() -> Value {
    let mut schema = object(&[("code", json!({"enum": CODES_OF_ACTIVATIONS})), ("detail", json!({"type": "string"}))]);
    let field = object(&[("field", json!({"type": "string"})), ("detail", json!({"type": "string"}))]);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("errors".into(), json!({"type": "array", "items": field}));
    }
    schema
}

fn problem() -> Value {
    let error = object(&[
        ("field", json!({"type": "string", "description": "The dotted path in the body."})),
        ("code", json!({"enum": CODES_OF_FIELDS})),
        ("detail", json!({"type": "string"})),
    ]);
    let mut schema = object(&[
        ("type", json!({"type": "string", "format": "uri"})),
        ("title", json!({"type": "string"})),
        ("status", json!({"type": "integer"})),
        ("detail", json!({"type": "string"})),
        ("code", json!({"enum": super::answers::codes()})),
        ("trace_id", json!({"type": "string"})),
    ]);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("errors".into(), json!({"type": "array", "items": error}));
        properties.insert("attempts_left".into(), json!({"type": "integer", "minimum": 0}));
    }
    schema
}

fn sites() -> Value {
    let site = object(&[("id", json!({"type": "string"})), ("label", json!({"type": "string"}))]);
    object(&[("sites", json!({"type": "array", "minItems": 1, "items": site}))])
}

/// An object of which every member is always there.
pub(super) fn object(members: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let required: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn nullable(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

fn nullable_ref(name: &str) -> Value {
    json!({"anyOf": [{"$ref": format!("#/components/schemas/{name}")}, {"type": "null"}]})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

fn nullable_time() -> Value {
    json!({"type": ["string", "null"], "format": "date-time"})
}
