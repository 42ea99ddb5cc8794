//! Bind workspace: one of the list, or a new one; and asking again which there are.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::{AskedWorkspace, Request};
use landfall_shared::buyer::{Code, Email, Invalid, Language, WorkspaceName};
use landfall_shared::command::CreateWorkspace;
use serde::Deserialize;
use uuid::Uuid;

use crate::app::App;
use crate::asked::Asked;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::verification::{Purpose, Target, prove};
use crate::writing::{Begun, Shows, Writing};

/// One of the two ways.
#[derive(Debug, Deserialize)]
pub struct Body {
    bind: Option<Bind>,
    create: Option<Create>,
}

/// Bind one of the list.
#[derive(Debug, Deserialize)]
pub struct Bind {
    workspace_id: Option<String>,
}

/// Create one.
#[derive(Debug, Deserialize)]
pub struct Create {
    name: Option<String>,
    language: Option<String>,
    site: Option<String>,
    terms_accepted: Option<bool>,
    owner: Option<Owner>,
}

/// The console account that will own it.
#[derive(Debug, Deserialize)]
pub struct Owner {
    email: Option<String>,
    code: Option<String>,
}

/// `POST /v1/activations/{id}/workspace`.
///
/// # Errors
/// The problems of contract §3.
pub async fn choose(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let body: Body = asked.json()?;
    match Writing::begin(&app, &asked, &id, Shows::Activation).await? {
        Begun::Answered(response) => Ok(*response),
        Begun::Open(mut writing) => {
            let done = bind_or_create(&mut writing, body).await;
            writing.finish(done).await
        }
    }
}

/// `POST /v1/activations/{id}/workspaces/refresh`.
///
/// # Errors
/// The problems of contract §3.
pub async fn refresh(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    match Writing::begin(&app, &asked, &id, Shows::Activation).await? {
        Begun::Answered(response) => Ok(*response),
        Begun::Open(mut writing) => {
            let done = ask_again(&mut writing).await;
            writing.finish(done).await
        }
    }
}

async fn ask_again(writing: &mut Writing) -> Result<StatusCode, Problem> {
    writing.may(Request::Refresh).await?;
    let queued = writing.activation.refresh_workspaces()?;
    writing.queue(queued).await?;
    writing.changed();
    Ok(StatusCode::ACCEPTED)
}

async fn bind_or_create(writing: &mut Writing, body: Body) -> Result<StatusCode, Problem> {
    writing.may(Request::Workspace).await?;
    let (asked, proof) = match (body.bind, body.create) {
        (Some(bind), None) => (listed(writing, &bind)?, None),
        (None, Some(create)) => {
            let (create, proof) = create_for_owner(writing, &create).await?;
            (AskedWorkspace::Create(create), Some(proof))
        }
        (Some(_), Some(_)) => return Err(one_of_two("Give bind or create, not both.")),
        (None, None) => return Err(one_of_two("Give bind or create.")),
    };
    let queued = writing.activation.choose_workspace(asked, proof)?;
    writing.queue(queued).await?;
    writing.changed();
    Ok(StatusCode::ACCEPTED)
}

fn one_of_two(detail: &str) -> Problem {
    let mut fields = Fields::default();
    fields.wrong("bind", "required", detail);
    fields.done::<()>(None).err().unwrap_or_else(Problem::unavailable)
}

fn listed(writing: &Writing, bind: &Bind) -> Result<AskedWorkspace, Problem> {
    const FIELD: &str = "bind.workspace_id";
    let mut fields = Fields::default();
    let workspaces = writing.activation.workspaces();
    let chosen = fields.required(FIELD, bind.workspace_id.as_deref(), |text| {
        let listed = workspaces.iter().find(|listed| listed.id.as_str() == text);
        listed.ok_or(Invalid::unknown("This workspace is not in the list."))
    });
    if chosen.is_some_and(|chosen| !chosen.bindable) {
        fields.wrong(FIELD, "not-bindable", "This workspace cannot be bound; the list says why.");
    }
    fields.done(chosen).map(|chosen| AskedWorkspace::Bind { workspace_id: chosen.id.clone() })
}

async fn create_for_owner(writing: &mut Writing, create: &Create) -> Result<(CreateWorkspace, Uuid), Problem> {
    let mut fields = Fields::default();
    let owner = create.owner.as_ref();
    let name = fields.required("create.name", create.name.as_deref(), WorkspaceName::parse);
    let language = fields.required("create.language", create.language.as_deref(), Language::parse);
    let site = fields.required("create.site", create.site.as_deref(), |text| {
        writing.app.config.site(text).map(|site| site.id.clone())
    });
    if create.terms_accepted != Some(true) {
        fields.wrong("create.terms_accepted", "required", "The terms must be accepted.");
    }
    let email = fields.required("create.owner.email", owner.and_then(|owner| owner.email.as_deref()), Email::parse);
    let code = fields.optional("create.owner.code", owner.and_then(|owner| owner.code.as_deref()), Code::parse);
    let values = name.zip(language).zip(site).zip(email);
    let (((name, language), site), email) = fields.done(values)?;
    let target = Target::Email(email.clone());
    let proof = prove(writing, Purpose::WorkspaceOwner, &target, code.as_ref()).await?;
    let command = CreateWorkspace { name, language, site, owner_email: email, terms_accepted_at: writing.now };
    Ok((command, proof.challenge_id))
}
