//! Messages to people: what is said, and how it reaches them.
//!
//! 1. A message is written into the queue inside the transaction that makes it true, sealed, with a life: a code's own, a
//!    day for a notice. Nothing is sent from a request, so a gateway that is down blocks no page and a restart loses no
//!    code. Where nobody is to get one, a row that is never sent is written in its place: the same work for everybody.
//! 2. [`deliver_due`](Identity::deliver_due) takes what is due, under a lease, and asks the channel's routes in order
//!    (`kabinet_core::delivery` decides what follows from each answer). At least once: after a crash a message may be
//!    handed over a second time, under the same id.
//! 3. Once a route has it, or its life is over, the body is erased; what stays is a line of the log without contact and text.
//! 4. SMS cost money: what a day may cost is set aside before each one, on the primary, and what it did cost noted after.
//!
//! How a message travels (a gateway, a mail server, a file) is the caller's: it gives [`Routes`].

mod courier;
mod letter;
mod words;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use askama::Template;
use kabinet_core::brand::Brand;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::delivery::Breaker;
use kabinet_core::id::{ConfirmationId, MessageId};
use kabinet_core::language::Language;
use kabinet_core::seal::{MasterKey, Sealer, Stamper};
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;
use kabinet_store::message::{self, NewMessage};
use kabinet_store::{Tx, user};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::{Error, Identity};

pub use courier::{Called, Tested};
use letter::Html;
pub(crate) use words::{Invited, Word};

/// How long a notice is worth sending, seconds.
const NOTICE_LIFE: i64 = 24 * 3600;

/// By what a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// To a phone.
    Sms,
    /// To an e-mail address.
    Email,
}

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sms, Self::Email];

    /// The channel of a contact.
    #[must_use]
    pub const fn of(kind: ContactKind) -> Self {
        match kind {
            ContactKind::Phone => Self::Sms,
            ContactKind::Email => Self::Email,
        }
    }

    /// Its name in the outbox.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To prove a contact while registering.
    Register,
    /// To get an account back.
    Recover,
    /// To sign in.
    SignIn,
    /// To add or change a contact.
    Contact,
    /// To invite somebody.
    Invite,
    /// To tell what happened; has no code.
    Notice,
}

impl Purpose {
    const ALL: [Self; 6] = [Self::Register, Self::Recover, Self::SignIn, Self::Contact, Self::Invite, Self::Notice];

    /// Its name in the outbox and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Recover => "recover",
            Self::SignIn => "sign-in",
            Self::Contact => "contact",
            Self::Invite => "invite",
            Self::Notice => "notice",
        }
    }

    /// The purpose of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// A message on its way. Its `Debug` shows neither the code nor the text nor where it goes.
pub struct Message {
    /// The same for each attempt at it.
    pub id: MessageId,
    /// By what it travels.
    pub channel: Channel,
    /// Where to.
    pub to: Contact,
    /// What for.
    pub purpose: Purpose,
    /// The code in it.
    pub code: Option<Secret>,
    /// The subject of an e-mail; other channels have none.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// The same as HTML, of an e-mail; empty: the text alone.
    pub html: String,
    /// When it was written.
    pub at: Timestamp,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, {})", self.channel.as_str(), self.purpose.as_str())
    }
}

/// A route has the message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The gateway's id of it; empty where there is none.
    pub reference: String,
    /// What it cost, in kopecks, where the gateway tells.
    pub cost: Option<i64>,
}

/// A route does not have the message. The texts are for the log: neither contact nor code nor words of the gateway.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It will not take it; surely not sent.
    #[error("refused: {0}")]
    Refused(String),
    /// It is not well; surely not sent.
    #[error("not now: {0}")]
    Later(String),
    /// Nobody knows whether it was sent.
    #[error("no answer: {0}")]
    Unclear(String),
}

/// What a route answers, in time.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Receipt, Failure>> + Send + 'a>>;

/// Takes messages to people: one gateway, mail server or file.
pub trait Route: Send + Sync {
    /// Its name in the configuration, the log and the metrics.
    fn name(&self) -> &'static str;

    /// What one message costs, in kopecks, where the gateway does not tell; 0: nothing.
    fn price(&self) -> i64 {
        0
    }

    /// Hands a message over, once, within the route's own time limit.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;

    /// How the route reads what it is told later, where somebody tells.
    fn callbacks(&self) -> Option<&dyn Callbacks> {
        None
    }
}

/// Reads the calls by which a gateway tells what became of messages.
pub trait Callbacks: Send + Sync {
    /// What a call says, from its content type and body; `None`: it is not of the gateway's form.
    fn read(&self, content_type: &str, body: &[u8]) -> Option<Vec<Report>>;

    /// What the gateway wants to read in answer; otherwise it repeats the call.
    fn acknowledgement(&self) -> &'static str;
}

/// A gateway's last word on a message that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The gateway's own id of the message, as in [`Receipt::reference`].
    pub reference: String,
    /// Whether the phone has it; otherwise it never will.
    pub arrived: bool,
}

/// How messages leave: the routes of each channel in the order they are asked, and what a day may cost.
#[derive(Clone, Default)]
pub struct Routes {
    /// Of SMS.
    pub sms: Vec<Arc<dyn Route>>,
    /// Of e-mail.
    pub email: Vec<Arc<dyn Route>>,
    /// What SMS may cost on one day, in kopecks; `None`: no limit.
    pub day_limit: Option<i64>,
}

impl Routes {
    /// The routes of a channel.
    #[must_use]
    pub fn of(&self, channel: Channel) -> &[Arc<dyn Route>] {
        match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }
}

/// A message for somebody, before it is put into words.
pub(crate) struct Letter<'a> {
    pub to: &'a Contact,
    /// `None`: it is for nobody, and nobody may be able to tell.
    pub word: Option<Word<'a>>,
    pub code: Option<Secret>,
    pub language: Language,
    /// In whose name it comes.
    pub brand: &'a Brand,
    /// The confirmation whose code it holds, and how long that is good.
    pub about: Option<(&'a ConfirmationId, Timestamp)>,
}

/// A word to every confirmed contact of a person but one.
pub(crate) struct Notice<'a> {
    pub person: &'a User,
    pub except: Option<&'a Contact>,
    pub word: Word<'a>,
    /// In whose name it comes.
    pub brand: &'a Brand,
}

/// What is sealed of a message in the queue.
#[derive(Serialize, Deserialize)]
struct Body {
    to: Contact,
    code: Option<String>,
    subject: String,
    text: String,
    /// Messages of releases before this one have none.
    #[serde(default)]
    html: String,
}

/// What sends.
pub(crate) struct Post {
    routes: Routes,
    breakers: [Mutex<Vec<Breaker>>; 2],
    bodies: Sealer,
    recipients: Stamper,
    callbacks: Stamper,
    wake: Notify,
}

impl Post {
    pub fn new(routes: Routes, master: &MasterKey) -> Self {
        let breakers = Channel::ALL.map(|channel| Mutex::new(vec![Breaker::default(); routes.of(channel).len()]));
        Self {
            routes,
            breakers,
            bodies: master.sealer("message"),
            recipients: master.stamper("message-recipient"),
            callbacks: master.stamper("delivery-callback"),
            wake: Notify::new(),
        }
    }
}

impl Identity {
    /// Whether messages can leave by this channel at all.
    pub(crate) fn has_route(&self, kind: ContactKind) -> bool {
        !self.0.post.routes.of(Channel::of(kind)).is_empty()
    }

    /// Puts a message into the queue, inside the transaction that makes it true. [`Identity::posted`] follows the commit.
    pub(crate) async fn post(&self, tx: &mut Tx, letter: Letter<'_>) -> Result<(), Error> {
        let (now, entropy, post) = (self.now(), &*self.0.entropy, &self.0.post);
        let id = MessageId::generate(now, entropy);
        let channel = Channel::of(letter.to.kind());
        let expires_at = letter.about.map_or(now.plus(NOTICE_LIFE), |(_, until)| until);
        // Sealed for nobody, too: the same work.
        let body = Zeroizing::new(serde_json::to_vec(&self.write_body(&letter)?).map_err(unwritable)?);
        let sealed = post.bodies.seal(&body, id.as_str().as_bytes(), entropy);
        let new = NewMessage {
            channel: channel.as_str(),
            purpose: letter.word.map_or(Purpose::Recover, Word::purpose).as_str(),
            recipient: letter.to.masked(),
            recipient_key: self.recipient_key(letter.to),
            about: letter.about.map(|(about, _)| about.clone()),
            body: letter.word.map(|_| sealed),
            at: now,
            expires_at,
            keep_until: expires_at.plus(self.0.config.delivery.keep),
            id,
        };
        Ok(message::insert(tx, &new).await?)
    }

    fn write_body(&self, letter: &Letter<'_>) -> Result<Body, kabinet_store::Error> {
        let Letter { to, language, brand, .. } = *letter;
        // A letter for nobody is written like any other.
        let word = letter.word.unwrap_or(Word::Recover);
        let product = brand.title.in_language(language);
        let code = letter.code.as_ref().map(Secret::expose);
        let said = word.text(language, product, code.unwrap_or_default());
        let subject = word.subject(language, product);
        let (text, html) = match to.kind() {
            ContactKind::Phone => (self.bound_to_origin(said, code), String::new()),
            ContactKind::Email => {
                let html = Html::of(brand, language, &subject, &said, code).render().map_err(unwritable)?;
                (said, html)
            }
        };
        Ok(Body {
            to: to.clone(),
            code: code.map(str::to_owned),
            subject,
            text,
            html,
        })
    }

    /// Origin-bound one-time codes: the last line lets the browser fill in the code on this host and no other.
    fn bound_to_origin(&self, said: String, code: Option<&str>) -> String {
        let host = &self.0.config.host;
        match code {
            Some(code) if !host.is_empty() => format!("{said}\n@{host} #{code}"),
            _ => said,
        }
    }

    /// Tells a person what happened to the account.
    pub(crate) async fn post_to_all(&self, tx: &mut Tx, notice: Notice<'_>) -> Result<(), Error> {
        let Notice { person, except, word, brand } = notice;
        let language = person.claims.get("locale").and_then(|tag| tag.as_str()).and_then(Language::of_tag);
        for held in user::contacts_in(tx, &person.id).await? {
            if held.verified_at.is_some() && Some(&held.contact) != except {
                let letter = Letter {
                    to: &held.contact,
                    word: Some(word),
                    code: None,
                    language: language.unwrap_or_default(),
                    brand,
                    about: None,
                };
                self.post(tx, letter).await?;
            }
        }
        Ok(())
    }

    /// A transaction with messages was committed: whoever sends them need not wait for their next look.
    pub(crate) fn posted(&self) {
        self.0.post.wake.notify_one();
    }

    /// The digest under which the log keeps what went to a contact.
    #[must_use]
    pub fn recipient_key(&self, contact: &Contact) -> String {
        self.0.post.recipients.stamp(&[contact.kind().as_str(), contact.value()])
    }
}

fn unwritable(error: impl std::fmt::Display) -> kabinet_store::Error {
    kabinet_store::Error::Inconsistent { table: "messages", detail: error.to_string() }
}
