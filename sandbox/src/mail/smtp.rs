//! The SMTP server's connections: reads, obeys the fault that is switched on, replies.

use std::{convert::Infallible, io};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream},
    net::{TcpListener, TcpStream},
};

use super::{
    message,
    session::{Command, Envelope, LARGEST, Session, unstuffed},
};
use crate::{
    app::App,
    calls::{self, Call},
    clock,
    faults::{Fault, Kind, kept},
    part::Part,
};

/// RFC 5321 allows 512; extensions need more.
const LONGEST_LINE: u64 = 4096;

/// Serves until the future is dropped.
///
/// # Errors
/// The listener's, when no connection can be accepted at all.
pub async fn serve(listener: TcpListener, app: App) -> io::Result<Infallible> {
    loop {
        let (stream, _) = listener.accept().await?;
        let app = app.clone();
        tokio::spawn(async move {
            // A connection that breaks concerns its client alone.
            let _ = Connection { app, stream: BufStream::new(stream) }.converse().await;
        });
    }
}

struct Connection {
    app: App,
    stream: BufStream<TcpStream>,
}

/// What a fault leaves of a phase.
enum Verdict {
    /// The phase goes on as usual.
    Go,
    /// The phase goes on, and its reply is never sent.
    GoUnsaid,
    /// Something else was replied; the client may try another command.
    Replied,
    /// The connection ends here.
    Over,
}

impl Connection {
    async fn converse(mut self) -> io::Result<()> {
        match self.meet("connect").await? {
            Verdict::Go => self.say("220 sandbox ESMTP\r\n").await?,
            Verdict::GoUnsaid | Verdict::Replied | Verdict::Over => return Ok(()),
        }
        let mut session = Session::default();
        while let Some(line) = self.line().await? {
            let command = Command::parse(&line);
            let verdict = match command.phase() {
                Some(phase) => self.meet(phase).await?,
                None => Verdict::Go,
            };
            match verdict {
                Verdict::Go => {}
                Verdict::Replied => continue,
                Verdict::GoUnsaid | Verdict::Over => return Ok(()),
            }
            let last = command == Command::Quit;
            if let Command::Auth(said) = &command {
                self.authenticate(said).await?;
                continue;
            }
            let data = command == Command::Data;
            self.say(session.reply(command)).await?;
            if last {
                return Ok(());
            }
            if let Some(envelope) = data.then(|| session.envelope()).flatten() {
                let Some(bytes) = self.message().await? else { return Ok(()) };
                if !self.take(&envelope, bytes.as_deref()).await? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes a message whose final dot has come; false where the connection ends.
    async fn take(&mut self, envelope: &Envelope, bytes: Option<&[u8]>) -> io::Result<bool> {
        let verdict = self.meet("final_dot").await?;
        if let Verdict::Replied | Verdict::Over = verdict {
            return Ok(matches!(verdict, Verdict::Replied));
        }
        let message = bytes.map(message::parse);
        let reply = match &message {
            None => "552 5.3.4 the message is too large\r\n",
            Some(None) => "554 5.6.0 this is no message\r\n",
            Some(Some(message)) => match super::keep(&self.app.database, &envelope.recipients, message).await {
                Ok(()) => "250 2.0.0 taken\r\n",
                Err(_) => "451 4.3.0 the mailbox is not there\r\n",
            },
        };
        let unsaid = matches!(verdict, Verdict::GoUnsaid);
        let problem = unsaid.then(|| "fault: drop_after".to_owned());
        let id = message.flatten().map(|message| message.id);
        self.record("DATA", envelope, id, reply, problem).await?;
        if unsaid {
            return Ok(false);
        }
        self.say(reply).await?;
        Ok(true)
    }

    /// Does what the fault for this phase says, if there is one.
    async fn meet(&mut self, phase: &str) -> io::Result<Verdict> {
        let on = kept::on(&self.app.database, Part::Mail).await.map_err(io::Error::other)?;
        if on.is_none_or(|fault| usual_phase(&fault) != phase) {
            return Ok(Verdict::Go);
        }
        let met = kept::meet(&self.app.database, Part::Mail, phase).await;
        let Some(fault) = met.map_err(io::Error::other)? else { return Ok(Verdict::Go) };
        if fault.kind == Kind::DropAfter && phase == "final_dot" {
            return Ok(Verdict::GoUnsaid);
        }
        self.note(phase, &fault).await?;
        match fault.kind {
            Kind::Error | Kind::NotYet => {
                let status = fault.status.unwrap_or(if fault.kind == Kind::NotYet { 450 } else { 451 });
                let code = fault.code.as_deref().unwrap_or("the sandbox was told to refuse");
                self.say(&format!("{status} {code}\r\n")).await?;
                Ok(if status == 421 || phase == "connect" { Verdict::Over } else { Verdict::Replied })
            }
            Kind::Slow => {
                tokio::time::sleep(fault.pause()).await;
                Ok(Verdict::Go)
            }
            Kind::Hang => {
                let mut rest = Vec::new();
                // Ends when the client has given up, or nobody can be waiting any more.
                let _ = tokio::time::timeout(fault.pause(), self.stream.read_to_end(&mut rest)).await;
                Ok(Verdict::Over)
            }
            Kind::Drop | Kind::DropAfter => Ok(Verdict::Over),
            Kind::Garbage => {
                self.say("<html><body><h1>It works!</h1>\r\n").await?;
                Ok(if phase == "connect" { Verdict::Over } else { Verdict::Replied })
            }
        }
    }

    /// Takes any user and password that have their form.
    async fn authenticate(&mut self, said: &str) -> io::Result<()> {
        let (mechanism, initial) = said.split_once(' ').unwrap_or((said, ""));
        let prompts: &[&str] = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" if initial.is_empty() => &["334 \r\n"],
            "LOGIN" if initial.is_empty() => &["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"],
            "PLAIN" => &[],
            "LOGIN" => &["334 UGFzc3dvcmQ6\r\n"],
            _ => return self.say("504 5.5.4 PLAIN or LOGIN\r\n").await,
        };
        for prompt in prompts {
            self.say(prompt).await?;
            if self.line().await?.is_none_or(|answer| answer.is_empty() || answer == "*") {
                return self.say("535 5.7.8 no credentials\r\n").await;
            }
        }
        self.say("235 2.7.0 OK\r\n").await
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.write_all(reply.as_bytes()).await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        let text = String::from_utf8_lossy(&line);
        Ok((read > 0).then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Reads to the final dot; none when the client left, an inner none when it was too much.
    async fn message(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let mut message = Vec::new();
        let mut large = false;
        loop {
            let mut line = Vec::new();
            if (&mut self.stream).take(LARGEST as u64).read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            if line == b".\r\n" || line == b".\n" {
                return Ok(Some((!large).then_some(message)));
            }
            large = large || message.len() + line.len() > LARGEST;
            if !large {
                message.extend_from_slice(unstuffed(&line));
            }
        }
    }

    async fn note(&self, phase: &str, fault: &Fault) -> io::Result<()> {
        let nobody = Envelope { sender: String::new(), recipients: Vec::new() };
        let status = match fault.kind {
            Kind::Error | Kind::NotYet => fault.status.unwrap_or(451).to_string(),
            Kind::Slow | Kind::Hang | Kind::Drop | Kind::DropAfter | Kind::Garbage => String::new(),
        };
        self.record(phase, &nobody, None, &status, Some(fault.sentence())).await
    }

    async fn record(
        &self,
        path: &str,
        envelope: &Envelope,
        message_id: Option<String>,
        reply: &str,
        problem: Option<String>,
    ) -> io::Result<()> {
        let status = reply.get(..3).and_then(|status| status.parse().ok());
        let call = Call {
            part: Part::Mail.name(),
            method: "SMTP".to_owned(),
            path: path.to_owned(),
            idempotency_key: None,
            headers: json!({}),
            body: json!({"from": envelope.sender, "to": envelope.recipients, "message_id": message_id}),
            status,
            received_at: clock::now(),
            effect: status == Some(250),
            problem,
        };
        calls::record(&self.app.database, &call).await.map_err(io::Error::other)
    }
}

/// The phase that a fault is for; without one, the phase where its kind is usual.
fn usual_phase(fault: &Fault) -> &str {
    match (fault.path.as_deref(), fault.kind) {
        (Some(phase), _) => phase,
        (None, Kind::Error | Kind::NotYet) => "rcpt",
        (None, Kind::Slow | Kind::Hang | Kind::Drop | Kind::Garbage) => "connect",
        (None, Kind::DropAfter) => "final_dot",
    }
}
