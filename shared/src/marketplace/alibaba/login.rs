//! *Login Directly*: the signed link by which the marketplace sends a buyer to us (contract §2).

use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::token::{Parameters, SecurityKeys, token};
use super::{format_time, is_id, parse_time};

/// How far a link's `timeStamp` may be from our clock, either way, in seconds.
pub const TOLERANCE_SECONDS: u64 = 300;

/// A good link: whoever follows it may act for the instance's cloud account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginLink {
    /// The instance, the page's Product Instance ID.
    pub instance_id: String,
    /// What makes the link good once: the SHA-256 of its token, which shows nothing of the token.
    pub digest: [u8; 32],
}

/// Why a link is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLink {
    /// No key of ours made its token.
    #[error("bad token")]
    Token,
    /// It is no login link.
    #[error("the link is malformed")]
    Malformed,
    /// Its time is more than [`TOLERANCE_SECONDS`] away.
    #[error("the link has expired")]
    Stale,
}

impl LoginLink {
    /// Reads and checks a link's parameters.
    pub fn read(parameters: &Parameters, keys: &SecurityKeys, now: OffsetDateTime) -> Result<Self, BadLink> {
        keys.verify(parameters).map_err(|_| BadLink::Token)?;
        let instance_id = parameters.get("instanceId").filter(|id| is_id(id)).ok_or(BadLink::Malformed)?;
        let made_at = parameters.get("timeStamp").and_then(parse_time).ok_or(BadLink::Malformed)?;
        if parameters.get("action") != Some("verify") {
            return Err(BadLink::Malformed);
        }
        if made_at.unix_timestamp().abs_diff(now.unix_timestamp()) > TOLERANCE_SECONDS {
            return Err(BadLink::Stale);
        }
        let token = parameters.get("token").unwrap_or_default().to_ascii_lowercase();
        Ok(Self { instance_id: instance_id.to_owned(), digest: Sha256::digest(token).into() })
    }
}

/// The link as the marketplace makes it: `auth_url` with a signed query.
#[must_use]
pub fn link(auth_url: &str, instance_id: &str, made_at: OffsetDateTime, key: &SecretString) -> String {
    let made_at = format_time(made_at);
    let mut pairs = vec![("action", "verify"), ("instanceId", instance_id), ("timeStamp", &made_at)];
    let token = token(&pairs.iter().copied().collect(), key);
    pairs.push(("token", &token));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{auth_url}?{query}")
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-24 12:00:00 UTC);

    fn keys() -> SecurityKeys {
        SecurityKeys::parse("secret").unwrap()
    }

    fn read(link: &str, now: OffsetDateTime) -> Result<LoginLink, BadLink> {
        let query = link.split_once('?').unwrap().1;
        LoginLink::read(&Parameters::parse(query.as_bytes()), &keys(), now)
    }

    fn made() -> String {
        link("https://a/login", "400012345", NOW, &"secret".into())
    }

    /// A link with these parameters and a good token.
    fn signed(query: &str) -> String {
        format!("?{query}&token={}", token(&Parameters::parse(query.as_bytes()), &"secret".into()))
    }

    #[test]
    fn a_link_is_good_for_five_minutes_either_way() {
        assert!(made().contains("timeStamp=2026-11-24+20%3A00%3A00"));
        for seconds in [-300, 0, 300] {
            assert_eq!(read(&made(), NOW + Duration::seconds(seconds)).unwrap().instance_id, "400012345");
        }
        for seconds in [-301, 301] {
            assert_eq!(read(&made(), NOW + Duration::seconds(seconds)), Err(BadLink::Stale));
        }
    }

    #[test]
    fn the_digest_is_the_links_and_not_its_spelling() {
        let (query, token) = made().split_once("&token=").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let upper = format!("{}&token={}", query.replace('+', "%20"), token.to_ascii_uppercase());
        assert_eq!(read(&upper, NOW).unwrap(), read(&made(), NOW).unwrap());
        let later = link("", "400012345", NOW + Duration::SECOND, &"secret".into());
        assert_ne!(read(&later, NOW).unwrap().digest, read(&made(), NOW).unwrap().digest);
    }

    #[test]
    fn a_link_of_another_key_is_bad_and_one_of_another_form_is_malformed() {
        assert_eq!(read(&link("", "400012345", NOW, &"other".into()), NOW), Err(BadLink::Token));
        assert_eq!(read("?action=verify&instanceId=1&timeStamp=2026-11-24+20:00:00", NOW), Err(BadLink::Token));
        for query in [
            "action=login&instanceId=1&timeStamp=2026-11-24+20:00:00",
            "action=verify&instanceId=&timeStamp=2026-11-24+20:00:00",
            "action=verify&instanceId=a&timeStamp=2026-11-24+20:00:00",
            "action=verify&instanceId=1&timeStamp=now",
            "action=verify&instanceId=1&timestamp=2026-11-24+20:00:00",
        ] {
            assert_eq!(read(&signed(query), NOW), Err(BadLink::Malformed), "{query}");
        }
        assert!(read(&signed("extra=1&action=verify&instanceId=1&timeStamp=2026-11-24+20:00:00"), NOW).is_ok());
    }
}
