//! The pages: rendered here from the same document that is polled, small, in two languages, under a strict policy.

use std::time::Duration;

use askama::Template;
use askama::filters::Safe;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use landfall_shared::buyer::Language;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::app::App;
use crate::asked::Asked;
use crate::language;
use crate::problem::Problem;

pub mod activation;
pub mod assets;
mod entry;
mod known;
mod palette;
mod progress;
mod refused;
mod sent_back;
pub mod sentences;
mod words;

pub use assets::Assets;
pub use entry::entry;
pub use sent_back::{SentBack, sent_back};

use sentences::Sentence;
use words::Words;

/// What a page may load and do: nothing but what comes from here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// What stands on every page.
struct Frame<'a> {
    language: Language,
    words: Words,
    brand: String,
    has_logo: bool,
    icon: String,
    version: &'a str,
    assets: &'a Assets,
    support_url: Option<String>,
}

impl<'a> Frame<'a> {
    fn of(app: &'a App, asked: &Asked) -> Self {
        let language = language::of(asked);
        let brand = app.config.both.brand_name.name(language);
        let has_logo = app.assets.has_logo();
        Self {
            language,
            words: Words::new(language, brand),
            brand: brand.to_owned(),
            has_logo,
            icon: app.assets.url(if has_logo { "logo" } else { "icon" }),
            version: &app.assets.version,
            assets: &app.assets,
            support_url: app.config.support_url.as_ref().map(ToString::to_string),
        }
    }

    fn asset(&self, name: &str) -> String {
        self.assets.url(name)
    }

    fn is_english(&self) -> bool {
        self.language == Language::En
    }

    /// What the page's script may have to say.
    #[expect(clippy::unused_self, reason = "a template asks its frame")]
    fn sentences(&self) -> impl Iterator<Item = &'static Sentence> + use<> {
        sentences::of_calls()
    }
}

/// What every template may ask.
trait Page {
    /// What stands around it.
    fn frame(&self) -> &Frame<'_>;

    /// One of the two languages, with brand and way back filled in.
    fn t(&self, english: &str, chinese: &str) -> Safe<String> {
        self.frame().words.say(english, chinese)
    }

    /// What a problem is.
    fn title_of(&self, code: &str) -> Safe<String> {
        let (english, chinese) = sentences::of(code).map(|sentence| sentence.title).unwrap_or_default();
        self.t(english, chinese)
    }

    /// What to do about it.
    fn todo_of(&self, code: &str) -> Safe<String> {
        let (english, chinese) = sentences::of(code).map(|sentence| sentence.todo).unwrap_or_default();
        self.t(english, chinese)
    }

    /// Both, in one line.
    fn say(&self, code: &str) -> Safe<String> {
        let stop = self.frame().words.pick(". ", "。");
        Safe(format!("{}{stop}{}", self.title_of(code).0, self.todo_of(code).0))
    }

    /// A time; the script puts it into the buyer's zone.
    fn time(&self, at: impl Into<Moment>) -> Safe<String> {
        let Moment(at) = at.into();
        let utc = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
        Safe(format!("<time datetime=\"{}\">{}</time>", rfc3339(at), at.format(&utc).unwrap_or_default()))
    }

    /// A time for the script.
    fn iso(&self, at: impl Into<Moment>) -> String {
        rfc3339(at.into().0)
    }
}

/// A time, however a template holds it.
struct Moment(OffsetDateTime);

impl From<OffsetDateTime> for Moment {
    fn from(at: OffsetDateTime) -> Self {
        Self(at)
    }
}

impl From<&OffsetDateTime> for Moment {
    fn from(at: &OffsetDateTime) -> Self {
        Self(*at)
    }
}

impl From<&&OffsetDateTime> for Moment {
    fn from(at: &&OffsetDateTime) -> Self {
        Self(**at)
    }
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(&Rfc3339).unwrap_or_default()
}

/// `GET /`: to the typed entry.
///
/// # Errors
/// 404 where that is switched off.
pub async fn front(State(app): State<App>) -> Result<Redirect, Problem> {
    if app.config.typed_entry { Ok(Redirect::to("/activate")) } else { Err(Problem::not_found()) }
}

/// Whoever opens a page reads one within 10 s, also when PostgreSQL does not answer: earlier than the deadline of every call
/// ([`crate::deadline`]), which answers programs.
const LONGEST: Duration = Duration::from_secs(8);

/// What a page is made from, or 503 in time for a page that says so.
///
/// # Errors
/// Its own, or 503.
pub async fn in_time<T>(made: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(LONGEST, made).await.unwrap_or_else(|_| Err(Problem::unavailable()))
}

/// Without indents: what is read on the wire, nobody reads.
fn lean(html: &str) -> String {
    let lines = html.lines().map(str::trim_start).filter(|line| !line.is_empty());
    lines.fold(String::with_capacity(html.len()), |lean, line| lean + line + "\n")
}

fn page(status: StatusCode, app: &App, asked: &Asked, template: &impl Template) -> Response {
    let Ok(html) = template.render() else { return Problem::unavailable().into_response() };
    let mut response = (status, Html(lean(&html))).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
    let chosen = language::just_chosen(asked).map(|chosen| language::cookie(app, chosen));
    if let Some(Ok(cookie)) = chosen.map(HeaderValue::try_from) {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}
