//! What messages say, in Russian and English.

use kabinet_core::language::Language;
use kabinet_core::time::{Civil, Timestamp};

use super::Purpose;

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word<'a> {
    /// A code for a new account.
    Register,
    /// A code for somebody who registers a contact that has an account.
    HasAccount,
    /// A code to set a new password.
    Recover,
    /// A code to add a contact to an account.
    AddContact,
    /// A code to prove the account once more.
    SignIn,
    /// A code for somebody who is invited.
    Invited(&'a Invited<'a>),
    /// Somebody signed in from a browser that is new to the account.
    NewSignIn(Timestamp),
    /// A device was allowed to sign in.
    DeviceAllowed(Timestamp),
    /// The account has one more contact.
    ContactAdded(Timestamp),
    /// A certificate belongs to the account now.
    CertificateLinked(Timestamp),
    /// A certificate belongs to the account no more.
    CertificateUnlinked(Timestamp),
    /// Somebody signed in with a newer certificate.
    CertificateRenewed(Timestamp),
    /// An account at another provider belongs to the account now.
    UpstreamLinked(Timestamp),
    /// An account at another provider belongs to the account no more.
    UpstreamUnlinked(Timestamp),
    /// An API token was made.
    ApiTokenMade(Timestamp),
    /// An API token was found by somebody, and revoked.
    ApiTokenLeaked(Timestamp),
    /// An API token ends at this moment.
    ApiTokenEnds(Timestamp),
    /// Another account became part of this one; until this moment that can be undone.
    AccountsMerged(Timestamp),
    /// They are two accounts again.
    MergeUndone(Timestamp),
    /// The password is another one now.
    PasswordChanged(Timestamp),
    /// The consent to the processing of personal data was taken back.
    ConsentWithdrawn(Timestamp),
    /// A recovery began that must wait until this moment.
    RecoveryWaits(Timestamp),
    /// The phone will leave the account at this moment.
    PhoneLeaves(Timestamp),
}

impl Word<'_> {
    /// What it is for.
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Register | Self::HasAccount => Purpose::Register,
            Self::Recover => Purpose::Recover,
            Self::AddContact => Purpose::Contact,
            Self::SignIn => Purpose::SignIn,
            Self::Invited(_) => Purpose::Invite,
            Self::NewSignIn(_)
            | Self::DeviceAllowed(_)
            | Self::ContactAdded(_)
            | Self::CertificateLinked(_)
            | Self::CertificateUnlinked(_)
            | Self::CertificateRenewed(_)
            | Self::UpstreamLinked(_)
            | Self::UpstreamUnlinked(_)
            | Self::ApiTokenMade(_)
            | Self::ApiTokenLeaked(_)
            | Self::ApiTokenEnds(_)
            | Self::AccountsMerged(_)
            | Self::MergeUndone(_)
            | Self::PasswordChanged(_)
            | Self::ConsentWithdrawn(_)
            | Self::RecoveryWaits(_)
            | Self::PhoneLeaves(_) => Purpose::Notice,
        }
    }

    /// The subject of an e-mail. Without the code: subjects are shown on locked screens.
    pub fn subject(self, language: Language, product: &str) -> String {
        let what = match (language, self.purpose()) {
            (Language::Ru, Purpose::Notice) => "Изменения в вашем аккаунте",
            (Language::En, Purpose::Notice) => "A change to your account",
            (Language::Ru, Purpose::Invite) => "Приглашение",
            (Language::En, Purpose::Invite) => "Invitation",
            (Language::Ru, _) => "Код подтверждения",
            (Language::En, _) => "Confirmation code",
        };
        format!("{what}: {product}")
    }

    /// What it says.
    pub fn text(self, language: Language, product: &str, code: &str) -> String {
        match (language, self) {
            (Language::Ru, Self::Register) => {
                format!("Код {code}, чтобы создать аккаунт и войти в {product}. Никому его не сообщайте.")
            }
            (Language::En, Self::Register) => format!("{code} is your code to register at {product}. Never share it."),
            (Language::Ru, Self::HasAccount) => {
                format!("Код {code}. У вас уже есть аккаунт: войдите в {product} с паролем. Никому не сообщайте код.")
            }
            (Language::En, Self::HasAccount) => {
                format!(
                    "Code {code}. You already have an account at {product}: sign in with your password. Never share the code."
                )
            }
            (Language::Ru, Self::Recover) => {
                format!("Код {code}, чтобы задать новый пароль и войти в {product}. Никому его не сообщайте.")
            }
            (Language::En, Self::Recover) => {
                format!("{code} is your code to set a new password at {product}. Never share it.")
            }
            (Language::Ru, Self::AddContact) => {
                format!("Код {code}, чтобы подтвердить контакт и войти в {product}. Никому его не сообщайте.")
            }
            (Language::En, Self::AddContact) => {
                format!("{code} is your code to confirm this contact at {product}. Never share it.")
            }
            (Language::Ru, Self::SignIn) => {
                format!("Код {code}, чтобы войти в {product} или подтвердить действие. Никому его не сообщайте.")
            }
            (Language::En, Self::SignIn) => {
                format!("{code} is your code to sign in to {product} or to confirm a change. Never share it.")
            }
            (_, Self::Invited(invited)) => invited.text(language, product, code),
            (Language::Ru, Self::CertificateLinked(at)) => format!(
                "{product}: к аккаунту привязан сертификат {}. Если это не вы, смените пароль и отвяжите его.",
                moment(at, language)
            ),
            (Language::En, Self::CertificateLinked(at)) => format!(
                "{product}: a certificate was linked to the account {}. If it was not you, change your password and unlink it.",
                moment(at, language)
            ),
            (Language::Ru, Self::CertificateUnlinked(at)) => format!(
                "{product}: сертификат отвязан от аккаунта {}. Если это не вы, смените пароль.",
                moment(at, language)
            ),
            (Language::En, Self::CertificateUnlinked(at)) => format!(
                "{product}: a certificate was removed from the account {}. If it was not you, change your password.",
                moment(at, language)
            ),
            (Language::Ru, Self::CertificateRenewed(at)) => format!(
                "{product}: вход с новым сертификатом того же владельца {}. Если это не вы, обратитесь в поддержку.",
                moment(at, language)
            ),
            (Language::En, Self::CertificateRenewed(at)) => format!(
                "{product}: signed in with a newer certificate of the same person {}. If it was not you, contact support.",
                moment(at, language)
            ),
            (Language::Ru, Self::UpstreamLinked(at)) => format!(
                "{product}: к аккаунту привязан вход через другой сервис {}. Если это не вы, смените пароль и отвяжите его.",
                moment(at, language)
            ),
            (Language::En, Self::UpstreamLinked(at)) => format!(
                "{product}: sign-in through another service was linked to the account {}. If it was not you, change your password and unlink it.",
                moment(at, language)
            ),
            (Language::Ru, Self::UpstreamUnlinked(at)) => format!(
                "{product}: вход через другой сервис отвязан от аккаунта {}. Если это не вы, смените пароль.",
                moment(at, language)
            ),
            (Language::En, Self::UpstreamUnlinked(at)) => format!(
                "{product}: sign-in through another service was removed from the account {}. If it was not you, change your password.",
                moment(at, language)
            ),
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
            (Language::Ru, Self::DeviceAllowed(at)) => format!(
                "{product}: разрешён вход на другом устройстве {}. Если это не вы, отзовите доступ в личном кабинете и смените пароль.",
                moment(at, language)
            ),
            (Language::En, Self::DeviceAllowed(at)) => format!(
                "{product}: a sign-in on another device was allowed {}. If it was not you, take the access back in your account and change your password.",
                moment(at, language)
            ),
            (Language::Ru, Self::ContactAdded(at)) => format!(
                "{product}: к аккаунту добавлен контакт {}. Если это не вы, смените пароль.",
                moment(at, language)
            ),
            (Language::En, Self::ContactAdded(at)) => format!(
                "{product}: a contact was added to the account {}. If it was not you, change your password.",
                moment(at, language)
            ),
            (Language::Ru, Self::ApiTokenMade(at)) => format!(
                "{product}: создан токен API {}. Если это не вы, смените пароль и отзовите токен в личном кабинете.",
                moment(at, language)
            ),
            (Language::En, Self::ApiTokenMade(at)) => format!(
                "{product}: an API token was made {}. If it was not you, change your password and revoke the token in your account.",
                moment(at, language)
            ),
            (Language::Ru, Self::ApiTokenLeaked(at)) => format!(
                "{product}: ваш токен API нашли в открытом доступе и отозвали {}. Создайте новый в личном кабинете и храните его в тайне.",
                moment(at, language)
            ),
            (Language::En, Self::ApiTokenLeaked(at)) => format!(
                "{product}: your API token was found in the open and revoked {}. Make a new one in your account and keep it secret.",
                moment(at, language)
            ),
            (Language::Ru, Self::ApiTokenEnds(due)) => format!(
                "{product}: срок токена API истекает {}. Новый можно создать в личном кабинете.",
                moment(due, language)
            ),
            (Language::En, Self::ApiTokenEnds(due)) => format!(
                "{product}: an API token expires {}. You can make a new one in your account.",
                moment(due, language)
            ),
            (Language::Ru, Self::AccountsMerged(until)) => format!(
                "{product}: два ваших аккаунта объединены. Если это не вы, до {} войдите или восстановите доступ, откройте «Способы входа» и нажмите «Разделить аккаунты».",
                moment(until, language)
            ),
            (Language::En, Self::AccountsMerged(until)) => format!(
                "{product}: two accounts of yours became one. If it was not you, before {} sign in or recover your account, open “Ways to sign in” and press “Part the accounts”.",
                moment(until, language)
            ),
            (Language::Ru, Self::MergeUndone(at)) => format!(
                "{product}: объединение аккаунтов отменено {}, это снова два аккаунта. Если это не вы, смените пароль.",
                moment(at, language)
            ),
            (Language::En, Self::MergeUndone(at)) => format!(
                "{product}: the merge of your accounts was undone {}, they are two again. If it was not you, change your password.",
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
            (Language::Ru, Self::ConsentWithdrawn(at)) => format!(
                "{product}: согласие на обработку персональных данных отозвано {}, все сеансы завершены. При входе мы попросим его снова. Если это не вы, смените пароль.",
                moment(at, language)
            ),
            (Language::En, Self::ConsentWithdrawn(at)) => format!(
                "{product}: the consent to process personal data was withdrawn {}, all sessions have ended. We will ask for it when you sign in. If it was not you, change your password.",
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

/// Longer names are cut in a message, characters: an SMS is paid for by its length.
const LONGEST_NAME: usize = 60;

/// What a message says of an invitation. It is the same whether or not the contact has an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invited<'a> {
    /// The client that invites; `None`: an administrator.
    pub by: Option<&'a str>,
    /// Into which organisation; `None`: into the product.
    pub organisation: Option<&'a str>,
    /// The page that takes the code.
    pub page: &'a str,
    /// Until when.
    pub until: Timestamp,
}

impl Invited<'_> {
    fn text(self, language: Language, product: &str, code: &str) -> String {
        let Self { by, organisation, page, until } = self;
        let into = organisation.map_or_else(|| product.to_owned(), |name| quoted(name, language));
        let (by, until) = (by.map(|name| quoted(name, language)), moment(until, language));
        match language {
            Language::Ru => {
                let who = by.map_or_else(|| "Вас приглашают".to_owned(), |by| format!("{by} приглашает вас"));
                format!("Код {code}. {who} в {into}. Введите код на {page} до {until}. Никому его не сообщайте.")
            }
            Language::En => {
                let who = by.map_or_else(|| "You are invited".to_owned(), |by| format!("{by} invites you"));
                format!("Code {code}. {who} to {into}. Enter the code at {page} by {until}. Never share it.")
            }
        }
    }
}

/// A name that somebody chose, short and told apart from our own words. No program makes a link of it: a point, a colon or an at sign
/// inside a word is followed by a space.
fn quoted(name: &str, language: Language) -> String {
    let mut short = String::new();
    let mut rest = name.trim().chars().take(LONGEST_NAME).peekable();
    while let Some(c) = rest.next() {
        short.push(c);
        if matches!(c, '.' | ':' | '@' | '。' | '．' | '｡') && rest.peek().is_some_and(|next| !next.is_whitespace())
        {
            short.push(' ');
        }
    }
    if name.trim().chars().count() > LONGEST_NAME {
        short.push('…');
    }
    match language {
        // Quotation marks within others are of the other kind.
        Language::Ru => format!("«{}»", short.replace('«', "„").replace('»', "“")),
        Language::En => format!("“{short}”"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_name_makes_no_link_in_a_message() {
        for (name, said) in [
            ("ООО «Ромашка»", "«ООО „Ромашка“»"),
            ("Выплата: https://evil.ru/x", "«Выплата: https: //evil. ru/x»"),
            ("1.2.3.4", "«1. 2. 3. 4»"),
            ("a@evil。ru", "«a@ evil。 ru»"),
            ("Рога и копыта, ст. 1.", "«Рога и копыта, ст. 1.»"),
        ] {
            assert_eq!(quoted(name, Language::Ru), said);
        }
    }
}
