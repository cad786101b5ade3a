//! The log that explains: each request with what became of it, and for a refused signature what was expected.
//!
//! It holds what a client of the real service never sees and would have needed. A real client must not log like this.

use std::collections::VecDeque;

use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::code::Refusal;

/// Entries that are kept.
const KEPT: usize = 500;

/// A request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When, seconds since 1970 by ЕСИА's clock.
    pub at: i64,
    /// Which endpoint.
    pub request: String,
    /// The mnemonic that came.
    pub client: String,
    /// The number of the error; none where it was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What happened, in words.
    pub text: String,
    /// More: the expected string, its lengths, its digest, the hash that came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}

#[derive(Default)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
    followers: Vec<UnboundedSender<Entry>>,
}

impl Journal {
    pub(super) fn write(&mut self, entry: Entry) {
        self.followers.retain(|follower| follower.send(entry.clone()).is_ok());
        self.entries.push_back(entry);
        if self.entries.len() > KEPT {
            self.entries.pop_front();
        }
    }

    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn follow(&mut self) -> UnboundedReceiver<Entry> {
        let (follower, entries) = unbounded_channel();
        self.followers.push(follower);
        entries
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

impl Entry {
    pub(super) fn granted(at: i64, request: &str, client: &str, text: impl Into<String>) -> Self {
        Self {
            at,
            request: request.to_owned(),
            client: client.to_owned(),
            code: None,
            text: text.into(),
            details: Vec::new(),
        }
    }

    pub(super) fn refused(at: i64, request: &str, client: &str, refusal: &Refusal) -> Self {
        Self {
            code: Some(refusal.code.number.to_owned()),
            details: refusal.details.clone(),
            ..Self::granted(at, request, client, refusal.why.clone())
        }
    }
}
