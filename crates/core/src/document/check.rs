//! What a document must look like before it is published.

use super::{EVERY_BRAND, Kind};
use crate::language::Words;

/// The longest text, bytes.
const LONGEST_BODY: usize = 512 * 1024;
/// The longest title, characters.
const LONGEST_TITLE: usize = 200;
/// The longest version, characters.
const LONGEST_VERSION: usize = 40;

/// A version that an operator publishes.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// The brand that it is for, or `*`.
    pub brand: String,
    /// What it is.
    pub kind: Kind,
    /// The version as people read it.
    pub version: String,
    /// The title.
    pub title: Words,
    /// The text.
    pub body: String,
    /// Whether it is a correction that nobody is asked about again.
    pub is_minor: bool,
}

/// Why a document is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct BadDocument {
    /// What is at fault: `brand`, `version`, `title` or `body`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl NewDocument {
    /// Checks everything but the text's relation to what was published before.
    ///
    /// # Errors
    /// Names the first part at fault.
    pub fn check(&self) -> Result<(), BadDocument> {
        let brand_is_plain = self.brand.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let titles = [&self.title.ru, &self.title.en];
        let spoils = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        let rules = [
            (
                self.brand == EVERY_BRAND || (brand_is_plain && (1..=64).contains(&self.brand.len())),
                "brand",
                "must be a brand's name (a-z, 0-9 and -); without it the text is for every brand",
            ),
            // The account keeps versions in a list with commas.
            (
                is_line(&self.version, LONGEST_VERSION) && !self.version.contains(','),
                "version",
                "must have 1 to 40 characters without commas, control characters and spaces at its ends",
            ),
            (
                titles.into_iter().all(|title| is_line(title, LONGEST_TITLE)),
                "title",
                "must have 1 to 200 characters without control characters and spaces at its ends, in both languages",
            ),
            (!self.body.trim().is_empty(), "body", "is empty"),
            (self.body.len() <= LONGEST_BODY, "body", "is longer than 512 KiB"),
            (
                !self.body.chars().any(spoils),
                "body",
                "holds control characters; it must be plain text in UTF-8",
            ),
        ];
        match rules.into_iter().find(|(holds, _, _)| !holds) {
            Some((_, field, problem)) => Err(BadDocument { field, problem }),
            None => Ok(()),
        }
    }
}

/// Whether a text is one line that shows what it holds.
fn is_line(text: &str, longest: usize) -> bool {
    // Direction and format characters reorder or hide what follows.
    let hostile = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    (1..=longest).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(hostile)
}
