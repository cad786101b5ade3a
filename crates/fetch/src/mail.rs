//! E-mail through an operator's relay: SMTP (RFC 5321), submission with TLS (RFC 8314) or STARTTLS (RFC 3207).
//!
//! 1. The letter is composed: RFC 5322 headers, MIME, nothing that could end a header early. With [`Dkim`] it is signed.
//! 2. The relay's name is resolved, the first address that answers is taken, TLS is made with the certificate checked.
//! 3. EHLO, AUTH where there is a login, MAIL, RCPT, DATA. What fails until here was surely not sent.
//! 4. The letter itself. A connection that is lost from here on leaves it unclear: the relay may have taken it.
//!
//! [`Security::Plain`] is for a relay beside us: the address has to be loopback, private or listed, and a login never
//! travels without TLS except to loopback. There is no STARTTLS "if offered": who takes the offer away takes the TLS
//! away. One connection carries one letter; none is kept.
//!
//! Of a server's answers the code is kept and the words are not: they repeat the address and may repeat the letter.

mod compose;
mod dkim;
mod wire;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ipnet::IpNet;
use lettre::Address;
use lettre::message::Mailbox;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::time::{Instant, timeout_at};

use crate::address::{is_listed, is_public};
use crate::message::is_code;
use crate::{Error, Failure};

pub use dkim::Dkim;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte, port 465 as a rule.
    Tls,
    /// TLS after STARTTLS, port 587 as a rule; never without.
    StartTls,
    /// None, to a relay beside us.
    Plain,
}

/// What the relay knows us by. Shows nothing in `Debug`: it has none.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

/// Where letters go and how. Shows nothing in `Debug`: it has none.
#[derive(Clone)]
pub struct Options {
    /// The relay's name or address; its certificate has to be made out to it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// What the relay knows us by, where it asks.
    pub login: Option<Login>,
    /// The sender: an address, or a name and an address in angle brackets.
    pub from: String,
    /// Further certificate authorities, PEM.
    pub ca: Option<Bytes>,
    /// How letters are signed; absent where the relay signs.
    pub dkim: Option<Dkim>,
    /// Networks that a plain relay may stand in although they are public.
    pub allow: Vec<IpNet>,
    /// From the first look-up to the last answer.
    pub timeout: Duration,
}

/// A relay could not be made from its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRelay {
    /// [`Options::host`] is empty or no name of a host.
    #[error("host: no name or address of a host")]
    Host,
    /// [`Options::from`] is no mailbox, or one whose address is not ASCII.
    #[error("from: no mailbox, such as «Астрал <no-reply@example.ru>»")]
    From,
    /// [`Options::ca`] holds no certificate.
    #[error("ca: holds no PEM certificate")]
    Ca,
    /// [`Dkim::domain`] or [`Dkim::selector`] is no name.
    #[error("dkim: domain and selector are names in the DNS")]
    DkimName,
    /// [`Dkim::key`] is no private key that may sign.
    #[error("dkim: the key is no PEM private key, RSA of 1024 bits or more or Ed25519")]
    DkimKey,
    /// [`Security::Plain`] to an address that is neither loopback nor private nor listed.
    #[error("security: without TLS only to a loopback, private or listed address")]
    Plain,
    /// [`Security::Plain`] with a login, to another address than loopback.
    #[error("security: a login travels without TLS to loopback only")]
    PlainLogin,
}

/// A letter to one person. Shows nothing in `Debug`: it has none.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// The address, ASCII.
    pub to: &'a str,
    /// The subject, one line.
    pub subject: &'a str,
    /// What it says.
    pub text: &'a str,
    /// The same as HTML, for who prefers it.
    pub html: Option<&'a str>,
    /// The same for each attempt at one letter; becomes its Message-ID.
    pub id: &'a str,
    /// When it was written, in seconds since 1970.
    pub date: u64,
}

/// How far a conversation with the relay came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The look-up of the name.
    Resolve,
    /// The connection.
    Connect,
    /// TLS, from STARTTLS on.
    Tls,
    /// The greeting and EHLO.
    Greeting,
    /// AUTH.
    Login,
    /// MAIL and RCPT.
    Envelope,
    /// DATA and the letter.
    Letter,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "name",
            Self::Connect => "connection",
            Self::Tls => "TLS",
            Self::Greeting => "greeting",
            Self::Login => "login",
            Self::Envelope => "envelope",
            Self::Letter => "letter",
        })
    }
}

/// Where a conversation with the relay ended, for an operator. No word of it is the server's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {why}")]
pub struct Fault {
    /// How far it came.
    pub step: Step,
    /// What that means for the letter.
    pub failure: Failure,
    /// The reason, in words of ours or of the TLS library.
    pub why: String,
}

impl Fault {
    fn new(step: Step, failure: Failure, why: impl Into<String>) -> Self {
        Self { step, failure, why: why.into() }
    }

    /// The server answered, and not with consent. RFC 5321 §4.2.1: 4yz may be tried again, 5yz may not.
    fn answered(step: Step, status: u16, text: &str) -> Self {
        let code = text.split_whitespace().next().filter(|word| is_enhanced(word)).map(str::to_owned);
        let why = format!("the server answered {status} {}", code.as_deref().unwrap_or_default());
        let failure = if (400..500).contains(&status) {
            Failure::Busy
        } else {
            Failure::Refused { status, code }
        };
        Self::new(step, failure, why.trim_end())
    }

    fn of(step: Step, why: &smtp::Error, otherwise: Failure) -> Self {
        if let Some(status) = why.status() {
            let text = std::error::Error::source(why).map(ToString::to_string).unwrap_or_default();
            return Self::answered(step, status.into(), &text);
        }
        let words = if why.is_response() {
            "the connection ended, or the answer is none of SMTP"
        } else if why.is_client() {
            "the server does not offer what is asked of it"
        } else {
            "the connection broke"
        };
        Self::new(step, otherwise, words)
    }
}

/// RFC 3463 §2: an enhanced status code, `5.1.1`.
fn is_enhanced(word: &str) -> bool {
    let parts: Vec<_> = word.split('.').collect();
    let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(digits)
}

/// A relay that letters can be handed to. A clone is cheap.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    options: Options,
    /// The relay's name or address, ASCII and without brackets.
    host: String,
    from: Mailbox,
    signer: Option<dkim::Signer>,
    tls: wire::Tls,
}

/// How long a server is given to say goodbye to.
const GOODBYE: Duration = Duration::from_secs(1);

impl Relay {
    /// A relay; nothing is called yet.
    ///
    /// # Errors
    /// [`BadRelay`] names the option that cannot be used.
    pub fn new(options: Options) -> Result<Self, BadRelay> {
        let host = host(&options.host).ok_or(BadRelay::Host)?;
        if let Ok(address) = host.parse() {
            options.permit(address)?;
        }
        let from: Mailbox = options.from.parse().map_err(|_| BadRelay::From)?;
        if !compose::is_plain(from.email.as_ref()) || options.from.chars().any(char::is_control) {
            return Err(BadRelay::From);
        }
        let signer = options.dkim.as_ref().map(dkim::Signer::new).transpose()?;
        let tls = wire::Tls::new(options.ca.as_deref())?;
        Ok(Self(Arc::new(Inner { options, host, from, signer, tls })))
    }

    /// Hands a letter over, once, and gives the server's id of it where it tells one.
    ///
    /// # Errors
    /// [`Failure`] says whether it may have been sent all the same.
    pub async fn send(&self, letter: Letter<'_>) -> Result<String, Failure> {
        let (to, message) = self.0.compose(&letter).ok_or(Failure::UNFIT)?;
        let host = &self.0.host;
        match self.hand_over(&to, &message).await {
            Ok(id) => {
                tracing::debug!(host, "letter handed to the relay");
                Ok(id)
            }
            Err(fault) => {
                tracing::info!(host, reason = %fault, "letter not handed to the relay");
                Err(fault.failure)
            }
        }
    }

    /// Goes through the conversation up to the login and says goodbye. Nothing is sent.
    ///
    /// # Errors
    /// [`Fault`] says how far it came.
    pub async fn probe(&self) -> Result<(), Fault> {
        let mut step = Step::Resolve;
        let connection = timeout_at(self.deadline(), self.0.open(&mut step)).await;
        goodbye(connection.unwrap_or_else(|_| Err(late(step)))?).await;
        Ok(())
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.0.options.timeout
    }

    async fn hand_over(&self, to: &Address, message: &[u8]) -> Result<String, Fault> {
        let deadline = self.deadline();
        let mut step = Step::Resolve;
        let ready = timeout_at(deadline, self.0.ready(to, &mut step)).await;
        let mut connection = ready.unwrap_or_else(|_| Err(late(step)))?;
        let unclear = |why| Failure::Unclear(why);
        match timeout_at(deadline, connection.message(message)).await {
            Ok(Ok(answer)) => {
                goodbye(connection).await;
                Ok(queue_id(&answer))
            }
            Ok(Err(why)) => Err(Fault::of(Step::Letter, &why, unclear(Error::Broken))),
            Err(_) => Err(Fault::new(Step::Letter, unclear(Error::TimedOut), "the time is up")),
        }
    }
}

impl Options {
    /// Whether the address may be talked to in this way.
    fn permit(&self, address: IpAddr) -> Result<(), BadRelay> {
        let is_loopback = address.to_canonical().is_loopback();
        match self.security {
            Security::Tls | Security::StartTls => Ok(()),
            Security::Plain if is_loopback => Ok(()),
            Security::Plain if self.login.is_some() => Err(BadRelay::PlainLogin),
            Security::Plain if !is_public(address) || is_listed(address, &self.allow) => Ok(()),
            Security::Plain => Err(BadRelay::Plain),
        }
    }
}

impl Inner {
    /// A connection on which the relay has heard who we are.
    async fn open(&self, step: &mut Step) -> Result<AsyncSmtpConnection, Fault> {
        let hello = ClientId::Domain(self.from.email.domain().to_owned());
        let stream = self.connect(step, &hello).await?;
        *step = Step::Greeting;
        let connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await;
        let mut connection = connection.map_err(|why| Fault::of(*step, &why, Failure::Unreached))?;
        if let Some(Login { name, password }) = &self.options.login {
            *step = Step::Login;
            let credentials = Credentials::new(name.clone(), password.clone());
            let allowed = [Mechanism::Plain, Mechanism::Login];
            if let Err(why) = connection.auth(&allowed, &credentials).await {
                goodbye(connection).await;
                return Err(Fault::of(*step, &why, Failure::Unreached));
            }
        }
        Ok(connection)
    }

    /// A connection on which the relay waits for the letter.
    async fn ready(&self, to: &Address, step: &mut Step) -> Result<AsyncSmtpConnection, Fault> {
        let mut connection = self.open(step).await?;
        match self.envelope(&mut connection, to, step).await {
            Ok(()) => Ok(connection),
            Err(fault) => {
                goodbye(connection).await;
                Err(fault)
            }
        }
    }

    async fn envelope(&self, to_relay: &mut AsyncSmtpConnection, to: &Address, step: &mut Step) -> Result<(), Fault> {
        *step = Step::Envelope;
        let fault = |step, why: smtp::Error| Fault::of(step, &why, Failure::Unreached);
        let mail = Mail::new(Some(self.from.email.clone()), Vec::new());
        to_relay.command(mail).await.map_err(|why| fault(*step, why))?;
        let rcpt = Rcpt::new(to.clone(), Vec::new());
        to_relay.command(rcpt).await.map_err(|why| fault(*step, why))?;
        *step = Step::Letter;
        let answer = to_relay.command(Data).await.map_err(|why| fault(*step, why))?;
        // RFC 5321 §4.1.1.4: only 354 asks for the letter.
        if !answer.has_code(354) {
            return Err(Fault::answered(*step, answer.code().into(), ""));
        }
        Ok(())
    }
}

/// A name in ASCII, or an address, whose brackets may be left out.
fn host(text: &str) -> Option<String> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    url::Host::parse(text).ok().map(|host| host.to_string())
}

fn late(step: Step) -> Fault {
    Fault::new(step, Failure::Unreached, "the time is up")
}

/// Says QUIT, which the server may hear or not: what it took, it has taken.
async fn goodbye(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
}

/// The id in «2.0.0 Ok: queued as 4F2A1» or «OK id=1t-0A-x»; empty where there is none.
fn queue_id(answer: &Response) -> String {
    let text = answer.message().collect::<Vec<_>>().join(" ");
    let words: Vec<_> = text.split_whitespace().map(|word| word.trim_matches(['<', '>', ';', ','])).collect();
    let queued = words.iter().position(|word| word.eq_ignore_ascii_case("queued"));
    let named = queued.and_then(|at| words[at..].windows(2).find(|pair| pair[0] == "as").map(|pair| pair[1]));
    let id = named.or_else(|| words.iter().find_map(|word| word.strip_prefix("id=")));
    id.filter(|id| is_code(id)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
