//! Messages and certificates made to be wrong in one place, each with what is said about it.

use super::forge::*;
use super::tests::reason;
use super::*;
use crate::ParameterSet;
use crate::der::{tag, wrap};

pub(super) fn verifier(world: &World) -> Verifier {
    let list = revocation_list(&world.root.subject, &world.root_key, "20240101000000Z", "20440101000000Z", &[9]);
    let trust = Trust {
        anchors: vec![Anchor::parse(&world.root_der()).unwrap()],
        certificates: Vec::new(),
        crls: vec![Arc::new(Crl::parse(&list).unwrap())],
        answers: Vec::new(),
    };
    Verifier { trust, policy: Policy::default() }
}

pub(super) fn request(signature: &[u8]) -> Request<'_> {
    Request {
        signature,
        content: Content::Expected(CONTENT),
        certificates: &[],
        now: NOW,
    }
}

fn outcome(world: &World, letter: &Letter) -> Option<Reason> {
    reason(&verifier(world).check(request(&letter.signed(&world.key))))
}

pub(super) fn small() -> World {
    World::of(ParameterSet::CryptoProA)
}

#[test]
fn messages_of_every_parameter_set_are_accepted() {
    for set in ParameterSet::ALL {
        let world = World::of(set);
        assert_eq!(outcome(&world, &world.letter()), None, "{}", set.name());
    }
}

/// One thing wrong with the message, and what is said about it.
type Change = fn(&World, &mut Letter);

#[test]
fn a_message_with_one_thing_wrong_is_refused_for_it() {
    let changes: &[(&str, Change, Option<Reason>)] = &[
        ("nothing", |_, _| {}, None),
        ("attached", |_, letter| letter.content = Some(CONTENT.to_vec()), None),
        (
            "other content",
            |_, letter| letter.content = Some(b"x".to_vec()),
            Some(Reason::ContentMismatch),
        ),
        ("no signer", |_, letter| letter.signers = 0, Some(Reason::NoSigner)),
        ("two signers", |_, letter| letter.signers = 2, Some(Reason::TwoSigners)),
        (
            "another content type",
            |_, letter| letter.kind = oid::SIGNED_DATA,
            Some(Reason::ContentTypeWrong),
        ),
        ("no attributes", |_, letter| letter.attributes.clear(), Some(Reason::AttributesMissing)),
        (
            "no content type",
            |_, letter| drop(letter.attributes.remove(0)),
            Some(Reason::ContentTypeMismatch),
        ),
        ("no digest", |_, letter| drop(letter.attributes.remove(2)), Some(Reason::DigestMissing)),
        (
            "two digests",
            |_, letter| letter.attributes.push(attribute(oid::MESSAGE_DIGEST, &[&octets(&[0; 32])])),
            Some(Reason::AttributeDuplicate),
        ),
        (
            "a digest of two values",
            |_, letter| letter.attributes[2] = attribute(oid::MESSAGE_DIGEST, &[&octets(&[1; 32]), &octets(&[0; 32])]),
            Some(Reason::AttributeDuplicate),
        ),
        (
            "a digest of no value",
            |_, letter| letter.attributes[2] = attribute(oid::MESSAGE_DIGEST, &[]),
            Some(Reason::AttributeDuplicate),
        ),
        (
            "another digest",
            |_, letter| letter.attributes[2] = attribute(oid::MESSAGE_DIGEST, &[&octets(&[0; 32])]),
            Some(Reason::DigestMismatch),
        ),
        (
            "a digest that is no octets",
            |_, letter| letter.attributes[2] = attribute(oid::MESSAGE_DIGEST, &[&id(oid::DATA)]),
            Some(Reason::AttributeMalformed),
        ),
        (
            "another signed content type",
            |_, letter| letter.attributes[0] = attribute(oid::CONTENT_TYPE, &[&id(oid::SIGNED_DATA)]),
            Some(Reason::ContentTypeMismatch),
        ),
        (
            "an attribute that is none",
            |_, letter| letter.attributes.push(octets(&[])),
            Some(Reason::AttributeMalformed),
        ),
        (
            "33 attributes",
            |_, letter| {
                let more = (0..29).map(|at| attribute(&[0x2a, at + 1], &[&octets(&[])]));
                letter.attributes.extend(more);
            },
            Some(Reason::TooManyAttributes),
        ),
        ("no certificate named", |_, letter| drop(letter.attributes.remove(3)), None),
        (
            "another certificate named",
            |_, letter| {
                let other = signing_certificate(oid::DIGEST_256, &[7; 32]);
                letter.attributes[3] = attribute(oid::SIGNING_CERTIFICATE_V2, &[&other]);
            },
            Some(Reason::CertificateSwapped),
        ),
        (
            "a certificate named by an unknown digest",
            |_, letter| {
                let other = signing_certificate(&[0x2a, 3], &[7; 32]);
                letter.attributes[3] = attribute(oid::SIGNING_CERTIFICATE_V2, &[&other]);
            },
            Some(Reason::AlgorithmUnsupported),
        ),
        (
            "a certificate named by SHA-1, as RFC 2634 did",
            |_, letter| {
                let digest = Digest::Sha1.of(&letter.certificates[0]);
                let named = sequence(&[&sequence(&[&sequence(&[&octets(&digest)])])]);
                letter.attributes[3] = attribute(oid::SIGNING_CERTIFICATE, &[&named]);
            },
            None,
        ),
        (
            "no certificate",
            |_, letter| letter.certificates.clear(),
            Some(Reason::CertificateMissing),
        ),
        (
            "another serial number",
            |world, letter| letter.signer = sequence(&[&world.person.issuer, &[2, 1, 3]]),
            Some(Reason::CertificateMissing),
        ),
        ("by key id", |_, letter| letter.signer = wrap(tag::context(0), b"person"), None),
        (
            "by another key id",
            |_, letter| letter.signer = wrap(tag::context(0), b"x"),
            Some(Reason::CertificateMissing),
        ),
        (
            "11 certificates",
            |_, letter| letter.certificates = vec![letter.certificates[0].clone(); 11],
            Some(Reason::TooManyCertificates),
        ),
        (
            "a large certificate",
            |_, letter| letter.certificates.push(sequence(&[&octets(&[0; 9000])])),
            Some(Reason::TooManyCertificates),
        ),
        ("a certificate that is none", |_, letter| letter.certificates.push(sequence(&[])), None),
        (
            "a digest of 1994",
            |_, letter| letter.digest = sequence(&[&id(oid::DIGEST_94)]),
            Some(Reason::AlgorithmWithdrawn),
        ),
        (
            "SHA-1",
            |_, letter| letter.digest = sequence(&[&id(oid::SHA1)]),
            Some(Reason::AlgorithmUnsupported),
        ),
        (
            "a digest that does not fit the key",
            |_, letter| {
                letter.digest = sequence(&[&id(oid::SHA256)]);
                letter.attributes[2] = attribute(oid::MESSAGE_DIGEST, &[&octets(&Digest::Sha256.of(CONTENT))]);
            },
            Some(Reason::AlgorithmMismatch),
        ),
        (
            "digest parameters NULL",
            |_, letter| letter.digest = sequence(&[&id(oid::DIGEST_256), &[tag::NULL, 0]]),
            None,
        ),
        (
            "digest parameters of another kind",
            |_, letter| letter.digest = sequence(&[&id(oid::DIGEST_256), &octets(&[])]),
            Some(Reason::AlgorithmUnsupported),
        ),
        (
            "the algorithm of signature with digest, NULL",
            |_, letter| letter.algorithm = sequence(&[&id(oid::SIGNATURE_256), &[tag::NULL, 0]]),
            None,
        ),
        (
            "the algorithm of 512 bits",
            |_, letter| letter.algorithm = sequence(&[&id(oid::KEY_512)]),
            Some(Reason::AlgorithmMismatch),
        ),
        (
            "the algorithm of RSA",
            |_, letter| letter.algorithm = sequence(&[&id(oid::RSA_SHA256)]),
            Some(Reason::AlgorithmMismatch),
        ),
        (
            "the algorithm of 2001",
            |_, letter| letter.algorithm = sequence(&[&id(oid::KEY_2001)]),
            Some(Reason::AlgorithmWithdrawn),
        ),
        (
            "an unknown algorithm",
            |_, letter| letter.algorithm = sequence(&[&id(&[0x2a, 3])]),
            Some(Reason::AlgorithmUnsupported),
        ),
        ("attributes unsorted, signed sorted", |_, letter| letter.attributes.reverse(), None),
        (
            "attributes unsorted, signed so",
            |_, letter| {
                letter.attributes.reverse();
                letter.sorted = false;
            },
            None,
        ),
    ];
    let world = small();
    for (what, change, expected) in changes {
        let mut letter = world.letter();
        change(&world, &mut letter);
        assert_eq!(outcome(&world, &letter), *expected, "{what}");
    }
}

#[test]
fn bytes_that_are_no_message_are_refused_by_their_shape() {
    let world = small();
    let verifier = verifier(&world);
    let whole = world.letter().signed(&world.key);
    let data = sequence(&[&id(oid::DATA), &wrap(tag::constructed(0), &octets(CONTENT))]);
    let trailing = [&whole[..], &[0]].concat();
    for (bytes, expected) in [
        (vec![0x30; cms_limit() + 1], Reason::TooLarge),
        ([0x30, 0x80].repeat(1000), Reason::TooDeep),
        (Vec::new(), Reason::MessageMalformed),
        (b"text".to_vec(), Reason::MessageMalformed),
        (whole[..whole.len() - 1].to_vec(), Reason::MessageMalformed),
        (trailing, Reason::MessageMalformed),
        (data, Reason::NotSignedData),
    ] {
        assert_eq!(reason(&verifier.check(request(&bytes))), Some(expected));
    }
}

fn cms_limit() -> usize {
    crate::MAX_BYTES
}

#[test]
fn the_signature_itself_is_judged() {
    let world = small();
    let verifier = verifier(&world);
    let letter = world.letter();
    for (signature, expected) in [
        (vec![0; 64], Reason::SignatureMalformed),
        (vec![0xff; 64], Reason::SignatureMalformed),
        ([[0; 32], [1; 32]].concat(), Reason::SignatureMalformed),
        ([[1; 32], [0; 32]].concat(), Reason::SignatureMalformed),
        (vec![1; 64], Reason::SignatureBad),
        (vec![1; 63], Reason::SignatureMalformed),
        (vec![1; 128], Reason::SignatureMalformed),
        (Vec::new(), Reason::SignatureMalformed),
    ] {
        assert_eq!(reason(&verifier.check(request(&letter.with_signature(&signature)))), Some(expected));
    }
    let other = letter.signed(&key(ParameterSet::CryptoProA, 5));
    assert_eq!(reason(&verifier.check(request(&other))), Some(Reason::SignatureBad));
}

/// One thing wrong with the person's certificate or with whom to believe.
type Bend = fn(&mut World);

#[test]
fn a_certificate_with_one_thing_wrong_is_refused_for_it() {
    let bends: &[(&str, Bend, Option<Reason>)] = &[
        ("nothing", |_| {}, None),
        ("parameters absent", |world| world.person.null_parameters = false, None),
        ("expired", |world| world.person.to = "20261231235959Z", Some(Reason::Expired)),
        ("in its last second", |world| world.person.to = "20270101000000Z", None),
        ("not yet valid", |world| world.person.from = "20270101000001Z", Some(Reason::NotYetValid)),
        ("an expired anchor", |world| world.root.to = "20261231235959Z", Some(Reason::Expired)),
        (
            "an anchor of tomorrow",
            |world| world.root.from = "20270102000000Z",
            Some(Reason::NotYetValid),
        ),
        ("revoked", |world| world.person.serial = 9, Some(Reason::Revoked)),
        (
            "of an unknown issuer",
            |world| world.person.issuer = name(&[(oid::COMMON_NAME, "x")]),
            Some(Reason::Untrusted),
        ),
        (
            "no digitalSignature",
            |world| world.person.extensions[0] = extension(oid::KEY_USAGE, &[tag::BIT_STRING, 2, 5, 0x20]),
            Some(Reason::KeyUsage),
        ),
        ("no keyUsage", |world| drop(world.person.extensions.remove(0)), None),
        (
            "for servers only",
            |world| {
                let server = id(&[0x2b, 6, 1, 5, 5, 7, 3, 1]);
                world.person.extensions.push(extension(oid::EXTENDED_KEY_USAGE, &sequence(&[&server])));
            },
            Some(Reason::ExtendedKeyUsage),
        ),
        (
            "for clients among others",
            |world| {
                let both = [id(&[0x2b, 6, 1, 5, 5, 7, 3, 1]), id(oid::CLIENT_AUTH)].concat();
                world
                    .person
                    .extensions
                    .push(extension(oid::EXTENDED_KEY_USAGE, &wrap(tag::SEQUENCE, &both)));
            },
            None,
        ),
        (
            "a private key out of its time",
            |world| {
                let to = wrap(tag::context(1), b"20261231000000Z");
                world.person.extensions.push(extension(oid::PRIVATE_KEY_USAGE_PERIOD, &sequence(&[&to])));
            },
            Some(Reason::KeyPeriod),
        ),
        (
            "no class of tools",
            |world| drop(world.person.extensions.remove(2)),
            Some(Reason::NotQualified),
        ),
        (
            "no owner's tool",
            |world| drop(world.person.extensions.remove(3)),
            Some(Reason::NotQualified),
        ),
        (
            "no issuer's tool",
            |world| drop(world.person.extensions.remove(4)),
            Some(Reason::NotQualified),
        ),
        (
            "a critical extension that nobody knows",
            |world| {
                let critical = sequence(&[&id(&[0x2a, 3, 4]), &[tag::BOOLEAN, 1, 0xff], &octets(&[])]);
                world.person.extensions.push(critical);
            },
            Some(Reason::ChainForbidden),
        ),
        (
            "an authority's certificate",
            |world| world.person.extensions = [authority_extensions().remove(0)].into(),
            Some(Reason::ChainForbidden),
        ),
        (
            "an extension twice",
            |world| world.person.extensions.push(extension(oid::SUBJECT_KEY_ID, &octets(b"x"))),
            Some(Reason::CertificateMissing),
        ),
        (
            "nobody",
            |world| world.person.subject = name(&[(oid::COMMON_NAME, "x")]),
            Some(Reason::IdentityMissing),
        ),
        (
            "a СНИЛС without its check digits",
            |world| world.person.subject = name(&[(oid::SNILS, "11223344594")]),
            Some(Reason::IdentityInvalid),
        ),
        (
            "a test curve",
            |world| {
                let test = id(&[0x2a, 0x85, 3, 2, 2, 0x23, 0]);
                let point = world.key.public_key().unwrap();
                world.person.key_info = key_info_of(oid::KEY_256, &sequence(&[&test]), &point);
            },
            Some(Reason::CurveUnsupported),
        ),
        (
            "a key of 2001",
            |world| {
                let curve = sequence(&[&id(ParameterSet::CryptoProA.oid())]);
                world.person.key_info = key_info_of(oid::KEY_2001, &curve, &world.key.public_key().unwrap());
            },
            Some(Reason::AlgorithmWithdrawn),
        ),
        (
            "a curve of 512 bits with a key of 256",
            |world| {
                let curve = sequence(&[&id(ParameterSet::Tc26A512.oid())]);
                world.person.key_info = key_info_of(oid::KEY_256, &curve, &world.key.public_key().unwrap());
            },
            Some(Reason::AlgorithmMismatch),
        ),
        (
            "the digest in the key's parameters does not fit",
            |world| {
                let parameters = sequence(&[&id(ParameterSet::CryptoProA.oid()), &id(oid::DIGEST_512)]);
                world.person.key_info = key_info_of(oid::KEY_256, &parameters, &world.key.public_key().unwrap());
            },
            Some(Reason::AlgorithmMismatch),
        ),
        (
            "the digest in the key's parameters fits",
            |world| {
                let parameters = sequence(&[&id(ParameterSet::CryptoProA.oid()), &id(oid::DIGEST_256)]);
                world.person.key_info = key_info_of(oid::KEY_256, &parameters, &world.key.public_key().unwrap());
            },
            None,
        ),
        (
            "a point off the curve",
            |world| {
                let curve = sequence(&[&id(ParameterSet::CryptoProA.oid())]);
                world.person.key_info = key_info_of(oid::KEY_256, &curve, &[1; 64]);
            },
            Some(Reason::KeyInvalid),
        ),
        (
            "a key of another length",
            |world| {
                let curve = sequence(&[&id(ParameterSet::CryptoProA.oid())]);
                world.person.key_info = key_info_of(oid::KEY_256, &curve, &[1; 63]);
            },
            Some(Reason::KeyInvalid),
        ),
    ];
    for (what, bend, expected) in bends {
        let mut world = small();
        bend(&mut world);
        assert_eq!(outcome(&world, &world.letter()), *expected, "{what}");
    }
}

#[test]
fn a_twin_of_a_real_certificate_under_an_own_authority_of_the_same_name_is_untrusted() {
    let world = small();
    let verifier = verifier(&world);
    let mut twin = small();
    twin.root_key = key(ParameterSet::CryptoProA, 7);
    twin.root.key_info = key_info(&twin.root_key);
    let mut letter = twin.letter();
    assert_eq!(reason(&verifier.check(request(&letter.signed(&twin.key)))), Some(Reason::Untrusted));
    // The false authority comes along, self-signed.
    letter.certificates.push(twin.root_der());
    assert_eq!(reason(&verifier.check(request(&letter.signed(&twin.key)))), Some(Reason::Untrusted));
    // The person signs for itself.
    let mut own = small();
    own.person.issuer = own.person.subject.clone();
    own.root_key = key(ParameterSet::CryptoProA, 2);
    assert_eq!(reason(&verifier.check(request(&own.letter().signed(&own.key)))), Some(Reason::Untrusted));
}

#[test]
fn a_person_cannot_issue_certificates() {
    let world = small();
    let verifier = verifier(&world);
    let mut victim = small();
    victim.root_key = key(ParameterSet::CryptoProA, 2);
    victim.person.issuer = world.person.subject.clone();
    victim.person.key_info = key_info(&key(ParameterSet::CryptoProA, 6));
    let mut letter = victim.letter();
    letter.certificates.push(world.person_der());
    let said = reason(&verifier.check(request(&letter.signed(&key(ParameterSet::CryptoProA, 6)))));
    assert_eq!(said, Some(Reason::Untrusted));
}

#[test]
fn a_twin_certificate_on_the_same_key_is_refused_when_the_attributes_name_the_other() {
    let world = small();
    let mut twin = small();
    twin.person.subject = name(&[(oid::SNILS, "08765430300")]);
    let mut letter = world.letter();
    letter.certificates = vec![twin.person_der()];
    assert_eq!(outcome(&world, &letter), Some(Reason::CertificateSwapped));
    // With both at hand the one that is named is taken, whatever their order.
    letter.certificates.push(world.person_der());
    let verdict = verifier(&world).check(request(&letter.signed(&world.key)));
    assert_eq!(verdict.result.unwrap().subject.snils.as_deref(), Some("11223344595"));
}

#[test]
fn the_signers_certificate_may_come_beside_the_message_or_be_known() {
    let world = small();
    let mut letter = world.letter();
    letter.certificates.clear();
    let signature = letter.signed(&world.key);
    let beside = [world.person_der()];
    let mut verifier = verifier(&world);
    assert!(verifier.check(Request { certificates: &beside, ..request(&signature) }).result.is_ok());
    let many = vec![world.person_der(); 11];
    let verdict = verifier.check(Request { certificates: &many, ..request(&signature) });
    assert_eq!(reason(&verdict), Some(Reason::TooManyCertificates));
    verifier.trust.certificates.push(Certificate::parse(&world.person_der()).unwrap());
    assert!(verifier.check(request(&signature)).result.is_ok());
}

#[test]
fn a_message_that_names_no_certificate_is_refused_where_the_policy_demands_it() {
    let world = small();
    let mut verifier = verifier(&world);
    verifier.policy.demand_signing_certificate = true;
    let mut letter = world.letter();
    assert!(verifier.check(request(&letter.signed(&world.key))).result.is_ok());
    letter.attributes.remove(3);
    let verdict = verifier.check(request(&letter.signed(&world.key)));
    assert_eq!(reason(&verdict), Some(Reason::SigningCertificateMissing));
}

#[test]
fn a_list_that_another_key_signed_under_the_issuers_name_clears_nobody() {
    let world = small();
    let mut verifier = verifier(&world);
    let (from, to) = ("20240101000000Z", "20440101000000Z");
    let forged = revocation_list(&world.root.subject, &key(ParameterSet::CryptoProA, 7), from, to, &[]);
    let forged = Arc::new(Crl::parse(&forged).unwrap());
    let real = verifier.trust.crls.remove(0);
    let signature = world.letter().signed(&world.key);
    verifier.trust.crls = vec![Arc::clone(&forged)];
    assert_eq!(reason(&verifier.check(request(&signature))), Some(Reason::CrlBad));
    // Beside the real one it does no harm.
    verifier.trust.crls = vec![forged, real];
    assert!(verifier.check(request(&signature)).result.is_ok());
    let tomorrow = revocation_list(&world.root.subject, &world.root_key, "20270102000000Z", to, &[]);
    verifier.trust.crls = vec![Arc::new(Crl::parse(&tomorrow).unwrap())];
    assert_eq!(reason(&verifier.check(request(&signature))), Some(Reason::CrlBad));
}

#[test]
fn a_verifier_of_another_kind_can_take_its_place() {
    struct Far;
    impl SignatureVerifier for Far {
        fn verify<'a>(&'a self, _: Request<'a>) -> Answer<'a> {
            Box::pin(std::future::ready(Err(Unavailable("timeout".to_owned()))))
        }
    }
    let all: [Box<dyn SignatureVerifier>; 2] = [Box::new(Far), Box::new(Verifier::default())];
    assert_eq!(all.len(), 2);
}
