//! Paths from a signer's certificate to a trust anchor (RFC 5280 §6), by `rustls-webpki` with ГОСТ plugged in.
//!
//! 1. `search` finds ways to the anchors, signature by signature, with a bound on how many it verifies.
//! 2. `webpki` is given one way at a time and checks signatures, validity, basicConstraints, path length and name constraints.
//! 3. The anchor's own validity is checked here: `webpki` trusts an anchor for ever.
//! 4. Use and revocation are judged by the caller for each path: one that is refused does not hide another that is good.
//!
//! Algorithm identifiers are compared octet by octet, so there is one [`GostAlgorithm`] for each curve, with and without the
//! digest in the key's parameters, with absent and NULL parameters of the signature: 48. RSA and ECDSA, computed by OpenSSL,
//! join where the policy allows them.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
    alg_id,
};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath, anchor_from_trusted_cert};

use crate::ParameterSet;
use crate::algorithm::PublicKey;
use crate::certificate::Certificate;
use crate::der::{Malformed, Reader, tag};
use crate::digest::Digest;
use crate::foreign::{self, ForeignKey, Scheme};
use crate::oid;
use crate::search::{Budget, Search};
use crate::signature;
use crate::verdict::{Reason, Refusal, RevocationStatus, Step};

/// A certificate that is trusted as it stands. A clone is cheap.
#[derive(Clone, Debug)]
pub struct Anchor {
    certificate: Certificate,
    anchor: Arc<TrustAnchor<'static>>,
}

impl Anchor {
    /// Reads an anchor's certificate in DER.
    ///
    /// # Errors
    ///
    /// It is no certificate, or one that `webpki` does not take for an anchor.
    pub fn parse(der: &[u8]) -> Result<Self, Malformed> {
        let certificate = Certificate::parse(der)?;
        let der = CertificateDer::from(der);
        let anchor = anchor_from_trusted_cert(&der).map_err(|_| Malformed)?.to_owned();
        Ok(Self { certificate, anchor: Arc::new(anchor) })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// What a path is wanted for.
pub(crate) struct Wanted<'a> {
    pub leaf: &'a Certificate,
    pub candidates: &'a [&'a Certificate],
    pub anchors: &'a [Anchor],
    /// Seconds since 1970.
    pub now: i64,
    pub allow_foreign: bool,
}

/// The best path.
pub(crate) struct Found {
    /// The signer's certificate first, the anchor last; empty where there is none.
    pub chain: Vec<Certificate>,
    pub outcome: Result<RevocationStatus, Refusal>,
}

impl Found {
    fn refused(refusal: impl Into<Refusal>) -> Self {
        Self { chain: Vec::new(), outcome: Err(refusal.into()) }
    }

    fn is_best(&self) -> bool {
        matches!(self.outcome, Ok(RevocationStatus::Good | RevocationStatus::NotChecked))
    }

    /// A path known to be good is the best one. One with a revoked certificate outweighs those of which less is known. Of
    /// refusals the one of the latest step is told.
    pub(crate) fn rank(&self) -> (u8, Option<Step>) {
        match &self.outcome {
            Ok(RevocationStatus::Good | RevocationStatus::NotChecked) => (4, None),
            Err(refusal) if refusal.reason == Reason::Revoked => (3, None),
            Ok(RevocationStatus::Stale) => (2, None),
            Ok(RevocationStatus::Unknown) => (1, None),
            Err(refusal) => (0, Some(refusal.reason.step())),
        }
    }
}

/// Finds a path that the judge accepts, or the best of those that there are.
pub(crate) fn find(
    wanted: &Wanted<'_>,
    budget: &mut Budget,
    judge: impl Fn(&[Certificate]) -> Result<RevocationStatus, Refusal>,
) -> Found {
    let Wanted { leaf, candidates, anchors, now, .. } = *wanted;
    let mut best: Option<Found> = None;
    let mut search = Search::new(leaf, anchors.iter().map(Anchor::certificate), candidates, now, budget);
    search.each(|(way, anchor)| {
        let found = match validate(wanted, way, &anchors[anchor]) {
            Ok(chain) => Found { outcome: judge(&chain), chain },
            Err(refusal) => Found::refused(refusal),
        };
        let is_best = found.is_best();
        if best.as_ref().is_none_or(|best| best.rank() < found.rank()) {
            best = Some(found);
        }
        if is_best {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    let blocked = search.blocked.take();
    best.unwrap_or_else(|| {
        // What is wrong with the certificate itself is told first.
        let own = by_webpki(wanted, &[leaf], None)
            .err()
            .filter(|refusal| refusal.reason != Reason::Untrusted);
        let many = || Refusal::new(Reason::Untrusted, "too many certificates of one name");
        let untrusted = || Refusal::new(Reason::Untrusted, format!("issuer: {}", leaf.issuer().title()));
        let searched = || if budget.is_used_up() { many() } else { untrusted() };
        Found::refused(own.or(blocked).unwrap_or_else(searched))
    })
}

/// Checks a way as RFC 5280 §6 demands; the chain comes back.
fn validate(wanted: &Wanted<'_>, way: &[&Certificate], anchor: &Anchor) -> Result<Vec<Certificate>, Refusal> {
    let issuers = way[1..].iter().copied().chain([&anchor.certificate]);
    for issuer in issuers.filter(|_| !wanted.allow_foreign) {
        let key = issuer.public_key()?;
        if !matches!(key, PublicKey::Gost(..)) {
            return Err(Refusal::new(Reason::AlgorithmForbidden, key.name()));
        }
    }
    by_webpki(wanted, way, Some(anchor))?;
    let name = anchor.certificate.subject().title();
    if wanted.now < anchor.certificate.not_before() {
        return Err(Refusal::new(Reason::NotYetValid, name));
    }
    if wanted.now > anchor.certificate.not_after() {
        return Err(Refusal::new(Reason::Expired, name));
    }
    let mut chain: Vec<Certificate> = way.iter().map(|one| (*one).clone()).collect();
    // An anchor may itself be the signer's issuer's certificate, or the signer's own issuer.
    chain.push(anchor.certificate.clone());
    Ok(chain)
}

/// Asks `webpki` whether exactly this way is a path.
fn by_webpki(wanted: &Wanted<'_>, way: &[&Certificate], anchor: Option<&Anchor>) -> Result<(), Refusal> {
    let issuers = way.iter().skip(1);
    let between: Vec<CertificateDer<'_>> = issuers.map(|one| CertificateDer::from(one.der())).collect();
    let trusted: Vec<TrustAnchor<'_>> = anchor.iter().map(|one| one.anchor.as_ref().clone()).collect();
    let leaf = CertificateDer::from(wanted.leaf.der());
    let end = EndEntityCert::try_from(&leaf).map_err(|error| refusal(&error))?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(wanted.now).unwrap_or_default()));
    // A shorter path over some of the certificates is not this one.
    let is_whole = |path: &VerifiedPath<'_>| {
        let found = path.intermediate_certificates().map(|one| one.der());
        if found.eq(between.iter().cloned()) {
            Ok(())
        } else {
            Err(webpki::Error::UnknownIssuer)
        }
    };
    end.verify_for_usage(
        algorithms(wanted.allow_foreign),
        &trusted,
        &between,
        time,
        AnyPurpose,
        None,
        Some(&is_whole),
    )
    .map(|_| ())
    .map_err(|error| refusal(&error))
}

/// Purposes are looked at in `verify`, after the path, so that a certificate that nobody vouches for is first of all that.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// What the library's error means. Its own text is shown to nobody: it can hold whole lists of algorithms.
fn refusal(error: &webpki::Error) -> Refusal {
    use webpki::Error;
    let forbidden = |what: &str| Refusal::new(Reason::ChainForbidden, what);
    match error {
        // The path that is shown beside it says from when to when.
        Error::CertExpired { .. } => Reason::Expired.into(),
        Error::CertNotValidYet { .. } => Reason::NotYetValid.into(),
        Error::UnknownIssuer
        | Error::InvalidSignatureForPublicKey
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded => Reason::Untrusted.into(),
        Error::BadDer
        | Error::BadDerTime
        | Error::InvalidCertValidity
        | Error::InvalidSerialNumber
        | Error::MalformedExtensions
        | Error::ExtensionValueInvalid
        | Error::SignatureAlgorithmMismatch
        | Error::TrailingData(_)
        | Error::UnsupportedCertVersion => Reason::CertificateMalformed.into(),
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Reason::AlgorithmUnsupported.into()
        }
        Error::CaUsedAsEndEntity => forbidden("the signer's certificate is an authority's"),
        Error::EndEntityUsedAsCa => forbidden("an issuer's certificate is no authority's"),
        Error::PathLenConstraintViolated => forbidden("more authorities than one of them allows"),
        Error::NameConstraintViolation => forbidden("a name that an authority may not issue for"),
        Error::UnsupportedCriticalExtension => forbidden("an unknown critical extension"),
        _ => Reason::ChainForbidden.into(),
    }
}

fn algorithms(allow_foreign: bool) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    static ALL: LazyLock<Vec<&'static dyn SignatureVerificationAlgorithm>> = LazyLock::new(|| {
        let foreign = FOREIGN.iter().map(|one| one as &dyn SignatureVerificationAlgorithm);
        GOST.iter().copied().chain(foreign).collect()
    });
    if allow_foreign { &ALL } else { GOST }
}

/// ГОСТ Р 34.10-2012 under one spelling of its algorithm identifiers.
#[derive(Debug)]
struct GostAlgorithm {
    set: ParameterSet,
    key: &'static [u8],
    signature: &'static [u8],
}

impl SignatureVerificationAlgorithm for GostAlgorithm {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        // RFC 9215 §4.3: the BIT STRING holds an OCTET STRING.
        let mut inside = Reader::new(public_key);
        let key = inside.expect(tag::OCTET_STRING).map_err(|_| InvalidSignature)?;
        inside.end().map_err(|_| InvalidSignature)?;
        let digest = if self.set.bits() == 256 {
            Digest::Streebog256
        } else {
            Digest::Streebog512
        };
        signature::verify(self.set, key, &digest.of(message), signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(self.key)
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        AlgorithmIdentifier::from_slice(self.signature)
    }
}

/// How long an element with this content is, with its identifier and its length.
const fn size(content: &[u8]) -> usize {
    2 + content.len()
}

/// Writes an element whose content is shorter than 128 octets; where the next one begins comes back.
const fn put(into: &mut [u8], mut at: usize, tag: u8, content: &[u8]) -> usize {
    into[at] = tag;
    into[at + 1] = content.len() as u8;
    at += 2;
    let mut from = 0;
    while from < content.len() {
        into[at] = content[from];
        at += 1;
        from += 1;
    }
    at
}

/// The key's identifier and its parameters: the curve, and the digest unless that is empty.
const fn key_id<const N: usize>(key: &[u8], curve: &[u8], digest: &[u8]) -> [u8; N] {
    let mut id = [0; N];
    let at = put(&mut id, 0, tag::OID, key);
    id[at] = tag::SEQUENCE;
    id[at + 1] = (N - at - 2) as u8;
    let at = put(&mut id, at + 2, tag::OID, curve);
    if !digest.is_empty() {
        put(&mut id, at, tag::OID, digest);
    }
    id
}

/// The signature's identifier, with NULL or without parameters.
const fn signature_id<const N: usize>(signature: &[u8]) -> [u8; N] {
    let mut id = [0; N];
    let at = put(&mut id, 0, tag::OID, signature);
    if N > at {
        id[at] = tag::NULL;
    }
    id
}

/// Both spellings of the key by both spellings of the signature for every parameter set.
macro_rules! gost_algorithms {
    ($($set:ident $key:ident $signature:ident $digest:ident;)+) => {
        static GOST: &[&dyn SignatureVerificationAlgorithm] = &[$(
            gost_algorithm!($set, $key, $signature, &[], 0),
            gost_algorithm!($set, $key, $signature, &[], 2),
            gost_algorithm!($set, $key, $signature, oid::$digest, 0),
            gost_algorithm!($set, $key, $signature, oid::$digest, 2),
        )+];
    };
}

/// One spelling: the digest in the key's parameters or nothing, the length of the signature's parameters.
macro_rules! gost_algorithm {
    ($set:ident, $key:ident, $signature:ident, $digest:expr, $parameters:literal) => {
        &GostAlgorithm {
            set: ParameterSet::$set,
            key: const {
                const DIGEST: &[u8] = $digest;
                const SIZE: usize = size(oid::$key)
                    + 2
                    + size(ParameterSet::$set.oid())
                    + if DIGEST.is_empty() { 0 } else { size(DIGEST) };
                &key_id::<SIZE>(oid::$key, ParameterSet::$set.oid(), DIGEST)
            },
            signature: const { &signature_id::<{ size(oid::$signature) + $parameters }>(oid::$signature) },
        }
    };
}

gost_algorithms! {
    CryptoProA KEY_256 SIGNATURE_256 DIGEST_256;
    CryptoProB KEY_256 SIGNATURE_256 DIGEST_256;
    CryptoProC KEY_256 SIGNATURE_256 DIGEST_256;
    CryptoProXchA KEY_256 SIGNATURE_256 DIGEST_256;
    CryptoProXchB KEY_256 SIGNATURE_256 DIGEST_256;
    Tc26A256 KEY_256 SIGNATURE_256 DIGEST_256;
    Tc26B256 KEY_256 SIGNATURE_256 DIGEST_256;
    Tc26C256 KEY_256 SIGNATURE_256 DIGEST_256;
    Tc26D256 KEY_256 SIGNATURE_256 DIGEST_256;
    Tc26A512 KEY_512 SIGNATURE_512 DIGEST_512;
    Tc26B512 KEY_512 SIGNATURE_512 DIGEST_512;
    Tc26C512 KEY_512 SIGNATURE_512 DIGEST_512;
}

/// RSA or ECDSA.
#[derive(Debug)]
struct ForeignAlgorithm {
    key: ForeignKey,
    scheme: Scheme,
    key_id: AlgorithmIdentifier,
    signature_id: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for ForeignAlgorithm {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        foreign::verify(self.key, public_key, self.scheme, message, signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key_id
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature_id
    }
}

const fn rsa(scheme: Scheme, signature_id: AlgorithmIdentifier) -> ForeignAlgorithm {
    ForeignAlgorithm {
        key: ForeignKey::Rsa,
        scheme,
        key_id: alg_id::RSA_ENCRYPTION,
        signature_id,
    }
}

const fn ecdsa(key: ForeignKey, digest: Digest, signature_id: AlgorithmIdentifier) -> ForeignAlgorithm {
    let key_id = if matches!(key, ForeignKey::P256) {
        alg_id::ECDSA_P256
    } else {
        alg_id::ECDSA_P384
    };
    ForeignAlgorithm { key, scheme: Scheme::Ecdsa(digest), key_id, signature_id }
}

static FOREIGN: [ForeignAlgorithm; 12] = [
    rsa(Scheme::RsaPkcs1(Digest::Sha256), alg_id::RSA_PKCS1_SHA256),
    rsa(Scheme::RsaPkcs1(Digest::Sha384), alg_id::RSA_PKCS1_SHA384),
    rsa(Scheme::RsaPkcs1(Digest::Sha512), alg_id::RSA_PKCS1_SHA512),
    rsa(Scheme::RsaPss(Digest::Sha256, 32), alg_id::RSA_PSS_SHA256),
    rsa(Scheme::RsaPss(Digest::Sha384, 48), alg_id::RSA_PSS_SHA384),
    rsa(Scheme::RsaPss(Digest::Sha512, 64), alg_id::RSA_PSS_SHA512),
    ecdsa(ForeignKey::P256, Digest::Sha256, alg_id::ECDSA_SHA256),
    ecdsa(ForeignKey::P256, Digest::Sha384, alg_id::ECDSA_SHA384),
    ecdsa(ForeignKey::P256, Digest::Sha512, alg_id::ECDSA_SHA512),
    ecdsa(ForeignKey::P384, Digest::Sha256, alg_id::ECDSA_SHA256),
    ecdsa(ForeignKey::P384, Digest::Sha384, alg_id::ECDSA_SHA384),
    ecdsa(ForeignKey::P384, Digest::Sha512, alg_id::ECDSA_SHA512),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::der::wrap;

    #[test]
    fn there_is_one_algorithm_for_each_spelling() {
        assert_eq!(GOST.len(), 48);
        let mut seen = std::collections::HashSet::new();
        for one in GOST {
            let (key, signature) = (one.public_key_alg_id(), one.signature_alg_id());
            for id in [key, signature] {
                assert!(Algorithm::read(&mut Reader::new(&wrap(tag::SEQUENCE, id.as_ref()))).is_ok());
            }
            assert!(seen.insert((key.as_ref().to_vec(), signature.as_ref().to_vec())));
        }
    }
}
