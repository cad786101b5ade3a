//! What surrounds every page: language, brand, nonce, carried-over fields, links.

use std::borrow::Cow;
use std::fmt::Write as _;

use fluent_bundle::FluentValue;
use kabinet_core::brand::{DEFAULT, legal};
use kabinet_core::document::{EVERY_BRAND, Head, Kind};
use kabinet_core::text::disguises;
use kabinet_core::time::Timestamp;
use kabinet_identity::Work;

use super::form::{Errors, Message};
use crate::assets;
use crate::brand::{Brand, Words};
use crate::i18n::{Language, Locale, iso};

/// The path below which legal documents are shown: `/legal/agreement`, `/legal/pd-consent`, `/legal/pd-policy`.
pub const LEGAL_ROOT: &str = "/legal/";

/// The most characters of a foreign name that a page shows.
const LONGEST_NAME: usize = 80;

/// What surrounds a page.
#[derive(Clone, Debug)]
pub struct Chrome<'a> {
    /// The words.
    pub locale: Locale,
    /// The look.
    pub brand: &'a Brand,
    /// The nonce of this answer's Content-Security-Policy.
    pub nonce: String,
    /// The token that every form on the page posts as `form-token`.
    pub form_token: String,
    /// The sealed authorization request; posted as `flow` and carried by the links of the sign-in pages.
    pub flow: Option<String>,
    /// Path and query of this page, for the language switch; a `lang` in it is replaced.
    pub here: String,
    /// The name of the client whose request is under way.
    pub client_name: Option<String>,
    /// The client's own texts: its privacy policy, its terms.
    pub client_texts: Vec<Link>,
    /// The path of the client's picture, where the page shows it.
    pub client_logo: Option<String>,
    /// The year in the footer.
    pub year: i64,
    /// The work that the form of this page may need.
    pub work: Option<Work>,
}

/// A link with its text.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub text: String,
}

/// One language of the switch.
pub struct LanguageLink {
    /// The language.
    pub language: Language,
    /// This page in it.
    pub href: String,
    /// Whether the page is in it now.
    pub current: bool,
}

/// A moment on a page.
pub struct Moment {
    /// For `<time datetime>`.
    pub iso: String,
    /// In words.
    pub text: String,
}

impl Chrome<'_> {
    /// The message `key`.
    #[must_use]
    pub fn t(&self, key: &str) -> Cow<'static, str> {
        self.locale.text(key)
    }

    /// The message `key` with one value.
    #[must_use]
    pub fn t_with<'v>(&self, key: &str, name: &str, value: impl Into<FluentValue<'v>>) -> String {
        self.locale.text_with(key, &[(name, value.into())]).into_owned()
    }

    /// A sentence of a form.
    #[must_use]
    pub fn message(&self, message: &Message) -> String {
        message.in_locale(self.locale)
    }

    /// The tag of the language, for `lang`.
    #[must_use]
    pub fn lang(&self) -> &'static str {
        self.locale.language().code()
    }

    /// A text of the brand in the page's language.
    #[must_use]
    pub fn words<'w>(&self, words: &'w Words) -> &'w str {
        words.in_language(self.locale.language())
    }

    /// A text of the brand's own, where it has one.
    fn own<'w>(&self, words: Option<&'w Words>) -> Option<&'w str> {
        words.map(|words| self.words(words))
    }

    /// A heading: the brand's own pattern with the product put in, else the message `key`.
    fn heading(&self, own: Option<&Words>, key: &str) -> String {
        let product = self.words(&self.brand.title);
        match self.own(own) {
            Some(pattern) => legal::title(pattern, product),
            None => self.t_with(key, "product", product),
        }
    }

    /// The heading of the sign-in page.
    #[must_use]
    pub fn login_title(&self) -> String {
        self.heading(self.brand.texts.login_title.as_ref(), "login-title")
    }

    /// The heading of the registration page.
    #[must_use]
    pub fn register_title(&self) -> String {
        self.heading(self.brand.texts.register_title.as_ref(), "register-title")
    }

    /// The line below the button «Войти», as HTML, where the brand has one.
    #[must_use]
    pub fn login_agreement(&self) -> Option<String> {
        self.own(self.brand.texts.login_agreement.as_ref()).map(|line| self.legal_line(line))
    }

    /// The line below the button «Создать аккаунт», as HTML.
    #[must_use]
    pub fn register_agreement(&self) -> String {
        match self.own(self.brand.texts.register_agreement.as_ref()) {
            Some(line) => self.legal_line(line),
            None => self.legal("register-agreement"),
        }
    }

    /// What stands before the link to registration.
    #[must_use]
    pub fn register_prompt(&self) -> Cow<'_, str> {
        let own = self.own(self.brand.texts.register_prompt.as_ref());
        own.map_or_else(|| self.t("no-account"), Cow::Borrowed)
    }

    /// The link to registration.
    #[must_use]
    pub fn register_link(&self) -> Cow<'_, str> {
        let own = self.own(self.brand.texts.register_link.as_ref());
        own.map_or_else(|| self.t("go-register"), Cow::Borrowed)
    }

    /// Whether forms let the person choose between phone and e-mail.
    #[must_use]
    pub fn asks_for_either(&self) -> bool {
        self.brand.identifiers.len() > 1
    }

    /// The year beside the legal entity.
    #[must_use]
    pub fn footer_year(&self) -> i64 {
        self.brand.year.map_or(self.year, i64::from)
    }

    /// Whom to turn to: an address says itself, a page is named.
    #[must_use]
    pub fn support(&self) -> Option<Link> {
        let (href, given) = (self.brand.support_href()?, self.brand.support.as_deref()?);
        let text = if href == given {
            self.t("support").into_owned()
        } else {
            given.to_owned()
        };
        Some(Link { href, text })
    }

    /// What the person is on the way to, in the accusative: the brand's product, else the client by its name in
    /// quotation marks, else the cabinet.
    #[must_use]
    pub fn product(&self) -> String {
        match &self.client_name {
            Some(name) if self.brand.name == DEFAULT => self.quoted(name),
            _ => self.words(&self.brand.title).to_owned(),
        }
    }

    /// Whether the request comes from a client that has no brand of its own, which pages then name.
    #[must_use]
    pub fn names_client(&self) -> bool {
        self.client_name.is_some() && self.brand.name == DEFAULT
    }

    /// A foreign name, safe to show: without control and direction characters, at most 80 long, in quotation marks.
    #[must_use]
    pub fn quoted(&self, name: &str) -> String {
        match self.locale.language() {
            // Quotation marks within others are of the other kind.
            Language::Ru => format!("«{}»", plain_name(name).replace('«', "„").replace('»', "“")),
            Language::En => format!("“{}”", plain_name(name)),
        }
    }

    /// The text of `<title>`: the step, the product, and "error" in front where the form is shown again.
    #[must_use]
    pub fn title(&self, step: &str, errors: &Errors) -> String {
        let product = self.product();
        let title = if step.contains(&product) {
            step.to_owned()
        } else {
            let args = [("title", step.to_owned().into()), ("product", product.into())];
            self.locale.text_with("page-title", &args).into_owned()
        };
        if errors.is_empty() {
            title
        } else {
            self.t_with("error-prefix", "title", title)
        }
    }

    /// The text of `<title>` of a page without a form that could be shown again.
    #[must_use]
    pub fn plain_title(&self, step: &str) -> String {
        self.title(step, &Errors::none())
    }

    /// A path with the request carried along.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        self.flow.as_ref().map_or_else(|| path.to_owned(), |flow| with_query(path, "flow", flow))
    }

    /// The same with the kind of contact to ask for.
    #[must_use]
    pub fn link_by(&self, path: &str, kind: &str) -> String {
        with_query(&self.link(path), "by", kind)
    }

    /// The language switch.
    #[must_use]
    pub fn languages(&self) -> Vec<LanguageLink> {
        // The address of an answer to a form lacks the request; the link must not lose it.
        let here = match &self.flow {
            Some(flow) => with_query(&self.here, "flow", flow),
            None => self.here.clone(),
        };
        let links = Language::ALL.into_iter().map(|language| LanguageLink {
            language,
            href: with_query(&here, "lang", language.code()),
            current: language == self.locale.language(),
        });
        links.collect()
    }

    /// A moment, to the minute.
    #[must_use]
    pub fn moment(&self, at: &Timestamp) -> Moment {
        Moment {
            iso: iso(*at),
            text: format!("{} UTC", self.locale.date_time(*at)),
        }
    }

    /// The time of day of a moment.
    #[must_use]
    pub fn clock(&self, at: &Timestamp) -> String {
        format!("{} UTC", crate::i18n::clock(*at))
    }

    /// A day.
    #[must_use]
    pub fn day(&self, at: &Timestamp) -> Moment {
        Moment { iso: iso(*at), text: self.locale.date(*at) }
    }

    /// A message whose `<agreement>`, `<pd-consent>` and `<pd-policy>` are links to the documents, as HTML.
    #[must_use]
    pub fn legal(&self, key: &str) -> String {
        self.legal_line(&self.t(key))
    }

    fn legal_line(&self, line: &str) -> String {
        let hint = self.t("new-tab");
        linked(line, |tag| {
            let path = format!("{LEGAL_ROOT}{}", Kind::of_name(tag)?.as_str());
            let path = match self.brand.name.as_str() {
                DEFAULT => path,
                brand => with_query(&path, "brand", brand),
            };
            let href = with_query(&path, "lang", self.lang());
            Some(format!(
                "<a href=\"{}\" target=\"_blank\" rel=\"noopener\" title=\"{hint}\">",
                escape(&href)
            ))
        })
    }

    /// A message whose `<tag>` is a link, as HTML.
    #[must_use]
    pub fn rich(&self, key: &str, tag: &str, href: &str) -> String {
        linked(&self.t(key), |found| (found == tag).then(|| format!("<a href=\"{}\">", escape(href))))
    }

    /// A message whose tags are links to pages of others, each opened beside this one, as HTML.
    #[must_use]
    pub fn external(&self, key: &str, links: &[(&str, &str)]) -> String {
        let hint = self.t("new-tab");
        linked(&self.t(key), |found| {
            let (_, href) = links.iter().find(|(tag, _)| *tag == found)?;
            Some(format!(
                "<a href=\"{}\" target=\"_blank\" rel=\"noopener noreferrer\" title=\"{hint}\">",
                escape(href)
            ))
        })
    }

    /// The path of the common style sheet.
    #[must_use]
    pub fn style_path(&self) -> &'static str {
        assets::style_path()
    }

    /// The path of the style sheet that all but the pages of sign-in by certificate have beside it.
    #[must_use]
    pub fn pages_path(&self) -> &'static str {
        assets::pages_path()
    }

    /// The path of the style sheet of the person's own pages.
    #[must_use]
    pub fn cabinet_path(&self) -> &'static str {
        assets::cabinet_path()
    }

    /// The path of the brand's style sheet.
    #[must_use]
    pub fn brand_path(&self) -> String {
        assets::brand_path(self.brand)
    }

    /// The path of the script.
    #[must_use]
    pub fn script_path(&self) -> &'static str {
        assets::script_path()
    }

    /// The path of the script of fields in which people type.
    #[must_use]
    pub fn fields_path(&self) -> &'static str {
        assets::fields_path()
    }

    /// The path of the script that does the work of a form.
    #[must_use]
    pub fn work_path(&self) -> &'static str {
        assets::work_path()
    }

    /// The path of the script of the page that Telegram leads back to.
    #[must_use]
    pub fn telegram_path(&self) -> &'static str {
        assets::telegram_path()
    }

    /// The path of the script of sign-in by certificate.
    #[must_use]
    pub fn certificate_path(&self) -> &'static str {
        assets::certificate_path()
    }

    /// The path of the style sheet of the pages of sign-in by certificate.
    #[must_use]
    pub fn certificate_style_path(&self) -> &'static str {
        assets::certificate_style_path()
    }

    /// The path of the icon.
    #[must_use]
    pub fn icon_path(&self) -> &'static str {
        &assets::icon().path
    }
}

/// Where one version of a legal document is shown.
#[must_use]
pub fn legal_path(head: &Head) -> String {
    let path = with_query(&format!("{LEGAL_ROOT}{}", head.kind.as_str()), "version", &head.version);
    match head.brand.as_str() {
        EVERY_BRAND => path,
        brand => with_query(&path, "brand", brand),
    }
}

/// `url` (a path with or without a query) with the parameter `key` set to `value`.
#[must_use]
pub fn with_query(url: &str, key: &str, value: &str) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != key);
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair(key, value)
        .finish();
    format!("{path}?{query}")
}

/// A name chosen by somebody else, without what could disguise it.
#[must_use]
pub fn plain_name(name: &str) -> String {
    let clean: String = name.chars().filter(|c| !disguises(*c)).collect();
    let clean = clean.trim();
    if clean.chars().count() <= LONGEST_NAME {
        return clean.to_owned();
    }
    let mut short: String = clean.chars().take(LONGEST_NAME).collect();
    short.push('…');
    short
}

/// Escapes a message and turns each `<tag>…</tag>` that `open` knows into a link; other tags vanish.
fn linked(message: &str, open: impl Fn(&str) -> Option<String>) -> String {
    let mut html = String::with_capacity(message.len() * 2);
    let mut is_open = false;
    let mut parts = message.split('<');
    html.push_str(&escape(parts.next().unwrap_or_default()));
    for part in parts {
        let (tag, text) = part.split_once('>').unwrap_or(("", part));
        match open(tag) {
            Some(start) => {
                html.push_str(&start);
                is_open = true;
            }
            None if is_open && tag.starts_with('/') => {
                html.push_str("</a>");
                is_open = false;
            }
            None => {}
        }
        html.push_str(&escape(text));
    }
    if is_open {
        html.push_str("</a>");
    }
    html
}

fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a String cannot fail.
                let _ = write!(html, "&#{};", u32::from(c));
            }
            c => html.push(c),
        }
    }
    html
}
