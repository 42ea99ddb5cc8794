//! The activation as it is polled: the JSON of contract §4, and nothing that is not on that page.

use landfall_shared::activation::{Activation, Stage, StartedBy, Status, Turn};
use landfall_shared::buyer::{Email, Username};
use landfall_shared::refusal::{Fault, FieldError, Refusal, RefusalCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::App;
use crate::verification::Purpose;

/// The polled document. Every member is always there; what is not known yet is null.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    pub id: Uuid,
    pub version: i64,
    pub marketplace: &'static str,
    pub account_id: Option<String>,
    pub instance_id: String,
    pub started_by: StartedBy,
    pub product_code: Option<String>,
    pub sku_id: Option<String>,
    pub trial: Option<bool>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    pub status: Status,
    pub stage: &'static str,
    pub action: Option<&'static str>,
    pub steps: Vec<Step>,
    pub verification: Option<Verification>,
    pub billing_account: Option<BillingAccount>,
    pub workspaces: Vec<Workspace>,
    pub binding: Option<Binding>,
    pub login_url: Option<String>,
    pub problem: Option<ShownProblem>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// One command.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub name: String,
    pub status: &'static str,
    pub attempt: i32,
    pub max_attempts: i32,
    #[serde(with = "time::serde::rfc3339")]
    pub queued_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_attempt_at: Option<OffsetDateTime>,
    pub problem: Option<ShownProblem>,
}

/// The latest challenge.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    pub purpose: String,
    pub sent_to: Option<String>,
    pub status: String,
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub resend_at: OffsetDateTime,
    pub sends_left: i32,
    pub attempts_left: i32,
}

/// The account that pays.
#[derive(Debug, Clone, Serialize)]
pub struct BillingAccount {
    pub username: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub bound_at: Option<OffsetDateTime>,
}

/// One of the list.
#[derive(Debug, Clone, Serialize)]
pub struct Workspace {
    pub id: String,
    pub name: String,
    pub site: String,
    pub language: Option<String>,
    pub bindable: bool,
    pub reason: Option<String>,
}

/// What is bound.
#[derive(Debug, Clone, Serialize)]
pub struct Binding {
    pub workspace_id: String,
    pub workspace_name: String,
    pub site: String,
    #[serde(with = "time::serde::rfc3339")]
    pub bound_at: OffsetDateTime,
}

/// What stands in the way.
#[derive(Debug, Clone, Serialize)]
pub struct ShownProblem {
    /// The stable code.
    pub code: String,
    /// A plain sentence, or the vendor's words.
    pub detail: String,
    /// The fields that the vendor refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// A row of `commands`, as PostgreSQL's JSON gives it.
#[derive(Debug, Deserialize)]
pub(super) struct StepRow {
    name: String,
    state: String,
    attempts_shown: i32,
    held: bool,
    #[serde(with = "time::serde::rfc3339")]
    queued_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    not_before: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    finished_at: Option<OffsetDateTime>,
    problem: Option<Value>,
}

/// A row of `challenges`, likewise.
#[derive(Debug, Deserialize)]
pub(super) struct ChallengeRow {
    purpose: String,
    email: Option<String>,
    status: String,
    sends: i32,
    tries: i32,
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    resend_at: OffsetDateTime,
}

/// When a row of `activations` was written.
pub(super) struct Written {
    pub(super) version: i64,
    pub(super) created_at: OffsetDateTime,
    pub(super) updated_at: OffsetDateTime,
}

impl Shown {
    pub(super) fn of(
        app: &App,
        activation: &Activation,
        written: &Written,
        steps: Vec<StepRow>,
        challenge: Option<ChallengeRow>,
    ) -> Self {
        let max_attempts = i32::try_from(app.config.both.retry_attempts).unwrap_or(i32::MAX);
        let sold = activation.purchase.as_ref();
        let binding = activation.binding();
        let open = challenge.as_ref();
        Self {
            id: activation.id,
            version: written.version,
            marketplace: activation.marketplace.as_str(),
            account_id: activation.account_id.as_ref().map(ToString::to_string),
            instance_id: activation.instance_id.to_string(),
            started_by: activation.started_by,
            product_code: sold.and_then(|sold| sold.product_code.clone()),
            sku_id: sold.and_then(|sold| sold.sku_id.clone()),
            trial: sold.and_then(|sold| sold.trial),
            expires_at: sold.and_then(|sold| sold.expires_at),
            status: activation.status(),
            stage: activation.stage.as_str(),
            action: action(activation, open),
            problem: problem(activation, open, &steps),
            steps: steps.into_iter().map(|step| Step::of(step, max_attempts)).collect(),
            billing_account: billing_account(activation),
            workspaces: activation.workspaces().iter().map(Workspace::of).collect(),
            login_url: binding.map(|binding| login_url(app, &binding.site)),
            binding: binding.map(|binding| Binding {
                workspace_id: binding.workspace_id.to_string(),
                workspace_name: binding.workspace_name.clone(),
                site: binding.site.clone(),
                bound_at: binding.bound_at,
            }),
            verification: challenge.map(Verification::of),
            created_at: written.created_at,
            updated_at: written.updated_at,
        }
    }
}

fn is_open(challenge: &ChallengeRow) -> bool {
    matches!(challenge.status.as_str(), "queued" | "sent")
}

/// Whether the challenge is for a call that is allowed now: one for an earlier stage has nothing to say any more.
fn fits(activation: &Activation, challenge: &ChallengeRow) -> bool {
    Purpose::parse(&challenge.purpose).is_some_and(|purpose| activation.may(purpose.call()).is_ok())
}

fn action(activation: &Activation, challenge: Option<&ChallengeRow>) -> Option<&'static str> {
    if activation.status() != Status::WaitingForBuyer {
        return None;
    }
    match challenge.filter(|challenge| fits(activation, challenge)) {
        Some(challenge) if is_open(challenge) => return Some("enter_code"),
        Some(challenge) if challenge.status == "refused" => return Some("correct"),
        _ => {}
    }
    if matches!(activation.turn, Turn::Mend { .. }) {
        return Some("correct");
    }
    match activation.stage {
        Stage::Purchase | Stage::Active { .. } => None,
        Stage::BillingAccount { .. } => Some("choose_billing_account"),
        Stage::Workspace { .. } => Some("choose_workspace"),
        Stage::Confirmation { .. } => Some("confirm"),
    }
}

fn problem(activation: &Activation, challenge: Option<&ChallengeRow>, steps: &[StepRow]) -> Option<ShownProblem> {
    if let Some(why) = activation.cancelled {
        return Some(ShownProblem { code: why.code().into(), detail: why.sentence().into(), errors: Vec::new() });
    }
    let refused = challenge.filter(|challenge| challenge.status == "refused" && fits(activation, challenge));
    match &activation.turn {
        Turn::Operator { fault, .. } => Some(ShownProblem::from(fault)),
        Turn::Mend { .. } | Turn::Buyer if refused.is_some() => {
            let mail_refused = || ShownProblem::from(&Refusal::from(RefusalCode::MailRefused));
            Some(refused_code(steps).unwrap_or_else(mail_refused))
        }
        Turn::Mend { refusal, .. } => Some(ShownProblem::from(refusal)),
        Turn::Workers { .. } | Turn::Buyer => None,
    }
}

/// Why the latest code that was refused is not sent: by the mail server, or by the Billing Center when it was looked up.
fn refused_code(steps: &[StepRow]) -> Option<ShownProblem> {
    let is_refused = |step: &&StepRow| step.name == "send_verification_code" && step.state == "refused";
    steps.iter().rev().find(is_refused)?.problem.clone().and_then(ShownProblem::from_row)
}

/// Of an account that is linked but not proven, a typed entry sees only that there is one.
fn billing_account(activation: &Activation) -> Option<BillingAccount> {
    if let Stage::BillingAccount { linked: Some(_), .. } = &activation.stage {
        return Some(BillingAccount { username: None, bound_at: None });
    }
    let account = activation.account()?;
    let masked = masked(&account.username);
    Some(BillingAccount { username: Some(masked), bound_at: Some(account.bound_at) })
}

/// A name or an address, told apart from others by whoever knows it, and told to nobody else.
fn masked(text: &str) -> String {
    let address = Email::parse(text).map(|email| email.masked());
    address.or_else(|_| Username::parse(text).map(|username| username.masked())).unwrap_or_default()
}

/// Where the buyer logs in: the site stands in the vendor's own words.
pub fn login_url(app: &App, site: &str) -> String {
    app.config.login_url.with_site(site)
}

impl Step {
    fn of(row: StepRow, max_attempts: i32) -> Self {
        let failed_before = row.problem.is_some();
        let status = match row.state.as_str() {
            "done" => "succeeded",
            "refused" => "refused",
            "dead" => "failed",
            "cancelled" => "cancelled",
            _ if row.held => "running",
            _ if failed_before => "retrying",
            _ => "queued",
        };
        Self {
            name: row.name,
            status,
            attempt: row.attempts_shown,
            max_attempts,
            queued_at: row.queued_at,
            finished_at: row.finished_at,
            next_attempt_at: (status == "retrying").then_some(row.not_before),
            problem: row.problem.and_then(ShownProblem::from_row),
        }
    }
}

impl Verification {
    fn of(row: ChallengeRow) -> Self {
        use landfall_shared::store::challenges::{SENDS, TRIES};
        let hidden = row.purpose == "billing_account";
        Self {
            sent_to: row.email.filter(|_| !hidden).map(|email| masked(&email)),
            purpose: row.purpose,
            status: row.status,
            expires_at: row.expires_at,
            resend_at: row.resend_at,
            sends_left: (SENDS - row.sends).max(0),
            attempts_left: (TRIES - row.tries).max(0),
        }
    }
}

impl Workspace {
    fn of(workspace: &landfall_shared::activation::Workspace) -> Self {
        Self {
            id: workspace.id.to_string(),
            name: workspace.name.clone(),
            site: workspace.site.clone(),
            language: workspace.language.clone(),
            bindable: workspace.bindable,
            reason: workspace.reason.clone(),
        }
    }
}

impl ShownProblem {
    fn from_row(problem: Value) -> Option<Self> {
        if let Ok(refusal) = serde_json::from_value::<Refusal>(problem.clone()) {
            return Some(Self::from(&refusal));
        }
        serde_json::from_value::<Fault>(problem).ok().as_ref().map(Self::from)
    }
}

impl From<&Refusal> for ShownProblem {
    fn from(refusal: &Refusal) -> Self {
        let detail = refusal.detail.clone().unwrap_or_else(|| refusal.code.sentence().to_owned());
        Self { code: refusal.code.code().to_owned(), detail, errors: refusal.errors.clone() }
    }
}

impl From<&Fault> for ShownProblem {
    fn from(fault: &Fault) -> Self {
        Self { code: fault.code.code().to_owned(), detail: fault.detail.clone(), errors: Vec::new() }
    }
}
