//! Is this the signature of a person over these bytes? The checks in their order, each refusing with its own reason.
//!
//! 1. The message is read within its bounds (`cms`): exactly one signer, content of type data.
//! 2. The content is ours, byte for byte: what the client sends is never the text that was to be signed.
//! 3. Signed attributes are there: content type, exactly one message digest over the content, and the signer's certificate
//!    where it is named (RFC 5035) or the policy demands it.
//! 4. The signer's certificate is found by issuer and serial number or by key identifier, in the message, beside it or among
//!    the known ones. It must be the one that the signed attributes name; where they name none, each that fits is tried.
//! 5. Key, digest and signature algorithm fit each other and the policy.
//! 6. The signature, over the attributes as they stand or in DER's order.
//! 7. A path to a trust anchor at the server's time. The signer's clock decides nothing.
//! 8. What the certificate may be used for, and whether it is qualified where the policy demands that.
//! 9. Revocation of every certificate on the path below the anchor.
//! 10. Whom the certificate names.
//!
//! Where checks differ from OpenSSL's `cms -verify -cades`: signed attributes must be there, a swapped certificate on the
//! same key is refused without being asked, attributes signed in another order than DER's are accepted.

use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::algorithm::PublicKey;
use crate::certificate::{self, Certificate, DIGITAL_SIGNATURE};
use crate::cms::{Attributes, CertificateId, Envelope, MAX_CERTIFICATES, Message, SignerId};
use crate::crl::{self, Crl, Status};
use crate::digest::Digest;
use crate::identity::Subject;
use crate::ocsp::{self, Ocsp};
use crate::oid;
use crate::path::{self, Anchor, Wanted};
use crate::search::Budget;
use crate::verdict::{Accepted, Reason, Refusal, RevocationStatus, Seen, Verdict};

/// Whom to believe.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Where paths end.
    pub anchors: Vec<Anchor>,
    /// Certificates of authorities, and of people, that need not come with a message.
    pub certificates: Vec<Certificate>,
    /// Revocation lists.
    pub crls: Vec<Arc<Crl>>,
    /// Answers of responders.
    pub answers: Vec<Arc<Ocsp>>,
}

/// Which certificates are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// Qualified ones: a class of tools in the policies, subjectSignTool and issuerSignTool, and a person or an
    /// organisation that registers know.
    Qualified,
    /// Any that lead to an anchor.
    Any,
}

/// What to do where revocation is not known for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Revocation {
    /// Refuse.
    Required,
    /// Accept, and say so in the verdict. A certificate that some list names is refused all the same.
    Preferred,
    /// Do not ask.
    Off,
}

/// What is demanded of a signature.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Which certificates are wanted.
    pub require: Require,
    /// What to do where revocation is not known for certain.
    pub revocation: Revocation,
    /// For how many seconds after its nextUpdate a list still clears a certificate under [`Revocation::Required`].
    pub grace: i64,
    /// Whether the signed attributes must name the signer's certificate. Where they do, it is always compared.
    pub demand_signing_certificate: bool,
    /// Whether RSA and ECDSA are taken beside ГОСТ Р 34.10-2012.
    pub allow_foreign: bool,
    /// Purposes (DER contents of identifiers) that serve for signing in beside clientAuth and emailProtection.
    pub purposes: Vec<Vec<u8>>,
}

impl Default for Policy {
    /// The strictest that common signing tools meet.
    fn default() -> Self {
        Self {
            require: Require::Qualified,
            revocation: Revocation::Required,
            grace: 0,
            demand_signing_certificate: false,
            allow_foreign: false,
            purposes: Vec::new(),
        }
    }
}

/// What was to be signed.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// These bytes. Whatever the message holds must equal them.
    Expected(&'a [u8]),
    /// What the message itself holds: for explaining a signature, never for signing in.
    Attached,
}

/// A signature to verify.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The CMS message, in DER or BER.
    pub signature: &'a [u8],
    /// What was to be signed.
    pub content: Content<'a>,
    /// Certificates sent beside the message, in DER: the signer's, and those of authorities.
    pub certificates: &'a [Vec<u8>],
    /// The server's time, seconds since 1970.
    pub now: i64,
}

/// The verifier could not be asked; nothing is known about the signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the verifier of signatures is not available: {0}")]
pub struct Unavailable(pub String);

/// A future of an answer.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Verdict, Unavailable>> + Send + 'a>>;

/// Whoever verifies signatures: [`Verifier`] here, or a certified service asked over the network.
pub trait SignatureVerifier: Send + Sync {
    /// Verifies a signature.
    fn verify<'a>(&'a self, request: Request<'a>) -> Answer<'a>;
}

/// Verifies in this process.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    /// Whom to believe.
    pub trust: Trust,
    /// What is demanded.
    pub policy: Policy,
}

impl SignatureVerifier for Verifier {
    fn verify<'a>(&'a self, request: Request<'a>) -> Answer<'a> {
        Box::pin(std::future::ready(Ok(self.check(request))))
    }
}

impl Verifier {
    /// Verifies a signature: some milliseconds of computing, no waiting.
    #[must_use]
    pub fn check(&self, request: Request<'_>) -> Verdict {
        let mut seen = Seen::default();
        let result = self.run(request, &mut seen);
        Verdict { result, seen }
    }

    fn run(&self, request: Request<'_>, seen: &mut Seen) -> Result<Accepted, Refusal> {
        let envelope = Envelope::open(request.signature)?;
        let message = envelope.message()?;
        let content = content(&message, request.content)?;
        let attributes = message.signer.attributes()?;
        seen.signing_time = attributes.signing_time();
        let digest = message.signer.digest.digest()?;
        check_attributes(&attributes, digest, content)?;
        let named = attributes.signing_certificates()?;
        if named.is_empty() && self.policy.demand_signing_certificate {
            return Err(Reason::SigningCertificateMissing.into());
        }

        let sent = read_certificates(&message, request.certificates)?;
        // What the operator knows is tried before what the message brings.
        let candidates: Vec<&Certificate> = self.trust.certificates.iter().chain(&sent).collect();
        let signed = Signed {
            message: &message,
            attributes: &attributes,
            digest,
            candidates: &candidates,
            now: request.now,
        };
        let mut budget = Budget::default();
        let mut best: Option<(Seen, Result<Accepted, Refusal>)> = None;
        // Nothing but a name in them binds a message to one certificate: a false twin must not hide the genuine one.
        for signer in signers(&message.signer.id, &candidates, &named)? {
            let mut its = Seen { signing_time: seen.signing_time, ..Seen::default() };
            let result = self.judge(signer, &signed, &mut budget, &mut its);
            let step = |result: &Result<Accepted, Refusal>| result.as_ref().err().map(|refusal| refusal.reason.step());
            if result.is_ok() || best.as_ref().is_none_or(|(_, best)| step(best) < step(&result)) {
                let is_accepted = result.is_ok();
                best = Some((its, result));
                if is_accepted {
                    break;
                }
            }
        }
        let (its, result) = best.ok_or(Reason::CertificateMissing)?;
        *seen = its;
        result
    }

    /// Judges the message as one of this signer's certificate.
    fn judge(
        &self,
        signer: &Certificate,
        signed: &Signed<'_>,
        budget: &mut Budget,
        seen: &mut Seen,
    ) -> Result<Accepted, Refusal> {
        let Signed { message, attributes, digest, candidates, now } = *signed;
        seen.certificate = Some(signer.clone());
        seen.subject = Some(Subject::of(signer.subject()));

        let key = signer.public_key()?;
        seen.algorithm = Some(key.name());
        if !self.policy.allow_foreign && !matches!(key, PublicKey::Gost(..)) {
            return Err(Refusal::new(Reason::AlgorithmForbidden, key.name()));
        }
        let scheme = key.scheme(digest, &message.signer.algorithm)?;
        check_signature(attributes, |form| key.verify(scheme, form, message.signer.signature))?;

        let wanted = Wanted {
            leaf: signer,
            candidates,
            anchors: &self.trust.anchors,
            now,
            allow_foreign: self.policy.allow_foreign,
        };
        let found = path::find(&wanted, budget, |chain| {
            self.check_usage(chain, now)?;
            self.check_revocation(chain, now)
        });
        seen.chain = found.chain;
        let revocation = found.outcome?;
        Accepted::of(signer.clone(), signer.has_qualified_fields(), revocation, self.policy.require)
    }

    fn check_usage(&self, chain: &[Certificate], now: i64) -> Result<(), Refusal> {
        let Some(signer) = chain.first() else {
            return Err(Reason::CertificateMissing.into());
        };
        if !signer.may(DIGITAL_SIGNATURE) {
            return Err(Reason::KeyUsage.into());
        }
        // The anchor's own purposes do not bind (RFC 5280 §6.1.1 (d)).
        for one in &chain[..chain.len().saturating_sub(1)] {
            if !self.serves(one) {
                return Err(Refusal::new(Reason::ExtendedKeyUsage, one.subject().title()));
            }
        }
        if !signer.key_may_sign_at(now) {
            return Err(Reason::KeyPeriod.into());
        }
        if self.policy.require == Require::Qualified && !signer.has_qualified_fields() {
            return Err(Reason::NotQualified.into());
        }
        Ok(())
    }

    /// Whether the purposes are none in particular, or one that serves for signing in.
    fn serves(&self, certificate: &Certificate) -> bool {
        let always = [oid::CLIENT_AUTH, oid::EMAIL_PROTECTION, oid::ANY_EXTENDED_KEY_USAGE];
        certificate.purposes().is_none_or(|purposes| {
            purposes
                .iter()
                .any(|one| always.contains(&one.as_slice()) || self.policy.purposes.contains(one))
        })
    }

    /// Whether an answer says anything of a certificate that this issuer signed.
    #[must_use]
    pub fn heeds(&self, answer: &Arc<Ocsp>, (certificate, issuer): (&Certificate, &Certificate), now: i64) -> bool {
        let asked = ocsp::Asked {
            certificate,
            issuer,
            lists: &self.trust.crls,
            now,
            allow_foreign: self.policy.allow_foreign,
        };
        ocsp::status(std::slice::from_ref(answer), &asked) != ocsp::Status::Silent
    }

    /// What lists and answers tell of one certificate: either may revoke it, either may clear it.
    fn status(&self, certificate: &Certificate, issuer: &Certificate, now: i64) -> Status {
        let lists = &self.trust.crls;
        let listed = crl::status(lists, certificate, issuer, now);
        let asked = ocsp::Asked {
            certificate,
            issuer,
            lists,
            now,
            allow_foreign: self.policy.allow_foreign,
        };
        match (listed, ocsp::status(&self.trust.answers, &asked)) {
            (Status::Revoked, _) | (_, ocsp::Status::Revoked) => Status::Revoked,
            (_, ocsp::Status::Good) => Status::Good,
            (listed, ocsp::Status::Silent) => listed,
        }
    }

    /// Asks about every certificate but the anchor. A revoked one outweighs whatever else is wrong with the lists.
    fn check_revocation(&self, chain: &[Certificate], now: i64) -> Result<RevocationStatus, Refusal> {
        if self.policy.revocation == Revocation::Off {
            return Ok(RevocationStatus::NotChecked);
        }
        let links = chain.windows(2).map(|link| (&link[0], self.status(&link[0], &link[1], now)));
        let links: Vec<(&Certificate, Status)> = links.collect();
        let about = |reason, one: &Certificate| Refusal::new(reason, one.subject().title());
        if let Some((one, _)) = links.iter().find(|(_, status)| *status == Status::Revoked) {
            return Err(about(Reason::Revoked, one));
        }
        let mut known = RevocationStatus::Good;
        for (one, status) in links {
            let reason = match status {
                Status::Good | Status::Revoked => continue,
                Status::Stale(late) if late <= self.policy.grace || self.policy.revocation == Revocation::Preferred => {
                    known = if known == RevocationStatus::Unknown {
                        known
                    } else {
                        RevocationStatus::Stale
                    };
                    continue;
                }
                Status::Stale(_) => Reason::CrlStale,
                Status::Bad => Reason::CrlBad,
                Status::Missing => Reason::RevocationUnknown,
            };
            if self.policy.revocation == Revocation::Required {
                return Err(about(reason, one));
            }
            known = RevocationStatus::Unknown;
        }
        Ok(known)
    }
}

/// A message whose attributes were checked, and where to look for certificates.
struct Signed<'a> {
    message: &'a Message<'a>,
    attributes: &'a Attributes<'a>,
    digest: Digest,
    candidates: &'a [&'a Certificate],
    now: i64,
}

/// The bytes that were signed.
fn content<'a>(message: &Message<'a>, wanted: Content<'a>) -> Result<&'a [u8], Reason> {
    match (message.content, wanted) {
        (Some(attached), Content::Expected(expected)) if attached != expected => Err(Reason::ContentMismatch),
        (_, Content::Expected(expected)) => Ok(expected),
        (Some(attached), Content::Attached) => Ok(attached),
        (None, Content::Attached) => Err(Reason::ContentMissing),
    }
}

fn check_attributes(attributes: &Attributes<'_>, digest: Digest, content: &[u8]) -> Result<(), Reason> {
    // RFC 5652 §11.1: the content type must equal that of the content.
    if !attributes.content_type_is_data() {
        return Err(Reason::ContentTypeMismatch);
    }
    if !digest.is_of(content, attributes.message_digest()?) {
        return Err(Reason::DigestMismatch);
    }
    Ok(())
}

/// Reads the certificates in the message and beside it. One that is malformed is passed over: it can be neither the signer's
/// nor on a path.
fn read_certificates(message: &Message<'_>, beside: &[Vec<u8>]) -> Result<Vec<Certificate>, Reason> {
    if beside.len() > MAX_CERTIFICATES || beside.iter().any(|one| one.len() > certificate::MAX_BYTES) {
        return Err(Reason::TooManyCertificates);
    }
    let beside = beside.iter().map(Vec::as_slice);
    let all = message.certificates.iter().copied().chain(beside);
    Ok(all.filter_map(|der| Certificate::parse(der).ok()).collect())
}

/// What can be the signer's certificate: of those that the message points to, the ones that the signed attributes name.
fn signers<'a>(
    id: &SignerId<'_>,
    candidates: &[&'a Certificate],
    named: &[CertificateId<'_>],
) -> Result<Vec<&'a Certificate>, Refusal> {
    let is_signer = |one: &Certificate| match id {
        SignerId::IssuerAndSerial { issuer, serial } => one.issuer_der() == *issuer && one.serial() == *serial,
        SignerId::KeyId(key_id) => one.subject_key_id() == Some(*key_id),
    };
    let mut found = candidates.iter().copied().filter(|one| is_signer(one)).peekable();
    if found.peek().is_none() {
        return Err(Reason::CertificateMissing.into());
    }
    let mut signers: Vec<&Certificate> = Vec::new();
    for one in found {
        let mut all = true;
        for name in named {
            all &= is_named(one, name)?;
        }
        if all && !signers.contains(&one) {
            signers.push(one);
        }
    }
    if signers.is_empty() {
        Err(Reason::CertificateSwapped.into())
    } else {
        Ok(signers)
    }
}

fn is_named(certificate: &Certificate, name: &CertificateId<'_>) -> Result<bool, Refusal> {
    let unknown = || Refusal::new(Reason::AlgorithmUnsupported, oid::dotted(name.algorithm));
    let digest = Digest::of_oid(name.algorithm).ok_or_else(unknown)?;
    let same_issuer = name
        .issuer_and_serial
        .is_none_or(|(serial, issuer)| certificate.serial() == serial && certificate.issuer_der() == issuer);
    Ok(same_issuer && digest.is_of(certificate.der(), name.digest))
}

/// RFC 5652 §5.4 signs the attributes in DER; the order in which they stand is tried first.
fn check_signature(attributes: &Attributes<'_>, verify: impl Fn(&[u8]) -> Result<(), Reason>) -> Result<(), Reason> {
    let mut outcome = Err(Reason::SignatureBad);
    for form in attributes.signed_forms() {
        outcome = verify(&form);
        if outcome != Err(Reason::SignatureBad) {
            break;
        }
    }
    outcome
}

#[cfg(test)]
mod forge;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod tests;
