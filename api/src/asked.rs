//! What a client sends: body, client address, language; read once, before anything is decided.

use std::net::{IpAddr, SocketAddr};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequest, Request};
use axum::http::{HeaderMap, Method, Uri, header};
use bytes::BytesMut;
use futures_util::StreamExt;
use ipnet::IpNet;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::deadline;
use crate::object::Object;
use crate::problem::Problem;

/// No body of contract §3 needs more.
const LARGEST: usize = 64 * 1024;
/// Of a larger one so much is read and thrown away: a client reads no answer while it still writes.
const THROWN_AWAY: usize = 16 * 1024 * 1024;

/// A request, read whole.
#[derive(Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its address here.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Who sent it.
    pub client: IpAddr,
}

impl FromRequest<App> for Asked {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let Beginning { asked, whole } = Beginning::from_request(request, app).await?;
        if whole { Ok(asked) } else { Err(Problem::too_large()) }
    }
}

/// A request of whatever size: of too large a body only the beginning is kept.
#[derive(Debug)]
pub struct Beginning {
    /// The request.
    pub asked: Asked,
    /// Whether its body is all there.
    pub whole: bool,
}

impl FromRequest<App> for Beginning {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        let (parts, body) = request.into_parts();
        let (body, whole) = deadline::within(read(body)).await?;
        let peer = peer.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
        let client = client(peer, &parts.headers, &app.config.trusted_proxies);
        let asked = Asked { method: parts.method, uri: parts.uri, headers: parts.headers, body, client };
        Ok(Self { asked, whole })
    }
}

async fn read(body: Body) -> Result<(Bytes, bool), Problem> {
    let mut chunks = body.into_data_stream();
    let (mut kept, mut length) = (BytesMut::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed("The body broke off."))?;
        length = length.saturating_add(chunk.len());
        let room = LARGEST.saturating_sub(kept.len()).min(chunk.len());
        kept.extend_from_slice(chunk.get(..room).unwrap_or_default());
        if length > THROWN_AWAY {
            break;
        }
    }
    Ok((kept.freeze(), length <= LARGEST))
}

impl Asked {
    /// The body as JSON; unknown members are ignored, a wrong type is a malformed request.
    ///
    /// # Errors
    /// 415 if it is not sent as JSON, 400 if it is not of the form asked for.
    pub fn json<Body: DeserializeOwned>(&self) -> Result<Body, Problem> {
        let sent_as = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let essence = sent_as.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence != "application/json" {
            return Err(Problem::unsupported_media_type());
        }
        // The reader's own words may quote the body, which may hold a password: they go nowhere.
        // What is skipped must be UTF-8, too (RFC 8259, 8.1), and the reader does not look at it.
        let Ok(text) = std::str::from_utf8(&self.body) else {
            return Err(Problem::malformed("The body is not UTF-8."));
        };
        match serde_json::from_str::<Object<Body>>(text) {
            Ok(Object(body)) => Ok(body),
            Err(error) => {
                Err(Problem::malformed(format!("The body is not of the form asked for ({:?}).", error.classify())))
            }
        }
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A cookie's value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The page's language, as the platforms are told it.
    #[must_use]
    pub fn accept_language(&self) -> String {
        self.header(header::ACCEPT_LANGUAGE.as_str()).unwrap_or("en").chars().take(100).collect()
    }

    /// What limits count a client by: its address, an IPv6 one by its /64.
    #[must_use]
    pub fn counted_client(&self) -> String {
        match self.client {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }
}

/// The client: the rightmost address of `X-Forwarded-For` outside the proxies that are trusted.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(&peer) {
        return peer;
    }
    let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut client = peer;
    for hop in hops.iter().rev() {
        let Some(address) = hop_address(hop) else { break };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// An address, which some proxies write with its port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let alone = hop.parse().or_else(|_| hop.trim_start_matches('[').trim_end_matches(']').parse());
    alone.or_else(|_| hop.parse().map(|with_port: SocketAddr| with_port.ip())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        client(peer.parse().unwrap(), &headers, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
        assert_eq!(seen("10.0.0.1", "1.2.3.4, 5.6.7.8, 10.9.9.9"), "5.6.7.8");
        assert_eq!(seen("9.9.9.9", "1.2.3.4"), "9.9.9.9");
        assert_eq!(seen("10.0.0.1", "nonsense"), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", "10.7.7.7, 10.9.9.9"), "10.7.7.7");
        assert_eq!(seen("10.0.0.1", ""), "10.0.0.1");
    }

    #[test]
    fn a_proxy_may_write_the_port_too_and_ipv6_in_brackets() {
        assert_eq!(seen("10.0.0.1", "5.6.7.8:1234"), "5.6.7.8");
        assert_eq!(seen("10.0.0.1", "[2001:db8::7]:1234"), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", "[2001:db8::7]"), "2001:db8::7");
        assert_eq!(seen("10.0.0.1", "2001:db8::7"), "2001:db8::7");
        assert_eq!(seen("::ffff:10.0.0.1", "::ffff:5.6.7.8"), "5.6.7.8");
    }
}
