//! The person's own pages below `/account`.

use askama::Template;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::document::Standing;
use kabinet_core::organisation::{Organisation, Proof};
use kabinet_core::scope::Scope;
use kabinet_core::time::Timestamp;
use kabinet_core::user::User;

use super::chrome::{Chrome, plain_name};
use super::entry::Method;
use super::form::{Errors, Message};
use super::merge::MergeRow;
use super::request::initial;
use super::upstream::ConnectionRow;
use crate::brand::Words;

/// A section of the side navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Who am I.
    Home,
    /// Phone and e-mail.
    Contacts,
    /// Sessions.
    Sessions,
    /// What other sites may know.
    Consents,
    /// Organisations.
    Organisations,
    /// Ways to sign in.
    Methods,
    /// API tokens.
    Tokens,
}

impl Section {
    /// Every section, in order.
    pub const ALL: [Self; 7] = [
        Self::Home,
        Self::Contacts,
        Self::Methods,
        Self::Organisations,
        Self::Sessions,
        Self::Consents,
        Self::Tokens,
    ];

    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Home => "/account",
            Self::Contacts => "/account/contacts",
            Self::Sessions => "/account/sessions",
            Self::Consents => "/account/consents",
            Self::Organisations => "/account/organisations",
            Self::Methods => "/account/methods",
            Self::Tokens => "/account/tokens",
        }
    }

    pub(super) fn label(self, chrome: &Chrome<'_>) -> String {
        let key = match self {
            Self::Home => "account-home",
            Self::Contacts => "account-contacts",
            Self::Sessions => "account-sessions",
            Self::Consents => "account-consents",
            Self::Organisations => "account-organisations",
            Self::Methods => "account-methods",
            Self::Tokens => "account-tokens",
        };
        chrome.t(key).into_owned()
    }

    pub(super) const fn slug(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Contacts => "contacts",
            Self::Sessions => "sessions",
            Self::Consents => "consents",
            Self::Organisations => "organisations",
            Self::Methods => "methods",
            Self::Tokens => "tokens",
        }
    }

    pub(super) const fn icon(self) -> &'static str {
        match self {
            Self::Home => "person",
            Self::Contacts => "password",
            Self::Sessions => "device",
            Self::Consents => "scope",
            Self::Organisations => "esia",
            Self::Methods => "certificate",
            Self::Tokens => "key",
        }
    }
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// The `sub`.
    pub id: String,
    /// What the person is called.
    pub name: String,
    /// Phone and e-mail, each given or not.
    pub contacts: Vec<ContactRow>,
    /// Since when the account exists.
    pub since: Timestamp,
}

/// A contact and its state.
#[derive(Clone, Debug)]
pub struct ContactRow {
    /// Phone or e-mail.
    pub kind: ContactKind,
    /// The contact; `None`: not given.
    pub contact: Option<Contact>,
    /// When it was confirmed last.
    pub verified_at: Option<Timestamp>,
}

impl Person {
    /// The person as stored.
    #[must_use]
    pub fn of(user: &User) -> Self {
        let row = |kind| ContactRow {
            kind,
            contact: user.contact(kind).map(|confirmed| confirmed.contact.clone()),
            verified_at: user.contact(kind).and_then(|confirmed| confirmed.verified_at),
        };
        Self {
            id: user.id.to_string(),
            name: user.display_name(),
            contacts: vec![row(ContactKind::Phone), row(ContactKind::Email)],
            since: user.created_at,
        }
    }

    fn initial(&self) -> Option<String> {
        initial(&self.name)
    }
}

/// A session of the person.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its id; the button is `end-session-ID`, name and value likewise.
    pub id: String,
    /// Browser and system, see [`device_name`].
    pub device: Option<String>,
    /// The network address it was last used from.
    pub network: String,
    /// When it began.
    pub started: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// Whether it is the one that looks at the page.
    pub current: bool,
}

impl SessionRow {
    fn device(&self, chrome: &Chrome<'_>) -> String {
        self.device.clone().unwrap_or_else(|| chrome.t("session-unknown").into_owned())
    }

    fn end_label(&self, chrome: &Chrome<'_>) -> String {
        chrome.t_with("session-end-of", "device", self.device(chrome))
    }
}

/// `/account`: who am I, contacts, sessions.
#[derive(Template)]
#[template(path = "account-home.html")]
pub struct AccountHome<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Who is signed in.
    pub person: Person,
    /// The sessions, the current one first.
    pub sessions: Vec<SessionRow>,
    /// How long an access token lives that products check by themselves, in minutes.
    pub token_minutes: u32,
    /// What happened, e.g. `Message::of("session-ended")`.
    pub notice: Option<Message>,
}

/// `/account/contacts`.
#[derive(Template)]
#[template(path = "account-contacts.html")]
pub struct AccountContacts<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Who is signed in.
    pub person: Person,
    /// What happened.
    pub notice: Option<Message>,
}

/// `/account/sessions`: form `sessions-form`, buttons `end-session-ID` and `end-others`.
#[derive(Template)]
#[template(path = "account-sessions.html")]
pub struct AccountSessions<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Who is signed in.
    pub person: Person,
    /// The sessions, the current one first.
    pub sessions: Vec<SessionRow>,
    /// How long an access token lives that products check by themselves, in minutes.
    pub token_minutes: u32,
    /// What happened.
    pub notice: Option<Message>,
}

/// A site that the person allowed to know something.
#[derive(Clone, Debug)]
pub struct ConsentRow {
    /// The client's id; the button is `withdraw-ID`.
    pub id: String,
    /// Its name as registered.
    pub client_name: String,
    /// What it was allowed.
    pub scope: Scope,
    /// Since when.
    pub since: Timestamp,
}

/// What a scope is called.
pub(super) fn scope_title(scope: &str, chrome: &Chrome<'_>) -> String {
    let key = format!("scope-{scope}");
    if chrome.locale.has(&key) {
        chrome.t(&key).into_owned()
    } else {
        chrome.t_with("scope-other", "scope", plain_name(scope))
    }
}

impl ConsentRow {
    fn name(&self) -> String {
        plain_name(&self.client_name)
    }

    fn scopes(&self, chrome: &Chrome<'_>) -> String {
        self.scope.iter().map(|scope| scope_title(scope, chrome)).collect::<Vec<_>>().join(", ")
    }

    fn withdraw_label(&self, chrome: &Chrome<'_>) -> String {
        chrome.t_with("consent-withdraw-of", "client", self.name())
    }
}

/// A legal text that the person agreed to.
#[derive(Clone, Debug)]
pub struct DocumentRow {
    /// Its kind as recorded.
    pub kind: String,
    /// Its title, where the kind is known.
    pub title: Option<Words>,
    /// Its version.
    pub version: String,
    /// When it was agreed to.
    pub at: Timestamp,
    /// On the page of which client, where that is still known.
    pub client_name: Option<String>,
    /// What has become of the agreement.
    pub standing: Standing,
    /// Where the very text is shown that was agreed to.
    pub href: Option<String>,
}

impl DocumentRow {
    fn name(&self, chrome: &Chrome<'_>) -> String {
        self.title
            .as_ref()
            .map_or_else(|| self.kind.clone(), |title| chrome.words(title).to_owned())
    }

    fn client(&self) -> String {
        self.client_name.as_deref().map(plain_name).unwrap_or_default()
    }

    const fn withdrawn_at(&self) -> Option<Timestamp> {
        match self.standing {
            Standing::Withdrawn(at) => Some(at),
            Standing::InForce | Standing::Replaced => None,
        }
    }

    const fn state(&self) -> &'static str {
        match self.standing {
            Standing::InForce => "document-in-force",
            Standing::Replaced => "document-replaced",
            Standing::Withdrawn(_) => "document-withdrawn",
        }
    }
}

/// `/account/consents`: form `consents-form`, buttons `withdraw-ID`; the legal texts in table `documents`.
#[derive(Template)]
#[template(path = "account-consents.html")]
pub struct AccountConsents<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// What was allowed, the newest first.
    pub consents: Vec<ConsentRow>,
    /// The legal texts that were agreed to, the newest first.
    pub documents: Vec<DocumentRow>,
    /// Whether a personal-data consent is in force: link `withdraw-pd-consent`.
    pub has_consent: bool,
    /// How long an access token lives that products check by themselves, in minutes.
    pub token_minutes: u32,
    /// What happened.
    pub notice: Option<Message>,
}

/// An organisation as typed.
#[derive(Clone, Debug, Default)]
pub struct TypedOrganisation {
    /// ИНН.
    pub inn: String,
    /// КПП.
    pub kpp: String,
    /// The name.
    pub name: String,
}

/// `/account/organisations`: form `organisations-form`, buttons `remove-ID`; form `organisation-form`, posts `inn`, `kpp`,
/// `organisation-name`, button `submit`.
#[derive(Template)]
#[template(path = "account-organisations.html")]
pub struct AccountOrganisations<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The organisations.
    pub list: Vec<Organisation>,
    /// What was typed.
    pub typed: TypedOrganisation,
    /// What is wrong.
    pub errors: Errors,
    /// What happened.
    pub notice: Option<Message>,
}

impl AccountOrganisations<'_> {
    fn section(&self) -> Section {
        Section::Organisations
    }
}

/// A certificate that is linked to the account.
#[derive(Clone, Debug)]
pub struct CertificateRow {
    /// Its id, posted as `certificate`.
    pub id: String,
    /// Whom it names.
    pub owner: String,
    /// The organisation in it.
    pub organisation: Option<String>,
    /// Who issued it.
    pub issuer: String,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// Whether that is over.
    pub is_over: bool,
    /// When somebody last signed in with it.
    pub used_at: Option<Timestamp>,
}

/// `/account/methods`: forms `link-certificate` and `unlink-certificate`, with `-ID` from the second certificate on; for another
/// provider `link-NAME` and `unlink-NAME`, likewise.
#[derive(Template)]
#[template(path = "account-methods.html")]
pub struct AccountMethods<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Whether the account has a password.
    pub has_password: bool,
    /// The linked certificates, the oldest first.
    pub certificates: Vec<CertificateRow>,
    /// Whether certificates can be linked here.
    pub can_link: bool,
    /// Whether something else than certificates lets the person in.
    pub has_other_way: bool,
    /// The accounts at other providers, the oldest first.
    pub connections: Vec<ConnectionRow>,
    /// The providers that can be linked: forms `link-NAME`.
    pub linkable: Vec<Method>,
    /// The accounts that became part of this one and can leave again: forms `undo-merge-ID`.
    pub merges: Vec<MergeRow>,
    /// What is wrong.
    pub errors: Errors,
    /// What happened.
    pub notice: Option<Message>,
}

impl AccountMethods<'_> {
    fn section(&self) -> Section {
        Section::Methods
    }

    /// The last way in stays.
    fn can_unlink(&self) -> bool {
        self.has_other_way || self.certificates.len() > 1
    }

    fn form_id(&self, row: &CertificateRow, at: &usize) -> String {
        if *at == 0 {
            "unlink-certificate".to_owned()
        } else {
            format!("unlink-certificate-{}", row.id)
        }
    }
}

/// The key of the words for who vouches for an organisation.
pub(super) const fn proof_key(proof: &Proof) -> &'static str {
    match proof {
        Proof::Stated => "proof-stated",
        Proof::Invitation => "proof-invitation",
        Proof::Certificate => "proof-certificate",
        Proof::Esia => "proof-esia",
        Proof::Administrator => "proof-administrator",
    }
}

/// Whether the person may remove an organisation.
pub(super) fn is_removable(one: &Organisation) -> bool {
    matches!(one.proof, Proof::Stated | Proof::Invitation)
}

/// `/account/consents/pd-consent`: form `withdraw-form`, button `submit`.
#[derive(Template)]
#[template(path = "consent-withdrawal.html")]
pub struct ConsentWithdrawal<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Whether there is a consent to take back; without one there is no form.
    pub has_consent: bool,
    /// How long an access token lives that products check by themselves, in minutes.
    pub token_minutes: u32,
    /// What happened.
    pub notice: Option<Message>,
}

impl ConsentWithdrawal<'_> {
    fn section(&self) -> Section {
        Section::Consents
    }
}

impl AccountConsents<'_> {
    fn section(&self) -> Section {
        Section::Consents
    }
}

impl AccountHome<'_> {
    fn section(&self) -> Section {
        Section::Home
    }
}

impl AccountContacts<'_> {
    fn section(&self) -> Section {
        Section::Contacts
    }
}

impl AccountSessions<'_> {
    fn section(&self) -> Section {
        Section::Sessions
    }
}

/// Browser and system of a `User-Agent`, e.g. `Chrome · Windows`; `None` when neither is known.
#[must_use]
pub fn device_name(user_agent: &str) -> Option<String> {
    // The order matters: most browsers also claim to be Chrome and Safari, Android also claims to be Linux.
    const BROWSERS: [(&str, &str); 8] = [
        ("YaBrowser/", "Яндекс Браузер"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let find =
        |list: &[(&str, &'static str)]| list.iter().find(|(mark, _)| user_agent.contains(mark)).map(|found| found.1);
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => Some(format!("{browser} · {system}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_told_in_two_words() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(device_name(chrome).as_deref(), Some("Chrome · Windows"));
        assert_eq!(
            device_name(&format!("{chrome} YaBrowser/25.1")).as_deref(),
            Some("Яндекс Браузер · Windows")
        );
        let phone = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36";
        assert_eq!(device_name(phone).as_deref(), Some("Chrome · Android"));
        assert_eq!(device_name("<script>alert(1)</script>"), None);
    }
}
