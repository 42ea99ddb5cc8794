//! One SMTP dialogue without its connection: which command is allowed now, and what it is answered (RFC 5321).

/// The largest message taken, in bytes; told to clients as `SIZE`.
pub const LARGEST: usize = 10 * 1024 * 1024;

/// A command line, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `EHLO` (true) or `HELO`.
    Hello(bool),
    /// `AUTH PLAIN` or `AUTH LOGIN`, with the initial response.
    Auth(String),
    /// `MAIL FROM`, with the size that was announced.
    Mail(String, Option<usize>),
    /// `RCPT TO`.
    Rcpt(String),
    /// `DATA`.
    Data,
    /// `RSET`.
    Reset,
    /// `NOOP`.
    Nothing,
    /// `QUIT`.
    Quit,
    /// A command with wrong arguments.
    Malformed,
    /// Anything else.
    Unknown,
}

impl Command {
    /// Reads a line without its line end.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if !rest.trim().is_empty() => Self::Hello(true),
            "HELO" if !rest.trim().is_empty() => Self::Hello(false),
            "AUTH" => Self::Auth(rest.trim().to_owned()),
            "MAIL" => path(rest, "FROM:").map_or(Self::Malformed, |(from, options)| Self::Mail(from, size(options))),
            "RCPT" => match path(rest, "TO:") {
                Some((to, _)) if to.contains('@') => Self::Rcpt(to),
                Some(_) | None => Self::Malformed,
            },
            "DATA" => Self::Data,
            "RSET" => Self::Reset,
            "NOOP" => Self::Nothing,
            "QUIT" => Self::Quit,
            "EHLO" | "HELO" => Self::Malformed,
            _ => Self::Unknown,
        }
    }

    /// The phase by which a fault names this command.
    #[must_use]
    pub const fn phase(&self) -> Option<&'static str> {
        match self {
            Self::Hello(_) => Some("ehlo"),
            Self::Auth(_) => Some("auth"),
            Self::Mail(..) => Some("mail"),
            Self::Rcpt(_) => Some("rcpt"),
            Self::Data => Some("data"),
            Self::Reset | Self::Nothing | Self::Quit | Self::Malformed | Self::Unknown => None,
        }
    }
}

fn path<'a>(rest: &'a str, keyword: &str) -> Option<(String, &'a str)> {
    let given = rest.get(..keyword.len()).filter(|given| given.eq_ignore_ascii_case(keyword))?;
    let (address, options) = rest.get(given.len()..)?.trim_start().strip_prefix('<')?.split_once('>')?;
    Some((address.to_owned(), options))
}

fn size(options: &str) -> Option<usize> {
    options.split(' ').find_map(|option| option.strip_prefix("SIZE=")).and_then(|size| size.parse().ok())
}

/// What the dialogue has come to.
#[derive(Debug, Default)]
pub struct Session {
    greeted: bool,
    sender: Option<String>,
    recipients: Vec<String>,
}

/// Who sends a message to whom, as the envelope says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The sender.
    pub sender: String,
    /// The recipients, at least one.
    pub recipients: Vec<String>,
}

impl Session {
    /// The reply to a command that needs no further input; `AUTH` and `DATA` do.
    pub fn reply(&mut self, command: Command) -> &'static str {
        match command {
            Command::Hello(extended) => {
                *self = Self { greeted: true, ..Self::default() };
                if extended { EXTENSIONS } else { "250 sandbox\r\n" }
            }
            Command::Mail(..) if !self.greeted => "503 5.5.1 say EHLO first\r\n",
            Command::Mail(..) if self.sender.is_some() => "503 5.5.1 one MAIL at a time\r\n",
            Command::Mail(_, Some(size)) if size > LARGEST => "552 5.3.4 the message is too large\r\n",
            Command::Mail(sender, _) => {
                self.sender = Some(sender);
                "250 2.1.0 OK\r\n"
            }
            Command::Rcpt(_) if self.sender.is_none() => "503 5.5.1 say MAIL first\r\n",
            Command::Rcpt(recipient) => {
                self.recipients.push(recipient);
                "250 2.1.5 OK\r\n"
            }
            Command::Data if self.recipients.is_empty() => "503 5.5.1 say RCPT first\r\n",
            Command::Data => "354 end with a dot on a line of its own\r\n",
            Command::Reset => {
                *self = Self { greeted: self.greeted, ..Self::default() };
                "250 2.0.0 OK\r\n"
            }
            Command::Nothing => "250 2.0.0 OK\r\n",
            Command::Quit => "221 2.0.0 bye\r\n",
            Command::Auth(_) | Command::Malformed => "501 5.5.4 the arguments are wrong\r\n",
            Command::Unknown => "500 5.5.2 no such command\r\n",
        }
    }

    /// The envelope whose message comes next; the dialogue then begins anew.
    pub fn envelope(&mut self) -> Option<Envelope> {
        let recipients = std::mem::take(&mut self.recipients);
        let sender = self.sender.take()?;
        (!recipients.is_empty()).then_some(Envelope { sender, recipients })
    }
}

const EXTENSIONS: &str = "250-sandbox\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
    250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE 10485760\r\n";

/// Takes off the dot that a client puts before a line that begins with one.
#[must_use]
pub fn unstuffed(line: &[u8]) -> &[u8] {
    line.strip_prefix(b".").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_goes_through_its_commands_in_order() {
        let mut session = Session::default();
        assert!(session.reply(Command::parse("MAIL FROM:<a@example.com>")).starts_with("503"));
        assert!(session.reply(Command::parse("ehlo client")).contains("250 SIZE 10485760"));
        assert!(session.reply(Command::parse("RCPT TO:<b@example.com>")).starts_with("503"));
        assert!(session.reply(Command::parse("mail from:<a@example.com> SIZE=100")).starts_with("250"));
        assert!(session.reply(Command::parse("DATA")).starts_with("503"));
        assert!(session.reply(Command::parse("RCPT TO:<b@example.com>")).starts_with("250"));
        assert!(session.reply(Command::parse("DATA")).starts_with("354"));
        let envelope = session.envelope().unwrap();
        assert_eq!(envelope.recipients, ["b@example.com"]);
        assert_eq!(session.envelope(), None);
    }

    #[test]
    fn the_announced_size_says_the_limit() {
        assert!(EXTENSIONS.ends_with(&format!("250 SIZE {LARGEST}\r\n")));
    }

    #[test]
    fn a_message_announced_too_large_is_refused() {
        let mut session = Session::default();
        session.reply(Command::parse("EHLO client"));
        assert!(session.reply(Command::parse("MAIL FROM:<a@example.com> SIZE=99999999")).starts_with("552"));
    }

    #[test]
    fn reset_forgets_the_envelope_and_keeps_the_greeting() {
        let mut session = Session::default();
        session.reply(Command::parse("EHLO client"));
        session.reply(Command::parse("MAIL FROM:<>"));
        session.reply(Command::parse("RSET"));
        assert!(session.reply(Command::parse("MAIL FROM:<a@example.com>")).starts_with("250"));
    }

    #[test]
    fn a_line_without_its_form_is_refused() {
        assert_eq!(Command::parse("RCPT TO:<nobody>"), Command::Malformed);
        assert_eq!(Command::parse("RCPT b@example.com"), Command::Malformed);
        assert_eq!(Command::parse("TURN"), Command::Unknown);
    }

    #[test]
    fn one_leading_dot_is_taken_off() {
        assert_eq!(unstuffed(b"..x"), b".x");
        assert_eq!(unstuffed(b"x."), b"x.");
    }
}
