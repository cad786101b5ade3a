//! Questions on the way: which account, may the client, really sign out.

use askama::Template;
use kabinet_core::scope::Scope;

use super::chrome::{Chrome, plain_name};
use super::form::{Errors, Message};

/// An account that this browser is signed in to.
#[derive(Clone, Debug)]
pub struct AccountChoice {
    /// What its button posts as `account`.
    pub value: String,
    /// What the person is called.
    pub name: String,
    /// The contact below the name; empty where the name is the contact.
    pub contact: String,
}

impl AccountChoice {
    fn initial(&self) -> Option<String> {
        initial(&self.name)
    }
}

/// The letter in the round badge of a person; none of somebody who is known by a number.
pub(super) fn initial(name: &str) -> Option<String> {
    let letter = name.chars().find(|c| c.is_alphabetic())?;
    Some(letter.to_uppercase().collect())
}

/// `/choose`: form `choose-form`, for each account a button `account` and a button `sign-out`, link `choose-another`.
#[derive(Template)]
#[template(path = "choose.html")]
pub struct ChooseAccount<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The accounts, at most five.
    pub accounts: Vec<AccountChoice>,
    /// Whether another one makes the one used the longest time ago give way.
    pub is_full: bool,
    /// Where «Войти в другой аккаунт» leads.
    pub another_href: String,
    /// What has just happened.
    pub notice: Option<Message>,
    /// What is wrong.
    pub errors: Errors,
}

/// `/consent`: form `consent-form`, buttons `allow` and `deny`.
#[derive(Template)]
#[template(path = "consent.html")]
pub struct Consent<'a> {
    /// What surrounds the page; its `client_name` is the client that asks.
    pub chrome: Chrome<'a>,
    /// The client's name as registered.
    pub client_name: String,
    /// The host of the redirect URI, in ASCII; a custom scheme whole.
    pub redirect_host: String,
    /// What is asked for.
    pub scope: Scope,
    /// The session of the account that is shown; posted as `account`.
    pub session: String,
    /// What the page shows to whom, stamped; posted as `shown`.
    pub shown: String,
    /// Who is signed in.
    pub account: String,
    /// Where «другой аккаунт» leads.
    pub another_href: String,
    /// What is wrong.
    pub errors: Errors,
}

/// One line of what is asked for.
pub(super) struct ScopeLine {
    pub(super) title: String,
    pub(super) gives: String,
}

/// What a scope gives, in words. What identifies comes first, what lasts comes last.
pub(super) fn scope_lines(chrome: &Chrome<'_>, asked: &Scope) -> Vec<ScopeLine> {
    const ORDER: [&str; 10] = [
        "openid",
        "profile",
        "email",
        "phone",
        "address",
        "org",
        "orgs",
        "identity",
        "identity_document",
        "offline_access",
    ];
    let line = |scope: &str| {
        let key = format!("scope-{scope}");
        if chrome.locale.has(&key) {
            let gives = chrome.t(&format!("{key}-gives")).into_owned();
            return ScopeLine { title: chrome.t(&key).into_owned(), gives };
        }
        ScopeLine {
            title: chrome.t_with("scope-other", "scope", plain_name(scope)),
            gives: chrome.t("scope-other-gives").into_owned(),
        }
    };
    let known = ORDER.into_iter().filter(|scope| asked.has(scope));
    known.chain(asked.iter().filter(|scope| !ORDER.contains(scope))).map(line).collect()
}

impl Consent<'_> {
    fn scopes(&self) -> Vec<ScopeLine> {
        scope_lines(&self.chrome, &self.scope)
    }

    /// Whether the name or the host could pass for another.
    fn is_lookalike(&self) -> bool {
        self.redirect_host.split('.').any(|label| label.starts_with("xn--"))
            || plain_name(&self.client_name) != self.client_name.trim()
            || mixes_alphabets(&self.client_name)
    }
}

/// Whether one word holds letters of more than one of Latin, Cyrillic and Greek.
pub(super) fn mixes_alphabets(name: &str) -> bool {
    let words = name.split(|c: char| !c.is_alphanumeric());
    words.into_iter().any(|word| {
        let has = |range: std::ops::RangeInclusive<char>| word.chars().any(|c| c.is_alphabetic() && range.contains(&c));
        [has('A'..='ɏ'), has('Ͱ'..='Ͽ'), has('Ѐ'..='ԯ')]
            .into_iter()
            .filter(|found| *found)
            .count()
            > 1
    })
}

/// `/logout`: form `logout-confirm`, button `submit`.
#[derive(Template)]
#[template(path = "logout.html")]
pub struct LogoutConfirm<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Where the form posts to.
    pub action: String,
    /// Who is signed in.
    pub account: Option<String>,
    /// Where «Остаться» leads.
    pub stay_href: String,
    /// Hidden fields: the request that asked for the sign-out.
    pub hidden: Vec<(&'static str, String)>,
    /// What is wrong.
    pub errors: Errors,
}

impl LogoutConfirm<'_> {
    /// The product in the genitive would need a form of its own; in quotation marks any name stands as it is.
    fn leaving(&self) -> String {
        self.chrome
            .client_name
            .as_deref()
            .map(|name| self.chrome.quoted(name))
            .unwrap_or_default()
    }
}

/// Signed out.
#[derive(Template)]
#[template(path = "signed-out.html")]
pub struct SignedOut<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Where «Вернуться в …» leads: the client's own page; absent: no such link.
    pub back_href: Option<String>,
    /// Something the person should know, e.g. `Message::of("logout-failed")`.
    pub notice: Option<Message>,
    /// What the browser loads so that products hear of it (Front-Channel Logout 1.0 §3).
    pub frames: Vec<String>,
    /// Where it goes on to once they have: by script, or by the link `continue`.
    pub then: Option<String>,
    /// Where the person signs out of the provider that they came by, too, and what it is called.
    pub leave: Option<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alike_letters_inside_one_word_are_noticed() {
        for honest in ["Астрал.ЭДО", "1С-ЭТП", "Яндекс.Go", "Example", "Ромашка plus"] {
            assert!(!mixes_alphabets(honest), "{honest}");
        }
        for forged in ["Аstral", "Sbеr", "Tинькофф"] {
            assert!(mixes_alphabets(forged), "{forged}");
        }
    }
}
