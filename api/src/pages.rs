//! The pages: rendered here from the same document that is polled, small, in two languages, under a strict policy.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use landfall_shared::activation::Stage;
use landfall_shared::buyer::Language;
use landfall_shared::store::sessions;
use uuid::Uuid;

use crate::access;
use crate::app::App;
use crate::asked::Asked;
use crate::language;
use crate::problem::Problem;
use crate::status::{Document, Shown};

const STYLE: &str = include_str!("../assets/page.css");
const SCRIPT: &str = include_str!("../assets/page.js");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What stands on every page.
struct Frame {
    language: Language,
    brand: String,
    support_url: Option<String>,
}

#[derive(Template)]
#[template(path = "entry.html")]
struct EntryPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "activation.html")]
struct ActivationPage<'a> {
    frame: Frame,
    shown: &'a Shown,
    username: Option<&'a str>,
    sites: Vec<(String, String)>,
    terms_url: Option<String>,
    billing_center_login_url: Option<String>,
}

#[derive(Template)]
#[template(path = "sent_back.html")]
struct SentBackPage {
    frame: Frame,
    title: &'static str,
    detail: &'static str,
}

impl Frame {
    fn of(app: &App, asked: &Asked) -> Self {
        let language = language::of(asked);
        Self {
            language,
            brand: app.config.common.brand_name.name(language).to_owned(),
            support_url: app.config.support_url.as_ref().map(ToString::to_string),
        }
    }
}

impl Frame {
    /// One of two: every text stands where it is shown, in both languages.
    fn pick<'a>(&self, english: &'a str, chinese: &'a str) -> &'a str {
        match self.language {
            Language::En => english,
            Language::Zh => chinese,
        }
    }
}

impl ActivationPage<'_> {
    fn stage(&self) -> &str {
        self.shown.stage
    }

    fn action(&self) -> &str {
        self.shown.action.unwrap_or_default()
    }

    /// The purpose of the code that is being asked for, if one is.
    fn code_for(&self) -> &str {
        match &self.shown.verification {
            Some(verification) if self.action() == "enter_code" => &verification.purpose,
            _ => "",
        }
    }
}

/// `GET /`: to the typed entry.
pub async fn front() -> Redirect {
    Redirect::to("/activate")
}

/// `GET /activate`: the typed entry.
///
/// # Errors
/// 404 where it is switched off.
pub async fn entry(State(app): State<App>, asked: Asked) -> Result<Response, Problem> {
    if !app.config.typed_entry {
        return Err(Problem::not_found());
    }
    Ok(page(StatusCode::OK, &EntryPage { frame: Frame::of(&app, &asked) }))
}

/// `GET /activate/{id}`: everything after.
///
/// # Errors
/// 503.
pub async fn activation(State(app): State<App>, Path(id): Path<String>, asked: Asked) -> Result<Response, Problem> {
    let Some(document) = document_of(&app, &asked, &id).await? else {
        return Ok(sent_back(&app, &asked, SentBack::NotSignedIn));
    };
    let frame = Frame::of(&app, &asked);
    let label = |site: &landfall_shared::config::Site| (site.id.to_string(), site.label(frame.language).to_owned());
    let sites = app.config.sites.iter().map(label).collect();
    // Whose code was right, or who came by the marketplace, may see the name.
    let username = document.activation.account().map(|account| account.username.as_str());
    let username = username.filter(|_| !matches!(document.activation.stage, Stage::BillingAccount { .. }));
    Ok(page(
        StatusCode::OK,
        &ActivationPage {
            frame,
            shown: &document.shown,
            username,
            sites,
            terms_url: app.config.terms_url.as_ref().map(ToString::to_string),
            billing_center_login_url: app.config.billing_center_login_url.as_ref().map(ToString::to_string),
        },
    ))
}

async fn document_of(app: &App, asked: &Asked, id: &str) -> Result<Option<Document>, Problem> {
    let (Ok(id), Some(session)) = (id.parse::<Uuid>(), access::session(asked)) else { return Ok(None) };
    let mut db = app.database.pool().acquire().await?;
    if !sessions::is_alive(&mut db, &session).await? || sessions::entry(&mut db, &session, id).await?.is_none() {
        return Ok(None);
    }
    Document::read(app, &mut db, id).await
}

/// Why a buyer is sent back to the marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentBack {
    /// No session sees this activation.
    NotSignedIn,
    /// The login link is not good (any more).
    BadLink,
    /// The instance is suspended or released.
    NotInUse,
}

/// The page that sends a buyer back, 403.
pub fn sent_back(app: &App, asked: &Asked, why: SentBack) -> Response {
    let frame = Frame::of(app, asked);
    let (title, detail) = match why {
        SentBack::NotSignedIn => (
            frame.pick("Please come in from the marketplace", "请从云市场进入"),
            frame.pick(
                "Your session has ended, or it began elsewhere. Nothing is lost.",
                "会话已结束，或在其他设备上开始。您的进度不会丢失。",
            ),
        ),
        SentBack::BadLink => (
            frame.pick("This login link is no longer valid", "该免登链接已失效"),
            frame.pick(
                "A login link works once and only for five minutes. A fresh one is one click away.",
                "免登链接仅可使用一次，五分钟内有效。重新点击即可获得新链接。",
            ),
        ),
        SentBack::NotInUse => (
            frame.pick("This instance is not in use", "该实例当前不可用"),
            frame.pick(
                "The marketplace has suspended or released it. See its state there.",
                "云市场已暂停或释放该实例，请在云市场查看其状态。",
            ),
        ),
    };
    page(StatusCode::FORBIDDEN, &SentBackPage { frame, title, detail })
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    let Ok(html) = template.render() else { return Problem::unavailable().into_response() };
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /assets/{name}`: style and script.
///
/// # Errors
/// 404 for anything else.
pub async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let (kind, text) = match name.as_str() {
        "page.css" => ("text/css; charset=utf-8", STYLE),
        "page.js" => ("text/javascript; charset=utf-8", SCRIPT),
        _ => return Err(Problem::not_found()),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text).into_response())
}
