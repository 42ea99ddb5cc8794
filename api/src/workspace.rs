//! Bind workspace: one of the list, or a new one; and asking again which there are.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::{AskedWorkspace, Call, NewAccount, NewWorkspace};
use landfall_shared::buyer::{Email, Invalid, Language, NewUsername, Password, Phone, WorkspaceName};
use serde::Deserialize;

use crate::app::App;
use crate::asked::Asked;
use crate::fields::Fields;
use crate::object::Object;
use crate::problem::Problem;
use crate::verification::proof::{self, Shown};
use crate::verification::{Purpose, Target};
use crate::writing::{Begun, Shows, Writing};

/// One of the two ways.
#[derive(Deserialize)]
pub struct Body {
    bind: Option<Object<Bind>>,
    create: Option<Object<Create>>,
}

/// Bind one of the list.
#[derive(Deserialize)]
pub struct Bind {
    workspace_id: Option<String>,
}

/// Create one.
#[derive(Deserialize)]
pub struct Create {
    name: Option<String>,
    language: Option<String>,
    site: Option<String>,
    terms_accepted: Option<bool>,
    owner: Option<Object<Owner>>,
}

/// The console account that will own it: the one that an address has, or a new one.
#[derive(Deserialize, Default)]
pub struct Owner {
    username: Option<String>,
    password: Option<String>,
    email: Option<String>,
    code: Option<String>,
    phone: Option<String>,
}

impl Owner {
    /// Whether it is to be made: then it has more than an address.
    fn is_new(&self) -> bool {
        [&self.username, &self.password, &self.phone].into_iter().flatten().any(|text| !text.is_empty())
    }
}

/// A creation without faults.
struct Filled {
    asked: AskedWorkspace,
    email: Target,
    purpose: Purpose,
    password: Option<Password>,
    shown: Shown,
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
    writing.may(Call::Refresh).await?;
    let queued = writing.activation.refresh_workspaces()?;
    writing.queue(queued).await?;
    writing.changed();
    Ok(StatusCode::ACCEPTED)
}

async fn bind_or_create(writing: &mut Writing, body: Body) -> Result<StatusCode, Problem> {
    writing.may(Call::Workspace).await?;
    let (asked, proof, password) = match (body.bind, body.create) {
        (Some(Object(bind)), None) => (listed(writing, &bind)?, None, None),
        (None, Some(Object(create))) => {
            let Filled { asked, email, purpose, password, shown } = filled(writing, create).await?;
            let proof = shown.prove(writing, purpose, &email).await?;
            (asked, Some(proof.challenge_id), password)
        }
        (Some(_), Some(_)) => return Err(one_of_two("Give bind or create, not both.")),
        (None, None) => return Err(one_of_two("Give bind or create.")),
    };
    let queued = writing.activation.choose_workspace(asked, proof)?;
    writing.seal(&queued, password.as_ref()).await?;
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
    fields.done(chosen).map(|chosen| AskedWorkspace::Bind(chosen.id.clone()))
}

async fn filled(writing: &mut Writing, create: Create) -> Result<Filled, Problem> {
    let Object(owner) = create.owner.unwrap_or_default();
    let mut fields = Fields::default();
    let name = fields.required("create.name", create.name.as_deref(), WorkspaceName::parse);
    let language = fields.required("create.language", create.language.as_deref(), Language::parse);
    let site = fields.required("create.site", create.site.as_deref(), |text| {
        writing.app.config.site(text).map(|site| site.id.clone())
    });
    fields.accepted("create.terms_accepted", create.terms_accepted);
    let email = fields.required("create.owner.email", owner.email.as_deref(), Email::parse);
    let purpose = if owner.is_new() { Purpose::NewWorkspaceOwner } else { Purpose::WorkspaceOwner };
    let target = email.clone().map(Target::Email);
    let whose = (purpose, target.as_ref());
    let shown = proof::shown(writing, &mut fields, "create.owner.code", owner.code.as_deref(), whose).await?;
    let (new, password) = if owner.is_new() { new_owner(&mut fields, &owner) } else { (Some(None), None) };
    let values = name.zip(language).zip(site).zip(email.zip(new)).zip(target.zip(shown));
    let ((((name, language), site), (email, new)), (target, shown)) = fields.done(values)?;
    let workspace = NewWorkspace { name, language, site, terms_accepted_at: writing.now };
    let asked = match new {
        None => AskedWorkspace::CreateForOwner(workspace, email),
        Some((username, phone)) => {
            let account = NewAccount { username, email, phone, has_password: true };
            AskedWorkspace::CreateWithOwner(workspace, account)
        }
    };
    Ok(Filled { asked, email: target, purpose, password, shown })
}

type NewOwner = Option<(NewUsername, Option<Phone>)>;

fn new_owner(fields: &mut Fields, owner: &Owner) -> (Option<NewOwner>, Option<Password>) {
    let username = fields.required("create.owner.username", owner.username.as_deref(), NewUsername::parse);
    let password = fields.required_secret("create.owner.password", owner.password.as_deref(), Password::parse);
    let phone = fields.optional("create.owner.phone", owner.phone.as_deref(), Phone::parse);
    (username.map(|username| Some((username, phone))), password)
}
