//! The answers that many calls share: each problem as the code itself makes it.

use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// A problem's name in the document, its status, and its kinds.
fn problems() -> Vec<(&'static str, u16, &'static str, Vec<Problem>)> {
    use landfall_shared::activation::CannotNow;
    let wrong = crate::problem::FieldProblem {
        field: "company.name".into(),
        code: "required".into(),
        detail: "This field is required.".into(),
    };
    vec![
        ("Malformed", 400, "It cannot be read.", vec![Problem::malformed("The body is not of the form asked for.")]),
        ("NotSignedIn", 401, "Nobody whom we know.", vec![Problem::not_signed_in()]),
        ("CrossOrigin", 403, "A page of another origin wrote with our cookie.", vec![Problem::cross_origin()]),
        ("UnknownActivation", 404, "There is no such activation for the caller.", vec![Problem::unknown_activation()]),
        ("NotFound", 404, "There is nothing here.", vec![Problem::not_found()]),
        (
            "NotNow",
            409,
            "It is not the time for this.",
            vec![
                CannotNow::OutOfTurn.into(),
                CannotNow::InProgress.into(),
                Problem::in_flight(),
                Problem::code_used(),
                Problem::already_started(),
            ],
        ),
        ("ReadOnly", 403, "The token may look, and not act.", vec![Problem::read_only()]),
        (
            "NothingToDo",
            409,
            "The act would change nothing, or is not safe any more.",
            vec![
                Problem::nothing_to_do("Nothing of this activation waits for an operator."),
                Problem::too_old(),
                Problem::in_flight(),
            ],
        ),
        ("CodeExpired", 410, "The code is over.", vec![Problem::code_expired()]),
        ("TooLarge", 413, "The body is larger than any that is needed.", vec![Problem::too_large()]),
        ("UnsupportedMediaType", 415, "The body is not JSON.", vec![Problem::unsupported_media_type()]),
        (
            "Unprocessable",
            422,
            "Fields that need another value, all at once; a wrong code; a key used for something else.",
            vec![Problem::fields(vec![wrong]), Problem::code_invalid(4), Problem::key_reused()],
        ),
        (
            "TooMany",
            429,
            "A limit is reached, for the seconds of Retry-After.",
            vec![
                Problem::too_many_codes("A code was sent a moment ago.", 42),
                Problem::too_many_requests("Too many.", 600),
            ],
        ),
        ("Unavailable", 503, "Not now; nothing was lost.", vec![Problem::unavailable()]),
    ]
}

/// Every code of a problem.
pub(super) fn codes() -> Vec<String> {
    let kinds = problems().into_iter().flat_map(|(.., kinds)| kinds).map(|kind| kind.code);
    kinds.chain([Problem::method_not_allowed().code]).collect()
}

/// All shared answers.
pub(super) fn responses() -> Vec<(&'static str, Value)> {
    let problems = problems().into_iter().map(|(name, _, description, kinds)| {
        let mut examples = Map::new();
        for mut kind in kinds {
            kind.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736".into();
            examples.insert(kind.code.clone(), json!({ "value": kind }));
        }
        let content = json!({"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples});
        let answer = json!({
            "description": description,
            "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
            "content": {"application/problem+json": content},
        });
        (name, answer)
    });
    problems.chain([("Accepted", activation("Accepted; what follows is polled."))]).collect()
}

/// The activation as an answer.
pub(super) fn activation(description: &str) -> Value {
    json!({
        "description": description,
        "headers": {
            "ETag": {"$ref": "#/components/headers/ETag"},
            "Retry-After": {"$ref": "#/components/headers/RetryAfter"},
            "Idempotent-Replayed": {"$ref": "#/components/headers/IdempotentReplayed"},
        },
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Activation"}}},
    })
}

/// References to the problems of these statuses; a 404 is an unknown activation.
pub(super) fn refer(statuses: &[u16]) -> Map<String, Value> {
    let of = |status: &u16| {
        let (name, ..) = problems().into_iter().find(|(_, known, ..)| known == status)?;
        Some((status.to_string(), json!({"$ref": format!("#/components/responses/{name}")})))
    };
    statuses.iter().filter_map(of).collect()
}

/// All headers of answers.
pub(super) fn headers() -> Vec<(&'static str, Value)> {
    let header = |kind: &str, description: &str| json!({"description": description, "schema": {"type": kind}});
    vec![
        ("ETag", header("string", "The version, quoted.")),
        ("RetryAfter", header("integer", "Seconds until it is worth asking again.")),
        ("IdempotentReplayed", header("string", "`true`: answered before, under the same key.")),
        ("PreferenceApplied", header("string", "`wait=N`, as capped.")),
        ("SetCookie", header("string", "The session.")),
        ("Location", header("string", "Where it leads.")),
    ]
}
