//! The sites where a workspace can live.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::asked::Asked;
use crate::language;

/// `GET /v1/sites`, for all.
pub async fn list(State(app): State<App>, asked: Asked) -> Json<Value> {
    let language = language::of(&asked);
    let sites = app.config.sites.iter().map(|site| json!({ "id": site.id.as_str(), "label": site.label(language) }));
    Json(json!({ "sites": sites.collect::<Vec<_>>() }))
}
