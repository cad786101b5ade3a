//! What is found out about a signature, and every reason to refuse one.
//!
//! Each [`Reason`] has a code that never changes, the [`Step`] of the verification that found it, and a sentence for the
//! person who explains it to a customer. The order of steps is the order of checks in `verify`.

use std::fmt;

use crate::certificate::Certificate;
use crate::identity::{Kind, Subject};
use crate::verify::Require;

/// A step of the verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Reading the message.
    Message,
    /// Comparing what was signed with what was to be signed.
    Content,
    /// The signed attributes.
    Attributes,
    /// Finding the signer's certificate.
    Certificate,
    /// Whether key, digest and signature algorithm fit each other and are allowed.
    Algorithms,
    /// The signature itself.
    Signature,
    /// The path to a trust anchor.
    Path,
    /// What the certificate may be used for.
    Usage,
    /// Whether a certificate was revoked.
    Revocation,
    /// Who the certificate names.
    Identity,
}

impl Step {
    /// The name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Content => "content",
            Self::Attributes => "attributes",
            Self::Certificate => "certificate",
            Self::Algorithms => "algorithms",
            Self::Signature => "signature",
            Self::Path => "path",
            Self::Usage => "usage",
            Self::Revocation => "revocation",
            Self::Identity => "identity",
        }
    }
}

/// Declares the reasons: variant, code, step, sentence.
macro_rules! reasons {
    ($($variant:ident $code:literal $step:ident $sentence:literal)+) => {
        /// Why a signature is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $sentence] $variant,)+
        }

        impl Reason {
            /// All of them, in the order of the steps.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable code.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The step that found it.
            #[must_use]
            pub const fn step(self) -> Step {
                match self { $(Self::$variant => Step::$step,)+ }
            }

            /// One sentence.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }
        }
    };
}

reasons! {
    TooLarge "too_large" Message "The signature file is larger than 128 KiB."
    TooDeep "too_deep" Message "Elements of the signature file nest deeper than 32."
    MessageMalformed "message_malformed" Message "It is no CMS message (RFC 5652) in DER or BER."
    NotSignedData "not_signed_data" Message "It is a CMS message of another type than SignedData."
    ContentTypeWrong "content_type_wrong" Message "The signed content is declared as something else than data."
    NoSigner "no_signer" Message "Nobody signed the message."
    TwoSigners "two_signers" Message "More than one person signed the message."
    TooManyCertificates "too_many_certificates" Message "There are more than 10 certificates, or one is larger than 8 KiB."
    ContentMissing "content_missing" Content "The signature is detached and what was signed was not given beside it."
    ContentMismatch "content_mismatch" Content "The message holds another content than the one to be signed."
    AttributesMissing "attributes_missing" Attributes "There are no signed attributes (RFC 5652 §5.3)."
    TooManyAttributes "too_many_attributes" Attributes "There are more than 32 signed attributes."
    AttributeDuplicate "attribute_duplicate" Attributes "A signed attribute is there twice or does not have exactly one value."
    AttributeMalformed "attribute_malformed" Attributes "A signed attribute cannot be read."
    ContentTypeMismatch "content_type_mismatch" Attributes "The signed content type is missing or is not data."
    DigestMissing "digest_missing" Attributes "The signed message digest is missing."
    DigestMismatch "digest_mismatch" Attributes "The content is not what was signed: its digest is another one."
    SigningCertificateMissing "signing_certificate_missing" Attributes "The signed attributes do not name the signer's certificate (RFC 5035)."
    CertificateMissing "certificate_missing" Certificate "The signer's certificate is neither in the message nor beside it."
    CertificateMalformed "certificate_malformed" Certificate "A certificate is not as RFC 5280 demands."
    CertificateSwapped "certificate_swapped" Certificate "The certificate is not the one that the signed attributes name (RFC 5035)."
    AlgorithmUnsupported "algorithm_unsupported" Algorithms "An algorithm is unknown here."
    AlgorithmWithdrawn "algorithm_withdrawn" Algorithms "The key or the digest is of the withdrawn standards ГОСТ Р 34.10-2001 and 34.11-94."
    AlgorithmForbidden "algorithm_forbidden" Algorithms "Keys that are not of ГОСТ Р 34.10-2012 are not allowed here."
    AlgorithmMismatch "algorithm_mismatch" Algorithms "The key, the digest and the signature algorithm do not fit each other."
    CurveUnsupported "curve_unsupported" Algorithms "The key's curve is none of the twelve parameter sets; test curves are refused."
    KeyInvalid "key_invalid" Algorithms "The public key is not a point of its curve with the right order, or is too short."
    SignatureMalformed "signature_malformed" Signature "The signature has a wrong length, or a number in it is out of range."
    SignatureBad "signature_bad" Signature "The signature was not made with the certificate's key."
    NotYetValid "not_yet_valid" Path "A certificate is not valid yet."
    Expired "expired" Path "A certificate has expired."
    Untrusted "untrusted" Path "No path of certificates, each signed by its issuer, leads to a trust anchor."
    ChainForbidden "chain_forbidden" Path "A certificate on the path may not issue what it issued, or demands what is not understood."
    KeyUsage "key_usage" Usage "The certificate's key may not make signatures."
    ExtendedKeyUsage "extended_key_usage" Usage "The certificate is for other purposes than signing in."
    KeyPeriod "key_period" Usage "The time in which the private key may sign is over or has not begun."
    NotQualified "not_qualified" Usage "The certificate is not a qualified one."
    Revoked "revoked" Revocation "A certificate was revoked."
    CrlStale "crl_stale" Revocation "The revocation list is out of date."
    CrlBad "crl_bad" Revocation "The revocation list was not signed by the certificate's issuer, or cannot be used."
    RevocationUnknown "revocation_unknown" Revocation "No revocation list says whether a certificate was revoked."
    IdentityInvalid "identity_invalid" Identity "A number in the certificate (СНИЛС, ИНН, ОГРН, ОГРНИП) is not one, stands there twice, or is one too many."
    IdentityMissing "identity_missing" Identity "The qualified certificate names neither a person nor an organisation."
}

/// A refusal: the reason, and what exactly it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What exactly, where there is more to say: an algorithm, a certificate's subject. No more than the message itself
    /// says.
    pub detail: Option<String>,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: Some(detail.into()) }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason.sentence())?;
        self.detail.iter().try_for_each(|detail| write!(f, " ({detail})"))
    }
}

impl std::error::Error for Refusal {}

/// What is known about revocation of an accepted signature's certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationStatus {
    /// Fresh lists of every issuer on the path do not list them.
    Good,
    /// The same of lists that are out of date, by no more than is allowed.
    Stale,
    /// Some issuer's list is missing or cannot be used, and the policy lets that pass.
    Unknown,
    /// The policy does not ask.
    NotChecked,
}

impl RevocationStatus {
    /// The name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::NotChecked => "not_checked",
        }
    }
}

/// What an accepted signature proves.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Whom the certificate names.
    pub subject: Subject,
    /// The signer's certificate.
    pub certificate: Certificate,
    /// Whether it is a qualified certificate by its fields, under the given anchors.
    pub is_qualified: bool,
    /// What is known about revocation.
    pub revocation: RevocationStatus,
}

impl Accepted {
    /// What a signature by this certificate proves, once all else was found to be right.
    ///
    /// # Errors
    /// When a number in it cannot be right, or it names nobody where a qualified certificate is required.
    pub fn of(
        certificate: Certificate,
        is_qualified: bool,
        revocation: RevocationStatus,
        require: Require,
    ) -> Result<Self, Refusal> {
        let subject = Subject::of(certificate.subject());
        if let Some(field) = subject.invalid {
            return Err(Refusal::new(Reason::IdentityInvalid, field));
        }
        if require == Require::Qualified && subject.kind == Kind::Other {
            return Err(Reason::IdentityMissing.into());
        }
        Ok(Self { subject, certificate, is_qualified, revocation })
    }
}

/// What was read on the way, whether or not the signature was accepted. Nothing in it is proven.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The signer's certificate, once it was found.
    pub certificate: Option<Certificate>,
    /// Whom it names.
    pub subject: Option<Subject>,
    /// From the signer's certificate to the anchor, once a path was found.
    pub chain: Vec<Certificate>,
    /// The signer's clock, seconds since 1970: anything can stand there.
    pub signing_time: Option<i64>,
    /// What the signed attributes and the key are made with, for people.
    pub algorithm: Option<String>,
}

/// The outcome of a verification.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was proven, or why nothing was.
    pub result: Result<Accepted, Refusal>,
    /// What was read, for whoever explains the outcome.
    pub seen: Seen,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_steps_follow_each_other() {
        let codes: std::collections::HashSet<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.step()));
    }
}
