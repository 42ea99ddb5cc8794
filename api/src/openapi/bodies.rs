//! What is sent: the bodies of contract §3, as strictly as they are read.

use serde_json::{Value, json};

use super::schemas::object;

/// What a code can be for.
pub(super) const PURPOSES: [&str; 4] = ["registration", "workspace_owner", "new_workspace_owner", "billing_account"];

/// Blanks that are forgiven around ids, as Rust's `char::is_whitespace` knows them.
const BLANKS: &str = r"[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*";
/// WHATWG's valid e-mail address.
const EMAIL: &str = r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$";

/// Every body; workspaces are made at these sites.
pub(super) fn schemas(sites: &[&str]) -> Vec<(&'static str, Value)> {
    vec![
        ("TypedEntry", typed_entry()),
        ("CodeRequest", code_request(false)),
        ("CodeCheck", code_request(true)),
        ("Registration", registration(sites)),
        ("BillingAccountChoice", billing_account()),
        ("WorkspaceChoice", workspace(sites)),
        (
            "Reason",
            object(&[(
                "reason",
                json!({"type": "string", "minLength": 1, "maxLength": 1000, "examples": ["asked for by the buyer"]}),
            )]),
        ),
    ]
}

fn typed_entry() -> Value {
    let id = |name: &str| {
        let pattern = format!("^{BLANKS}[0-9\\uff10-\\uff19]{{1,32}}{BLANKS}$");
        json!({"type": "string", "pattern": pattern, "description": format!("The page's **{name}**."), "examples": ["400012345"]})
    };
    object(&[
        ("marketplace", json!({"enum": ["alibaba"]})),
        ("account_id", id("Account ID")),
        ("instance_id", id("Product Instance ID")),
    ])
}

fn code_request(with_code: bool) -> Value {
    let for_an_address = [("purpose", json!({"enum": &PURPOSES[..3]})), ("email", email())];
    let for_a_username = [("purpose", json!({"enum": &PURPOSES[3..]})), ("username", username())];
    let forms = [for_an_address, for_a_username].map(|members| {
        let mut members = members.to_vec();
        if with_code {
            members.push(("code", code()));
        }
        object(&members)
    });
    json!({"oneOf": forms})
}

fn registration(sites: &[&str]) -> Value {
    let company = with_optional(
        object(&[("name", text(128))]),
        &[
            ("country", json!({"type": ["string", "null"], "description": "ISO 3166-1 alpha-2.", "examples": ["CN"]})),
            ("industry", optional_text()),
        ],
    );
    with_optional(
        object(&[
            ("username", new_username()),
            ("email", email()),
            ("company", company),
            ("workspace", object(&new_workspace(sites))),
            ("terms_accepted", json!({"const": true})),
        ]),
        &[("code", optional_code()), ("password", optional_text()), ("phone", phone())],
    )
}

fn billing_account() -> Value {
    with_optional(object(&[("username", username())]), &[("code", optional_code())])
}

fn workspace(sites: &[&str]) -> Value {
    let bind = object(&[("workspace_id", json!({"type": "string", "minLength": 1}))]);
    let known = with_optional(object(&[("email", email())]), &[("code", optional_code())]);
    let new = with_optional(
        object(&[
            ("username", new_username()),
            ("password", json!({"type": "string", "minLength": 8, "maxLength": 128, "format": "password"})),
            ("email", email()),
        ]),
        &[("code", optional_code()), ("phone", phone())],
    );
    let create = |owner: Value| {
        let terms = ("terms_accepted", json!({"const": true}));
        let members: Vec<_> = new_workspace(sites).into_iter().chain([terms, ("owner", owner)]).collect();
        object(&members)
    };
    json!({"oneOf": [
        object(&[("bind", bind)]),
        object(&[("create", json!({"anyOf": [create(known), create(new)]}))]),
    ]})
}

fn new_workspace(sites: &[&str]) -> [(&'static str, Value); 3] {
    [("name", text(64)), ("language", json!({"enum": ["zh", "en"]})), ("site", json!({"enum": sites}))]
}

fn with_optional(mut schema: Value, members: &[(&str, Value)]) -> Value {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.extend(members.iter().map(|(name, member)| ((*name).to_owned(), member.clone())));
    }
    schema
}

fn email() -> Value {
    json!({"type": "string", "maxLength": 254, "pattern": EMAIL, "examples": ["ann@example.com"]})
}

fn username() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 254, "examples": ["ann"]})
}

fn new_username() -> Value {
    json!({"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9._-]{2,31}$", "examples": ["ann.lee"]})
}

fn text(longest: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": longest, "examples": ["Lab"]})
}

fn optional_text() -> Value {
    json!({"type": ["string", "null"], "maxLength": 128})
}

fn phone() -> Value {
    json!({"type": ["string", "null"], "description": "E.164.", "examples": ["+8613800138000"]})
}

fn code() -> Value {
    json!({"type": "string", "description": "Six digits.", "examples": ["012345"]})
}

fn optional_code() -> Value {
    json!({"type": ["string", "null"], "description": "Six digits; may be left out for a proven address.", "examples": ["012345"]})
}
