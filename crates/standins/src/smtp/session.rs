//! One connection: commands in, answers out.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::{Behaviour, Caught, Shared, Tls};

/// Bytes of a letter that are taken at most.
const LETTER: usize = 1024 * 1024;
/// RFC 5321 §4.5.3.1.6: a line has at most 1000 bytes; commands with credentials may be longer.
const LINE: usize = 12 * 1024;

pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

pub(super) struct Session<'a> {
    wire: BufReader<Box<dyn Wire>>,
    shared: &'a Shared,
    behaviour: Behaviour,
    over_tls: bool,
    login: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// What comes after a command.
enum Next {
    Command,
    StartTls,
    End,
}

impl<'a> Session<'a> {
    pub(super) fn new(wire: Box<dyn Wire>, shared: &'a Shared, behaviour: Behaviour) -> Self {
        Self {
            wire: BufReader::new(wire),
            shared,
            behaviour,
            over_tls: false,
            login: None,
            from: None,
            to: Vec::new(),
        }
    }

    /// The same connection under TLS, with everything forgotten (RFC 3207 §4.2).
    pub(super) async fn secured(self) -> io::Result<Self> {
        let secured = self.shared.acceptor.accept(self.wire.into_inner()).await;
        let wire = secured.map_err(io::Error::other)?;
        Ok(Self {
            over_tls: true,
            ..Self::new(Box::new(wire), self.shared, self.behaviour)
        })
    }

    pub(super) async fn run(mut self) -> io::Result<()> {
        if let Behaviour::Greet(code) = self.behaviour {
            return self.say(&format!("{code} stand-in")).await;
        }
        self.say("220 stand-in ESMTP").await?;
        loop {
            let line = self.line(LINE).await?;
            let Ok(line) = String::from_utf8(line) else {
                return Ok(());
            };
            let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            match self.command(&verb.to_ascii_uppercase(), rest).await? {
                Next::Command => {}
                Next::End => return Ok(()),
                Next::StartTls => self = self.secured().await?,
            }
        }
    }

    async fn command(&mut self, verb: &str, rest: &str) -> io::Result<Next> {
        match verb {
            "EHLO" => self.ehlo().await?,
            "HELO" => self.say("250 stand-in").await?,
            "STARTTLS" => return self.start_tls().await,
            "AUTH" => self.auth(rest).await?,
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.recipient(rest).await?,
            "DATA" => return self.data().await,
            "RSET" => {
                self.reset();
                self.say("250 2.0.0 Ok").await?;
            }
            "NOOP" => self.say("250 2.0.0 Ok").await?,
            "QUIT" => {
                self.say("221 2.0.0 Bye").await?;
                return Ok(Next::End);
            }
            "" => return Ok(Next::End),
            _ => self.say("502 5.5.2 Unknown command").await?,
        }
        Ok(Next::Command)
    }

    async fn ehlo(&mut self) -> io::Result<()> {
        self.reset();
        let mut lines = vec!["stand-in", "ENHANCEDSTATUSCODES", "8BITMIME"];
        if self.may_start_tls() {
            lines.push("STARTTLS");
        } else if self.shared.login.is_some() {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.len() - 1;
        let join = |(at, line): (usize, &&str)| format!("250{}{line}\r\n", if at == last { ' ' } else { '-' });
        let answer: String = lines.iter().enumerate().map(join).collect();
        self.write(&answer).await
    }

    fn may_start_tls(&self) -> bool {
        self.shared.tls == Tls::Start && !self.over_tls
    }

    async fn start_tls(&mut self) -> io::Result<Next> {
        if !self.may_start_tls() {
            self.say("502 5.5.1 Not offered").await?;
            return Ok(Next::Command);
        }
        let added = if self.behaviour == Behaviour::Inject {
            "250-stand-in\r\n250 AUTH PLAIN LOGIN\r\n"
        } else {
            ""
        };
        self.write(&format!("220 2.0.0 Ready\r\n{added}")).await?;
        Ok(Next::StartTls)
    }

    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        let Some((name, password)) = self.shared.login.clone().filter(|_| !self.may_start_tls()) else {
            return self.say("503 5.5.1 Not offered").await;
        };
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let found = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => self.auth_plain(initial).await?,
            "LOGIN" => self.auth_login().await?,
            _ => return self.say("504 5.5.4 Unknown mechanism").await,
        };
        if found.as_ref() == Some(&(name.clone(), password)) {
            self.login = Some(name);
            self.say("235 2.7.0 Ok").await
        } else {
            self.say("535 5.7.8 Name or password is wrong").await
        }
    }

    /// RFC 4616: authorization identity, name and password, each ended by NUL but the last.
    async fn auth_plain(&mut self, initial: &str) -> io::Result<Option<(String, String)>> {
        let said = if initial.is_empty() {
            self.challenge("").await?
        } else {
            decoded(initial)
        };
        let said = said.unwrap_or_default();
        let parts: Vec<_> = said.split('\0').collect();
        Ok(match parts[..] {
            [_, name, password] => Some((name.to_owned(), password.to_owned())),
            _ => None,
        })
    }

    async fn auth_login(&mut self) -> io::Result<Option<(String, String)>> {
        let name = self.challenge("Username:").await?;
        Ok(name.zip(self.challenge("Password:").await?))
    }

    async fn challenge(&mut self, question: &str) -> io::Result<Option<String>> {
        self.say(&format!("334 {}", STANDARD.encode(question))).await?;
        let line = self.line(LINE).await?;
        Ok(decoded(String::from_utf8_lossy(&line).trim_end()))
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        if self.may_start_tls() {
            return self.say("530 5.7.0 STARTTLS first").await;
        }
        if self.shared.login.is_some() && self.login.is_none() {
            return self.say("530 5.7.0 AUTH first").await;
        }
        self.from = path(rest, "FROM:");
        self.answer_path(self.from.is_some()).await
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<()> {
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        if let Behaviour::Recipient(code) = self.behaviour {
            return self.say(&refusal(code, rest)).await;
        }
        let to = path(rest, "TO:").filter(|to| !to.is_empty());
        let is_sound = to.is_some();
        self.to.extend(to);
        self.answer_path(is_sound).await
    }

    async fn answer_path(&mut self, is_sound: bool) -> io::Result<()> {
        self.say(if is_sound { "250 2.1.0 Ok" } else { "501 5.1.3 No address" }).await
    }

    async fn data(&mut self) -> io::Result<Next> {
        if self.to.is_empty() {
            self.say("503 5.5.1 RCPT first").await?;
            return Ok(Next::Command);
        }
        if self.behaviour == Behaviour::DropBefore {
            return Ok(Next::End);
        }
        self.say("354 Go on").await?;
        let raw = self.letter().await?;
        if let Behaviour::Letter(code) = self.behaviour {
            self.reset();
            self.say(&refusal(code, &String::from_utf8_lossy(&raw))).await?;
            return Ok(Next::Command);
        }
        let number = self.keep(raw);
        match self.behaviour {
            Behaviour::Drop => return Ok(Next::End),
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Slow(duration) => tokio::time::sleep(duration).await,
            _ => {}
        }
        self.say(&format!("250 2.0.0 Ok: queued as CAUGHT{number}")).await?;
        Ok(Next::Command)
    }

    async fn letter(&mut self) -> io::Result<Vec<u8>> {
        let mut raw = Vec::new();
        loop {
            let line = self.line(LETTER).await?;
            if line == b".\r\n" {
                return Ok(raw);
            }
            // RFC 5321 §4.5.2: a dot at a line's beginning was added.
            raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if raw.len() > LETTER {
                return Err(io::Error::other("the letter is too long"));
            }
        }
    }

    fn keep(&mut self, raw: Vec<u8>) -> usize {
        let caught = Caught {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            raw,
            over_tls: self.over_tls,
            login: self.login.clone(),
        };
        let mut state = self.shared.state();
        state.followers.retain(|follower| follower.send(caught.clone()).is_ok());
        state.caught.push(caught);
        state.caught.len()
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn line(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        let limited = u64::try_from(limit).map_err(io::Error::other)?;
        let mut reader = tokio::io::AsyncReadExt::take(&mut self.wire, limited);
        reader.read_until(b'\n', &mut line).await?;
        if line.ends_with(b"\n") {
            Ok(line)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.write(&format!("{line}\r\n")).await
    }

    async fn write(&mut self, text: &str) -> io::Result<()> {
        self.wire.write_all(text.as_bytes()).await?;
        self.wire.flush().await
    }
}

/// A refusal that repeats what it refuses, as real servers do.
fn refusal(code: u16, what: &str) -> String {
    let what: String = what.chars().filter(|c| !c.is_control()).take(200).collect();
    let class = code / 100;
    format!("{code} {class}.7.1 Not taken: {what}")
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// The address of `FROM:<address>`; parameters behind it are not looked at.
fn path(rest: &str, keyword: &str) -> Option<String> {
    let at = rest.get(..keyword.len()).filter(|found| found.eq_ignore_ascii_case(keyword))?.len();
    let (address, _) = rest[at..].trim_start().strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}
