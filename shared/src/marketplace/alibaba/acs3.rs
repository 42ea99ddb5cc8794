//! ACS3-HMAC-SHA256, the signature on calls of the marketplace's OpenAPI (Alibaba Cloud's "V3" signature).

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::encoding::encode;
use crate::signature::hmac_sha256;

/// The algorithm's name, with which the `Authorization` header begins.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// How `x-acs-date` is written: UTC, to the second. The marketplace accepts 15 minutes either way.
pub const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// What a signature covers, decoded and in any order.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The parameters of the query.
    pub query: &'a [(&'a str, &'a str)],
    /// The signed headers with lower-case names: `host`, `content-type` where there is one, and every `x-acs-…`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as sent.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// The names of the signed headers as they stand in `SignedHeaders`: sorted, joined by `;`.
    #[must_use]
    pub fn header_names(&self) -> String {
        self.sorted_headers().iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
    }

    /// The SHA-256 of the canonical request, in lower-case hex.
    #[must_use]
    pub fn canonical_hash(&self) -> String {
        let headers = self.sorted_headers();
        let headers: String = headers.iter().flat_map(|(name, value)| [*name, ":", value.trim(), "\n"]).collect();
        let (method, query, names, body) =
            (self.method, canonical_query(self.query), self.header_names(), sha256_hex(self.body));
        sha256_hex(format!("{method}\n/\n{query}\n{headers}\n{names}\n{body}").as_bytes())
    }

    /// The signature with this secret, in lower-case hex; a verifier compares it in constant time.
    #[must_use]
    pub fn signature(&self, secret: &SecretString) -> String {
        let text = format!("{ALGORITHM}\n{}", self.canonical_hash());
        hex::encode(hmac_sha256(secret.expose_secret().as_bytes(), &[text.as_bytes()]))
    }

    fn sorted_headers(&self) -> Vec<(&str, &str)> {
        let mut headers = self.headers.to_vec();
        headers.sort_unstable();
        headers
    }
}

/// A query as it is signed and sent: encoded by RFC 3986, sorted by name.
#[must_use]
pub fn canonical_query(parameters: &[(&str, &str)]) -> String {
    let mut encoded: Vec<_> = parameters.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    encoded.sort_unstable();
    encoded.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// SHA-256 in lower-case hex, as in `x-acs-content-sha256`.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The key with which a seller signs; `Debug` hides the secret.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The public id of the key.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

/// One call of an RPC-style API, without a body: its parameters stay in the query, also for POST.
#[derive(Debug, Clone, Copy)]
pub struct RpcCall<'a> {
    /// The host as it stands in the `Host` header, with the port where one is given.
    pub host: &'a str,
    /// The action, for example `DescribeInstanceForIsv`.
    pub action: &'a str,
    /// The API's version, for example `2015-11-01`.
    pub version: &'a str,
    /// The action's parameters.
    pub query: &'a [(&'a str, &'a str)],
}

impl AccessKey {
    /// The headers that make this call a signed POST: `host`, every `x-acs-…` and `authorization`. `nonce` must never come twice.
    #[must_use]
    pub fn sign(&self, call: &RpcCall<'_>, now: OffsetDateTime, nonce: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("host", call.host.to_owned()),
            ("x-acs-action", call.action.to_owned()),
            ("x-acs-content-sha256", sha256_hex(b"")),
            ("x-acs-date", acs_date(now)),
            ("x-acs-signature-nonce", nonce.to_owned()),
            ("x-acs-version", call.version.to_owned()),
        ];
        let borrowed: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let signed = Signed { method: "POST", query: call.query, headers: &borrowed, body: b"" };
        let authorization = format!(
            "{ALGORITHM} Credential={},SignedHeaders={},Signature={}",
            self.id,
            signed.header_names(),
            signed.signature(&self.secret)
        );
        headers.push(("authorization", authorization));
        headers
    }
}

fn acs_date(now: OffsetDateTime) -> String {
    // Formatting fails only for a description that asks for what a date lacks; the marketplace refuses an empty date.
    now.to_offset(time::UtcOffset::UTC).format(DATE).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn market<'a>(action: &'a str, query: &'a [(&'a str, &'a str)]) -> RpcCall<'a> {
        RpcCall { host: "market.aliyuncs.com", action, version: "2015-11-01", query }
    }

    /// Signs, rebuilds from the headers what a verifier sees, and returns hash and signature.
    fn sign(id: &str, secret: &str, call: &RpcCall<'_>, now: OffsetDateTime, nonce: &str) -> (String, String) {
        let key = AccessKey { id: id.to_owned(), secret: secret.into() };
        let headers = key.sign(call, now, nonce);
        let (authorization, signed) = headers.split_last().unwrap();
        let signed: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).rev().collect();
        let seen = Signed { method: "POST", query: call.query, headers: &signed, body: b"" };
        let signature = seen.signature(&key.secret);
        let names = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version";
        let expected = format!("ACS3-HMAC-SHA256 Credential={id},SignedHeaders={names},Signature={signature}");
        assert_eq!(*authorization, ("authorization", expected));
        (seen.canonical_hash(), signature)
    }

    #[test]
    fn the_official_example_has_its_published_signature() {
        let query = [("RegionId", "cn-shanghai"), ("ImageId", "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd")];
        let call = RpcCall {
            host: "ecs.cn-shanghai.aliyuncs.com",
            action: "RunInstances",
            version: "2014-05-26",
            query: &query,
        };
        let now = datetime!(2023-10-26 10:22:32 UTC);
        let (hash, signature) =
            sign("YourAccessKeyId", "YourAccessKeySecret", &call, now, "3156853299f313e23d1673dc12e1703d");
        assert_eq!(hash, "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259");
        assert_eq!(signature, "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0");
    }

    #[test]
    fn the_markets_calls_have_the_signatures_that_were_computed_apart() {
        let now = datetime!(2031-02-03 12:05:06 +8);
        let query = [("InstanceId", "400012345")];
        let (hash, signature) =
            sign("AKFAKE0001", "skFake/0001+x", &market("DescribeInstanceForIsv", &query), now, "n-0001");
        assert_eq!(hash, "7f99197a2fd95af231c0e559ebbf25f81ec32cc9f7d2cd69746efb74de5037a3");
        assert_eq!(signature, "6b51826779120caf4f47e00c83fd5bad6c7245b4ae3a54c9e6e3f4637da219da");
        let metering = r#"[{"InstanceId":"400012345","StartTime":"1930000000","EndTime":"1930003600","Entities":[{"Key":"Unit","Value":"7","meteringAssit":"cmgj000001-Unit-1"}]}]"#;
        let query = [("Metering", metering)];
        let (hash, signature) = sign("AKFAKE0001", "skFake/0001+x", &market("PushMeteringData", &query), now, "n-0002");
        assert_eq!(hash, "0f718fd317d880f1cd634780adf71df212d69b71f93b0e316789a09848d636ef");
        assert_eq!(signature, "43a51c0b43884a5e13195925f61586d68cd476fed2f31666bf479c3443457444");
    }

    #[test]
    fn another_secret_host_method_query_or_body_has_another_signature() {
        let secret = SecretString::from("skFake/0001+x");
        let signed = Signed { method: "POST", query: &[("a", "1")], headers: &[("host", "h")], body: b"" };
        let signature = signed.signature(&secret);
        assert_ne!(signed.signature(&SecretString::from("other")), signature);
        assert_ne!(Signed { method: "GET", ..signed }.signature(&secret), signature);
        assert_ne!(Signed { query: &[("a", "2")], ..signed }.signature(&secret), signature);
        assert_ne!(Signed { headers: &[("host", "i")], ..signed }.signature(&secret), signature);
        assert_ne!(Signed { body: b"x", ..signed }.signature(&secret), signature);
    }

    #[test]
    fn a_query_is_sorted_and_encoded_by_rfc_3986() {
        let query = [("b", "a b+c/~*"), ("a", "ü"), ("B", "")];
        assert_eq!(canonical_query(&query), "B=&a=%C3%BC&b=a%20b%2Bc%2F~%2A");
    }
}
