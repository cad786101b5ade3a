//! The legal texts that a person agrees to, and who must be asked about them (152-ФЗ as amended by 156-ФЗ).
//!
//! 1. A text is published for one brand or for all (`*`) and never changes: a new version stands beside the old one, so that
//!    what somebody agreed to can be shown again. Brand, kind, version and hash of the text name it ([`Reference`]).
//! 2. Versions of a text form editions: a small correction belongs to the edition before it, anything else begins one. Whoever
//!    agreed to an earlier edition is asked again, and so is whoever took the consent back.
//! 3. The account keeps what was agreed to last ([`Agreed`]), so that the question costs no read of the records.
//! 4. Accounts that an administrator made agreed to nothing: they are left alone until an edition begins after they were made,
//!    then asked about everything, as anybody else.
//! 5. The agreement is accepted by a button's text, the personal-data consent by a box of its own; the policy is only shown.
//!
//! Until an operator publishes, samples are in force: edition 0, marked as such in their first paragraph. Markup is next to
//! none: a line that begins with `## ` is a heading, every other line that is not empty is a paragraph.

mod check;

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::ClientId;
use crate::language::Words;
use crate::time::Timestamp;
use crate::user::User;

pub use check::{BadDocument, NewDocument};

/// The brand of a text that serves every brand without one of its own.
pub const EVERY_BRAND: &str = "*";
/// The brand of clients that name none.
const DEFAULT_BRAND: &str = "default";

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
    /// The kinds that are agreed to; the policy is only shown.
    pub const ASKED: [Self; 2] = [Self::Agreement, Self::PdConsent];

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

/// Which text: what records and sealed registrations carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its kind, as `pd-consent`.
    pub document: String,
    /// Its brand, or `*`.
    #[serde(default = "every_brand")]
    pub brand: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the text, lower-case hexadecimal.
    pub sha256: String,
}

fn every_brand() -> String {
    EVERY_BRAND.to_owned()
}

/// A version of a text without the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The brand that it was published for, or `*`.
    pub brand: String,
    /// What it is.
    pub kind: Kind,
    /// The version as people read it.
    pub version: String,
    /// Its edition; 0 for a sample.
    pub edition: i64,
    /// The title.
    pub title: Words,
    /// SHA-256 of the text's UTF-8 in lower-case hexadecimal.
    pub sha256: String,
    /// When it was published.
    pub published_at: Timestamp,
}

impl Head {
    /// Whether this is a built-in sample.
    #[must_use]
    pub const fn is_sample(&self) -> bool {
        self.edition == 0
    }

    /// What a record says of it.
    #[must_use]
    pub fn reference(&self) -> Reference {
        Reference {
            document: self.kind.as_str().to_owned(),
            brand: self.brand.clone(),
            version: self.version.clone(),
            sha256: self.sha256.clone(),
        }
    }

    fn is_of(&self, kind: Kind, brand: &str) -> bool {
        self.kind == kind && self.brand == brand
    }
}

/// A version of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What is known of it.
    pub head: Head,
    /// The text, in Russian: the one that binds.
    pub body: String,
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
    fn sample(kind: Kind, title: Words, body: &str) -> Self {
        let head = Head {
            brand: every_brand(),
            kind,
            version: "1 (образец)".to_owned(),
            edition: 0,
            title,
            sha256: sha256(body),
            published_at: Timestamp(0),
        };
        Self { head, body: body.to_owned() }
    }

    /// The text in pieces.
    pub fn blocks(&self) -> impl Iterator<Item = Block<'_>> {
        let lines = self.body.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| line.strip_prefix("## ").map_or(Block::Paragraph(line), Block::Heading))
    }
}

/// The hash of a text.
#[must_use]
pub fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Every version that was published, with the texts that are in force.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The samples, then what was published; of each brand and kind the oldest first.
    heads: Vec<Head>,
    /// The samples, then what is in force.
    texts: Vec<Arc<Document>>,
}

impl Default for Documents {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Documents {
    /// The documents of an installation: what was published, of each brand and kind the oldest first, with the text where it
    /// is in force.
    #[must_use]
    pub fn of(published: Vec<(Head, Option<String>)>) -> Self {
        let mut texts: Vec<_> = samples().into_iter().map(Arc::new).collect();
        let mut heads: Vec<_> = texts.iter().map(|sample| sample.head.clone()).collect();
        for (head, body) in published {
            texts.extend(body.map(|body| Arc::new(Document { head: head.clone(), body })));
            heads.push(head);
        }
        Self { heads, texts }
    }

    /// The text of a kind that is in force for a brand (`None`: of clients that name none): its own, else the one for all.
    #[must_use]
    pub fn in_force(&self, kind: Kind, brand: Option<&str>) -> Option<&Arc<Document>> {
        let of = |brand: &str| self.texts.iter().rev().find(|text| text.head.is_of(kind, brand));
        of(brand.unwrap_or(DEFAULT_BRAND)).or_else(|| of(EVERY_BRAND))
    }

    /// What is known of one version.
    #[must_use]
    pub fn find(&self, kind: Kind, brand: &str, version: &str) -> Option<&Head> {
        self.heads.iter().find(|head| head.is_of(kind, brand) && head.version == version)
    }

    /// The version that a record names, if it is known with that very text.
    #[must_use]
    pub fn named(&self, text: &Reference) -> Option<&Head> {
        let head = self.find(Kind::of_name(&text.document)?, &text.brand, &text.version)?;
        (head.sha256 == text.sha256).then_some(head)
    }

    /// The text of a version, where it is at hand: in force, or a sample.
    #[must_use]
    pub fn text_of(&self, head: &Head) -> Option<&Arc<Document>> {
        self.texts.iter().find(|text| text.head == *head)
    }

    /// Whether this version is in force for its brand.
    #[must_use]
    pub fn is_in_force(&self, head: &Head) -> bool {
        self.in_force(head.kind, Some(&head.brand)).is_some_and(|text| text.head == *head)
    }

    /// Every version; of each brand and kind the oldest first.
    pub fn heads(&self) -> impl Iterator<Item = &Head> {
        self.heads.iter()
    }

    /// The kinds of which nothing but the sample serves a brand without texts of its own.
    pub fn samples_in_force(&self) -> impl Iterator<Item = Kind> {
        let is_sample = |kind: &Kind| self.in_force(*kind, Some(EVERY_BRAND)).is_some_and(|text| text.head.is_sample());
        Kind::ALL.into_iter().filter(is_sample)
    }

    /// What this person must be asked about before a client of this brand gets anything.
    #[must_use]
    pub fn missing(&self, user: &User, brand: Option<&str>) -> Vec<Arc<Document>> {
        let in_force = Kind::ASKED.into_iter().filter_map(|kind| self.in_force(kind, brand));
        let Some(agreed) = &user.agreed else {
            let all: Vec<_> = in_force.cloned().collect();
            let is_new = all.iter().any(|document| self.since(&document.head) > user.created_at);
            return if is_new { all } else { Vec::new() };
        };
        in_force.filter(|document| self.must_ask(agreed, &document.head)).cloned().collect()
    }

    fn must_ask(&self, agreed: &Agreed, head: &Head) -> bool {
        let version = agreed.version_of(head.kind.as_str(), &head.brand);
        // A sample that an earlier release had is of edition 0 as well.
        let edition = |version| self.find(head.kind, &head.brand, version).map_or(0, |known| known.edition);
        version.is_none_or(|version| edition(version) < head.edition)
    }

    /// When the edition of this version began.
    fn since(&self, head: &Head) -> Timestamp {
        let same = |other: &&Head| other.is_of(head.kind, &head.brand) && other.edition == head.edition;
        self.heads.iter().find(same).unwrap_or(head).published_at
    }
}

fn samples() -> [Document; 3] {
    let agreement = Words::new("Пользовательское соглашение", "User agreement");
    let consent = Words::new("Согласие на обработку персональных данных", "Consent to the processing of personal data");
    let policy = Words::new("Политика обработки персональных данных", "Personal data policy");
    [
        Document::sample(Kind::Agreement, agreement, include_str!("document/agreement.txt")),
        Document::sample(Kind::PdConsent, consent, include_str!("document/pd-consent.txt")),
        Document::sample(Kind::PdPolicy, policy, include_str!("document/pd-policy.txt")),
    ]
}

/// What a person agreed to last: of each document and brand one version. Written `agreement:2,pd-consent@astral-edo:3`; without
/// `@` it is the text for all brands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    document: String,
    brand: String,
    version: String,
}

impl Agreed {
    /// Reads what [`Display`](fmt::Display) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let entry = |text: &str| {
            let (name, version) = text.split_once(':')?;
            let (document, brand) = name.split_once('@').unwrap_or((name, EVERY_BRAND));
            Some(Entry {
                document: document.to_owned(),
                brand: brand.to_owned(),
                version: version.to_owned(),
            })
        };
        Self(text.split(',').filter_map(entry).collect())
    }

    /// The version of a document that was agreed to last.
    #[must_use]
    pub fn version_of(&self, document: &str, brand: &str) -> Option<&str> {
        let entry = self.0.iter().find(|entry| entry.document == document && entry.brand == brand);
        entry.map(|entry| entry.version.as_str())
    }

    /// Whether any text of this kind is agreed to.
    #[must_use]
    pub fn has(&self, document: &str) -> bool {
        self.0.iter().any(|entry| entry.document == document)
    }

    /// Notes an agreement; it takes the place of one to another version.
    pub fn put(&mut self, text: &Reference) {
        self.0.retain(|entry| entry.document != text.document || entry.brand != text.brand);
        self.0.push(Entry {
            document: text.document.clone(),
            brand: text.brand.clone(),
            version: text.version.clone(),
        });
        self.0.sort_unstable();
    }

    /// Forgets every agreement to a text of this kind; brand and version of each.
    pub fn take(&mut self, document: &str) -> Vec<(String, String)> {
        let (taken, kept) = std::mem::take(&mut self.0).into_iter().partition(|entry| entry.document == document);
        self.0 = kept;
        let taken: Vec<Entry> = taken;
        taken.into_iter().map(|entry| (entry.brand, entry.version)).collect()
    }
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Entry { document, brand, version }) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            if brand == EVERY_BRAND {
                write!(f, "{document}:{version}")?;
            } else {
                write!(f, "{document}@{brand}:{version}")?;
            }
        }
        Ok(())
    }
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The person agreed.
    Given,
    /// The person took the agreement back.
    Withdrawn,
}

impl Act {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The act of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Given, Self::Withdrawn].into_iter().find(|act| act.as_str() == name)
    }
}

/// A record of an agreement or of its withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The text.
    pub text: Reference,
    /// What was done.
    pub act: Act,
    /// When.
    pub at: Timestamp,
    /// On whose page.
    pub client: Option<ClientId>,
}

/// What has become of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the last one.
    InForce,
    /// A later one took its place.
    Replaced,
    /// It was taken back.
    Withdrawn(Timestamp),
}

/// The agreements among a person's records, each with what has become of it; both the newest first.
#[must_use]
pub fn standings(records: &[Record]) -> Vec<(&Record, Standing)> {
    let standing = |(i, record): (usize, &Record)| {
        let same =
            |later: &&Record| later.text.document == record.text.document && later.text.brand == record.text.brand;
        // The one that came next is the last before this in the list.
        let next = records[..i].iter().rev().find(same);
        next.map_or(Standing::InForce, |next| match next.act {
            Act::Given => Standing::Replaced,
            Act::Withdrawn => Standing::Withdrawn(next.at),
        })
    };
    let given = records.iter().enumerate().filter(|(_, record)| record.act == Act::Given);
    given.map(|(i, record)| (record, standing((i, record)))).collect()
}

#[cfg(test)]
mod tests;
