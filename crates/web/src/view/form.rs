//! What a form says when it is shown again.

use crate::i18n::{Arg, Locale};

/// A sentence for a person: the key of a message and its values.
#[derive(Clone, Debug)]
pub struct Message {
    key: &'static str,
    args: Vec<(&'static str, Arg)>,
}

impl Message {
    /// The message `key` without values.
    #[must_use]
    pub const fn of(key: &'static str) -> Self {
        Self { key, args: Vec::new() }
    }

    /// Adds a value, e.g. `.with("minutes", 5)`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.args.push((name, value.into()));
        self
    }

    /// The key; also the code in `data-error`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// The sentence in a language.
    #[must_use]
    pub fn in_locale(&self, locale: Locale) -> String {
        locale.text_with(self.key, &self.args).into_owned()
    }
}

/// What is wrong with a submitted form: with all of it, or with fields by their names.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    whole: Option<Message>,
    fields: Vec<(&'static str, Message)>,
}

impl Errors {
    /// Nothing is wrong.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The form as a whole is refused, e.g. a wrong password.
    #[must_use]
    pub fn whole(message: Message) -> Self {
        Self { whole: Some(message), fields: Vec::new() }
    }

    /// One field is refused.
    #[must_use]
    pub fn field(name: &'static str, message: Message) -> Self {
        Self::none().and(name, message)
    }

    /// Adds a refused field; the first message of a field stays.
    #[must_use]
    pub fn and(mut self, name: &'static str, message: Message) -> Self {
        if self.of(name).is_none() {
            self.fields.push((name, message));
        }
        self
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.is_none() && self.fields.is_empty()
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Message> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, message)| message)
    }

    /// What is wrong with the form as a whole.
    #[must_use]
    pub fn summary(&self) -> Option<&Message> {
        self.whole.as_ref()
    }

    /// The refused fields, each with the key of its label.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.fields
            .iter()
            .map(|(field, _)| (*field, if *field == "pd-consent" { "pd-consent-label" } else { field }))
    }

    /// The code for `data-error`: the key of the first message.
    #[must_use]
    pub fn code(&self) -> &'static str {
        let first = self.whole.as_ref().or_else(|| self.fields.first().map(|(_, message)| message));
        first.map_or("", Message::key)
    }
}
