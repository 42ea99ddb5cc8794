//! What a reader sees of a message: its MIME parts and headers, decoded.

use mail_parser::{Addr, MessageParser};

/// A message as a mailbox shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The sender, with the name where there is one.
    pub from: String,
    /// What makes it the same message however often it comes; empty when there is none.
    pub id: String,
    /// The subject, decoded.
    pub subject: String,
    /// The plain part, with line feeds; empty when there is none.
    pub text: String,
    /// The HTML part; empty when there is none.
    pub html: String,
}

/// Reads a message; none when it is not one.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<Message> {
    let message = MessageParser::default().parse(bytes)?;
    let plain = message.text_bodies().find(|part| part.is_text() && !part.is_text_html());
    let html = message.html_bodies().find(|part| part.is_text_html());
    Some(Message {
        from: message.from().and_then(|from| from.first()).map(sender).unwrap_or_default(),
        id: message.message_id().unwrap_or_default().to_owned(),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: plain.and_then(|part| part.text_contents()).unwrap_or_default().replace("\r\n", "\n"),
        html: html.and_then(|part| part.text_contents()).unwrap_or_default().replace("\r\n", "\n"),
    })
}

fn sender(from: &Addr<'_>) -> String {
    let address = from.address.as_deref().unwrap_or_default();
    match from.name.as_deref() {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_parts_and_an_encoded_subject_are_read() {
        let bytes = b"From: =?utf-8?B?5ZOB54mM?= <no-reply@example.com>\r\n\
            To: ann@example.com\r\n\
            Message-ID: <0199@example.com>\r\n\
            Subject: =?utf-8?Q?123456_is_your_code_=E2=9C=93?=\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n\
            --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            caf=C3=A9=\r\n au lait\r\n\
            --b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
            PHA+5L2g5aW9PC9wPg==\r\n--b--\r\n";
        let message = parse(bytes).unwrap();
        assert_eq!(message.from, "\u{54c1}\u{724c} <no-reply@example.com>");
        assert_eq!(message.id, "0199@example.com");
        assert_eq!(message.subject, "123456 is your code \u{2713}");
        assert_eq!(message.text.trim_end(), "caf\u{e9} au lait");
        assert_eq!(message.html.trim_end(), "<p>\u{4f60}\u{597d}</p>");
    }

    #[test]
    fn a_plain_mail_has_no_html() {
        let message = parse(b"From: a@example.com\r\nSubject: Hi\r\n\r\nhello\r\n").unwrap();
        assert_eq!((message.text.as_str(), message.html.as_str()), ("hello\n", ""));
    }
}
