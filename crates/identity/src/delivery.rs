//! Messages to people: what is said, and the one door through which it goes out.
//!
//! How a message travels (a gateway, a mail server, a file) is the caller's: it gives a [`Deliver`].

use std::sync::Arc;

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;

use kabinet_store::Tx;

use crate::config::Config;
use crate::confirmation::CodeError;
use crate::{Error, Identity};

/// By what a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// To a phone.
    Sms,
    /// To an e-mail address.
    Email,
}

impl Channel {
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
    /// By what it travels.
    pub channel: Channel,
    /// Where to.
    pub to: Contact,
    /// What for.
    pub purpose: Purpose,
    /// The code in it.
    pub code: Option<Secret>,
    /// What it says.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, {})", self.channel.as_str(), self.purpose.as_str())
    }
}

/// A message could not be handed over. The text is for the log: neither contact nor code.
#[derive(Debug, thiserror::Error)]
#[error("not delivered: {0}")]
pub struct Undelivered(pub String);

/// Takes messages to people. May block: it is called off the async threads.
pub trait Deliver: Send + Sync {
    /// Hands a message over.
    ///
    /// # Errors
    /// When it is sure that it will not arrive.
    fn deliver(&self, message: &Message) -> Result<(), Undelivered>;
}

/// Refuses every message: the delivery of an installation that was given none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDelivery;

impl Deliver for NoDelivery {
    fn deliver(&self, message: &Message) -> Result<(), Undelivered> {
        let (channel, purpose) = (message.channel.as_str(), message.purpose.as_str());
        tracing::error!(
            channel,
            purpose,
            "a message was not sent: no delivery is configured (set delivery.outbox)"
        );
        Err(Undelivered("no delivery is configured".to_owned()))
    }
}

/// What a code is for, as its message says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A new account.
    Register,
    /// Somebody registers a contact that has an account.
    HasAccount,
}

/// A code for somebody, before it is put into words.
pub(crate) struct Letter<'a> {
    pub to: &'a Contact,
    pub purpose: Purpose,
    pub word: Word,
    pub code: Option<Secret>,
}

/// A message that was put into the queue and is handed over once its transaction is committed.
#[must_use]
pub(crate) struct Posted(Message);

impl Identity {
    /// Puts a message into the queue, inside the transaction that makes it true.
    #[expect(clippy::unused_async, reason = "the queue is a table")]
    pub(crate) async fn post(&self, _tx: &mut Tx, letter: Letter<'_>) -> Result<Posted, Error> {
        Ok(Posted(self.0.sender.write(letter, self.now())))
    }

    /// Hands messages over, after the commit.
    pub(crate) async fn hand_over(&self, posted: Vec<Posted>) -> Result<(), CodeError> {
        for Posted(message) in posted {
            if !self.0.sender.send(message).await {
                return Err(CodeError::NotSent);
            }
        }
        Ok(())
    }
}

/// Writes messages and hands them over.
pub(crate) struct Sender {
    delivery: Arc<dyn Deliver>,
    product: String,
    host: String,
}

impl Sender {
    pub fn new(delivery: Arc<dyn Deliver>, config: &Config) -> Self {
        Self {
            delivery,
            product: config.product.clone(),
            host: config.host.clone(),
        }
    }

    fn write(&self, letter: Letter<'_>, at: Timestamp) -> Message {
        let Letter { to, purpose, word, code } = letter;
        let channel = Channel::of(to.kind());
        let text = self.text(channel, word, code.as_ref());
        Message { channel, to: to.clone(), purpose, code, text, at }
    }

    /// Sends a message; the failure is logged here and `false` is told.
    async fn send(&self, message: Message) -> bool {
        let delivery = self.delivery.clone();
        let (channel, purpose) = (message.channel.as_str(), message.purpose.as_str());
        match tokio::task::spawn_blocking(move || delivery.deliver(&message)).await {
            Ok(Ok(())) => true,
            Ok(Err(e)) => {
                tracing::warn!(channel, purpose, error = %e, "a message was not sent");
                false
            }
            Err(e) => {
                tracing::error!(channel, purpose, error = %e, "the delivery of a message failed");
                false
            }
        }
    }

    fn text(&self, channel: Channel, word: Word, code: Option<&Secret>) -> String {
        let (code, product) = (code.map_or("", Secret::expose), &self.product);
        let said = match word {
            Word::Register => format!("Код {code} для регистрации в {product}. Никому его не сообщайте."),
            Word::HasAccount => {
                format!("Код {code}. У вас уже есть аккаунт в {product}, войдите с паролем. Никому не сообщайте код.")
            }
        };
        // Origin-bound one-time codes: the last line lets the browser fill in the code on this host and no other.
        if channel == Channel::Sms && !code.is_empty() && !self.host.is_empty() {
            return format!("{said}\n@{} #{code}", self.host);
        }
        said
    }
}
