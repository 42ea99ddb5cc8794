//! What is sent: the bodies of contract §3, as strictly as they are read. Forms that are forgiven (blanks around, full-width
//! characters) are said where a buyer's typing makes them common; elsewhere the plain form stands alone.

use landfall_shared::buyer::Country;
use serde_json::{Value, json};

use super::schemas::object;

/// What a code can be for.
pub(super) const PURPOSES: [&str; 4] = ["registration", "workspace_owner", "new_workspace_owner", "billing_account"];

/// Blanks that are forgiven around ids, as Rust's `char::is_whitespace` knows them.
const BLANKS: &str = r"[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*";
/// Blanks and dashes that are ignored between the digits of a code.
const BETWEEN: &str =
    r"[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2010-\u2015\u2028\u2029\u202f\u205f\u2212\u3000\uff0d-]*";
/// WHATWG's valid e-mail address.
const EMAIL: &str = r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$";
/// Without control characters; not blank.
const USERNAME: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
const NEW_USERNAME: &str = "^[A-Za-z][A-Za-z0-9._-]{2,31}$";
const PHONE: &str = r"^\+[1-9][0-9]{1,14}$";
/// Control, bidirectional and zero-width characters, and line breaks in disguise. Those outside the first plane stand as
/// they are: not every reader of patterns knows how to escape them.
const INVISIBLE: &str = "\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\
                         \\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}";

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
    let id = |name: &str, example: &str| {
        let pattern = format!("^{BLANKS}[0-9\\uff10-\\uff19]{{1,32}}{BLANKS}$");
        json!({"type": "string", "pattern": pattern, "description": format!("The page's **{name}**."), "examples": [example]})
    };
    object(&[
        ("marketplace", json!({"enum": ["alibaba"]})),
        ("account_id", id("Account ID", "1987654321012345")),
        ("instance_id", id("Product Instance ID", "400012345")),
    ])
}

fn code_request(with_code: bool) -> Value {
    let for_an_address = [("purpose", json!({"enum": &PURPOSES[..3]})), ("email", email())];
    let for_a_username = [("purpose", json!({"enum": &PURPOSES[3..]})), ("username", username())];
    let form = |members: &[(&str, Value)], unread: &str| {
        let with = if with_code { [members, &[("code", code())]].concat() } else { members.to_vec() };
        with_optional(object(&with), &[(unread, unread_text())])
    };
    json!({"oneOf": [form(&for_an_address, "username"), form(&for_a_username, "email")]})
}

fn registration(sites: &[&str]) -> Value {
    let industry =
        optional(&json!({"type": "string", "pattern": name(), "maxLength": 64, "examples": ["Observability"]}));
    let company = with_optional(
        object(&[("name", text(128, "Acme 有限公司"))]),
        &[("country", optional(&country())), ("industry", industry)],
    );
    let without = "Left out by whoever has an account under the proven address.";
    let password = optional(&described(password(), without));
    with_optional(
        object(&[
            ("username", new_username()),
            ("email", email()),
            ("company", company),
            ("workspace", object(&new_workspace(sites))),
            ("terms_accepted", json!({"const": true})),
        ]),
        &[("code", optional_code()), ("password", password), ("phone", optional(&phone()))],
    )
}

fn billing_account() -> Value {
    with_optional(object(&[("username", username())]), &[("code", optional_code())])
}

fn workspace(sites: &[&str]) -> Value {
    let listed = json!({"type": "string", "minLength": 1, "maxLength": 128, "description": "One of `workspaces`, and `bindable`.", "examples": ["w-1"]});
    let absent = || json!({"enum": ["", null]});
    let known = with_optional(
        object(&[("email", email())]),
        &[("code", optional_code()), ("username", absent()), ("password", absent()), ("phone", absent())],
    );
    let new = with_optional(
        object(&[("username", new_username()), ("password", password()), ("email", email())]),
        &[("code", optional_code()), ("phone", optional(&phone()))],
    );
    let create = |owner: Value| {
        let terms = ("terms_accepted", json!({"const": true}));
        let members: Vec<_> = new_workspace(sites).into_iter().chain([terms, ("owner", owner)]).collect();
        object(&members)
    };
    let null = || json!({"type": "null"});
    json!({"oneOf": [
        with_optional(object(&[("bind", object(&[("workspace_id", listed)]))]), &[("create", null())]),
        with_optional(object(&[("create", json!({"oneOf": [create(known), create(new)]}))]), &[("bind", null())]),
    ]})
}

fn new_workspace(sites: &[&str]) -> [(&'static str, Value); 3] {
    [("name", text(64, "Lab")), ("language", json!({"enum": ["zh", "en"]})), ("site", json!({"enum": sites}))]
}

fn with_optional(mut schema: Value, members: &[(&str, Value)]) -> Value {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.extend(members.iter().map(|(name, member)| ((*name).to_owned(), member.clone())));
    }
    schema
}

fn described(mut schema: Value, description: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".into(), description.into());
    }
    schema
}

/// A member that may be left out: null or empty is absent.
fn optional(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"enum": ["", null]}]})
}

/// A member that this form of a body does not need, and that is of the same type in the other one.
fn unread_text() -> Value {
    json!({"type": ["string", "null"], "description": "Not looked at for this purpose."})
}

fn email() -> Value {
    json!({"type": "string", "maxLength": 254, "pattern": EMAIL, "examples": ["ann@example.com"]})
}

fn username() -> Value {
    json!({"type": "string", "pattern": USERNAME, "maxLength": 254, "examples": ["ann"]})
}

fn new_username() -> Value {
    json!({"type": "string", "pattern": NEW_USERNAME, "examples": ["ann.lee"]})
}

fn password() -> Value {
    json!({"type": "string", "minLength": 8, "maxLength": 128, "format": "password", "examples": ["correct horse"]})
}

/// A name: something of it can be seen, and nothing of it is invisible.
fn name() -> String {
    format!("^[^{INVISIBLE}]*[\\p{{L}}\\p{{N}}\\p{{P}}\\p{{S}}][^{INVISIBLE}]*$")
}

fn text(longest: usize, example: &str) -> Value {
    let description = "Counted after NFC.";
    json!({"type": "string", "pattern": name(), "maxLength": longest, "description": description, "examples": [example]})
}

fn country() -> Value {
    let codes: Vec<&str> = Country::all().collect();
    json!({"enum": codes, "description": "ISO 3166-1 alpha-2.", "examples": ["CN"]})
}

fn phone() -> Value {
    json!({"type": "string", "pattern": PHONE, "description": "E.164.", "examples": ["+8613800138000"]})
}

fn code() -> Value {
    let pattern = format!("^(?:{BETWEEN}[0-9\\uff10-\\uff19]){{6}}{BETWEEN}$");
    json!({"type": "string", "pattern": pattern, "description": "Six digits.", "examples": ["012345"]})
}

fn optional_code() -> Value {
    described(optional(&code()), "May be left out for a proven address; else it is owed.")
}
