//! The signature of ГОСТ Р 34.10-2012 (RFC 7091 §6.2), with the encodings of RFC 9215.
//!
//! 1. The key is X‖Y, each little-endian and 32 or 64 bytes long (RFC 9215 §4.3). It must be a point of order q on its curve.
//! 2. The signature is s‖r, each big-endian, in certificates, CRLs and CMS alike. Both lie in 1…q−1.
//! 3. e is the digest read little-endian, modulo q; 0 becomes 1. v = e⁻¹, R = (s·v)·G + (−r·v)·Q.
//! 4. Accepted if and only if R is not the point at infinity and its x modulo q is r.
//!
//! A bare signature of CryptoAPI (the whole string reversed) is another format and is not taken.

use crypto_bigint::modular::ConstMontyParams;
use crypto_bigint::{Encoding, NonZero, Uint};

use crate::algorithm::PublicKey;
use crate::curve::Curve;
use crate::digest::Digest;
use crate::foreign::{ForeignKey, Scheme};
use crate::parameters::with_curve;
use crate::verdict::Reason;
use crate::{Certificate, ParameterSet};

/// Why a bare signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The key has another length than its curve asks for.
    #[error("the public key has a wrong length")]
    KeyLength,
    /// The key is no point of order q on its curve.
    #[error("the public key is not a point of its curve with the right order")]
    Key,
    /// The digest does not have the key's length.
    #[error("the digest has a wrong length")]
    DigestLength,
    /// The signature has another length than its curve asks for.
    #[error("the signature has a wrong length")]
    SignatureLength,
    /// r or s is 0 or at least q.
    #[error("a number of the signature is out of range")]
    Range,
    /// It was not made with this key over this digest.
    #[error("the signature does not match")]
    Mismatch,
}

/// Verifies a signature over a digest.
///
/// # Errors
///
/// The first fault found, in the order of [`Fault`].
pub fn verify(set: ParameterSet, key: &[u8], digest: &[u8], signature: &[u8]) -> Result<(), Fault> {
    with_curve!(set, curve => curve.verify(key, digest, signature))
}

/// How a bare signature was made: what JSON Web Signatures name in `alg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
    /// ГОСТ Р 34.10-2012 with 256 bits over ГОСТ Р 34.11-2012, s‖r.
    Gost256,
}

impl Bare {
    /// Whether the key of the certificate is of the kind that makes such signatures.
    #[must_use]
    pub fn fits(self, certificate: &Certificate) -> bool {
        certificate.public_key().is_ok_and(|key| self.scheme(&key).is_some())
    }

    fn scheme(self, key: &PublicKey) -> Option<Scheme> {
        match (key, self) {
            (PublicKey::Gost(set, _), Self::Gost256) if set.bits() == 256 => Some(Scheme::Gost(Digest::Streebog256)),
            (PublicKey::Foreign(ForeignKey::Rsa, _), Self::Rs256) => Some(Scheme::RsaPkcs1(Digest::Sha256)),
            _ => None,
        }
    }
}

/// Verifies a bare signature over the message with the key of a certificate. Who issued the certificate and until when it is
/// valid is not looked at.
///
/// # Errors
///
/// [`Reason::AlgorithmMismatch`] where the key is of another kind, else why the signature or the key is no good.
pub fn verify_bare(certificate: &Certificate, bare: Bare, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
    let key = certificate.public_key().map_err(|refusal| refusal.reason)?;
    let scheme = bare.scheme(&key).ok_or(Reason::AlgorithmMismatch)?;
    key.verify(scheme, message, signature)
}

/// Whether the bytes are a public key for the parameter set.
///
/// # Errors
///
/// [`Fault::KeyLength`] or [`Fault::Key`].
pub fn check_key(set: ParameterSet, key: &[u8]) -> Result<(), Fault> {
    with_curve!(set, curve => curve.key(key).map(|_| ()))
}

type Point<M, const N: usize> = crate::curve::Affine<M, N>;

impl<M: ConstMontyParams<N>, const N: usize> Curve<M, N>
where
    Uint<N>: Encoding,
{
    const BYTES: usize = Uint::<N>::BITS as usize / 8;

    fn key(&self, key: &[u8]) -> Result<Point<M, N>, Fault> {
        if key.len() != 2 * Self::BYTES {
            return Err(Fault::KeyLength);
        }
        let (x, y) = key.split_at(Self::BYTES);
        self.point(&Uint::from_le_slice(x), &Uint::from_le_slice(y)).ok_or(Fault::Key)
    }

    fn verify(&self, key: &[u8], digest: &[u8], signature: &[u8]) -> Result<(), Fault> {
        if digest.len() != Self::BYTES {
            return Err(Fault::DigestLength);
        }
        if signature.len() != 2 * Self::BYTES {
            return Err(Fault::SignatureLength);
        }
        let (s, r) = signature.split_at(Self::BYTES);
        let (s, r) = (Uint::from_be_slice(s), Uint::from_be_slice(r));
        // RFC 7091 §6.2 step 1. Before the key, whose order may take a multiplication to check.
        let in_range = |number: &Uint<N>| *number != Uint::ZERO && number < self.order().as_ref();
        if !in_range(&r) || !in_range(&s) {
            return Err(Fault::Range);
        }
        let key = self.key(key)?;
        // Steps 2-5.
        let v = self
            .hashed(digest)
            .invert_odd_mod_vartime(self.order())
            .into_option()
            .ok_or(Fault::Mismatch)?;
        let v = self.scalar(&v);
        let z1 = (self.scalar(&s) * v).retrieve();
        let z2 = (-(self.scalar(&r) * v)).retrieve();
        if self.x_of_sum_is(&z1, &z2, &key, &r) {
            Ok(())
        } else {
            Err(Fault::Mismatch)
        }
    }

    /// e: the digest as a number modulo q, 1 for 0.
    fn hashed(&self, digest: &[u8]) -> Uint<N> {
        let e = Uint::<N>::from_le_slice(digest).rem_vartime(self.order().as_nz_ref());
        NonZero::new(e).into_option().map_or(Uint::ONE, |e| e.get())
    }
}

#[cfg(any(feature = "sign", test))]
pub use sign::SigningKey;

/// Making signatures, for development only: its time depends on the key.
#[cfg(any(feature = "sign", test))]
mod sign {
    use super::*;

    /// Tries at a random number below q before the source of chance counts as broken.
    const TRIES: usize = 128;

    /// A private key.
    pub struct SigningKey {
        set: ParameterSet,
        /// Big-endian.
        pub(crate) number: Vec<u8>,
    }

    impl SigningKey {
        /// A key of its big-endian number, which lies in 1…q−1 and has the full length.
        #[must_use]
        pub fn new(set: ParameterSet, number: &[u8]) -> Option<Self> {
            let key = Self { set, number: number.to_vec() };
            key.public_key().map(|_| key)
        }

        /// The parameter set.
        #[must_use]
        pub fn parameter_set(&self) -> ParameterSet {
            self.set
        }

        /// X‖Y, each little-endian.
        #[must_use]
        pub fn public_key(&self) -> Option<Vec<u8>> {
            with_curve!(self.set, curve => curve.public_key(&self.number))
        }

        /// s‖r over a digest of the key's length. `fill` fills a buffer with random bytes.
        pub fn sign(&self, digest: &[u8], mut fill: impl FnMut(&mut [u8])) -> Option<Vec<u8>> {
            (0..TRIES).find_map(|_| {
                let mut k = vec![0; self.number.len()];
                fill(&mut k);
                with_curve!(self.set, curve => curve.sign(&self.number, digest, &k))
            })
        }
    }

    impl<M: ConstMontyParams<N>, const N: usize> Curve<M, N>
    where
        Uint<N>: Encoding,
    {
        fn number(&self, bytes: &[u8]) -> Option<Uint<N>> {
            let number = (bytes.len() == Self::BYTES).then(|| Uint::from_be_slice(bytes))?;
            (number != Uint::ZERO && number < *self.order().as_ref()).then_some(number)
        }

        fn public_key(&self, number: &[u8]) -> Option<Vec<u8>> {
            let (x, y) = self.multiple_of_generator(&self.number(number)?)?;
            Some([x.to_le_bytes().as_ref(), y.to_le_bytes().as_ref()].concat())
        }

        /// RFC 7091 §6.1 with the random number k; none where k must be drawn again.
        pub(crate) fn sign(&self, number: &[u8], digest: &[u8], k: &[u8]) -> Option<Vec<u8>> {
            if digest.len() != Self::BYTES {
                return None;
            }
            let (d, k) = (self.scalar(&self.number(number)?), self.number(k)?);
            let (x, _) = self.multiple_of_generator(&k)?;
            let r = self.scalar(&x);
            let s = (r * d + self.scalar(&k) * self.scalar(&self.hashed(digest))).retrieve();
            let r = r.retrieve();
            let signature = [s.to_be_bytes().as_ref(), r.to_be_bytes().as_ref()].concat();
            (r != Uint::ZERO && s != Uint::ZERO).then_some(signature)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    fn reversed(hex: &str) -> Vec<u8> {
        bytes(hex).into_iter().rev().collect()
    }

    /// The curves of RFC 7091's examples, which no certificate may use.
    mod examples {
        use super::super::*;
        use crate::curve::Constants;
        use crate::parameters::{N256, N512};
        use crypto_bigint::{Odd, U256, U512, const_monty_params};

        const_monty_params!(Field256, U256, "8000000000000000000000000000000000000000000000000000000000000431");
        const_monty_params!(
            Field512,
            U512,
            "4531acd1fe0023c7550d267b6b2fee80922b14b2ffb90f04d4eb7c09b5d2d15df1d852741af4704a0458047e80e4546d35b8336fac224dd81664bbf528be6373"
        );

        pub(super) fn curve_256(one: &serde_json::Value) -> Curve<Field256, N256> {
            Curve::new(&constants(one))
        }

        pub(super) fn curve_512(one: &serde_json::Value) -> Curve<Field512, N512> {
            Curve::new(&constants(one))
        }

        fn constants<const N: usize>(one: &serde_json::Value) -> Constants<N> {
            let number = |name: &str| Uint::from_be_hex(one[name].as_str().unwrap());
            let order = Odd::<Uint<N>>::from_be_hex(one["q"].as_str().unwrap());
            Constants {
                a: number("a"),
                b: number("b"),
                order,
                cofactor: 1,
                x: number("x"),
                y: number("y"),
            }
        }
    }

    fn worked_example<M: ConstMontyParams<N>, const N: usize>(curve: &Curve<M, N>, one: &serde_json::Value)
    where
        Uint<N>: Encoding,
    {
        let hex = |name: &str| one[name].as_str().unwrap();
        let key = [reversed(hex("qx")), reversed(hex("qy"))].concat();
        let signature = [bytes(hex("s")), bytes(hex("r"))].concat();
        let digest = reversed(hex("e"));
        assert_eq!(curve.verify(&key, &digest, &signature), Ok(()));
        for at in 0..signature.len() {
            let mut altered = signature.clone();
            altered[at] ^= 1;
            assert!(curve.verify(&key, &digest, &altered).is_err(), "byte {at}");
        }
        #[cfg(any(feature = "sign", test))]
        assert_eq!(curve.sign(&bytes(hex("d")), &digest, &bytes(hex("k"))), Some(signature));
    }

    #[test]
    fn the_worked_examples_of_rfc_7091() {
        let examples: serde_json::Value = serde_json::from_str(include_str!("../fixtures/kat-rfc7091.json")).unwrap();
        worked_example(&examples::curve_256(&examples[0]), &examples[0]);
        worked_example(&examples::curve_512(&examples[1]), &examples[1]);
    }

    /// The key in person-256.crt.pem, and a signature that OpenSSL's GOST engine made with it.
    fn engine() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let certificate = crate::pem::read(include_bytes!("../fixtures/person-256.crt.pem")).unwrap().remove(0);
        let certificate = Certificate::parse(&certificate.der).unwrap();
        let key = certificate.gost_key().unwrap().1;
        let digest = Digest::Streebog256.of(include_bytes!("../fixtures/challenge.txt"));
        (key, digest, include_bytes!("../fixtures/raw-person-256.sig").to_vec())
    }

    #[test]
    fn a_bare_signature_of_the_engine_is_accepted_on_its_curve_only() {
        let (key, digest, signature) = engine();
        for set in ParameterSet::ALL {
            let same = [ParameterSet::CryptoProA, ParameterSet::CryptoProXchA, ParameterSet::Tc26B256].contains(&set);
            assert_eq!(verify(set, &key, &digest, &signature).is_ok(), same, "{}", set.name());
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_before_any_arithmetic() {
        let (key, digest, signature) = engine();
        let set = ParameterSet::CryptoProXchA;
        let order = bytes("ffffffffffffffffffffffffffffffff6c611070995ad10045841b09b761b893");
        for number in [vec![0; 32], order, vec![0xff; 32]] {
            for at in [0, 32] {
                let mut altered = signature.clone();
                altered[at..at + 32].copy_from_slice(&number);
                assert_eq!(verify(set, &key, &digest, &altered), Err(Fault::Range));
            }
        }
        assert_eq!(verify(set, &key, &digest, &signature[1..]), Err(Fault::SignatureLength));
        assert_eq!(verify(set, &key, &digest[1..], &signature), Err(Fault::DigestLength));
        assert_eq!(verify(set, &key[1..], &digest, &signature), Err(Fault::KeyLength));
        assert_eq!(verify(ParameterSet::Tc26A512, &key, &digest, &signature), Err(Fault::DigestLength));
    }

    #[test]
    fn a_key_off_its_curve_or_with_coordinates_above_p_is_refused() {
        let (key, digest, signature) = engine();
        let set = ParameterSet::CryptoProXchA;
        for at in 0..key.len() {
            let mut altered = key.clone();
            altered[at] ^= 0x10;
            assert_eq!(verify(set, &altered, &digest, &signature), Err(Fault::Key), "byte {at}");
        }
        for key in [vec![0; 64], vec![0xff; 64]] {
            assert_eq!(check_key(set, &key), Err(Fault::Key));
        }
        // The same point written with x + p where that fits.
        let p = reversed("fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffd97");
        let mut above = key.clone();
        above[..32].copy_from_slice(&p);
        assert_eq!(check_key(set, &above), Err(Fault::Key));
    }

    #[test]
    fn a_bare_signature_is_verified_with_the_key_of_a_certificate_and_only_by_its_own_algorithm() {
        let certificate = crate::pem::read(include_bytes!("../fixtures/person-256.crt.pem")).unwrap().remove(0);
        let certificate = Certificate::parse(&certificate.der).unwrap();
        let (message, signature) = (
            include_bytes!("../fixtures/challenge.txt"),
            include_bytes!("../fixtures/raw-person-256.sig"),
        );
        assert_eq!(verify_bare(&certificate, Bare::Gost256, message, signature), Ok(()));
        assert_eq!(verify_bare(&certificate, Bare::Gost256, b"other", signature), Err(Reason::SignatureBad));
        assert_eq!(verify_bare(&certificate, Bare::Rs256, message, signature), Err(Reason::AlgorithmMismatch));
        let long = crate::pem::read(include_bytes!("../fixtures/person-512.crt.pem")).unwrap().remove(0);
        let long = Certificate::parse(&long.der).unwrap();
        assert_eq!(verify_bare(&long, Bare::Gost256, message, signature), Err(Reason::AlgorithmMismatch));
    }

    /// Points that are on a curve of cofactor 4 and outside the subgroup of order q: one of order 2, one of order 4q.
    const OF_OTHER_ORDER: [(ParameterSet, &str, &str); 4] = [
        (
            ParameterSet::Tc26A256,
            "0100fe73f595ff158e974b44d478d9588744fe5c192ac47ea63075dce7a14aaa",
            "",
        ),
        (
            ParameterSet::Tc26A256,
            "05b6e6e307d4bedc51431193e6c3f3391a2b8f1ff1fd42a29755d4c13a902931",
            "8e1860012867b5b7a375d20de6e7ce7a51d23db41a31be4a002be5be17136209",
        ),
        (
            ParameterSet::Tc26C512,
            "9a628f975594ecefd89ba28a2539ffb79c8ab238aeed0851fa5c1abb02b80b44c6734501b83a011dd625cd0b5145091a6d9acd4b1f5c5b1e21b2b249ddfd1271",
            "",
        ),
        (
            ParameterSet::Tc26C512,
            "35bf992dc9e9c616612e7696a6cecc1b78e510617311d8a3c2ce6f447ed4d57b1e2feb89414c343c1027c4d1c386bbc4cd613e30d8f16adf91b7584a2265b1f5",
            "846d44ceacbc9e0f9599c4ea710056ce6b1cb23daed28ddb5c57287620af8d6334c2a6d028698557d0f981fcdf30c646e8c9ca314b340c3e6908cba15de1e6ed",
        ),
    ];

    #[test]
    fn a_point_outside_the_subgroup_is_refused() {
        for (set, x, y) in OF_OTHER_ORDER {
            let mut key = [reversed(x), reversed(y)].concat();
            key.resize(set.bits() / 4, 0);
            assert!(with_curve!(set, curve => curve.is_on_it(&key)), "the example must be on its curve");
            assert_eq!(check_key(set, &key), Err(Fault::Key), "{}", set.name());
        }
    }
}
