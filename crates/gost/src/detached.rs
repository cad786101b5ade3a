//! A detached message of a known signer: what a service checks that keeps its clients' certificates and asks for no path.
//!
//! Nothing in kabinet signs anybody in by this. It is for the stand-in of such a service, hence behind the feature `sign`.
//!
//! 1. The message is read within the bounds of `cms`: exactly one signer, content of type data, and no content inside.
//! 2. The signer is one of the known certificates, by issuer and serial number or by key identifier.
//! 3. ГОСТ Р 34.11-2012 and ГОСТ Р 34.10-2012 of 256 bits, nothing else.
//! 4. With signed attributes (RFC 5652 §5.3) the content type is data, the message digest is that of the content, and the
//!    signature covers the attributes. Without them it covers the content.

use crate::algorithm::PublicKey;
use crate::certificate::Certificate;
use crate::cms::{Envelope, Signer, SignerId};
use crate::digest::Digest;
use crate::verdict::{Reason, Refusal};

/// The certificate among `known` that signed the content, as its place there.
///
/// # Errors
///
/// The first check that fails: [`Reason::ContentMismatch`] where the message holds its content, and
/// [`Reason::CertificateMissing`] where the signer is nobody known.
pub fn signer(message: &[u8], content: &[u8], known: &[Certificate]) -> Result<usize, Refusal> {
    let envelope = Envelope::open(message)?;
    let message = envelope.message()?;
    if message.content.is_some() {
        return Err(Refusal::new(Reason::ContentMismatch, "the message is not detached"));
    }
    let place = known
        .iter()
        .position(|one| is_named(&message.signer.id, one))
        .ok_or(Reason::CertificateMissing)?;
    let key = known[place].public_key()?;
    let digest = message.signer.digest.digest()?;
    let scheme = key.scheme(digest, &message.signer.algorithm)?;
    if digest != Digest::Streebog256 || !matches!(key, PublicKey::Gost(..)) {
        return Err(Refusal::new(Reason::AlgorithmForbidden, key.name()));
    }
    for form in covered(&message.signer, digest, content)? {
        match key.verify(scheme, &form, message.signer.signature) {
            Ok(()) => return Ok(place),
            Err(Reason::SignatureBad) => {}
            Err(reason) => return Err(reason.into()),
        }
    }
    Err(Reason::SignatureBad.into())
}

fn is_named(id: &SignerId<'_>, one: &Certificate) -> bool {
    match id {
        SignerId::IssuerAndSerial { issuer, serial } => one.issuer_der() == *issuer && one.serial() == *serial,
        SignerId::KeyId(key_id) => one.subject_key_id() == Some(*key_id),
    }
}

/// What the signature may cover.
fn covered(signer: &Signer<'_>, digest: Digest, content: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    let attributes = match signer.attributes() {
        Err(refusal) if refusal.reason == Reason::AttributesMissing => return Ok(vec![content.to_vec()]),
        other => other?,
    };
    if !attributes.content_type_is_data() {
        return Err(Reason::ContentTypeMismatch.into());
    }
    if !digest.is_of(content, attributes.message_digest()?) {
        return Err(Reason::DigestMismatch.into());
    }
    Ok(attributes.signed_forms())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Certificate> {
        let read = |pem: &[u8]| Certificate::parse(&crate::pem::read(pem).unwrap()[0].der).unwrap();
        vec![
            read(include_bytes!("../fixtures/root-ca.crt.pem")),
            read(include_bytes!("../fixtures/person-256.crt.pem")),
        ]
    }

    #[test]
    fn a_known_signer_is_found_with_signed_attributes_and_without() {
        let content = include_bytes!("../fixtures/challenge.txt");
        let of = |message: &[u8]| signer(message, content, &known()).map_err(|refusal| refusal.reason);
        assert_eq!(of(include_bytes!("../fixtures/detached-person-256.p7s")), Ok(1));
        assert_eq!(of(include_bytes!("../fixtures/detached-noattr-256.p7s")), Ok(1));
        for (message, reason) in [
            (&include_bytes!("../fixtures/attached-person-256.p7s")[..], Reason::ContentMismatch),
            (include_bytes!("../fixtures/detached-org-256.p7s"), Reason::CertificateMissing),
            (include_bytes!("../fixtures/detached-person-512.p7s"), Reason::CertificateMissing),
            (include_bytes!("../fixtures/tampered-sigbit-256.p7s"), Reason::SignatureBad),
            (b"0", Reason::MessageMalformed),
        ] {
            assert_eq!(of(message), Err(reason));
        }
        let other = |message| signer(message, b"other", &known()).map_err(|refusal| refusal.reason);
        let with = include_bytes!("../fixtures/detached-person-256.p7s");
        assert_eq!(other(with), Err(Reason::DigestMismatch));
        assert_eq!(other(include_bytes!("../fixtures/detached-noattr-256.p7s")), Err(Reason::SignatureBad));
    }
}
