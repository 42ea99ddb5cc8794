//! The mail server: one connection a mail, time limits for each phase, and only 250 after the last dot counts as sent.

use std::future::Future;
use std::time::{Duration, SystemTime};

use landfall_shared::config::{Mailbox as Sender, Smtp, SmtpSecurity};
use landfall_shared::refusal::{Fault, FaultCode, Party, PartyError, RefusalCode};
use landfall_shared::tls;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use lettre::{Address, Message};
use secrecy::ExposeSecret;
use time::OffsetDateTime;

/// How long each phase may take. RFC 5321, 4.5.3.2 allows minutes; this is our own relay, and a code lives for ten.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connecting, greeting, EHLO.
    pub connect: Duration,
    /// STARTTLS or AUTH, each.
    pub admit: Duration,
    /// MAIL and RCPT, each.
    pub envelope: Duration,
    /// DATA, up to 354.
    pub data: Duration,
    /// The mail itself, up to the answer to its last dot: cutting this short is what makes duplicates (RFC 1047).
    pub last_dot: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(30),
            admit: seconds(30),
            envelope: seconds(30),
            data: seconds(60),
            last_dot: seconds(120),
        }
    }
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Letter {
    /// To whom.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The words, as plain text.
    pub text: String,
    /// The same words, as HTML.
    pub html: String,
    /// Makes the Message-ID, the same for every attempt.
    pub id: uuid::Uuid,
    /// The database's time.
    pub date: OffsetDateTime,
}

/// Sends letters.
pub struct Mailer {
    server: Smtp,
    from: Sender,
    tls: Option<TlsParameters>,
    limits: Limits,
}

/// Where in the conversation a refusal came: it decides whose matter it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connect,
    Admit,
    Sender,
    Recipient,
    Content,
}

impl Mailer {
    /// A mailer for a server; TLS trusts the system's roots and the file's.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(server: Smtp, from: Sender, ca: Option<&std::path::Path>) -> Result<Self, Box<dyn std::error::Error>> {
        let tls = match server.security {
            SmtpSecurity::Plain => None,
            SmtpSecurity::ImplicitTls | SmtpSecurity::StartTls => {
                let mut builder = TlsParameters::builder(server.host.clone()).certificate_store(CertificateStore::None);
                for root in tls::roots(ca)? {
                    builder = builder.add_root_certificate(Certificate::from_der(root.to_vec())?);
                }
                Some(builder.build_rustls()?)
            }
        };
        Ok(Self { server, from, tls, limits: Limits::default() })
    }

    /// The same with other limits.
    #[must_use]
    pub const fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sends a letter over a connection of its own, which is dropped on any doubt.
    ///
    /// # Errors
    /// The verdict on what the server said, or did not say.
    pub async fn send(&self, letter: &Letter) -> Result<(), PartyError> {
        let message = self.message(letter)?;
        let mut connection = self.connect().await?;
        let envelope = message.envelope();
        let (from, to) = (envelope.from().cloned(), envelope.to().first().cloned());
        let to = to.ok_or_else(mail_refused)?;
        let limits = self.limits;
        say(Phase::Sender, limits.envelope, connection.command(Mail::new(from, Vec::new()))).await?;
        Party::Mail.credentials(landfall_shared::refusal::Credentials::Accepted);
        say(Phase::Recipient, limits.envelope, connection.command(Rcpt::new(to, Vec::new()))).await?;
        let go_on = say(Phase::Content, limits.data, connection.command(Data)).await?;
        if go_on != 354 {
            return Err(unavailable("the mail server does not follow the protocol"));
        }
        let taken = say(Phase::Content, limits.last_dot, connection.message(&message.formatted())).await?;
        if taken != 250 {
            return Err(unavailable("the mail server did not say that it took the mail"));
        }
        // It is sent, whatever becomes of the farewell.
        let _ = tokio::time::timeout(Duration::from_secs(2), connection.quit()).await;
        Ok(())
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, PartyError> {
        let at = (self.server.host.as_str(), self.server.port);
        let hello = ClientId::default();
        let implicit = self.tls.clone().filter(|_| self.server.security == SmtpSecurity::ImplicitTls);
        let connecting = AsyncSmtpConnection::connect_tokio1(at, Some(self.limits.connect), &hello, implicit, None);
        let mut connection = admitted(Phase::Connect, self.limits.connect, connecting).await?;
        if let Some(tls) = self.tls.clone().filter(|_| self.server.security == SmtpSecurity::StartTls) {
            if !connection.can_starttls() {
                // Never silently in plain (RFC 3207, 6).
                return Err(misconfigured("the mail server does not offer STARTTLS"));
            }
            admitted(Phase::Admit, self.limits.admit, connection.starttls(tls, &hello)).await?;
        }
        if let Some(known) = &self.server.credentials {
            let credentials = Credentials::new(known.user.clone(), known.password.expose_secret().to_owned());
            let auth = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials);
            admitted(Phase::Admit, self.limits.admit, auth).await?;
        }
        Ok(connection)
    }

    fn message(&self, letter: &Letter) -> Result<Message, PartyError> {
        let to: Address = letter.to.parse().map_err(|_| mail_refused())?;
        let from: Address = self.from.address.as_str().parse().map_err(|_| misconfigured("MAIL_FROM is no address"))?;
        // CR, LF or NUL in a display name end lettre in a panic.
        let name = self.from.name.as_ref().map(|name| name.replace(char::is_control, " "));
        let id = format!("<{}@{}>", letter.id, from.domain());
        Message::builder()
            .from(Mailbox::new(name, from))
            .to(Mailbox::new(None, to))
            .subject(letter.subject.clone())
            .message_id(Some(id))
            .date(SystemTime::from(letter.date))
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone()))
            .map_err(|_| mail_refused())
    }
}

/// Says something and gives the code of the answer.
async fn say(
    phase: Phase,
    limit: Duration,
    saying: impl Future<Output = Result<Response, Error>>,
) -> Result<u16, PartyError> {
    admitted(phase, limit, saying).await.map(|response| u16::from(response.code()))
}

/// A phase of the conversation, in its time.
async fn admitted<T>(
    phase: Phase,
    limit: Duration,
    talking: impl Future<Output = Result<T, Error>>,
) -> Result<T, PartyError> {
    match tokio::time::timeout(limit, talking).await {
        Ok(Ok(admitted)) => Ok(admitted),
        // To lettre a negative answer is an error; its code and its phase say whose matter it is.
        Ok(Err(error)) => Err(verdict(phase, error.status().map(u16::from), error.is_client())),
        Err(_) => Err(unavailable("the mail server did not answer in time")),
    }
}

/// Whose matter a refusal is. Of the address and the mail: the buyer's. Of ourselves: an operator's. 421 is nobody's.
fn verdict(phase: Phase, code: Option<u16>, we_cannot: bool) -> PartyError {
    match (phase, code) {
        // Whoever asks for a sign-in, or rejects it, says nothing of the address (contract §1, `landfall_misconfigured`).
        (_, Some(530 | 535)) => misconfigured("the mail server does not let us send: check SMTP_URL and MAIL_FROM"),
        (Phase::Recipient | Phase::Content, Some(500..)) => mail_refused(),
        (Phase::Connect | Phase::Admit | Phase::Sender, Some(500..)) => {
            misconfigured("the mail server does not let us send: check SMTP_URL and MAIL_FROM")
        }
        (Phase::Admit, None) if we_cannot => misconfigured("the mail server offers no way to sign in that we know"),
        (Phase::Recipient | Phase::Content, None) if we_cannot => mail_refused(),
        (_, Some(code)) => unavailable(format!("the mail server asked us to come back later ({code})")),
        (_, None) => unavailable("the mail server could not be reached, or broke off"),
    }
}

fn mail_refused() -> PartyError {
    PartyError::Refused(RefusalCode::MailRefused.into())
}

fn misconfigured(detail: &str) -> PartyError {
    PartyError::Misconfigured { party: Party::Mail, fault: Fault::new(FaultCode::Misconfigured, detail) }
}

fn unavailable(detail: impl Into<String>) -> PartyError {
    PartyError::Retry { fault: Fault::new(FaultCode::MailUnavailable, detail), after: None }
}
