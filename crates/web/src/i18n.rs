//! Words in the person's language: Fluent messages, the choice of a language, dates.
//!
//! Russian is the default and English stands beside it. The messages are part of the binary and are parsed when a
//! language is first used. A key that is missing shows itself and is logged, so a page is never lost over a word.

use std::borrow::Cow;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use kabinet_core::time::{Civil, Timestamp};

pub use kabinet_core::language::Language;
use unic_langid::{LanguageIdentifier, langid};

const RU: [&str; 10] = [
    include_str!("../locales/ru/common.ftl"),
    include_str!("../locales/ru/sign-in.ftl"),
    include_str!("../locales/ru/certificate.ftl"),
    include_str!("../locales/ru/upstream.ftl"),
    include_str!("../locales/ru/recover.ftl"),
    include_str!("../locales/ru/consent.ftl"),
    include_str!("../locales/ru/account.ftl"),
    include_str!("../locales/ru/tokens.ftl"),
    include_str!("../locales/ru/merge.ftl"),
    include_str!("../locales/ru/errors.ftl"),
];

const EN: [&str; 10] = [
    include_str!("../locales/en/common.ftl"),
    include_str!("../locales/en/sign-in.ftl"),
    include_str!("../locales/en/certificate.ftl"),
    include_str!("../locales/en/upstream.ftl"),
    include_str!("../locales/en/recover.ftl"),
    include_str!("../locales/en/consent.ftl"),
    include_str!("../locales/en/account.ftl"),
    include_str!("../locales/en/tokens.ftl"),
    include_str!("../locales/en/merge.ftl"),
    include_str!("../locales/en/errors.ftl"),
];

/// A value put into a message; made with `.into()` from a number or a text.
pub type Arg = FluentValue<'static>;

fn bundle(language: Language) -> &'static FluentBundle<FluentResource> {
    static BUNDLES: [OnceLock<FluentBundle<FluentResource>>; 2] = [OnceLock::new(), OnceLock::new()];
    match language {
        Language::Ru => BUNDLES[0].get_or_init(|| build(langid!("ru"), &RU)),
        Language::En => BUNDLES[1].get_or_init(|| build(langid!("en"), &EN)),
    }
}

fn build(language: LanguageIdentifier, sources: &[&'static str]) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    bundle.set_use_isolating(false);
    for source in sources {
        let resource = FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(resource, errors)| {
            tracing::error!(?errors, "a message file does not parse");
            resource
        });
        if let Err(errors) = bundle.add_resource(resource) {
            tracing::error!(?errors, "a message is defined twice");
        }
    }
    bundle
}

/// The words of one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Locale {
    language: Language,
}

impl From<Language> for Locale {
    fn from(language: Language) -> Self {
        Self { language }
    }
}

impl Locale {
    /// The language.
    #[must_use]
    pub const fn language(self) -> Language {
        self.language
    }

    /// The message `key`.
    #[must_use]
    pub fn text(self, key: &str) -> Cow<'static, str> {
        self.format(key, None)
    }

    /// The message `key` with values, e.g. `&[("minutes", 5.into())]`.
    #[must_use]
    pub fn text_with(self, key: &str, args: &[(&str, FluentValue<'_>)]) -> Cow<'static, str> {
        let args: FluentArgs<'_> = args.iter().map(|(name, value)| (*name, value.clone())).collect();
        self.format(key, Some(&args))
    }

    /// Whether the message exists.
    #[must_use]
    pub fn has(self, key: &str) -> bool {
        bundle(self.language).get_message(key).is_some_and(|message| message.value().is_some())
    }

    fn format(self, key: &str, args: Option<&FluentArgs<'_>>) -> Cow<'static, str> {
        let bundle = bundle(self.language);
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            tracing::error!(key, language = self.language.code(), "a message is missing");
            return Cow::Owned(key.to_owned());
        };
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, args, &mut errors);
        if !errors.is_empty() {
            tracing::error!(key, language = self.language.code(), ?errors, "a message lacks a value");
        }
        text
    }

    /// A moment in words, in UTC: `22 ноября 2026, 20:47`.
    #[must_use]
    pub fn date_time(self, at: Timestamp) -> String {
        let civil = Civil::of(at);
        let args = [
            ("day", civil.day.into()),
            ("month", civil.month.into()),
            ("year", civil.year.to_string().into()),
            ("time", clock(at).into()),
        ];
        self.text_with("date-time", &args).into_owned()
    }

    /// A day in words, in UTC: `22 ноября 2026`.
    #[must_use]
    pub fn date(self, at: Timestamp) -> String {
        let civil = Civil::of(at);
        let year = civil.year.to_string();
        let args = [("day", civil.day.into()), ("month", civil.month.into()), ("year", year.into())];
        self.text_with("date", &args).into_owned()
    }
}

/// A moment as `2026-11-22T20:47:00Z` (RFC 3339), for `<time datetime>`.
#[must_use]
pub fn iso(at: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of(at);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The time of day of a moment, in UTC: `20:47`.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    let Civil { hour, minute, .. } = Civil::of(at);
    format!("{hour:02}:{minute:02}")
}

/// The year of a moment, in UTC.
#[must_use]
pub fn year(at: Timestamp) -> i64 {
    Civil::of(at).year
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(sources: &[&str]) -> BTreeSet<String> {
        let lines = sources.iter().flat_map(|source| source.lines());
        let starts = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        starts.filter_map(|line| Some(line.split_once('=')?.0.trim().to_owned())).collect()
    }

    #[test]
    fn both_languages_have_the_same_keys_and_every_file_parses() {
        assert_eq!(keys(&RU), keys(&EN));
        for source in RU.iter().chain(&EN) {
            assert!(FluentResource::try_new((*source).to_owned()).is_ok());
        }
        for key in keys(&RU) {
            assert!(Language::ALL.iter().all(|language| Locale::from(*language).has(&key)), "{key}");
        }
    }

    #[test]
    fn no_message_is_defined_twice() {
        for sources in [&RU, &EN] {
            let lines = sources.iter().flat_map(|source| source.lines());
            let starts = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains('='));
            assert_eq!(starts.count(), keys(sources).len());
        }
    }

    #[test]
    fn every_key_that_a_template_or_a_view_names_exists() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let known = keys(&RU);
        let mut named = 0;
        for folder in ["templates", "src/page", "src/page/complete", "src/view", "src/view/tests"] {
            let files = std::fs::read_dir(format!("{here}{folder}")).unwrap().map(|file| file.unwrap().path());
            for file in files.filter(|path| path.is_file()) {
                let text = std::fs::read_to_string(file).unwrap();
                for start in [".t(\"", ".t_with(\"", ".text(\"", ".text_with(\"", "Message::of(\"", ".rich(\""] {
                    for (at, _) in text.match_indices(start) {
                        let key = text[at + start.len()..].split('"').next().unwrap();
                        assert!(known.contains(key), "{key}");
                        named += 1;
                    }
                }
            }
        }
        assert!(named > 100, "{named}");
    }

    #[test]
    fn russian_counts_agree_with_their_nouns() {
        let ru = Locale::from(Language::Ru);
        for (count, words) in [(1, "1 минуту"), (3, "3 минуты"), (5, "5 минут"), (21, "21 минуту")]
        {
            let text = ru.text_with("code-life", &[("minutes", count.into())]);
            assert!(text.contains(words), "{text}");
        }
    }

    #[test]
    fn what_is_asked_for_by_name_beats_the_browser_and_russian_is_the_default() {
        let choose = Language::choose;
        assert_eq!(choose(&[None, None], None), Language::Ru);
        assert_eq!(choose(&[], Some("de, en-GB;q=0.8, ru;q=0.5")), Language::En);
        assert_eq!(choose(&[], Some("en;q=0.1, ru;q=0.9")), Language::Ru);
        assert_eq!(choose(&[], Some("en;q=0, de")), Language::Ru);
        assert_eq!(choose(&[Some("fr en-US ru")], Some("ru")), Language::En);
        assert_eq!(choose(&[Some("xx"), Some("ru-RU")], Some("en")), Language::Ru);
        assert_eq!(choose(&[], Some(";;q=,=,\u{0},en;q=nan")), Language::Ru);
    }

    #[test]
    fn a_missing_message_shows_its_key() {
        assert_eq!(Locale::default().text("no-such-key"), "no-such-key");
    }

    #[test]
    fn moments_are_written_in_the_words_of_the_language() {
        let at = Timestamp(1_795_380_420);
        assert_eq!(iso(at), "2026-11-22T20:47:00Z");
        assert_eq!(Locale::from(Language::Ru).date_time(at), "22 ноября 2026, 20:47");
        assert_eq!(Locale::from(Language::En).date_time(at), "22 November 2026, 20:47");
        assert_eq!(Locale::from(Language::Ru).date(Timestamp(951_782_400)), "29 февраля 2000");
        assert_eq!(iso(Timestamp(-1)), "1969-12-31T23:59:59Z");
        assert_eq!(year(Timestamp(1_767_225_600)), 2026);
    }
}
