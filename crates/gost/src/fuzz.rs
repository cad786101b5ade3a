//! What a fuzzer calls: each takes any bytes, and panics where a promise is broken. Corpora are the files in `fixtures`.

use std::sync::{Arc, LazyLock};

use crate::digest::Digest;
use crate::{
    Anchor, Certificate, Content, Crl, Ocsp, ParameterSet, Policy, Request, Revocation, Trust, Verifier, ber, pem,
    signature,
};

const CONTENT: &[u8] = include_bytes!("../fixtures/challenge.txt");
const PEOPLE: [&[u8]; 5] = [
    include_bytes!("../fixtures/person-256.crt.pem"),
    include_bytes!("../fixtures/person-512.crt.pem"),
    include_bytes!("../fixtures/org-256.crt.pem"),
    include_bytes!("../fixtures/plain-256.crt.pem"),
    include_bytes!("../fixtures/revoked-256.crt.pem"),
];
const AUTHORITY: &[u8] = include_bytes!("../fixtures/issuing-ca.crt.pem");
/// 2027-01-01T00:00:00Z.
const NOW: i64 = 1_798_761_600;

fn objects(file: &[u8]) -> Vec<Vec<u8>> {
    pem::read(file).unwrap_or_default().into_iter().map(|one| one.der).collect()
}

/// The most lenient verifier that there is: whatever it accepts, some policy accepts.
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let anchors = objects(include_bytes!("../fixtures/root-ca.crt.pem"));
    let known = objects(include_bytes!("../fixtures/issuing-ca.crt.pem"));
    let trust = Trust {
        anchors: anchors.iter().filter_map(|der| Anchor::parse(der).ok()).collect(),
        certificates: known.iter().filter_map(|der| Certificate::parse(der).ok()).collect(),
        crls: Vec::new(),
        answers: Vec::new(),
    };
    let policy = Policy {
        require: crate::Require::Any,
        revocation: Revocation::Off,
        allow_foreign: true,
        ..Policy::default()
    };
    Verifier { trust, policy }
});

static KNOWN: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| PEOPLE.iter().flat_map(|file| objects(file)).collect());

/// F07: messages, certificates, revocation lists and answers of responders. Nothing panics; a message is accepted only with a certificate that the
/// authority of the fixtures issued; what is made DER stays as it is when made DER again; a list may be asked.
pub fn structures(bytes: &[u8]) {
    let request = Request {
        signature: bytes,
        content: Content::Expected(CONTENT),
        certificates: &[],
        now: NOW,
    };
    if let Ok(accepted) = VERIFIER.check(request).result {
        assert!(KNOWN.iter().any(|known| known == accepted.certificate.der()), "a stranger was accepted");
    }
    if let Ok(der) = ber::normalise(bytes) {
        assert_eq!(ber::normalise(&der).as_deref(), Ok(der.as_slice()));
        // A length grows by four octets at most where it becomes definite, and its end marker goes.
        assert!(der.len() <= bytes.len() + 4 * ber::MAX_DEPTH * (1 + bytes.len() / 0x80));
    }
    if let Ok(certificate) = Certificate::parse(bytes) {
        assert_eq!(certificate.der(), bytes);
        let _ = (certificate.key_name(), certificate.thumbprint(), certificate.subject().title());
        if let Ok(anchor) = Anchor::parse(bytes) {
            assert_eq!(anchor.certificate(), &certificate);
        }
    }
    if let Ok(list) = Crl::parse(bytes) {
        let mut verifier = VERIFIER.clone();
        verifier.policy.revocation = Revocation::Preferred;
        verifier.trust.crls = vec![Arc::new(list)];
        let signature = include_bytes!("../fixtures/detached-person-256.p7s");
        let _ = verifier.check(Request { signature, ..request });
    }
    if let Ok(answer) = Ocsp::parse(bytes) {
        let answer = Arc::new(answer);
        let sound = Ocsp::parse(include_bytes!("../fixtures/ocsp-person-256.der"));
        let [Some(person), Some(authority)] =
            [PEOPLE[0], AUTHORITY].map(|file| objects(file).first().and_then(|der| Certificate::parse(der).ok()))
        else {
            return;
        };
        // Only what the authority signed says anything.
        let is_heeded = VERIFIER.heeds(&answer, (&person, &authority), NOW);
        assert!(!is_heeded || sound.is_ok_and(|sound| sound.says_what(&answer)), "a stranger answered");
    }
    let _ = pem::read(bytes);
}

/// F08: bare signatures. The first byte chooses a parameter set; the rest alters a good signature (octet by octet, exclusive
/// or), then serves as key, digest and signature by itself. Only what alters nothing is accepted.
pub fn signatures(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let Some((set, key)) = objects(PEOPLE[0]).first().and_then(|der| Certificate::parse(der).ok()?.gost_key()) else {
        return;
    };
    let digest = Digest::Streebog256.of(CONTENT);
    let mut altered = include_bytes!("../fixtures/raw-person-256.sig").to_vec();
    altered.iter_mut().zip(rest).for_each(|(octet, change)| *octet ^= change);
    let is_same = rest.iter().take(altered.len()).all(|change| *change == 0);
    assert_eq!(signature::verify(set, &key, &digest, &altered).is_ok(), is_same);
    let set = ParameterSet::ALL[usize::from(*choice) % ParameterSet::ALL.len()];
    let part = |at: usize, length: usize| rest.get(at..at + length).unwrap_or(rest);
    let length = set.bits() / 8;
    let _ = signature::check_key(set, part(0, 2 * length));
    let _ = signature::verify(set, part(0, 2 * length), part(2 * length, length), part(3 * length, 2 * length));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_promises_hold_over_the_fixtures_and_their_damaged_copies() {
        let files: [&[u8]; 7] = [
            include_bytes!("../fixtures/ocsp-person-256.der"),
            include_bytes!("../fixtures/attached-person-256.p7s"),
            include_bytes!("../fixtures/detached-person-512.p7s"),
            include_bytes!("../fixtures/detached-noattr-256.p7s"),
            &objects(PEOPLE[0])[0],
            &objects(include_bytes!("../fixtures/issuing-ca.crt.pem"))[0],
            &objects(include_bytes!("../fixtures/issuing.crl.pem"))[0],
        ];
        for file in files {
            structures(file);
            for at in (0..file.len()).step_by(17) {
                let mut damaged = file.to_vec();
                damaged[at] ^= 1 << (at % 8);
                structures(&damaged);
                damaged.truncate(at);
                structures(&damaged);
            }
        }
        for choice in 0..ParameterSet::ALL.len() as u8 {
            signatures(&[choice]);
            signatures(&[&[choice][..], &[0; 64]].concat());
            signatures(&[&[choice, 1][..], &[0x42; 400]].concat());
        }
    }
}
