//! Authorities and the lists that they publish: what whoever keeps a [`Trust`] asks before something is added to it.
//!
//! Nothing here accepts a signature. A certificate that leads to an anchor by these rules is one more that a path may lead
//! through, and the path is validated for each signature as a whole (`path`): path lengths, name constraints and policies.

use std::ops::ControlFlow;

use crate::algorithm::PublicKey;
use crate::certificate::{Certificate, KEY_CERT_SIGN};
use crate::crl::{self, Status};
use crate::digest::Digest;
use crate::oid;
use crate::path::Anchor;
use crate::search::{Budget, Search};
use crate::verdict::{Reason, Refusal};
use crate::verify::Trust;

impl Certificate {
    /// The SHA-256 of the certificate, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        oid::hex(&Digest::Sha256.of(self.der()))
    }

    /// Names an authority's key: certificates of one name and one key have one, in hexadecimal.
    #[must_use]
    pub fn authority_id(&self) -> String {
        oid::hex(&Digest::Sha256.of(&[self.subject_der(), self.key_info()].concat()))
    }

    /// Whether the subject is its own issuer by name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.issuer_der() == self.subject_der()
    }

    /// Whether it is an authority's whose signatures can be verified now.
    ///
    /// # Errors
    ///
    /// The first of these that does not hold: it may issue certificates, its algorithm is taken, it is valid.
    pub fn check_authority(&self, now: i64, allow_foreign: bool) -> Result<(), Refusal> {
        let title = || self.subject().title();
        if !self.is_authority() || !self.may(KEY_CERT_SIGN) {
            return Err(Refusal::new(Reason::ChainForbidden, format!("no authority's certificate: {}", title())));
        }
        let key = self.public_key()?;
        if !allow_foreign && !matches!(key, PublicKey::Gost(..)) {
            return Err(Refusal::new(Reason::AlgorithmForbidden, key.name()));
        }
        if now < self.not_before() {
            return Err(Refusal::new(Reason::NotYetValid, title()));
        }
        if now > self.not_after() {
            return Err(Refusal::new(Reason::Expired, title()));
        }
        Ok(())
    }
}

impl Trust {
    /// The way from an authority's certificate to an anchor: itself first, the anchor last. Each link is a signature that
    /// holds, and each certificate on it passes [`Certificate::check_authority`].
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn lead(&self, authority: &Certificate, now: i64, allow_foreign: bool) -> Result<Vec<Certificate>, Refusal> {
        authority.check_authority(now, allow_foreign)?;
        let anchors = || self.anchors.iter().map(Anchor::certificate);
        if anchors().any(|anchor| anchor == authority) {
            return Ok(vec![authority.clone()]);
        }
        let others: Vec<&Certificate> = self.certificates.iter().collect();
        let mut budget = Budget::default();
        let mut found = Err(Refusal::new(Reason::Untrusted, format!("issuer: {}", authority.issuer().title())));
        Search::new(authority, anchors(), &others, now, &mut budget).each(|(way, anchor)| {
            let Some(anchor) = anchors().nth(anchor) else {
                return ControlFlow::Continue(());
            };
            let way: Vec<Certificate> = way.iter().copied().chain([anchor]).cloned().collect();
            let fault = way.iter().find_map(|one| one.check_authority(now, allow_foreign).err());
            match fault {
                None => found = Ok(way),
                Some(fault) => found = Err(fault),
            }
            if found.is_ok() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        found
    }

    /// Whether these certificates, the signer's first, are a chain of signatures that ends in an anchor. Nothing in the first
    /// one is true before that.
    #[must_use]
    pub fn holds(&self, chain: &[Certificate], now: i64, allow_foreign: bool) -> bool {
        let is_link = |link: &[Certificate]| match link {
            [one, issuer] => {
                one.issuer_der() == issuer.subject_der()
                    && issuer.check_authority(now, allow_foreign).is_ok()
                    && issuer.public_key().is_ok_and(|key| one.check_signature(&key).is_ok())
            }
            _ => false,
        };
        let ends = chain
            .last()
            .is_some_and(|last| self.anchors.iter().any(|anchor| anchor.certificate() == last));
        // More than a path may have (`search`).
        chain.len() <= 8 && ends && chain.windows(2).all(is_link)
    }

    /// Whether the lists at hand do not say for certain whether this certificate, which this issuer signed, is revoked.
    #[must_use]
    pub fn lacks_list(&self, certificate: &Certificate, issuer: &Certificate, now: i64) -> bool {
        !matches!(crl::status(&self.crls, certificate, issuer, now), Status::Good | Status::Revoked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crl::Crl;

    /// 2027-01-01T00:00:00Z.
    const NOW: i64 = 1_798_761_600;

    fn certificate(pem: &[u8]) -> Certificate {
        Certificate::parse(&crate::pem::read(pem).unwrap()[0].der).unwrap()
    }

    fn root() -> Certificate {
        certificate(include_bytes!("../fixtures/root-ca.crt.pem"))
    }

    fn issuing() -> Certificate {
        certificate(include_bytes!("../fixtures/issuing-ca.crt.pem"))
    }

    fn person() -> Certificate {
        certificate(include_bytes!("../fixtures/person-256.crt.pem"))
    }

    fn trust() -> Trust {
        Trust {
            anchors: vec![Anchor::parse(root().der()).unwrap()],
            ..Trust::default()
        }
    }

    #[test]
    fn an_authority_leads_to_an_anchor_or_the_reason_is_told() {
        let way = trust().lead(&issuing(), NOW, false).unwrap();
        assert_eq!(way, [issuing(), root()]);
        assert_eq!(trust().lead(&root(), NOW, false).unwrap(), [root()]);
        let reason = |trust: &Trust, one: &Certificate, now| trust.lead(one, now, false).unwrap_err().reason;
        assert_eq!(reason(&Trust::default(), &issuing(), NOW), Reason::Untrusted);
        assert_eq!(reason(&trust(), &person(), NOW), Reason::ChainForbidden);
        assert_eq!(reason(&trust(), &issuing(), issuing().not_after() + 1), Reason::Expired);
        assert_eq!(reason(&trust(), &issuing(), issuing().not_before() - 1), Reason::NotYetValid);
    }

    #[test]
    fn a_chain_holds_from_its_first_certificate_to_an_anchor_only() {
        let (person, issuing, root) = (person(), issuing(), root());
        let holds = |chain: &[&Certificate]| {
            let chain: Vec<Certificate> = chain.iter().map(|one| (*one).clone()).collect();
            trust().holds(&chain, NOW, false)
        };
        assert!(holds(&[&person, &issuing, &root]) && holds(&[&issuing, &root]));
        assert!(!holds(&[]) && !holds(&[&person, &issuing]) && !holds(&[&person, &root]));
        assert!(!holds(&[&issuing, &person, &root]));
    }

    #[test]
    fn a_list_is_of_the_authority_that_signed_it() {
        let list = |pem: &[u8]| Crl::parse(&crate::pem::read(pem).unwrap()[0].der).unwrap();
        let fresh = list(include_bytes!("../fixtures/issuing.crl.pem"));
        let stale = list(include_bytes!("../fixtures/issuing-stale.crl.pem"));
        assert!(fresh.is_of(&issuing()) && !fresh.is_of(&root()) && !fresh.is_of(&person()));
        assert!(fresh.is_understood() && fresh.point_der().is_empty());
        assert_eq!((fresh.entries(), stale.entries()), (1, 1));
        assert!(fresh.number().is_some() && stale.number().is_some());
        let mut trust = trust();
        assert!(trust.lacks_list(&person(), &issuing(), NOW));
        trust.crls = vec![std::sync::Arc::new(stale)];
        assert!(trust.lacks_list(&person(), &issuing(), NOW));
        trust.crls = vec![std::sync::Arc::new(fresh)];
        assert!(!trust.lacks_list(&person(), &issuing(), NOW));
    }
}
