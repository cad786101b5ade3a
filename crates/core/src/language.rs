//! The languages that people are spoken to in: Russian first, English beside it.

use serde::{Deserialize, Serialize};

/// A language of pages and messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Russian, the default.
    #[default]
    Ru,
    /// English.
    En,
}

impl Language {
    /// Every language, in the order of the switch on the pages.
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    /// The tag for `lang="…"`, for the language cookie and for `ui_locales_supported`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    /// The language's own name.
    #[must_use]
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Ru => "Русский",
            Self::En => "English",
        }
    }

    /// The language of a tag such as `ru`, `en-GB` or `EN_us`.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// Chooses the language of a page.
    ///
    /// `explicit` holds what was asked for by name, the weightiest first (a `lang` parameter, the language cookie,
    /// `ui_locales`); each is a list of tags separated by spaces. Then `Accept-Language` counts, then the default.
    #[must_use]
    pub fn choose(explicit: &[Option<&str>], accept_language: Option<&str>) -> Self {
        // OpenID Connect Core §3.1.2.1: ui_locales is a space-separated list, ordered by preference
        let asked = explicit.iter().flatten().flat_map(|tags| tags.split(' ')).find_map(Self::of_tag);
        asked.or_else(|| accept_language.and_then(accepted)).unwrap_or_default()
    }
}

/// The best known language of an `Accept-Language` header (RFC 9110 §12.5.4).
fn accepted(header: &str) -> Option<Language> {
    let weighed = header.split(',').filter_map(|range| {
        let (tag, parameter) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight = parameter.trim().strip_prefix("q=")?.trim().parse::<f32>().ok()?;
        Some((Language::of_tag(tag)?, weight))
    });
    let wanted = weighed.filter(|(_, weight)| *weight > 0.0);
    wanted
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(language, _)| language)
}

/// A text in every language of the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Russian.
    pub ru: String,
    /// English.
    pub en: String,
}

impl Words {
    /// Both texts.
    #[must_use]
    pub fn new(ru: &str, en: &str) -> Self {
        Self { ru: ru.to_owned(), en: en.to_owned() }
    }

    /// The text in a language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Ru => &self.ru,
            Language::En => &self.en,
        }
    }

    /// Whether there is no text in any language.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ru.is_empty() && self.en.is_empty()
    }
}
