//! Brands: the words, the mark, the colours and the ways in with which a product's sign-in pages appear.
//!
//! A brand is data: the built-in ones, and those that an operator saved over or beside them. It cannot break a page
//! ([`Brand::check`] is made when one is saved and again when a node loads it): the mark is the outline of one SVG path
//! and never a file, so nothing that a picture could carry (scripts, references, a decoder's bugs) can come with it;
//! colours are six hexadecimal digits with a contrast that can be read; addresses are https or a path; everything else is
//! text that templates escape. Texts link to the legal documents by a grammar of their own, see [`legal`].

pub mod colour;
pub mod legal;

mod built_in;
mod check;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use check::Flaw;

use crate::client::ClientMetadata;
use crate::contact::ContactKind;
use crate::language::Words;
use crate::method::MethodName;

/// The brand of whoever names no other.
pub const DEFAULT: &str = "default";

/// How the pages of one product look and speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// The key, in `--brand NAME` and in the URL of the style sheet: `a-z`, `0-9` and `-`. Not part of the data.
    #[serde(skip)]
    pub name: String,
    /// Ground of the primary button and of the mark, `#rrggbb`.
    pub colour: String,
    /// Text on that ground, `#rrggbb`.
    #[serde(default = "built_in::ink")]
    pub colour_ink: String,
    /// Links and accents on dark pages, `#rrggbb`; absent: derived from `colour`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour_dark: Option<String>,
    /// The mark: an SVG path on a square of 34 units, drawn in `colour_ink` on a rounded square in `colour`.
    #[serde(default = "built_in::mark")]
    pub mark: String,
    /// The year beside the legal entity; absent: the present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<u16>,
    /// Where «Помощь» leads: https or a path; absent: no such link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help_url: Option<String>,
    /// Whom to turn to: an e-mail address, a phone, or an https address; absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// What the forms may ask for, `phone` and `email`: the first is asked for, the other by a link.
    #[serde(default = "built_in::identifiers")]
    pub identifiers: Vec<ContactKind>,
    /// Ways to sign in, in their order.
    #[serde(default = "built_in::login_methods")]
    pub login_methods: Vec<MethodName>,
    /// Ways to register, in their order; empty: registration is closed.
    #[serde(default = "built_in::registration_methods")]
    pub registration_methods: Vec<MethodName>,
    /// The product in the accusative: «Вход в …», «Перейти в …».
    pub title: Words,
    /// The name beside the mark.
    pub heading: Words,
    /// The line below that name.
    #[serde(default, skip_serializing_if = "Words::is_empty")]
    pub tagline: Words,
    /// The legal entity in the footer.
    pub entity: Words,
    /// Texts that differ from those of the pages.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub texts: Texts,
}

/// Texts of a brand's own; absent: those of the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// The heading of the sign-in page; `{product}` stands for the title. «Вход в {product}».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_title: Option<Words>,
    /// The heading of the registration page, in the same way. «Регистрация».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register_title: Option<Words>,
    /// The line below the button «Войти» with links to the documents; none by default, for nothing new is agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_agreement: Option<Words>,
    /// The line below the button «Создать аккаунт» with links to the documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register_agreement: Option<Words>,
    /// What stands before the link to registration. «Нет аккаунта?».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register_prompt: Option<Words>,
    /// That link. «Регистрация».
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub register_link: Option<Words>,
}

impl Texts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Brand {
    /// The ways to sign in where `client` asks: the client's own list, else the brand's.
    #[must_use]
    pub fn login_methods<'a>(&'a self, client: Option<&'a ClientMetadata>) -> &'a [MethodName] {
        client.and_then(|client| client.login_methods.as_deref()).unwrap_or(&self.login_methods)
    }

    /// The ways to register where `client` asks.
    #[must_use]
    pub fn registration_methods<'a>(&'a self, client: Option<&'a ClientMetadata>) -> &'a [MethodName] {
        client
            .and_then(|client| client.registration_methods.as_deref())
            .unwrap_or(&self.registration_methods)
    }

    /// Whether forms may ask for this kind of contact.
    #[must_use]
    pub fn asks_for(&self, kind: ContactKind) -> bool {
        self.identifiers.contains(&kind)
    }

    /// The names of the product, which are no good as passwords.
    #[must_use]
    pub fn names(&self) -> [&str; 4] {
        [&self.title.ru, &self.title.en, &self.heading.ru, &self.heading.en]
    }

    /// What a form asks for: what is wished where that is allowed, else what the brand asks for first.
    #[must_use]
    pub fn identifier(&self, wish: Option<ContactKind>) -> ContactKind {
        wish.filter(|kind| self.asks_for(*kind))
            .or(self.identifiers.first().copied())
            .unwrap_or(ContactKind::Phone)
    }
}

/// All brands of an installation; there is always a [`DEFAULT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brands {
    default: Arc<Brand>,
    others: Vec<Arc<Brand>>,
}

impl Default for Brands {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Brands {
    /// The brands that need no configuration: `default`, `astral-edo`, `1c-etp`.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            default: Arc::new(built_in::default()),
            others: [built_in::astral_edo(), built_in::etp_1c()].map(Arc::new).into(),
        }
    }

    /// The built-in brands with `saved` over and beside them, and what is wrong with those that had to be left out.
    #[must_use]
    pub fn with(saved: Vec<Brand>) -> (Self, Vec<(String, Vec<Flaw>)>) {
        let mut brands = Self::built_in();
        let mut left_out = Vec::new();
        for brand in saved {
            if let Err(flaws) = brand.check() {
                left_out.push((brand.name, flaws));
            } else if brand.name == DEFAULT {
                brands.default = Arc::new(brand);
            } else {
                brands.others.retain(|other| other.name != brand.name);
                brands.others.push(Arc::new(brand));
            }
        }
        (brands, left_out)
    }

    /// The brand of a client; the default one where the client names none or an unknown one.
    #[must_use]
    pub fn find(&self, name: Option<&str>) -> &Brand {
        self.place(name)
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared(&self, name: Option<&str>) -> Arc<Brand> {
        Arc::clone(self.place(name))
    }

    fn place(&self, name: Option<&str>) -> &Arc<Brand> {
        let is_named = |brand: &&Arc<Brand>| Some(brand.name.as_str()) == name;
        self.others.iter().find(is_named).unwrap_or(&self.default)
    }

    /// The brand of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Brand> {
        self.iter().find(|brand| brand.name == name)
    }

    /// Every brand, the default first.
    pub fn iter(&self) -> impl Iterator<Item = &Brand> {
        std::iter::once(&self.default).chain(&self.others).map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(name: &str, entity: &str) -> Brand {
        Brand {
            name: name.to_owned(),
            entity: Words::new(entity, "Romashka LLC"),
            ..built_in::default()
        }
    }

    #[test]
    fn an_unknown_brand_is_the_default_and_a_saved_one_takes_its_name() {
        let (brands, left_out) = Brands::with(vec![saved("astral-edo", "ООО «Ромашка»"), saved("own", "ООО")]);
        assert!(left_out.is_empty());
        assert_eq!(brands.find(None).name, DEFAULT);
        assert_eq!(brands.find(Some("no-such")).name, DEFAULT);
        assert_eq!(brands.find(Some("astral-edo")).entity.ru, "ООО «Ромашка»");
        assert_eq!(
            brands.iter().map(|brand| brand.name.as_str()).collect::<Vec<_>>(),
            ["default", "1c-etp", "astral-edo", "own"]
        );
        assert_eq!(Brands::with(vec![saved(DEFAULT, "ООО")]).0.find(None).entity.ru, "ООО");
    }

    #[test]
    fn a_saved_brand_that_could_break_a_page_is_left_out_and_the_built_in_one_stands() {
        let bad = Brand { colour: "red;}".to_owned(), ..saved("astral-edo", "x") };
        let (brands, left_out) = Brands::with(vec![bad]);
        assert_eq!(brands, Brands::built_in());
        assert_eq!(left_out[0].0, "astral-edo");
        assert_eq!(left_out[0].1[0].field, "colour");
    }

    #[test]
    fn the_lists_of_a_client_stand_before_those_of_its_brand() {
        use crate::client::Profile;
        let brand = built_in::default();
        let mut client = ClientMetadata::of_profile(Profile::Web, "Проба");
        assert_eq!(brand.login_methods(None), MethodName::ALL);
        assert_eq!(brand.registration_methods(Some(&client)), MethodName::REGISTERING);
        client.login_methods = Some(vec![MethodName::Password]);
        client.registration_methods = Some(Vec::new());
        assert_eq!(brand.login_methods(Some(&client)), [MethodName::Password]);
        assert!(brand.registration_methods(Some(&client)).is_empty());
    }

    #[test]
    fn a_form_asks_for_what_is_wished_where_that_is_allowed() {
        use ContactKind::{Email, Phone};
        let both = built_in::default();
        assert_eq!([both.identifier(None), both.identifier(Some(Email))], [Phone, Email]);
        let only = Brand { identifiers: vec![Email], ..built_in::default() };
        assert_eq!([only.identifier(None), only.identifier(Some(Phone))], [Email, Email]);
        assert!(!only.asks_for(Phone));
    }

    #[test]
    fn what_is_not_said_is_as_the_default_brand_has_it() {
        let json = serde_json::json!({
            "colour": "#2456e6", "title": {"ru": "Доки", "en": "Doki"}, "heading": {"ru": "Доки", "en": "Doki"},
            "entity": {"ru": "АО", "en": "JSC"},
        });
        let brand: Brand = serde_json::from_value(json.clone()).unwrap();
        let default = built_in::default();
        assert_eq!((&brand.mark, &brand.colour_ink), (&default.mark, &default.colour_ink));
        assert_eq!(brand.login_methods, default.login_methods);
        assert_eq!(brand.identifiers, default.identifiers);
        let mut misspelt = json;
        misspelt["color"] = "#000000".into();
        assert!(serde_json::from_value::<Brand>(misspelt).is_err());
    }
}
