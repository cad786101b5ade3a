//! Several ways from one certificate: which is taken, what is said where none is good, and how much is computed.

use super::forge::*;
use super::forged::{request, small, verifier};
use super::tests::reason;
use super::*;
use crate::ParameterSet::CryptoProA;
use crate::search::MAX_VERIFICATIONS;
use crate::signature::SigningKey;

fn read(der: &[u8]) -> Certificate {
    Certificate::parse(der).unwrap()
}

#[test]
fn a_false_twin_does_not_hide_the_genuine_certificate_where_the_attributes_name_none() {
    let world = small();
    let twin = |subject: &str, seed: u8| {
        let subject = name(&[(oid::COMMON_NAME, subject)]);
        Draft { subject, ..small().person }.signed(&key(CryptoProA, seed))
    };
    let false_key = Draft { key_info: key_info(&key(CryptoProA, 60)), ..small().person }.signed(&key(CryptoProA, 60));
    let mut letter = world.letter();
    letter.attributes.remove(3);
    letter.certificates = vec![false_key.clone()];
    letter.certificates.extend((61..68).map(|seed| twin("x", seed)));
    letter.certificates.push(world.person_der());
    let verdict = verifier(&world).check(request(&letter.signed(&world.key)));
    assert_eq!(verdict.seen.certificate, Some(read(&world.person_der())));
    assert_eq!(verdict.result.unwrap().certificate, read(&world.person_der()));
    // Without the genuine one, what is told is of the certificate that came farthest.
    letter.certificates = vec![false_key, twin("x", 61)];
    let verdict = verifier(&world).check(request(&letter.signed(&world.key)));
    assert_eq!(reason(&verdict), Some(Reason::Untrusted));
    assert_eq!(verdict.seen.chain, []);
}

#[test]
fn tools_without_a_name_are_none() {
    let text = |text: &str| crate::der::wrap(crate::der::tag::UTF8_STRING, text.as_bytes());
    let four = |last: &str| sequence(&[&text("a"), &text("b"), &text("c"), &text(last)]);
    for (at, value, is_qualified) in [
        (3, extension(oid::SUBJECT_SIGN_TOOL, &text(" ")), false),
        (4, extension(oid::ISSUER_SIGN_TOOL, &sequence(&[&text("")])), false),
        (4, extension(oid::ISSUER_SIGN_TOOL, &sequence(&[&text("a")])), false),
        (4, extension(oid::ISSUER_SIGN_TOOL, &four("")), false),
        (4, extension(oid::ISSUER_SIGN_TOOL, &four("d")), true),
    ] {
        let mut world = small();
        world.person.extensions[at] = value;
        assert_eq!(read(&world.person_der()).has_qualified_fields(), is_qualified);
    }
}

/// An authority's certificate.
fn authority(subject: &[u8], key: &SigningKey, issuer: &[u8]) -> Draft {
    Draft {
        issuer: issuer.to_vec(),
        subject: subject.to_vec(),
        key_info: key_info(key),
        extensions: authority_extensions(),
        ..small().root
    }
}

/// Asks for a path of the last certificate over the others; how many signatures were verified comes back too.
fn searched(leaf: &[u8], others: &[Vec<u8>]) -> (Option<Reason>, u32) {
    let world = small();
    let (leaf, others) = (read(leaf), others.iter().map(|one| read(one)).collect::<Vec<_>>());
    let mut budget = Budget::default();
    let wanted = Wanted {
        leaf: &leaf,
        candidates: &others.iter().collect::<Vec<_>>(),
        anchors: &[Anchor::parse(&world.root_der()).unwrap()],
        now: NOW,
        allow_foreign: false,
    };
    let found = path::find(&wanted, &mut budget, |_| Ok(RevocationStatus::Good));
    (found.outcome.err().map(|refusal| refusal.reason), budget.spent())
}

#[test]
fn certificates_of_one_name_cost_a_bounded_number_of_signatures() {
    let mut world = small();
    let root = world.root.subject.clone();
    // Nineteen self-issued authorities of the anchor's name: under one key, under a key each in a row, under strange keys.
    let keys: Vec<SigningKey> = (10..30).map(|seed| key(CryptoProA, seed)).collect();
    let made = |signer: &dyn Fn(usize) -> usize| -> Vec<Vec<u8>> {
        (0..19).map(|at| authority(&root, &keys[at], &root).signed(&keys[signer(at)])).collect()
    };
    let same = |at: u8| Draft { serial: at, ..authority(&root, &keys[0], &root) }.signed(&keys[0]);
    for (what, others) in [
        ("one key", (3..22).map(same).collect()),
        ("a row", made(&|at| (at + 1) % 19)),
        ("each by the first", made(&|_| 0)),
        ("each by itself", made(&|at| at)),
    ] {
        world.person.issuer.clone_from(&root);
        let leaf = world.person.signed(&keys[0]);
        let (reason, spent) = searched(&leaf, &others);
        assert_eq!(reason, Some(Reason::Untrusted), "{what}");
        assert!(spent <= MAX_VERIFICATIONS, "{what}: {spent}");
        // The genuine certificate beside them costs one.
        assert_eq!(searched(&small().person_der(), &others), (None, 1), "{what}");
    }
}

#[test]
fn six_authorities_may_stand_between_and_no_more() {
    let world = small();
    for (between, expected) in [(0, None), (6, None), (7, Some(Reason::Untrusted))] {
        let mut others = Vec::new();
        let mut above = (world.root.subject.clone(), key(CryptoProA, 1));
        for at in 0..between {
            let (subject, own) = (name(&[(oid::COMMON_NAME, &format!("{at}"))]), key(CryptoProA, 40 + at));
            others.push(authority(&subject, &own, &above.0).signed(&above.1));
            above = (subject, own);
        }
        let leaf = Draft { issuer: above.0, ..small().person }.signed(&above.1);
        assert_eq!(searched(&leaf, &others).0, expected, "{between}");
    }
}

#[test]
fn an_expired_root_does_not_hide_the_renewed_one_of_its_name_and_key() {
    let world = small();
    let mut old = small();
    old.root.to = "20261231235959Z";
    let signature = world.letter().signed(&world.key);
    let [old, new] = [old.root_der(), world.root_der()].map(|root| Anchor::parse(&root).unwrap());
    for (anchors, expected) in [
        (vec![old.clone(), new.clone()], None),
        (vec![new, old.clone()], None),
        (vec![old], Some(Reason::Expired)),
    ] {
        let mut verifier = verifier(&world);
        verifier.trust.anchors = anchors;
        assert_eq!(reason(&verifier.check(request(&signature))), expected);
    }
}

/// Two roots that certified one authority, which certified the person.
#[test]
fn a_root_that_is_expired_or_without_a_list_does_not_hide_the_other_one() {
    let mut world = small();
    let (middle, middle_key) = (name(&[(oid::COMMON_NAME, "middle")]), key(CryptoProA, 50));
    let (second, second_key) = (name(&[(oid::COMMON_NAME, "second")]), key(CryptoProA, 51));
    let root = world.root.subject.clone();
    world.person.issuer.clone_from(&middle);
    let person = world.person.signed(&middle_key);
    let mut letter = world.letter();
    letter.certificates = vec![person];
    letter.attributes.remove(3);
    let signature = letter.signed(&world.key);
    let crosses = [
        authority(&middle, &middle_key, &second).signed(&second_key),
        authority(&middle, &middle_key, &root).signed(&world.root_key),
    ];
    let (from, to) = ("20240101000000Z", "20440101000000Z");
    let list = |issuer: &[u8], by: &SigningKey, serials: &[u8]| {
        Arc::new(Crl::parse(&revocation_list(issuer, by, from, to, serials)).unwrap())
    };
    let of_middle = list(&middle, &middle_key, &[]);
    let of_root = |serials: &[u8]| list(&root, &world.root_key, serials);
    use Revocation::{Preferred, Required};
    for (what, until, lists, revocation, expected) in [
        ("expired", "20261231235959Z", vec![of_root(&[])], Required, Ok(RevocationStatus::Good)),
        ("no list", to, vec![of_root(&[])], Required, Ok(RevocationStatus::Good)),
        ("no list, preferred", to, vec![of_root(&[])], Preferred, Ok(RevocationStatus::Good)),
        ("no list, revoked by the other", to, vec![of_root(&[1])], Preferred, Err(Reason::Revoked)),
        ("no lists", to, vec![], Required, Err(Reason::RevocationUnknown)),
        ("no lists, preferred", to, vec![], Preferred, Ok(RevocationStatus::Unknown)),
        (
            "expired, the other without a list",
            "20261231235959Z",
            vec![],
            Required,
            Err(Reason::RevocationUnknown),
        ),
    ] {
        for turn in [false, true] {
            let other = Draft { to: until, ..authority(&second, &second_key, &second) }.signed(&second_key);
            let mut verifier = verifier(&world);
            verifier.trust.anchors.push(Anchor::parse(&other).unwrap());
            verifier.trust.certificates = crosses.iter().map(|one| read(one)).collect();
            if turn {
                verifier.trust.anchors.reverse();
                verifier.trust.certificates.reverse();
            }
            verifier.trust.crls = lists.clone();
            verifier.trust.crls.push(Arc::clone(&of_middle));
            verifier.policy.revocation = revocation;
            let verdict = verifier.check(request(&signature));
            let outcome = verdict.result.map(|one| one.revocation).map_err(|one| one.reason);
            assert_eq!(outcome, expected, "{what}");
        }
    }
}

#[test]
fn an_issuer_of_another_algorithm_is_named_in_a_short_sentence() {
    use openssl::{ec, hash::MessageDigest, nid::Nid, pkey::PKey, sign::Signer};
    let group = ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let own = PKey::from_ec_key(ec::EcKey::generate(&group).unwrap()).unwrap();
    let sign = |inside: &[u8]| {
        let mut signer = Signer::new(MessageDigest::sha256(), &own).unwrap();
        signer.sign_oneshot_to_vec(inside).unwrap()
    };
    let algorithm = sequence(&[&id(oid::ECDSA_SHA256)]);
    let unknown = sequence(&[&id(&[0x2a, 3, 4])]);
    let mut world = small();
    world.root.key_info = own.public_key_to_der().unwrap();
    let root = world.root.signed_with(&algorithm, sign);
    for (algorithm, allow_foreign, expected) in [
        (&algorithm, false, Some(Reason::AlgorithmForbidden)),
        (&algorithm, true, None),
        (&unknown, true, Some(Reason::AlgorithmUnsupported)),
    ] {
        let mut letter = world.letter();
        letter.certificates = vec![world.person.signed_with(algorithm, sign)];
        letter.attributes.remove(3);
        let mut verifier = verifier(&small());
        verifier.trust.anchors = vec![Anchor::parse(&root).unwrap()];
        verifier.policy.allow_foreign = allow_foreign;
        verifier.policy.revocation = Revocation::Off;
        let verdict = verifier.check(request(&letter.signed(&world.key)));
        assert_eq!(reason(&verdict), expected);
        assert!(verdict.result.err().is_none_or(|refusal| refusal.to_string().len() < 150));
    }
}
