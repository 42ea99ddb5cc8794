//! Secrets: their shape is checked, and nothing here or later shows them.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::zeroize::Zeroizing;
use secrecy::{SecretSlice, SecretString};

use super::error::Expected;
use super::plain::items;

const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING_OR_NOT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING_OR_NOT);
const PADDING_OR_NOT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// 32 bytes or more, base64 of either alphabet.
pub(super) fn key(text: &str) -> Result<SecretSlice<u8>, Expected> {
    let bytes = BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).map(Zeroizing::new);
    let bytes = bytes.ok().filter(|bytes| bytes.len() >= 32);
    let bytes = bytes.ok_or(Expected("32 bytes or more in base64, such as `openssl rand -base64 32` prints"))?;
    Ok(bytes.to_vec().into())
}

/// A Standard Webhooks secret: `whsec_` and base64.
pub(super) fn webhook(text: &str) -> Result<SecretString, Expected> {
    let bytes = text.strip_prefix("whsec_").and_then(|base64| BASE64.decode(base64).ok()).map(Zeroizing::new);
    match bytes {
        Some(bytes) if !bytes.is_empty() => Ok(text.into()),
        _ => Err(Expected("a Standard Webhooks secret: `whsec_` followed by base64")),
    }
}

/// One such secret, or two, comma separated.
pub(super) fn webhooks(text: &str) -> Result<Vec<SecretString>, Expected> {
    let secrets: Vec<_> = items(text).map(webhook).collect::<Result<_, _>>()?;
    one_or_two(secrets, Expected("one or two `whsec_` secrets, comma separated"))
}

/// One secret text, or two, comma separated.
pub(super) fn texts(text: &str) -> Result<Vec<SecretString>, Expected> {
    let expected = Expected("one or two keys, comma separated, without blanks in them");
    let secrets: Vec<_> = items(text).map(|item| plain(item).map_err(|_| expected)).collect::<Result<_, _>>()?;
    one_or_two(secrets, expected)
}

/// One secret of visible ASCII characters.
pub(super) fn plain(text: &str) -> Result<SecretString, Expected> {
    word(text).map(Into::into)
}

/// One word of visible ASCII characters that is no secret.
pub(super) fn word(text: &str) -> Result<String, Expected> {
    let is_visible = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    is_visible.then(|| text.to_owned()).ok_or(Expected("visible ASCII characters, without blanks"))
}

fn one_or_two(secrets: Vec<SecretString>, expected: Expected) -> Result<Vec<SecretString>, Expected> {
    if (1..=2).contains(&secrets.len()) { Ok(secrets) } else { Err(expected) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_key_is_32_bytes_or_more_in_either_base64() {
        for text in ["A".repeat(43) + "=", "A".repeat(43), "_-".repeat(32), "+/".repeat(32)] {
            assert!(key(&text).unwrap().expose_secret().len() >= 32);
        }
        for text in ["A".repeat(42), "correct horse battery staple with blanks in it".into(), String::new()] {
            assert!(key(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_webhook_secret_has_its_prefix_and_keeps_it() {
        let secret = webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert_eq!(secret.expose_secret(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        for text in ["whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!", "whsec_MfKQ,whsec_MfKQ"] {
            assert!(webhook(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_second_secret_may_follow_a_comma_and_no_third() {
        assert_eq!(webhooks("whsec_MfKQ, whsec_9r8G").unwrap().len(), 2);
        assert!(webhooks("whsec_MfKQ,whsec_9r8G,whsec_KYqr").is_err());
        assert_eq!(texts("abc").unwrap().len(), 1);
        assert!(texts("abc,").is_err() && texts("a b").is_err() && texts("a,b,c").is_err());
    }
}
