//! Messages to people: what is said, and the one door through which it goes out.
//!
//! How a message travels (a gateway, a mail server, a file) is the caller's: it gives a [`Deliver`].

use std::sync::Arc;

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::language::Language;
use kabinet_core::secret::Secret;
use kabinet_core::time::{Civil, Timestamp};
use kabinet_core::user::User;

use kabinet_store::{Tx, user};

use crate::config::{Config, Product};
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

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// A code for a new account.
    Register,
    /// A code for somebody who registers a contact that has an account.
    HasAccount,
    /// A code to set a new password.
    Recover,
    /// A code to add a contact to an account.
    AddContact,
    /// Somebody signed in from a browser that is new to the account.
    NewSignIn(Timestamp),
    /// The account has one more contact.
    ContactAdded(Timestamp),
    /// The password is another one now.
    PasswordChanged(Timestamp),
    /// A recovery began that must wait until this moment.
    RecoveryWaits(Timestamp),
    /// The phone will leave the account at this moment.
    PhoneLeaves(Timestamp),
}

impl Word {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Register | Self::HasAccount => Purpose::Register,
            Self::Recover => Purpose::Recover,
            Self::AddContact => Purpose::Contact,
            Self::NewSignIn(_)
            | Self::ContactAdded(_)
            | Self::PasswordChanged(_)
            | Self::RecoveryWaits(_)
            | Self::PhoneLeaves(_) => Purpose::Notice,
        }
    }

    fn text(self, language: Language, product: &str, code: &str) -> String {
        match (language, self) {
            (Language::Ru, Self::Register) => {
                format!("Код {code} для регистрации в {product}. Никому его не сообщайте.")
            }
            (Language::En, Self::Register) => format!("{code} is your code to register at {product}. Never share it."),
            (Language::Ru, Self::HasAccount) => {
                format!("Код {code}. У вас уже есть аккаунт в {product}, войдите с паролем. Никому не сообщайте код.")
            }
            (Language::En, Self::HasAccount) => {
                format!(
                    "Code {code}. You already have an account at {product}: sign in with your password. Never share the code."
                )
            }
            (Language::Ru, Self::Recover) => {
                format!("Код {code} для нового пароля в {product}. Никому его не сообщайте.")
            }
            (Language::En, Self::Recover) => {
                format!("{code} is your code to set a new password at {product}. Never share it.")
            }
            (Language::Ru, Self::AddContact) => {
                format!("Код {code}, чтобы подтвердить контакт в {product}. Никому его не сообщайте.")
            }
            (Language::En, Self::AddContact) => {
                format!("{code} is your code to confirm this contact at {product}. Never share it.")
            }
            (Language::Ru, Self::NewSignIn(at)) => {
                format!(
                    "{product}: вход с нового устройства {}. Если это не вы, смените пароль.",
                    moment(at, language)
                )
            }
            (Language::En, Self::NewSignIn(at)) => {
                format!(
                    "{product}: new device signed in {}. If it was not you, change your password.",
                    moment(at, language)
                )
            }
            (Language::Ru, Self::ContactAdded(at)) => format!(
                "{product}: к аккаунту добавлен контакт {}. Если это не вы, смените пароль.",
                moment(at, language)
            ),
            (Language::En, Self::ContactAdded(at)) => format!(
                "{product}: a contact was added to the account {}. If it was not you, change your password.",
                moment(at, language)
            ),
            (Language::Ru, Self::PasswordChanged(at)) => format!(
                "{product}: пароль изменён {}, все сеансы завершены. Если это не вы, сразу восстановите доступ.",
                moment(at, language)
            ),
            (Language::En, Self::PasswordChanged(at)) => format!(
                "{product}: the password was changed {}, all sessions have ended. If it was not you, recover your account at once.",
                moment(at, language)
            ),
            (Language::Ru, Self::RecoveryWaits(due)) => format!(
                "{product}: запрошено восстановление доступа. Новый пароль можно будет задать {}. Если это не вы, войдите со своим паролем: это отменит запрос.",
                moment(due, language)
            ),
            (Language::En, Self::RecoveryWaits(due)) => format!(
                "{product}: account recovery was requested. A new password may be set from {}. If it was not you, sign in with your password: that cancels it.",
                moment(due, language)
            ),
            (Language::Ru, Self::PhoneLeaves(due)) => format!(
                "{product}: у телефона этого аккаунта новый владелец, номер будет отвязан {}. Если номер ваш, войдите в аккаунт: это отменит отвязку.",
                moment(due, language)
            ),
            (Language::En, Self::PhoneLeaves(due)) => format!(
                "{product}: this account's phone number has a new owner and will be removed {}. If the number is yours, sign in: that cancels it.",
                moment(due, language)
            ),
        }
    }
}

/// A moment in a message: Moscow time, which the whole country reckons with.
fn moment(at: Timestamp, language: Language) -> String {
    const MOSCOW: i64 = 3 * 3600;
    let Civil { year, month, day, hour, minute, .. } = Civil::of(at.plus(MOSCOW));
    match language {
        Language::Ru => format!("{day:02}.{month:02}.{year} в {hour:02}:{minute:02} МСК"),
        Language::En => format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} Moscow time"),
    }
}

/// A message for somebody, before it is put into words.
pub(crate) struct Letter<'a> {
    pub to: &'a Contact,
    pub word: Word,
    pub code: Option<Secret>,
    pub language: Language,
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

    /// Tells every confirmed contact of a person, but `except`, what happened to the account.
    pub(crate) async fn post_to_all(
        &self,
        tx: &mut Tx,
        person: &User,
        except: Option<&Contact>,
        word: Word,
    ) -> Result<Vec<Posted>, Error> {
        let language = person.claims.get("locale").and_then(|tag| tag.as_str()).and_then(Language::of_tag);
        let mut posted = Vec::new();
        for held in user::contacts_in(tx, &person.id).await? {
            if held.verified_at.is_some() && Some(&held.contact) != except {
                let language = language.unwrap_or_default();
                posted.push(self.post(tx, Letter { to: &held.contact, word, code: None, language }).await?);
            }
        }
        Ok(posted)
    }

    /// Hands over what tells of something that has happened: it has, whether or not the message arrives.
    pub(crate) async fn tell(&self, posted: Vec<Posted>) {
        // The failure is logged where it happens.
        drop(self.hand_over(posted).await);
    }

    /// Hands messages over, after the commit.
    pub(crate) async fn hand_over(&self, posted: Vec<Posted>) -> Result<(), CodeError> {
        let mut all = true;
        for Posted(message) in posted {
            all &= self.0.sender.send(message).await;
        }
        if all { Ok(()) } else { Err(CodeError::NotSent) }
    }
}

/// Writes messages and hands them over.
pub(crate) struct Sender {
    delivery: Arc<dyn Deliver>,
    product: Product,
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
        let Letter { to, word, code, language } = letter;
        let channel = Channel::of(to.kind());
        let text = self.text(channel, (word, language), code.as_ref());
        Message {
            channel,
            to: to.clone(),
            purpose: word.purpose(),
            code,
            text,
            at,
        }
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

    fn text(&self, channel: Channel, (word, language): (Word, Language), code: Option<&Secret>) -> String {
        let code = code.map_or("", Secret::expose);
        let said = word.text(language, self.product.in_language(language), code);
        // Origin-bound one-time codes: the last line lets the browser fill in the code on this host and no other.
        if channel == Channel::Sms && !code.is_empty() && !self.host.is_empty() {
            return format!("{said}\n@{} #{code}", self.host);
        }
        said
    }
}
