//! Ways from a signer's certificate to the anchors, link by link.
//!
//! 1. A link joins a certificate to one of its issuer's name that may sign certificates and whose key verifies its signature.
//!    Names alone join nothing: a message can bring any number of certificates that bear one name.
//! 2. Issuers are tried by key identifier first, then those that are valid now, then anchors.
//! 3. Signatures are counted: [`Budget`] holds for a whole message, and no pair is verified twice.
//!
//! Whether a way is a path in the sense of RFC 5280 §6 is for `path` to say.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::certificate::{Certificate, KEY_CERT_SIGN};
use crate::verdict::{Reason, Refusal};

/// The most signatures on certificates that are verified to find ways.
pub(crate) const MAX_VERIFICATIONS: u32 = 32;
/// The most ways that are tried.
const MAX_WAYS: u32 = 16;
/// The most certificates between the signer's and the anchor: as many as `webpki` takes.
const MAX_BETWEEN: usize = 6;

/// How much may still be computed for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    verifications: u32,
    ways: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { verifications: MAX_VERIFICATIONS, ways: MAX_WAYS }
    }
}

impl Budget {
    /// How many signatures were verified.
    #[cfg(test)]
    pub(crate) fn spent(&self) -> u32 {
        MAX_VERIFICATIONS - self.verifications
    }

    /// Whether something was left untried.
    pub(crate) fn is_used_up(&self) -> bool {
        self.verifications == 0 || self.ways == 0
    }
}

fn take(from: &mut u32) -> ControlFlow<()> {
    match from.checked_sub(1) {
        Some(left) => {
            *from = left;
            ControlFlow::Continue(())
        }
        None => ControlFlow::Break(()),
    }
}

/// A way: the certificates from the signer's to the one below the anchor, and which of the anchors it is.
pub(crate) type Way<'w, 'a> = (&'w [&'a Certificate], usize);

/// The search from one certificate.
pub(crate) struct Search<'a, 'b> {
    /// The signer's, the anchors', the others.
    nodes: Vec<&'a Certificate>,
    anchors: usize,
    now: i64,
    budget: &'b mut Budget,
    links: HashMap<(usize, usize), bool>,
    /// Why a link could not be judged: an algorithm that is not taken.
    pub(crate) blocked: Option<Refusal>,
}

impl<'a, 'b> Search<'a, 'b> {
    pub(crate) fn new(
        leaf: &'a Certificate,
        anchors: impl Iterator<Item = &'a Certificate>,
        others: &[&'a Certificate],
        now: i64,
        budget: &'b mut Budget,
    ) -> Self {
        let mut nodes = vec![leaf];
        nodes.extend(anchors);
        let anchors = nodes.len() - 1;
        nodes.extend(others.iter().filter(|one| one.may(KEY_CERT_SIGN)));
        Self {
            nodes,
            anchors,
            now,
            budget,
            links: HashMap::new(),
            blocked: None,
        }
    }

    /// Calls for each way until the call says that it is enough, or the budget does.
    pub(crate) fn each(&mut self, mut call: impl FnMut(Way<'_, 'a>) -> ControlFlow<()>) {
        let _ = self.walk(&mut vec![0], &mut call);
    }

    fn walk(&mut self, way: &mut Vec<usize>, call: &mut dyn FnMut(Way<'_, 'a>) -> ControlFlow<()>) -> ControlFlow<()> {
        let child = way.last().copied().unwrap_or_default();
        for issuer in self.issuers(child) {
            // RFC 4158 §5.2: no key under one name twice.
            if way[1..].iter().any(|one| self.are_one_issuer(*one, issuer)) || !self.is_link(child, issuer)? {
                continue;
            }
            if issuer <= self.anchors {
                take(&mut self.budget.ways)?;
                let certificates: Vec<&Certificate> = way.iter().map(|one| self.nodes[*one]).collect();
                call((&certificates, issuer - 1))?;
            } else if way.len() <= MAX_BETWEEN {
                way.push(issuer);
                let flow = self.walk(way, call);
                way.pop();
                flow?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Those of the issuer's name, the likeliest first.
    fn issuers(&self, child: usize) -> Vec<usize> {
        let certificate = self.nodes[child];
        let of_name = |one: &usize| self.nodes[*one].subject_der() == certificate.issuer_der();
        let mut issuers: Vec<usize> = (1..self.nodes.len()).filter(of_name).collect();
        issuers.sort_by_key(|one| {
            let issuer = self.nodes[*one];
            let key_id = match (certificate.authority_key_id(), issuer.subject_key_id()) {
                (Some(named), Some(found)) if named == found => 0,
                (Some(_), Some(_)) => 2,
                _ => 1,
            };
            let is_valid = issuer.not_before() <= self.now && self.now <= issuer.not_after();
            (key_id, !is_valid, *one > self.anchors)
        });
        issuers
    }

    fn are_one_issuer(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.nodes[one], self.nodes[other]);
        one.key_info() == other.key_info() && one.subject_der() == other.subject_der()
    }

    fn is_link(&mut self, child: usize, issuer: usize) -> ControlFlow<(), bool> {
        if let Some(known) = self.links.get(&(child, issuer)) {
            return ControlFlow::Continue(*known);
        }
        take(&mut self.budget.verifications)?;
        let outcome = self.nodes[issuer]
            .public_key()
            .and_then(|key| Ok(self.nodes[child].check_signature(&key)?));
        let is_link = outcome.is_ok();
        let of_algorithm = [Reason::AlgorithmUnsupported, Reason::AlgorithmWithdrawn, Reason::CurveUnsupported];
        self.blocked = self
            .blocked
            .take()
            .or(outcome.err().filter(|refusal| of_algorithm.contains(&refusal.reason)));
        self.links.insert((child, issuer), is_link);
        ControlFlow::Continue(is_link)
    }
}
