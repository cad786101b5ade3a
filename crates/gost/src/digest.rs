//! Digests: ГОСТ Р 34.11-2012 («Стрибог», RFC 6986) and, for certificates of other algorithms, SHA-2 (FIPS 180-4).
//!
//! SHA-1 only names a certificate in an ESS attribute (RFC 5035 §5.4.1); nothing is signed with it.

use openssl::hash::{MessageDigest, hash};
use streebog::digest::Digest as _;

use crate::oid;

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// ГОСТ Р 34.11-2012, 256 bits.
    Streebog256,
    /// ГОСТ Р 34.11-2012, 512 bits.
    Streebog512,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Digest {
    /// The algorithm that an object identifier (its DER content) names.
    #[must_use]
    pub fn of_oid(oid: &[u8]) -> Option<Self> {
        match oid {
            oid::DIGEST_256 => Some(Self::Streebog256),
            oid::DIGEST_512 => Some(Self::Streebog512),
            oid::SHA1 => Some(Self::Sha1),
            oid::SHA256 => Some(Self::Sha256),
            oid::SHA384 => Some(Self::Sha384),
            oid::SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Whether this is the digest of the bytes. Nothing is, where the crypto library fails.
    #[must_use]
    pub(crate) fn is_of(self, bytes: &[u8], digest: &[u8]) -> bool {
        is_digest(&self.of(bytes), digest)
    }

    /// The digest of the bytes. Empty where the crypto library fails: compare with `is_of`.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Streebog256 => streebog::Streebog256::digest(bytes).to_vec(),
            Self::Streebog512 => streebog::Streebog512::digest(bytes).to_vec(),
            Self::Sha1 => sha(MessageDigest::sha1(), bytes),
            Self::Sha256 => sha(MessageDigest::sha256(), bytes),
            Self::Sha384 => sha(MessageDigest::sha384(), bytes),
            Self::Sha512 => sha(MessageDigest::sha512(), bytes),
        }
    }
}

fn is_digest(computed: &[u8], given: &[u8]) -> bool {
    !computed.is_empty() && computed == given
}

fn sha(algorithm: MessageDigest, bytes: &[u8]) -> Vec<u8> {
    hash(algorithm, bytes).map(|digest| digest.to_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oid::hex;

    /// RFC 6986 §10 shows its messages and digests from the last byte to the first.
    #[test]
    fn the_worked_examples_of_rfc_6986() {
        let first = b"012345678901234567890123456789012345678901234567890123456789012";
        assert_eq!(
            hex(&Digest::Streebog512.of(first)),
            "1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa\
             00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48"
        );
        assert_eq!(
            hex(&Digest::Streebog256.of(first)),
            "9d151eefd8590b89daa6ba6cb74af9275dd051026bb149a452fd84e5e57b5500"
        );
        // «Се ветри, Стрибожи внуци, веютъ с моря стрелами на храбрыя плъкы Игоревы» in Windows-1251.
        let second: Vec<u8> = (0..SECOND.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&SECOND[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(
            hex(&Digest::Streebog512.of(&second)),
            "1e88e62226bfca6f9994f1f2d51569e0daf8475a3b0fe61a5300eee46d961376\
             035fe83549ada2b8620fcd7c496ce5b33f0cb9dddc2b6460143b03dabac9fb28"
        );
        assert_eq!(
            hex(&Digest::Streebog256.of(&second)),
            "9dd2fe4e90409e5da87f53976d7405b0c0cac628fc669a741d50063c557e8f50"
        );
    }

    const SECOND: &str = "d1e520e2e5f2f0e82c20d1f2f0e8e1eee6e820e2edf3f6e82c20e2e5fef2fa20f120eceef0ff20f1f2f0e5ebe0ece8\
                          20ede020f5f0e0e1f0fbff20efebfaeafb20c8e3eef0e5e2fb";

    #[test]
    fn a_digest_that_could_not_be_computed_equals_nothing() {
        assert!(!is_digest(&[], &[]));
        assert!(Digest::Sha256.is_of(b"abc", &Digest::Sha256.of(b"abc")));
        assert!(!Digest::Sha256.is_of(b"abc", &[]));
    }

    #[test]
    fn sha_2_is_the_librarys() {
        assert_eq!(hex(&Digest::Sha256.of(b"abc"))[..8], *"ba7816bf");
        assert_eq!(Digest::Sha384.of(b"").len(), 48);
        assert_eq!(Digest::of_oid(oid::DIGEST_94), None);
    }
}
