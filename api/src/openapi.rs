//! `/openapi.json`: what this API says of itself; a test holds it against every route, and a fuzzer against the answers.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::app::App;

mod answers;
mod bodies;
mod marketplace;
mod paths;
mod schemas;

/// `GET /openapi.json`, for all.
pub async fn document(State(app): State<App>) -> Response {
    let config = &app.config;
    let sites: Vec<&str> = config.sites.iter().map(|site| site.id.as_str()).collect();
    let is_inside = config.internal_listen_addr.is_none();
    let here = Here { metrics: is_inside, operators: is_inside && !config.operator_tokens.is_empty() };
    let document = whole(config.both.public_url.as_str(), &sites, here);
    let mut response = Json(document).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// What answers at this address: what those inside use may answer elsewhere, or nowhere.
#[derive(Debug, Clone, Copy)]
struct Here {
    metrics: bool,
    operators: bool,
}

/// The document of an API at this address, with these sites.
fn whole(public_url: &str, sites: &[&str], here: Here) -> Value {
    let mut paths = paths::paths();
    paths.retain(|path, _| match path.as_str() {
        "/metrics" => here.metrics,
        path => here.operators || !path.starts_with("/v1/operations/"),
    });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Landfall",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "From a purchase on a cloud marketplace to a bound workspace",
            "description": "Every error is a problem (RFC 9457) with a stable `code`. A write may carry an `Idempotency-Key`. \
                            Whatever somebody else must answer is accepted with 202 and polled at `/v1/activations/{id}`.",
        },
        "servers": [{ "url": public_url }],
        "paths": paths,
        "components": {
            "schemas": all(schemas::schemas().into_iter().chain(bodies::schemas(sites))),
            "responses": all(answers::responses()),
            "parameters": all(paths::parameters()),
            "headers": all(answers::headers()),
            "securitySchemes": {
                "session": {
                    "type": "apiKey", "in": "cookie", "name": crate::access::COOKIE,
                    "description": "Set by *Login Directly* and by the typed entry.",
                },
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "The `token` that the typed entry answers; it ends with *Login Directly*.",
                },
                "operator": {
                    "type": "http", "scheme": "bearer",
                    "description": "A token of `OPERATOR_TOKENS` whose role is `act`.",
                },
            },
        },
    })
}

fn all(named: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const EVERYTHING: Here = Here { metrics: true, operators: true };

    /// The routes of one page, each with its methods, that are for programs.
    fn routes(source: &str) -> BTreeSet<(String, String)> {
        let source = source.split("#[cfg(test)]").next().unwrap().replace('\n', " ");
        let mut routes = BTreeSet::new();
        for route in source.split(".route(").skip(1) {
            let path = route.split('"').nth(1).unwrap();
            let handlers = route.split(".route(").next().unwrap();
            let is_page = ["/", "/activate", "/activate/{id}", "/assets/{name}"].contains(&path);
            if is_page || path == "/operations" || path.contains("/platform/") {
                continue;
            }
            for method in ["get", "post", "delete", "put", "patch"] {
                let called = [format!(" {method}("), format!(".{method}(")];
                if called.iter().any(|call| handlers.contains(call)) {
                    routes.insert((path.to_owned(), method.to_owned()));
                }
            }
        }
        routes
    }

    fn documented(document: &Value) -> BTreeSet<(String, String)> {
        let paths = document["paths"].as_object().unwrap();
        let of = |(path, item): (&String, &Value)| {
            let methods: Vec<String> =
                item.as_object().unwrap().keys().filter(|key| *key != "parameters").cloned().collect();
            methods.into_iter().map(|method| (path.clone(), method)).collect::<Vec<_>>()
        };
        paths.iter().flat_map(of).collect()
    }

    #[test]
    fn every_route_is_in_it_and_nothing_else() {
        let pages = [include_str!("app.rs"), include_str!("watch.rs"), include_str!("operations.rs")];
        let routes: BTreeSet<(String, String)> = pages.into_iter().flat_map(routes).collect();
        assert!(routes.len() > 17, "{routes:?}");
        assert_eq!(documented(&whole("https://a.example", &["cn"], EVERYTHING)), routes);
        let without = documented(&whole("https://a.example", &["cn"], Here { metrics: false, operators: false }));
        assert!(!without.iter().any(|(path, _)| path == "/metrics" || path.starts_with("/v1/operations/")));
        assert_eq!(without.len(), routes.len() - 3);
    }

    #[test]
    fn every_code_of_a_problem_has_a_sentence_on_the_pages() {
        for code in schemas::CODES_OF_ACTIVATIONS {
            assert!(crate::pages::sentences::of(code).is_some(), "{code}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_everything_is_referred_to() {
        let document = whole("https://a.example", &["cn"], EVERYTHING);
        let text = document.to_string();
        let named: BTreeSet<&str> =
            text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        for name in &named {
            assert!(document.pointer(name).is_some(), "{name}");
        }
        for kind in ["schemas", "responses", "parameters", "headers"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                assert!(
                    named.contains(format!("/components/{kind}/{name}").as_str()),
                    "nobody refers to {kind}/{name}"
                );
            }
        }
    }

    #[test]
    fn the_document_says_of_an_activation_what_is_polled() {
        let document = whole("https://a.example", &["cn"], EVERYTHING);
        let schema = &document["components"]["schemas"]["Activation"];
        let example = schemas::activation();
        let members: BTreeSet<&String> = example.as_object().unwrap().keys().collect();
        let described: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(members, described);
        assert_eq!(schema["required"].as_array().unwrap().len(), members.len());
    }
}
