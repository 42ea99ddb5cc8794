//! What pages load: style, script, the brand's colour and logo; small, served from here, cached by what they contain.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use landfall_shared::config::{Both, BrandLogo};
use sha2::{Digest, Sha256};
use tower_http::compression::CompressionLayer;

use super::palette;
use crate::app::App;
use crate::problem::Problem;

const STYLE: &str = include_str!("../../assets/page.css");
const WITHOUT_SCRIPT: &str = include_str!("../../assets/noscript.css");
/// One file on the wire: the parts share one scope, in this order.
const SCRIPT: &str = concat!(
    include_str!("../../assets/page.js"),
    include_str!("../../assets/morph.js"),
    include_str!("../../assets/times.js"),
    include_str!("../../assets/typed.js"),
    include_str!("../../assets/fields.js"),
    include_str!("../../assets/calls.js"),
    include_str!("../../assets/views.js"),
    include_str!("../../assets/codes.js"),
    include_str!("../../assets/forms.js"),
    include_str!("../../assets/follow.js"),
);

/// One asset: its name, what it is, its bytes.
#[derive(Debug, Clone)]
struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: Vec<u8>,
    /// A piece of the digest of the bytes.
    version: String,
}

/// Every asset of this process.
#[derive(Debug, Clone)]
pub struct Assets {
    all: Vec<Asset>,
    /// Changes when any of them does.
    pub version: String,
}

impl Assets {
    /// Those of a brand.
    #[must_use]
    pub fn new(both: &Both) -> Self {
        let color = both.brand_color.as_str();
        let icon = palette::icon(color, &both.brand_name.en);
        let mut all = vec![
            Asset::new("page.css", "text/css; charset=utf-8", lean_style(STYLE).into()),
            Asset::new("noscript.css", "text/css; charset=utf-8", lean_style(WITHOUT_SCRIPT).into()),
            Asset::new("brand.css", "text/css; charset=utf-8", palette::style_sheet(color).into()),
            Asset::new("page.js", "text/javascript; charset=utf-8", lean_script(SCRIPT).into()),
            Asset::new("icon", "image/svg+xml", icon.into()),
        ];
        if let Some(BrandLogo { media_type, bytes }) = &both.brand_logo {
            all.push(Asset::new("logo", media_type, bytes.clone()));
        }
        let versions: String = all.iter().map(|asset| asset.version.as_str()).collect();
        Self { version: digest(versions.as_bytes()), all }
    }

    /// Where an asset is, with its version: what is cached under it never changes.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        let version = self.named(name).map(|asset| asset.version.as_str()).unwrap_or_default();
        format!("/assets/{name}?v={version}")
    }

    /// Whether the brand has a logo.
    #[must_use]
    pub fn has_logo(&self) -> bool {
        self.named("logo").is_some()
    }

    fn named(&self, name: &str) -> Option<&Asset> {
        self.all.iter().find(|asset| asset.name == name)
    }
}

impl Asset {
    fn new(name: &'static str, media_type: &'static str, bytes: Vec<u8>) -> Self {
        let version = digest(&bytes);
        Self { name, media_type, bytes, version }
    }

    /// A logo is somebody's file: opened by itself it may run nothing and load nothing. What it styles inside itself it
    /// may, for some browsers hold an image to its own policy.
    fn policy(&self) -> &'static str {
        if self.media_type == "image/svg+xml" {
            "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        } else {
            "default-src 'none'; sandbox"
        }
    }
}

/// Without indents and comments, which stand on lines of their own: what is read on the wire, nobody reads.
fn lean_script(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.fold(String::with_capacity(text.len()), |lean, line| lean + line + "\n")
}

/// The same for a style sheet, whose blanks mean nothing beside a brace, a colon or a semicolon of a declaration.
fn lean_style(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("/*"));
    let joined = lines.fold(String::with_capacity(text.len()), |lean, line| lean + line);
    [(" {", "{"), ("{ ", "{"), ("; ", ";"), (": ", ":"), (", ", ","), (" }", "}"), (";}", "}")]
        .iter()
        .fold(joined, |text, (from, to)| text.replace(from, to))
}

fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Packs what whoever asks can unpack; a picture that is packed already (PNG, JPEG) goes as it is. On this route alone: a page
/// holds what is the buyer's alone beside what others may choose, and its length, packed, would tell what stands in it (BREACH).
pub fn compression() -> CompressionLayer {
    CompressionLayer::new()
}

/// `GET /assets/{name}`.
///
/// # Errors
/// 404 for anything that is not one.
pub async fn get(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = app.assets.named(&name).ok_or_else(Problem::not_found)?;
    // Weak: packed and unpacked are the same asset in other bytes.
    let tag = format!("W/\"{}\"", asset.version);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    // Another version is asked for while two versions of us run side by side: what is answered then is not kept.
    let is_this = uri.query() == Some(&format!("v={}", asset.version));
    let keep = if is_this { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { asset.bytes.clone().into_response() };
    let all = response.headers_mut();
    all.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    all.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    all.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    all.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(asset.policy()));
    all.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        all.insert(header::ETAG, tag);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_was_written_without_blanks_and_comments() {
        assert_eq!(
            lean_style("/* A. */\na, b { color: red; margin: 0 1px; }\n  @media (x) {\n p { top: 0; }\n}"),
            "a,b{color:red;margin:0 1px}@media (x){p{top:0}}"
        );
        assert_eq!(
            lean_script("// A.\nconst a = 1;\n  // B.\n  f(a, \"http://x\");\n"),
            "const a = 1;\nf(a, \"http://x\");\n"
        );
        assert!(!lean_style(STYLE).contains("/*"));
    }
}
