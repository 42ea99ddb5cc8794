//! Verification codes: asking for one, and checking one, with every limit of contract §3 counted in PostgreSQL.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::{Call, LinkedAccount};
use landfall_shared::buyer::{Code, Email, Username};
use landfall_shared::command::{CodePart, Command, Queued, SendVerificationCode};
use landfall_shared::keys::KeyId;
use landfall_shared::store::challenges::{self, Asking, Challenge, PROVEN_FOR, SENDS, TRIES};
use landfall_shared::store::commands;
use landfall_shared::store::sessions::Entry;
use serde::Deserialize;
use uuid::Uuid;

use crate::app::App;
use crate::asked::Asked;
use crate::fields::Fields;
use crate::problem::Problem;
use crate::writing::{Begun, Shows, Writing};

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
    fn parse(text: &str) -> Option<Self> {
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
    fn call(self) -> Call {
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
}

/// The right to a command: a challenge whose right code came.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The challenge.
    pub challenge_id: Uuid,
    /// Of `billing_account`: the account that is proven.
    pub account: Option<LinkedAccount>,
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
    let purpose = body.purpose.as_deref().and_then(Purpose::parse);
    if let Some(purpose) = purpose {
        writing.may(purpose.call()).await?;
    }
    let mut fields = Fields::default();
    let whose = whose(body, purpose, &mut fields);
    let (purpose, target) = fields.done(whose)?;
    let challenge_id = challenge(writing, purpose, &target).await?;
    let id = writing.activation.id;
    commands::cancel_mail(writing.db(), id).await?;
    let part = if purpose == Purpose::BillingAccount { CodePart::LookUp } else { CodePart::Mail };
    writing.queue(Queued::fresh(Command::SendVerificationCode(SendVerificationCode { challenge_id, part }))).await?;
    writing.changed();
    Ok(StatusCode::ACCEPTED)
}

async fn check_alone(writing: &mut Writing, body: &Body) -> Result<StatusCode, Problem> {
    let purpose = body.purpose.as_deref().and_then(Purpose::parse);
    if let Some(purpose) = purpose {
        writing.may(purpose.call()).await?;
    }
    let mut fields = Fields::default();
    let whose = whose(body, purpose, &mut fields);
    let code = fields.required("code", body.code.as_deref(), Code::parse);
    let ((purpose, target), code) = fields.done(whose.zip(code))?;
    prove(writing, purpose, &target, Some(&code)).await?;
    Ok(StatusCode::OK)
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

/// The challenge whose code is to be sent: the open one once more, or a new one.
async fn challenge(writing: &mut Writing, purpose: Purpose, target: &Target) -> Result<Uuid, Problem> {
    let (id, counted) = (writing.activation.id, target.counted());
    let pause = writing.app.config.common.code_resend.as_secs_f64();
    let language = page_language(&writing.accept_language).to_owned();
    let latest = challenges::lock_latest(writing.db(), id, purpose.as_str(), &counted).await?;
    if let Some(open) = latest.filter(|latest| is_open(latest, writing)) {
        let wait = (open.resend_at - writing.now).whole_seconds();
        if open.sends >= SENDS {
            let over = (open.expires_at - writing.now).whole_seconds();
            return Err(too_many("This code was sent as often as a code is sent.", over));
        }
        if wait > 0 {
            return Err(too_many("A code was sent a moment ago.", wait));
        }
        challenges::send_again(writing.db(), open.id, pause, &language).await?;
        return Ok(open.id);
    }
    let account_id = writing.activation.account_id.as_ref().map(ToString::to_string);
    let client = (writing.entry == Entry::Typed).then(|| writing.client.clone());
    let asking = Asking {
        activation_id: id,
        purpose: purpose.as_str(),
        target: &counted,
        account_id: account_id.as_deref(),
        client: client.as_deref(),
    };
    let limit = i64::from(writing.app.config.codes_per_client);
    within_limits(&challenges::count(writing.db(), &asking).await?, limit)?;
    let email = match target {
        Target::Email(email) => Some(email.as_str()),
        Target::Username(_) => None,
    };
    let key_id = writing.app.keys.current().id().to_i32();
    let life = writing.app.config.common.code_ttl.as_secs_f64();
    let new = challenges::New { id: Uuid::now_v7(), asking, email, key_id, language: &language, life, pause };
    challenges::insert(writing.db(), &new).await?;
    Ok(new.id)
}

fn is_open(challenge: &Challenge, writing: &Writing) -> bool {
    ["queued", "sent", "refused"].contains(&challenge.status.as_str())
        && challenge.expires_at > writing.now
        && challenge.tries < TRIES
}

fn within_limits(counted: &challenges::Counted, codes_per_client: i64) -> Result<(), Problem> {
    const HOUR: i64 = 3600;
    let limits = [
        (counted.target_hour, 3, "This address or username was sent three codes within an hour.", HOUR),
        (counted.target_day, 8, "This address or username was sent eight codes within a day.", 24 * HOUR),
        (counted.activation, 10, "This activation was sent ten codes. Ask the operator for help.", 24 * HOUR),
        (counted.account_day, 20, "This Account ID was sent twenty codes within a day.", 24 * HOUR),
        (counted.client_hour, codes_per_client, "Too many codes were asked for from this network.", HOUR),
    ];
    match limits.into_iter().find(|(counted, limit, _, _)| counted >= limit) {
        Some((_, _, detail, wait)) => Err(too_many(detail, wait)),
        None => Ok(()),
    }
}

fn too_many(detail: &str, wait: i64) -> Problem {
    Problem::too_many_codes(detail, wait)
}

/// Checks a code, or that the target is proven. A try is counted before the comparison, in a transaction that always
/// commits; a right code costs none.
///
/// # Errors
/// 422 `required` or `code-invalid`, 410 `code-expired`, 409 `code-used`.
pub async fn prove(
    writing: &mut Writing,
    purpose: Purpose,
    target: &Target,
    code: Option<&Code>,
) -> Result<Proof, Problem> {
    let (id, counted) = (writing.activation.id, target.counted());
    let latest = challenges::lock_latest(writing.db(), id, purpose.as_str(), &counted).await?;
    let Some(code) = code else {
        return latest.filter(|latest| is_proven(latest, writing)).map(proof).ok_or_else(code_owed);
    };
    let Some(challenge) = latest else { return Err(Problem::code_invalid(0)) };
    let over = challenge.expires_at <= writing.now && challenge.status != "proven";
    if challenge.tries >= TRIES || over || challenge.status == "expired" {
        return Err(Problem::code_expired());
    }
    if challenge.status == "spent" {
        return Err(Problem::code_used());
    }
    let keys = writing.app.keys.clone();
    let Ok(key) = keys.by_id(KeyId::from_i32(challenge.key_id)) else {
        tracing::error!(
            "a verification code was made with a key that this process does not have: see SECRET_KEY_PREVIOUS"
        );
        return Err(Problem::unavailable());
    };
    let right = landfall_shared::code::is_right(key, challenge.id, code);
    // Of a username that nobody has, every code is wrong.
    let reachable = purpose != Purpose::BillingAccount || challenge.account.is_some();
    writing.shown();
    if right & reachable {
        challenges::proven(writing.db(), challenge.id).await?;
        return Ok(proof(challenge));
    }
    challenges::wrong(writing.db(), challenge.id).await?;
    Err(Problem::code_invalid(TRIES - challenge.tries - 1))
}

fn is_proven(challenge: &Challenge, writing: &Writing) -> bool {
    challenge.status == "proven" && challenge.proven_at.is_some_and(|at| at + PROVEN_FOR > writing.now)
}

fn proof(challenge: Challenge) -> Proof {
    let account = challenge.account.and_then(|account| serde_json::from_value(account).ok());
    Proof { challenge_id: challenge.id, account }
}

/// The code is owed: `required`, like any other field.
fn code_owed() -> Problem {
    let mut fields = Fields::default();
    fields.wrong("code", "required", "Enter the verification code.");
    fields.done::<()>(None).err().unwrap_or_else(Problem::unavailable)
}

/// The language of the page that asks: the mail is written in it.
fn page_language(accept_language: &str) -> &'static str {
    let first = accept_language.split(',').next().unwrap_or_default().trim().to_ascii_lowercase();
    if first.starts_with("zh") { "zh" } else { "en" }
}
