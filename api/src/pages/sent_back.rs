//! The page that sends a buyer back to the marketplace, or asks for patience.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::words::Both;
use super::{Frame, Page, page};
use crate::app::App;
use crate::asked::Asked;

/// Why a buyer is sent back to the marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentBack {
    /// No session sees this activation.
    NotSignedIn,
    /// The login link is not good (any more).
    BadLink,
    /// The instance is suspended or released.
    NotInUse,
    /// Nothing can be said now: our database does not answer.
    Unavailable,
}

impl SentBack {
    fn title(self) -> Both {
        match self {
            Self::NotSignedIn => ("Please come in from the marketplace", "请从云市场进入"),
            Self::BadLink => ("This login link is no longer valid", "该免登链接已失效"),
            Self::NotInUse => ("This instance is not in use", "该实例当前不可用"),
            Self::Unavailable => ("We can’t show this right now", "暂时无法显示此页面"),
        }
    }

    fn detail(self) -> Both {
        match self {
            Self::NotSignedIn => (
                "Your session has ended, or it began on another device. Nothing is lost: your activation goes on where it stands.",
                "登录已失效，或该流程是在其他设备上发起的。您的进度不会丢失，可继续开通。",
            ),
            Self::BadLink => (
                "A login link works once, and only for five minutes. A fresh one is one click away.",
                "免登链接仅可使用一次，五分钟内有效。再次点击“免登”即可获得新链接。",
            ),
            Self::NotInUse => (
                "The marketplace has suspended or released it. Suspended means that it expired or that a bill is open: once that is settled, it works again.",
                "云市场已停用或释放该实例。停用通常是因为已到期或欠费，处理后即可恢复使用。",
            ),
            Self::Unavailable => (
                "Something on our side is not answering. Nothing is lost: wait a minute, then reload this page or come in again.",
                "我们的系统暂时没有响应。您的进度不会丢失：请稍等一分钟，然后刷新此页面或重新进入。",
            ),
        }
    }

    fn last_step(self) -> Both {
        match self {
            Self::NotSignedIn | Self::BadLink | Self::Unavailable => {
                ("Click <b>Login Directly</b> beside {brand}.", "在 {brand} 一行点击<b>免登</b>。")
            }
            Self::NotInUse => (
                "See the instance’s state beside {brand}; renew it or pay the bill, then click <b>Login Directly</b>.",
                "查看 {brand} 一行的实例状态，续费或付清账单后点击<b>免登</b>。",
            ),
        }
    }

    fn may_type(self) -> bool {
        match self {
            Self::NotSignedIn | Self::BadLink => true,
            Self::NotInUse | Self::Unavailable => false,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NotSignedIn | Self::BadLink | Self::NotInUse => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[derive(Template)]
#[template(path = "sent_back.html", whitespace = "minimize")]
struct SentBackPage<'a> {
    frame: Frame<'a>,
    why: SentBack,
    /// Account ID, where it is known, and Product Instance ID.
    ids: Option<(Option<String>, String)>,
    typed_entry: bool,
}

impl Page for SentBackPage<'_> {
    fn frame(&self) -> &Frame<'_> {
        &self.frame
    }
}

/// When it is worth asking again, in seconds.
const AGAIN_AFTER: HeaderValue = HeaderValue::from_static("2");

/// The page, 403 or 503. The ids stand on it where the caller has shown that they are the buyer's.
pub fn sent_back(app: &App, asked: &Asked, why: SentBack, ids: Option<(Option<String>, String)>) -> Response {
    let typed_entry = app.config.typed_entry;
    let template = SentBackPage { frame: Frame::of(app, asked), why, ids, typed_entry };
    let mut response = page(why.status(), app, asked, &template);
    if why == SentBack::Unavailable {
        response.headers_mut().insert(header::RETRY_AFTER, AGAIN_AFTER);
    }
    response
}
