//! What a brand may look like: everything that is wrong with one, at once.

use url::Url;

use super::colour::{DARK_GROUND, LEAST_CONTRAST, contrast};
use super::{Brand, Texts, legal};
use crate::contact::{Contact, ContactKind};
use crate::language::Words;
use crate::method::{login_problem, registration_problem};
use crate::text::disguises;

/// The longest name, title and heading, characters.
const NAME: usize = 60;
/// The longest tagline and legal entity.
const LINE: usize = 120;
/// The longest line about documents.
const PLEDGE: usize = 1000;
/// The longest address, bytes.
const ADDRESS: usize = 2048;
/// The longest outline of a mark, bytes.
const MARK: usize = 4096;

/// One thing that is wrong with a brand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Flaw {
    /// The key at fault, as `title.ru`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Collects flaws.
#[derive(Default)]
struct Flaws(Vec<Flaw>);

impl Flaws {
    fn add(&mut self, field: &str, problem: impl Into<String>) {
        self.0.push(Flaw { field: field.to_owned(), problem: problem.into() });
    }

    fn unless(&mut self, holds: bool, field: &str, problem: &str) {
        if !holds {
            self.add(field, problem);
        }
    }

    /// Checks both languages: not empty, at most so long, showing what it is, of this grammar.
    fn words(&mut self, field: &str, words: &Words, longest: usize, grammar: Option<Grammar>) {
        for (language, text) in [("ru", &words.ru), ("en", &words.en)] {
            let field = format!("{field}.{language}");
            self.unless(!text.trim().is_empty(), &field, "is empty");
            self.text(&field, text, longest);
            if let Some((keeps, rule)) = grammar {
                self.unless(keeps(text), &field, rule);
            }
        }
    }

    fn text(&mut self, field: &str, text: &str, longest: usize) {
        if text.chars().count() > longest {
            self.add(field, format!("is longer than {longest} characters"));
        }
        self.unless(!text.chars().any(disguises), field, "holds control, direction or invisible characters");
    }
}

/// Whether a text keeps to a grammar, and what that demands.
type Grammar = (fn(&str) -> bool, &'static str);

const LEGAL: Grammar = (
    legal::is_line,
    "holds < or > other than <agreement>…</agreement>, <pd-consent>…</pd-consent> and <pd-policy>…</pd-policy>",
);
const TITLE: Grammar = (legal::is_title, "holds a brace other than in {product}");

impl Brand {
    /// Checks that the brand is inert data, can be read and leaves a way in.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn check(&self) -> Result<(), Vec<Flaw>> {
        let mut flaws = Flaws::default();
        flaws.unless(is_name(&self.name), "name", "is not 1 to 64 of a-z, 0-9 and -");
        flaws.words("title", &self.title, NAME, None);
        flaws.words("heading", &self.heading, NAME, None);
        flaws.words("entity", &self.entity, LINE, None);
        flaws.text("tagline.ru", &self.tagline.ru, LINE);
        flaws.text("tagline.en", &self.tagline.en, LINE);
        flaws.unless(is_outline(&self.mark), "mark", "is not the data of one SVG path, at most 4096 bytes");
        self.check_colours(&mut flaws);
        self.check_addresses(&mut flaws);
        flaws.unless(
            self.year.is_none_or(|year| (1990..=2100).contains(&year)),
            "year",
            "is not from 1990 to 2100",
        );
        self.check_lists(&mut flaws);
        check_texts(&self.texts, &mut flaws);
        if flaws.0.is_empty() { Ok(()) } else { Err(flaws.0) }
    }

    fn check_colours(&self, flaws: &mut Flaws) {
        let readable = |ratio: f64| ratio >= LEAST_CONTRAST;
        let given = [
            ("colour", Some(&self.colour)),
            ("colour_ink", Some(&self.colour_ink)),
            ("colour_dark", self.colour_dark.as_ref()),
        ];
        for (field, colour) in given {
            let is_colour = colour.is_none_or(|colour| contrast(colour, colour).is_some());
            flaws.unless(is_colour, field, "is not #rrggbb");
        }
        let ink = contrast(&self.colour, &self.colour_ink);
        if let Some(ratio) = ink.filter(|ratio| !readable(*ratio)) {
            flaws.add("colour_ink", format!("has a contrast of {ratio:.2}:1 on colour, below 4.5:1"));
        }
        let dark = self.colour_dark.as_ref().and_then(|colour| contrast(colour, DARK_GROUND));
        if let Some(ratio) = dark.filter(|ratio| !readable(*ratio)) {
            flaws.add("colour_dark", format!("has a contrast of {ratio:.2}:1 on dark pages, below 4.5:1"));
        }
    }

    fn check_addresses(&self, flaws: &mut Flaws) {
        if let Some(url) = &self.help_url {
            flaws.unless(is_web(url) || is_path(url), "help_url", "is neither an https address nor a path from /");
        }
        if let Some(support) = &self.support {
            let is_reachable = is_web(support) || is_phone(support) || is_email(support);
            flaws.unless(is_reachable, "support", "is neither an e-mail address nor a phone nor an https address");
        }
    }

    fn check_lists(&self, flaws: &mut Flaws) {
        let kinds = &self.identifiers;
        flaws.unless(!kinds.is_empty(), "identifiers", "is empty: name phone, email or both");
        flaws.unless(
            kinds.len() <= 1 || kinds[0] != kinds[1] && kinds.len() == 2,
            "identifiers",
            "names one twice",
        );
        if let Some(problem) = login_problem(&self.login_methods) {
            flaws.add("login_methods", problem);
        }
        if let Some(problem) = registration_problem(&self.registration_methods) {
            flaws.add("registration_methods", problem);
        }
    }

    /// Where the link to [`Brand::support`] leads.
    #[must_use]
    pub fn support_href(&self) -> Option<String> {
        let support = self.support.as_deref()?;
        Some(if is_web(support) {
            support.to_owned()
        } else if is_phone(support) {
            let digits: String = support.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
            format!("tel:{digits}")
        } else {
            format!("mailto:{support}")
        })
    }
}

fn check_texts(texts: &Texts, flaws: &mut Flaws) {
    let all = [
        ("texts.login_title", &texts.login_title, NAME, Some(TITLE)),
        ("texts.register_title", &texts.register_title, NAME, Some(TITLE)),
        ("texts.login_agreement", &texts.login_agreement, PLEDGE, Some(LEGAL)),
        ("texts.register_agreement", &texts.register_agreement, PLEDGE, Some(LEGAL)),
        ("texts.register_prompt", &texts.register_prompt, NAME, None),
        ("texts.register_link", &texts.register_link, NAME, None),
    ];
    for (field, words, longest, grammar) in all {
        if let Some(words) = words {
            flaws.words(field, words, longest, grammar);
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    is_plain && (1..=64).contains(&name.len())
}

fn is_outline(mark: &str) -> bool {
    let is_path = mark.bytes().all(|b| b"MmLlHhVvCcSsQqTtAaZz0123456789 ,.-".contains(&b));
    is_path && (1..=MARK).contains(&mark.len())
}

fn is_plain_address(text: &str) -> bool {
    text.len() <= ADDRESS && !text.chars().any(|c| disguises(c) || c.is_whitespace() || c == '\\')
}

fn is_web(url: &str) -> bool {
    is_plain_address(url)
        && Url::parse(url)
            .is_ok_and(|parsed| parsed.scheme() == "https" && parsed.host().is_some() && parsed.username().is_empty())
}

/// Two slashes would lead to another host.
fn is_path(url: &str) -> bool {
    is_plain_address(url) && url.starts_with('/') && !url.starts_with("//")
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b"+ ()-".contains(&b));
    is_plain && text.len() <= 32 && (3..=15).contains(&digits)
}

/// In its normal form, so that `mailto:` needs no escaping.
fn is_email(text: &str) -> bool {
    let is_plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"@.-_+".contains(&b));
    is_plain && Contact::parse(ContactKind::Email, text).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::{Brands, built_in::default};
    use super::*;
    use crate::method::MethodName;

    fn fields(brand: &Brand) -> Vec<String> {
        brand.check().unwrap_err().into_iter().map(|flaw| flaw.field).collect()
    }

    #[test]
    fn built_in_brands_pass_the_check_that_every_brand_must_pass() {
        for brand in Brands::built_in().iter() {
            assert_eq!(brand.check(), Ok(()), "{}", brand.name);
        }
    }

    #[test]
    fn a_brand_that_could_break_a_page_or_deceive_is_refused_by_the_field_that_is_wrong() {
        type Spoil = fn(&mut Brand);
        let cases: [(&str, Spoil); 26] = [
            ("name", |b| b.name = "A b".to_owned()),
            ("name", |b| b.name = "../x".to_owned()),
            ("mark", |b| b.mark = "\"/><script>".to_owned()),
            ("mark", |b| b.mark = "M0 0".repeat(2000)),
            ("colour", |b| b.colour = "red;}".to_owned()),
            ("colour_ink", |b| b.colour_ink = "#2456e7".to_owned()),
            ("colour_dark", |b| b.colour_dark = Some("#123456".to_owned())),
            ("help_url", |b| b.help_url = Some("javascript:alert(1)".to_owned())),
            ("help_url", |b| b.help_url = Some("http://help.example".to_owned())),
            ("help_url", |b| b.help_url = Some("//evil.example".to_owned())),
            ("help_url", |b| b.help_url = Some("/\\evil.example".to_owned())),
            ("help_url", |b| b.help_url = Some("https://a b".to_owned())),
            ("support", |b| b.support = Some("javascript:alert(1)".to_owned())),
            ("support", |b| b.support = Some("a@b.ru?bcc=c@d.ru".to_owned())),
            ("title.ru", |b| b.title = Words::new("", "x")),
            ("title.en", |b| b.title = Words::new("x", "  ")),
            ("title.ru", |b| b.title = Words::new("Банк\u{202e}к", "x")),
            ("heading.ru", |b| b.heading = Words::new(&"я".repeat(10_000), "x")),
            ("tagline.en", |b| b.tagline = Words::new("", "a\nb")),
            ("entity.en", |b| b.entity = Words::new("x", "\u{200b}")),
            ("year", |b| b.year = Some(21)),
            ("identifiers", |b| b.identifiers.clear()),
            ("identifiers", |b| b.identifiers = vec![ContactKind::Phone; 2]),
            ("login_methods", |b| b.login_methods.clear()),
            ("registration_methods", |b| b.registration_methods = vec![MethodName::Telegram]),
            ("texts.login_agreement.en", |b| {
                b.texts.login_agreement = Some(Words::new("да", "<b>yes</b>"));
            }),
        ];
        for (field, spoil) in cases {
            let mut brand = default();
            spoil(&mut brand);
            assert_eq!(fields(&brand), [field], "{brand:?}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let brand = Brand {
            name: String::new(),
            colour: "#12".to_owned(),
            title: Words::default(),
            texts: Texts {
                login_title: Some(Words::new("{", "Sign in")),
                ..Texts::default()
            },
            ..default()
        };
        assert_eq!(fields(&brand), ["name", "title.ru", "title.en", "colour", "texts.login_title.ru"]);
    }

    #[test]
    fn support_is_an_address_that_leads_somewhere() {
        for (given, href) in [
            ("help@astral.ru", "mailto:help@astral.ru"),
            ("8 (800) 700-86-68", "tel:88007008668"),
            ("+7 484 279-31-10", "tel:+74842793110"),
            ("https://help.astral.ru/", "https://help.astral.ru/"),
        ] {
            let brand = Brand { support: Some(given.to_owned()), ..default() };
            assert_eq!(brand.check(), Ok(()), "{given}");
            assert_eq!(brand.support_href().as_deref(), Some(href));
        }
    }
}
