//! `/activate/{id}`: everything after the entry, chosen by the polled document.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use landfall_shared::activation::{AskedWorkspace, Request, StartedBy, Status, Turn};
use landfall_shared::store::{mail_sender, sessions};
use time::OffsetDateTime;
use uuid::Uuid;

use super::known::Known;
use super::progress::{self, Standing, Task, WayStep};
use super::refused::{self, Said};
use super::words::Both;
use super::{Frame, Page, SentBack, in_time, page, sent_back};
use crate::access;
use crate::app::App;
use crate::asked::Asked;
use crate::problem::Problem;
use crate::status::{Document, Shown, ShownProblem, Step, Verification};

/// What the page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Panel {
    /// Something is in hand.
    Work,
    /// The purchase cannot be verified as it is.
    Purchase,
    /// Register, or bind a Billing Center account.
    BillingAccount,
    /// Bind a workspace, or create one.
    Workspace,
    /// Bound; confirmed or not.
    Confirmation,
    /// An operator must act.
    Attention,
    /// Over before its time.
    Cancelled,
}

impl Panel {
    fn of(shown: &Shown) -> Self {
        match (shown.status, shown.stage) {
            (Status::Running | Status::Retrying, _) => Self::Work,
            (Status::NeedsAttention, _) => Self::Attention,
            (Status::Cancelled, _) => Self::Cancelled,
            (Status::Succeeded, _) | (Status::WaitingForBuyer, "confirmation" | "active") => Self::Confirmation,
            (Status::WaitingForBuyer, "billing_account") => Self::BillingAccount,
            (Status::WaitingForBuyer, "workspace") => Self::Workspace,
            (Status::WaitingForBuyer, _) => Self::Purchase,
        }
    }
}

/// A site as it is offered.
struct SiteChoice {
    id: String,
    label: String,
}

/// A workspace once one is bound.
struct Row<'a> {
    id: &'a str,
    name: &'a str,
    site: &'a str,
}

#[derive(Template)]
#[template(path = "activation.html", whitespace = "minimize")]
struct ActivationPage<'a> {
    frame: Frame<'a>,
    shown: &'a Shown,
    now: OffsetDateTime,
    panel: Panel,
    /// The view that is shown first; the buyer may choose another one of the panel.
    view: &'static str,
    tasks: Vec<Task<'a>>,
    known: Known,
    request: Option<&'a Request>,
    mends: bool,
    sites: Vec<SiteChoice>,
    sender: Option<String>,
    terms_url: Option<String>,
    billing_center_login_url: Option<String>,
}

impl Page for ActivationPage<'_> {
    fn frame(&self) -> &Frame<'_> {
        &self.frame
    }
}

/// `GET /activate/{id}`.
///
/// # Errors
/// None of its own: what cannot be shown now is a page that says so.
pub async fn activation(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let (document, sender) = match in_time(document_of(&app, &asked, &id)).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(sent_back(&app, &asked, SentBack::NotSignedIn, None)),
        Err(_) => return Ok(sent_back(&app, &asked, SentBack::Unavailable, None)),
    };
    Ok(page(StatusCode::OK, &app, &asked, &ActivationPage::of(&app, &asked, &document, sender)))
}

/// The document, if the caller may see it, and who sends its codes.
async fn document_of(app: &App, asked: &Asked, id: &str) -> Result<Option<(Document, Option<String>)>, Problem> {
    let (Ok(id), Some(session)) = (id.parse::<Uuid>(), access::session(asked)) else { return Ok(None) };
    let mut db = app.database.pool().acquire().await?;
    if !sessions::is_alive(&mut db, &session).await? || sessions::entry(&mut db, &session, id).await?.is_none() {
        return Ok(None);
    }
    let Some(document) = Document::read(app, &mut db, id).await? else { return Ok(None) };
    let sender = match &document.shown.verification {
        Some(_) => mail_sender::address(&mut db).await?,
        None => None,
    };
    Ok(Some((document, sender)))
}

impl<'a> ActivationPage<'a> {
    fn of(app: &'a App, asked: &Asked, document: &'a Document, sender: Option<String>) -> Self {
        let shown = &document.shown;
        let frame = Frame::of(app, asked);
        let site = |site: &landfall_shared::config::Site| SiteChoice {
            id: site.id.to_string(),
            label: site.label(frame.language).to_owned(),
        };
        let sites = app.config.sites.iter().map(site).collect();
        let (request, mends) = match &document.activation.turn {
            Turn::Workers { request, .. } | Turn::Operator { request, .. } => (Some(request), false),
            Turn::Mend { request, .. } => (Some(request), true),
            Turn::Buyer => (None, false),
        };
        let panel = Panel::of(shown);
        Self {
            panel,
            view: view(panel, shown, request.filter(|_| mends)),
            tasks: progress::tasks(plan(request), &shown.steps),
            known: Known::of(&document.activation),
            now: document.now,
            request,
            mends,
            sites,
            sender,
            terms_url: app.config.terms_url.as_ref().map(ToString::to_string),
            billing_center_login_url: app.config.billing_center_login_url.as_ref().map(ToString::to_string),
            frame,
            shown,
        }
    }

    fn way(&self) -> [WayStep; 4] {
        progress::way(self.shown.stage)
    }

    fn shows_sites(&self) -> bool {
        self.sites.len() > 1 && matches!(self.panel, Panel::BillingAccount | Panel::Workspace)
    }

    fn is_typed(&self) -> bool {
        self.shown.started_by == StartedBy::Typed
    }

    /// The cloud account is bound already, and a typed entry must show that it may use that account.
    fn is_linked(&self) -> bool {
        self.shown.stage == "billing_account" && self.shown.billing_account.is_some()
    }

    fn is_active(&self) -> bool {
        self.shown.status == Status::Succeeded
    }

    fn goes_on_by_itself(&self) -> bool {
        let code = self.shown.problem.as_ref().map(|problem| problem.code.as_str());
        matches!(code, Some("instance-not-found" | "instance-not-active"))
    }

    /// Something of what is in hand is tried again.
    fn is_waiting(&self) -> bool {
        self.tasks.iter().any(|task| task.standing == Standing::Waits)
    }

    fn work_title(&self) -> Both {
        match self.request {
            Some(Request::Registration(_)) => ("Activating", "正在开通"),
            Some(Request::BillingAccount) => ("Binding your Billing Center account", "正在绑定费用中心账号"),
            Some(Request::Refresh(_)) => ("Looking up your workspaces", "正在查询您的工作空间"),
            Some(Request::Workspace(asked)) if asked.new_workspace().is_some() => {
                ("Creating and binding your workspace", "正在创建并绑定工作空间")
            }
            Some(Request::Workspace(_)) => ("Binding your workspace", "正在绑定工作空间"),
            Some(Request::Entry) | None => ("Verifying your purchase", "正在核实您的购买"),
        }
    }

    /// The latest code, if it is for this purpose.
    fn code_of(&self, purpose: &str) -> Option<&Verification> {
        self.shown.verification.as_ref().filter(|code| code.purpose == purpose)
    }

    /// The code's mail, while it has to be tried again.
    fn mail_trouble(&self) -> Option<&Step> {
        let latest = self.shown.steps.iter().rev().find(|step| step.name == "send_verification_code");
        latest.filter(|step| step.status == "retrying")
    }

    /// A code that could not be sent is told about where it was asked for.
    fn problem_belongs_to(&self, view: &str) -> bool {
        self.view == view && self.shown.problem.is_some() && self.refused_code().is_none()
    }

    /// Why the latest code was not sent, if it was refused.
    fn refused_code(&self) -> Option<&ShownProblem> {
        refused::code(self.shown)
    }

    fn is_told(&self, code: &str) -> bool {
        self.shown.problem.as_ref().is_some_and(|problem| problem.code == code)
    }

    fn email_taken_at(&self, step: &str) -> bool {
        self.is_told("email-taken") && refused::step(self.shown) == Some(step)
    }

    fn refused_field(&self, view: &str) -> String {
        let problem = self.shown.problem.as_ref().filter(|_| self.problem_belongs_to(view));
        let names = problem.map(|problem| refused::fields(self.shown, problem, view)).unwrap_or_default();
        format!("{} {}", self.shown.version, names.join(" "))
    }

    fn vendor_words(&self, problem: &ShownProblem) -> Vec<Said> {
        refused::vendor_words(self.shown, problem, &self.frame.words)
    }

    fn failed_task(&self) -> Option<Both> {
        let failed = self.shown.steps.iter().rev().find(|step| step.status == "failed");
        failed.map(|step| progress::label(&step.name))
    }

    fn mends_registration(&self) -> bool {
        self.mends && matches!(self.request, Some(Request::Registration(_)))
    }

    fn has_bindable(&self) -> bool {
        self.shown.workspaces.iter().any(|workspace| workspace.bindable)
    }

    /// A workspace speaks the page's language unless another was chosen.
    fn workspace_language(&self) -> &str {
        if self.known.typed.language.is_empty() { self.frame.language.as_str() } else { &self.known.typed.language }
    }

    fn site_label<'b>(&'b self, site: &'b str) -> &'b str {
        self.sites.iter().find(|choice| choice.id == site).map_or(site, |choice| choice.label.as_str())
    }

    #[expect(clippy::unused_self, reason = "a template asks its page")]
    fn language_label<'b>(&self, language: &'b str) -> &'b str {
        match language {
            "en" => "English",
            "zh" => "中文",
            other => other,
        }
    }

    /// The list, with the bound one: also if it is in the list no more.
    fn rows(&self) -> Vec<Row<'_>> {
        let listed = self.shown.workspaces.iter();
        let mut rows: Vec<Row<'_>> =
            listed.map(|listed| Row { id: &listed.id, name: &listed.name, site: &listed.site }).collect();
        if let Some(bound) = &self.shown.binding
            && !rows.iter().any(|row| row.id == bound.workspace_id)
        {
            rows.push(Row { id: &bound.workspace_id, name: &bound.workspace_name, site: &bound.site });
        }
        rows
    }

    /// An opaque id, so that it can stand behind a `#`.
    #[expect(clippy::unused_self, reason = "a template asks its page")]
    fn encoded(&self, id: &str) -> String {
        id.bytes().fold(String::new(), |mut text, byte| {
            if byte.is_ascii_alphanumeric() {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
            text
        })
    }

    fn is_bound(&self, id: &str) -> bool {
        self.shown.binding.as_ref().is_some_and(|bound| bound.workspace_id == id)
    }

    #[expect(clippy::unused_self, reason = "a template asks its page")]
    fn without_scheme<'b>(&self, url: &'b str) -> &'b str {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.split(['?', '#']).next().unwrap_or(rest).trim_end_matches('/')
    }
}

/// What the buyer's call does, command by command.
fn plan(request: Option<&Request>) -> &'static [&'static str] {
    match request {
        Some(Request::Registration(_)) => {
            &["register_buyer", "open_billing_account", "bind_billing_account", "create_workspace", "bind_workspace"]
        }
        Some(Request::BillingAccount) => &["bind_billing_account", "list_workspaces"],
        Some(Request::Refresh(_)) => &["list_workspaces"],
        Some(Request::Workspace(asked)) => match asked.as_ref() {
            AskedWorkspace::Bind(_) => &["bind_workspace"],
            AskedWorkspace::CreateForOwner(..) => &["create_workspace", "bind_workspace"],
            AskedWorkspace::CreateWithOwner(..) => &["register_buyer", "create_workspace", "bind_workspace"],
        },
        Some(Request::Entry) | None => &["verify_purchase", "find_billing_account"],
    }
}

/// The view that a panel shows first: where a code is asked for, or where something is to be mended.
fn view(panel: Panel, shown: &Shown, to_mend: Option<&Request>) -> &'static str {
    let asked_for =
        shown.verification.as_ref().filter(|_| shown.action == Some("enter_code") || refused::code(shown).is_some());
    let purpose = asked_for.map(|code| code.purpose.as_str());
    match panel {
        Panel::Work => "work",
        Panel::Purchase => "purchase",
        Panel::Confirmation => "bound",
        Panel::Attention => "attention",
        Panel::Cancelled => "cancelled",
        Panel::BillingAccount => match (purpose, to_mend) {
            _ if shown.billing_account.is_some() => "bind",
            (Some("billing_account"), _) | (None, Some(Request::BillingAccount)) => "bind",
            (Some(_), _) | (None, Some(Request::Registration(_))) => "register",
            (None, Some(Request::Entry | Request::Refresh(_) | Request::Workspace(_)) | None) => "choose",
        },
        Panel::Workspace => match (purpose, to_mend) {
            (Some("workspace_owner"), _) => "create-have",
            (Some("new_workspace_owner"), _) => "create-new",
            // What was made is in the list, and another one of it can be bound.
            _ if refused::step(shown) == Some("bind_workspace") => "list",
            (_, Some(Request::Registration(_))) => "rename",
            (_, Some(Request::Workspace(asked))) => match asked.as_ref() {
                AskedWorkspace::Bind(_) => "list",
                AskedWorkspace::CreateForOwner(..) => "create-have",
                AskedWorkspace::CreateWithOwner(..) => "create-new",
            },
            (_, Some(Request::Entry | Request::Refresh(_) | Request::BillingAccount) | None) => "list",
        },
    }
}
