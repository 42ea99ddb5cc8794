//! Verification codes: asking for one, and checking one alone, before the form that needs it is sent.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::Call;
use landfall_shared::buyer::{Code, Email, Username};
use landfall_shared::command::{CodePart, Command, Queued, SendVerificationCode};
use landfall_shared::store::commands;
use serde::Deserialize;

use crate::app::App;
use crate::asked::Asked;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::writing::{Begun, Shows, Writing};

pub mod proof;
mod sending;

use proof::Shown;

/// What a code is for, and whose: contract §3's two forms of the body.
#[derive(Debug, Deserialize)]
pub struct Body {
    purpose: Option<String>,
    email: Option<String>,
    username: Option<String>,
    code: Option<String>,
}

/// What a code is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The address of a new account.
    Registration,
    /// The address of the account that will own the workspace.
    WorkspaceOwner,
    /// The address of the account that is made to own the workspace.
    NewWorkspaceOwner,
    /// A Billing Center account.
    BillingAccount,
}

impl Purpose {
    /// Reads the word back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "registration" => Some(Self::Registration),
            "workspace_owner" => Some(Self::WorkspaceOwner),
            "new_workspace_owner" => Some(Self::NewWorkspaceOwner),
            "billing_account" => Some(Self::BillingAccount),
            _ => None,
        }
    }

    /// The word on the wire and in the column `purpose`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::WorkspaceOwner => "workspace_owner",
            Self::NewWorkspaceOwner => "new_workspace_owner",
            Self::BillingAccount => "billing_account",
        }
    }

    /// The call that the code is for: it may be asked for wherever that call is allowed.
    #[must_use]
    pub fn call(self) -> Call {
        match self {
            Self::Registration => Call::Registration,
            Self::BillingAccount => Call::BillingAccount,
            Self::WorkspaceOwner | Self::NewWorkspaceOwner => Call::Workspace,
        }
    }
}

/// Whose code: an address, or the username of a Billing Center account.
#[derive(Debug, Clone)]
pub enum Target {
    /// An address, for any purpose but one.
    Email(Email),
    /// A username, for `billing_account`.
    Username(Username),
}

impl Target {
    /// As it is counted: without regard to case.
    fn counted(&self) -> String {
        match self {
            Self::Email(email) => email.normalised(),
            Self::Username(username) => username.normalised(),
        }
    }

    /// The username as it was typed.
    fn username(&self) -> Option<&str> {
        match self {
            Self::Email(_) => None,
            Self::Username(username) => Some(username.as_str()),
        }
    }
}

/// `POST /v1/activations/{id}/verification-codes`.
///
/// # Errors
/// The problems of contract §3.
pub async fn ask(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let body: Body = asked.json()?;
    match Writing::begin(&app, &asked, &id, Shows::Activation).await? {
        Begun::Answered(response) => Ok(*response),
        Begun::Open(mut writing) => {
            let done = send(&mut writing, &body).await;
            writing.finish(done).await
        }
    }
}

/// `POST /v1/activations/{id}/verification-codes/check`.
///
/// # Errors
/// The problems of contract §3.
pub async fn check(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let body: Body = asked.json()?;
    match Writing::begin(&app, &asked, &id, Shows::Activation).await? {
        Begun::Answered(response) => Ok(*response),
        Begun::Open(mut writing) => {
            let done = check_alone(&mut writing, &body).await;
            writing.finish(done).await
        }
    }
}

async fn send(writing: &mut Writing, body: &Body) -> Result<StatusCode, Problem> {
    let purpose = may(writing, body).await?;
    let mut fields = Fields::default();
    let whose = whose(body, purpose, &mut fields);
    let (purpose, target) = fields.done(whose)?;
    let challenge_id = sending::challenge(writing, purpose, &target).await?;
    let id = writing.activation.id;
    commands::cancel_mail(writing.db(), id).await?;
    let part = if purpose == Purpose::BillingAccount { CodePart::LookUp } else { CodePart::Mail };
    writing.queue(Queued::fresh(Command::SendVerificationCode(SendVerificationCode { challenge_id, part }))).await?;
    writing.changed();
    Ok(StatusCode::ACCEPTED)
}

async fn check_alone(writing: &mut Writing, body: &Body) -> Result<StatusCode, Problem> {
    let purpose = may(writing, body).await?;
    let mut fields = Fields::default();
    let whose = whose(body, purpose, &mut fields);
    let code = fields.required("code", body.code.as_deref(), Code::parse);
    let ((purpose, target), code) = fields.done(whose.zip(code))?;
    Shown::Code(code).prove(writing, purpose, &target).await?;
    Ok(StatusCode::OK)
}

/// A code is for the calls that are allowed now. Of a purpose that is none the field is told, where any purpose were allowed.
async fn may(writing: &mut Writing, body: &Body) -> Result<Option<Purpose>, Problem> {
    if let Some(purpose) = body.purpose.as_deref().and_then(Purpose::parse) {
        writing.may(purpose.call()).await?;
        return Ok(Some(purpose));
    }
    let calls = [Call::Registration, Call::BillingAccount, Call::Workspace];
    if !calls.into_iter().any(|call| writing.activation.may(call).is_ok()) {
        writing.may(Call::Registration).await?;
    }
    Ok(None)
}

fn whose(body: &Body, purpose: Option<Purpose>, fields: &mut Fields) -> Option<(Purpose, Target)> {
    let Some(purpose) = purpose else {
        let code = if body.purpose.as_deref().unwrap_or_default().is_empty() { "required" } else { "unknown" };
        fields.wrong("purpose", code, "One of registration, workspace_owner, new_workspace_owner, billing_account.");
        return None;
    };
    let target = match purpose {
        Purpose::BillingAccount => {
            fields.required("username", body.username.as_deref(), Username::parse).map(Target::Username)
        }
        Purpose::Registration | Purpose::WorkspaceOwner | Purpose::NewWorkspaceOwner => {
            fields.required("email", body.email.as_deref(), Email::parse).map(Target::Email)
        }
    };
    target.map(|target| (purpose, target))
}
