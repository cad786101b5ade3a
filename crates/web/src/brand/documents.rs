//! The legal texts that a person agrees to: versioned, hashed, shown as they were.
//!
//! The built-in ones are samples, marked as such in their first paragraph. A document's hash goes into the record of an
//! acceptance, so what was agreed to can be shown again. Markup is next to none: a line that begins with `## ` is a
//! heading, every other line that is not empty is a paragraph.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Words;

/// What a document is; also the last part of its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Пользовательское соглашение.
    Agreement,
    /// Согласие на обработку персональных данных: separate from every other document (156-ФЗ of 2025-06-24).
    PdConsent,
    /// Политика обработки персональных данных.
    PdPolicy,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Agreement, Self::PdConsent, Self::PdPolicy];

    /// The name in URLs and in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::PdConsent => "pd-consent",
            Self::PdPolicy => "pd-policy",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One version of a legal text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: Kind,
    /// The version as people read it.
    pub version: String,
    /// The title.
    pub title: Words,
    /// The text, in Russian: the one that binds.
    pub body: String,
    /// SHA-256 of the body's UTF-8 in lower-case hexadecimal.
    pub sha256: String,
    /// Whether this is a built-in sample.
    pub sample: bool,
}

/// A piece of a document's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// A heading.
    Heading(&'a str),
    /// A paragraph.
    Paragraph(&'a str),
}

impl Document {
    /// A document with its hash.
    #[must_use]
    pub fn new(kind: Kind, version: &str, title: Words, body: &str) -> Self {
        let mut sha256 = String::with_capacity(64);
        for byte in Sha256::digest(body.as_bytes()) {
            // Writing to a String cannot fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        Self {
            kind,
            version: version.to_owned(),
            title,
            body: body.to_owned(),
            sha256,
            sample: false,
        }
    }

    /// The text in pieces.
    pub fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let lines = self.body.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| line.strip_prefix("## ").map_or(Block::Paragraph(line), Block::Heading))
    }
}

/// The current documents of an installation.
#[derive(Clone, Debug)]
pub struct Documents {
    list: Vec<Document>,
}

impl Default for Documents {
    fn default() -> Self {
        Self::built_in()
    }
}

impl Documents {
    /// The samples.
    #[must_use]
    pub fn built_in() -> Self {
        let sample = |kind, title, body| Document {
            sample: true,
            ..Document::new(kind, "1 (образец)", title, body)
        };
        let agreement = Words::new("Пользовательское соглашение", "User agreement");
        let consent =
            Words::new("Согласие на обработку персональных данных", "Consent to the processing of personal data");
        let policy = Words::new("Политика обработки персональных данных", "Personal data policy");
        Self {
            list: vec![
                sample(Kind::Agreement, agreement, include_str!("../../locales/ru/documents/agreement.txt")),
                sample(Kind::PdConsent, consent, include_str!("../../locales/ru/documents/pd-consent.txt")),
                sample(Kind::PdPolicy, policy, include_str!("../../locales/ru/documents/pd-policy.txt")),
            ],
        }
    }

    /// The current version of a kind.
    #[must_use]
    pub fn current(&self, kind: Kind) -> Option<&Document> {
        self.list.iter().find(|document| document.kind == kind)
    }

    /// Every current document.
    pub fn iter(&self) -> impl Iterator<Item = &Document> {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_marked_sample_of_every_kind() {
        let documents = Documents::built_in();
        for kind in Kind::ALL {
            let document = documents.current(kind).unwrap();
            assert!(document.sample && document.body.starts_with("ОБРАЗЕЦ."), "{kind:?}");
            assert_eq!(document.sha256.len(), 64);
            assert_eq!(Kind::of_name(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn the_hash_is_that_of_the_text_and_the_text_falls_into_blocks() {
        let document = Document::new(Kind::Agreement, "1", Words::new("т", "t"), "## A\n\nb\n");
        assert_eq!(document.sha256, "eed593cd16a2816be05df82bb601ba4c9752b0a8f645f46353d033610431af3a");
        assert_eq!(document.blocks().collect::<Vec<_>>(), [Block::Heading("A"), Block::Paragraph("b")]);
    }
}
