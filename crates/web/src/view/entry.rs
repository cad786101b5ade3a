//! The way in: sign-in, registration, confirmation code, success.

use askama::Template;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::document::Kind;
use kabinet_core::language::Words;
use kabinet_core::organisation::Organisation;
use kabinet_core::time::Timestamp;

use super::account::TypedOrganisation;
use super::chrome::Chrome;
use super::form::{Errors, Message};

/// A way to sign in or register beside the form: a tile `method-NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// Back to phone or e-mail with a password.
    Password,
    /// A qualified certificate.
    Certificate,
    /// Госуслуги.
    Esia,
    /// Telegram.
    Telegram,
    /// An upstream provider.
    Upstream {
        /// Its key: `a-z`, `0-9` and `-`.
        name: String,
        /// What its tile says.
        title: Words,
    },
}

impl Method {
    /// The built-in method of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Password, Self::Certificate, Self::Esia, Self::Telegram]
            .into_iter()
            .find(|method| method.name() == name)
    }

    /// The name in `method-NAME` and `/login/NAME`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Password => "password",
            Self::Certificate => "certificate",
            Self::Esia => "esia",
            Self::Telegram => "telegram",
            Self::Upstream { name, .. } => name,
        }
    }

    /// What the tile says.
    #[must_use]
    pub fn label(&self, chrome: &Chrome<'_>) -> String {
        match self {
            Self::Upstream { title, .. } => chrome.words(title).to_owned(),
            known => chrome.t(&format!("method-{}", known.name())).into_owned(),
        }
    }

    /// Where the tile leads.
    #[must_use]
    pub fn path(&self, root: &str) -> String {
        match self {
            Self::Password => root.to_owned(),
            known => format!("{root}/{}", known.name()),
        }
    }

    /// Its icon.
    #[must_use]
    pub fn icon(&self) -> &str {
        match self {
            Self::Upstream { .. } => "upstream",
            known => known.name(),
        }
    }
}

/// What the sign-in page offers beside the form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offers {
    /// People sign in with a password here: form `login-form`.
    pub password: bool,
    /// Registration is open: link `go-register`.
    pub register: bool,
    /// Recovery exists: link `go-recover`.
    pub recover: bool,
    /// The page «У меня есть код» exists: link `method-code`.
    pub code: bool,
}

/// `/login`: form `login-form`, posts `phone` or `email`, `password`, `remember`, button `submit`.
#[derive(Template)]
#[template(path = "sign-in.html")]
pub struct SignIn<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The field that is asked for; the other is a link `toggle-identifier` (`?by=email`, `?by=phone`).
    pub identifier: ContactKind,
    /// What was typed, kept as it was.
    pub value: String,
    /// Whether `remember` is ticked.
    pub remember: bool,
    /// What is wrong.
    pub errors: Errors,
    /// Why the page is shown, e.g. `Message::of("reauthenticate")`.
    pub notice: Option<Message>,
    /// Where whoever holds this number says that the account is not theirs: link `not-mine`.
    pub disown: Option<String>,
    /// Whether the account became part of another one: link `go-merged`.
    pub is_merged: bool,
    /// Other ways, in order.
    pub methods: Vec<Method>,
    /// Links below.
    pub offers: Offers,
    /// Where the form stands.
    pub place: FormPlace,
}

/// Where a `login-form` stands: on the sign-in page, or on one that wants a fresh proof of an account.
#[derive(Clone, Debug)]
pub struct FormPlace {
    /// The page with its query, without the flow.
    pub page: String,
    /// Further hidden fields.
    pub hidden: Vec<(&'static str, String)>,
    /// What the proof is for, where it begins no session: then nothing is offered beside the form.
    pub fresh: Option<Message>,
    /// Where whoever does not want that goes back to.
    pub back: &'static str,
}

impl Default for FormPlace {
    fn default() -> Self {
        Self {
            page: "/login".to_owned(),
            hidden: Vec::new(),
            fresh: None,
            back: "/login",
        }
    }
}

impl FormPlace {
    /// Where the form posts to.
    fn action(&self) -> &str {
        self.page.split('?').next().unwrap_or_default()
    }
}

impl SignIn<'_> {
    fn heading(&self) -> String {
        match &self.place.fresh {
            Some(_) => self.chrome.t("fresh-title").into_owned(),
            None => self.chrome.login_title(),
        }
    }

    fn title(&self) -> String {
        self.chrome.title(&self.heading(), &self.errors)
    }

    fn submit_text(&self) -> &'static str {
        if self.place.fresh.is_some() {
            "fresh-submit"
        } else {
            "login-submit"
        }
    }
}

/// `/register`: form `register-form`, posts `phone` or `email`, `password`, `pd-consent`, button `submit`.
#[derive(Template)]
#[template(path = "registration.html")]
pub struct Registration<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// People register with a password here: form `register-form`.
    pub password: bool,
    /// The field that is asked for.
    pub identifier: ContactKind,
    /// What was typed.
    pub value: String,
    /// Whether the person ticked the consent before; never ticked for them.
    pub pd_consent: bool,
    /// The least length of a password, in characters.
    pub password_min: u32,
    /// What is wrong.
    pub errors: Errors,
    /// Other ways to register, in order.
    pub methods: Vec<Method>,
}

/// What a code is entered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodePurpose {
    /// Registration: the contact is shown in full, so that a typing error is seen.
    Register,
    /// To add it to the own account: shown in full, too.
    Add,
    /// Anything else: the contact is masked.
    Prove,
}

/// A confirmation code: form `code-form`, posts `code`, buttons `submit` and `resend`.
#[derive(Template)]
#[template(path = "code.html")]
pub struct CodeEntry<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// What for.
    pub purpose: CodePurpose,
    /// The page that led here.
    pub start: &'static str,
    /// Where the form posts to.
    pub action: String,
    /// Where the code went.
    pub contact: Contact,
    /// Seconds until another code may be asked for; 0: now.
    pub wait: u32,
    /// How long a code lives, in minutes.
    pub life_minutes: u32,
    /// What is wrong.
    pub errors: Errors,
    /// What happened, e.g. `Message::of("code-resent")`.
    pub notice: Option<Message>,
    /// Further hidden fields.
    pub hidden: Vec<(&'static str, String)>,
}

impl CodeEntry<'_> {
    fn heading(&self) -> std::borrow::Cow<'static, str> {
        match self.contact.kind() {
            ContactKind::Phone => self.chrome.t("confirm-phone"),
            ContactKind::Email => self.chrome.t("confirm-email"),
        }
    }

    fn sent_to(&self) -> String {
        match self.purpose {
            CodePurpose::Register | CodePurpose::Add => self.contact.display(),
            CodePurpose::Prove => self.contact.masked(),
        }
    }

    fn is_registration(&self) -> bool {
        self.purpose == CodePurpose::Register
    }

    fn button(&self) -> String {
        match self.wait {
            0 => self.chrome.t("resend").into_owned(),
            wait => self.chrome.t_with("resend-in", "seconds", wait),
        }
    }
}

/// The contact is confirmed: link `continue`, followed by script after some seconds.
#[derive(Template)]
#[template(path = "confirmed.html")]
pub struct Confirmed<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// What was confirmed.
    pub kind: ContactKind,
    /// Where `continue` leads: the request goes on, or `/account`.
    pub href: String,
}

impl Confirmed<'_> {
    fn heading(&self) -> std::borrow::Cow<'static, str> {
        match self.kind {
            ContactKind::Phone => self.chrome.t("phone-confirmed"),
            ContactKind::Email => self.chrome.t("email-confirmed"),
        }
    }
}

/// `/recover`: form `recover-form`, posts `phone` or `email`, button `submit`.
#[derive(Template)]
#[template(path = "recover.html")]
pub struct Recover<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The field that is asked for.
    pub identifier: ContactKind,
    /// What was typed.
    pub value: String,
    /// What is wrong.
    pub errors: Errors,
}

/// A new password: form `new-password-form`, posts `new-password`, buttons `submit` and `not-mine`.
#[derive(Template)]
#[template(path = "new-password.html")]
pub struct NewPassword<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The contact that was proven.
    pub contact: Contact,
    /// The least length of a password, in characters.
    pub password_min: u32,
    /// What is wrong.
    pub errors: Errors,
    /// Why the page is shown again.
    pub notice: Option<Message>,
    /// Further hidden fields.
    pub hidden: Vec<(&'static str, String)>,
}

impl NewPassword<'_> {
    fn is_phone(&self) -> bool {
        self.contact.kind() == ContactKind::Phone
    }
}

/// A contact that alone is not enough: form `second-form`, buttons `send-N`, `wait`, `not-mine`.
#[derive(Template)]
#[template(path = "second-proof.html")]
pub struct SecondProof<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The contact that was proven.
    pub contact: Contact,
    /// Whether the account is only to be told apart: neither a code nor a wait is offered.
    pub only_disown: bool,
    /// Where a second code may be sent.
    pub others: Vec<Contact>,
    /// When the wait that was begun before is over.
    pub due_at: Option<Timestamp>,
    /// How long the wait is, hours.
    pub hours: i64,
    /// What is wrong.
    pub errors: Errors,
    /// Further hidden fields.
    pub hidden: Vec<(&'static str, String)>,
}

impl SecondProof<'_> {
    fn is_phone(&self) -> bool {
        self.contact.kind() == ContactKind::Phone
    }

    fn heading(&self) -> &'static str {
        if self.only_disown { "disown-title" } else { "second-title" }
    }
}

/// `/complete`: form `complete-form`, posts `phone` or `email`, buttons `submit` and `deny`.
#[derive(Template)]
#[template(path = "complete.html")]
pub struct Complete<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Who needs it.
    pub client_name: String,
    /// What is missing.
    pub kind: ContactKind,
    /// What was typed.
    pub value: String,
    /// The account that it is for, and its session.
    pub account: (String, String),
    /// The contact that was proven and belongs to another account.
    pub is_taken: bool,
    /// What is wrong.
    pub errors: Errors,
}

impl Complete<'_> {
    fn key(&self, phone: &'static str, email: &'static str) -> &'static str {
        match self.kind {
            ContactKind::Phone => phone,
            ContactKind::Email => email,
        }
    }
}

/// A legal text that is asked about.
#[derive(Clone, Debug)]
pub struct NewText {
    /// What it is.
    pub kind: Kind,
    /// Its title.
    pub title: Words,
    /// Its version.
    pub version: String,
    /// Since when it is in force; absent for a sample.
    pub published_at: Option<Timestamp>,
    /// Where it is shown.
    pub href: String,
    /// Where the version is shown that the person agreed to before.
    pub before_href: Option<String>,
}

/// `/complete` for legal texts: form `complete-form`, posts `pd-consent`, buttons `submit` and `deny`.
#[derive(Template)]
#[template(path = "complete-documents.html")]
pub struct CompleteDocuments<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The texts.
    pub texts: Vec<NewText>,
    /// Whether the button accepts the agreement.
    pub asks_agreement: bool,
    /// Whether the personal-data consent is asked for; its box is never ticked for the person.
    pub asks_consent: bool,
    /// Who is asked, and their session.
    pub account: (String, String),
    /// What the page shows to whom, stamped; posted as `shown`.
    pub shown: String,
    /// Whether a product waits; a refusal goes back to it.
    pub has_product: bool,
    /// What is wrong.
    pub errors: Errors,
}

impl CompleteDocuments<'_> {
    fn key(&self, changed: &'static str, new: &'static str) -> &'static str {
        let is_changed = self.texts.iter().all(|text| text.before_href.is_some());
        if is_changed { changed } else { new }
    }

    fn heading(&self) -> &'static str {
        self.key("complete-documents-changed", "complete-documents-new")
    }

    fn lead(&self) -> &'static str {
        self.key("complete-documents-changed-lead", "complete-documents-new-lead")
    }
}

/// `/complete` for an organisation: form `complete-form`, posts `inn`, `kpp`, `organisation-name` where there is none, `organisation`
/// where there are several; buttons `submit` and `deny`.
#[derive(Template)]
#[template(path = "complete-organisation.html")]
pub struct CompleteOrganisation<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// Who needs it.
    pub client_name: String,
    /// What there is to choose from; empty: it is asked for.
    pub choices: Vec<Organisation>,
    /// What was typed.
    pub typed: TypedOrganisation,
    /// Who is asked, and their session.
    pub account: (String, String),
    /// What is wrong.
    pub errors: Errors,
}

impl CompleteOrganisation<'_> {
    fn heading(&self) -> &'static str {
        if self.choices.is_empty() {
            "complete-organisation"
        } else {
            "complete-choose"
        }
    }

    fn lead(&self) -> &'static str {
        if self.choices.is_empty() {
            "complete-organisation-lead"
        } else {
            "complete-choose-lead"
        }
    }
}

/// Something was done: a heading, sentences, and a link `continue`.
#[derive(Template)]
#[template(path = "told.html")]
pub struct Told<'a> {
    /// What surrounds the page.
    pub chrome: Chrome<'a>,
    /// The heading.
    pub heading: Message,
    /// The sentences.
    pub lines: Vec<Message>,
    /// Where `continue` leads, and its text.
    pub onward: (String, Message),
}

/// What password generators must know; lengths in characters.
pub(super) fn password_rules(min: &u32) -> String {
    format!("minlength: {min}; maxlength: 256;")
}

pub(super) fn other_kind(kind: &ContactKind) -> &'static str {
    match kind {
        ContactKind::Phone => "email",
        ContactKind::Email => "phone",
    }
}

/// The `autocomplete` of the identifier where an account is made.
pub(super) fn contact_autocomplete(kind: &ContactKind) -> &'static str {
    match kind {
        ContactKind::Phone => "tel",
        ContactKind::Email => "email",
    }
}
