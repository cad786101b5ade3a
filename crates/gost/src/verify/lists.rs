//! Revocation lists of every kind, each with what it says of a person's certificate.

use super::forge::*;
use super::forged::{request, small, verifier};
use super::tests::reason;
use super::*;
use crate::der::{tag, wrap};

/// A good list that names nobody.
fn good() -> ListDraft {
    ListDraft {
        version: number(1),
        times: [time("20240101000000Z"), time("20440101000000Z")].concat(),
        entries: Vec::new(),
        extensions: vec![extension(oid::CRL_NUMBER, &number(1))],
    }
}

fn point(fields: &[u8]) -> Vec<u8> {
    critical(oid::ISSUING_DISTRIBUTION_POINT, &wrap(tag::SEQUENCE, fields))
}

fn named(names: &[u8]) -> Vec<u8> {
    wrap(tag::constructed(0), &wrap(tag::constructed(0), names))
}

fn uri(address: &str) -> Vec<u8> {
    wrap(tag::context(6), address.as_bytes())
}

fn directory(name: &[u8]) -> Vec<u8> {
    wrap(tag::constructed(4), name)
}

/// What is said of the world's person under these lists.
fn said(world: &World, lists: &[Vec<u8>]) -> Option<Reason> {
    let mut verifier = verifier(world);
    verifier.trust.crls = lists.iter().map(|list| Arc::new(Crl::parse(list).unwrap())).collect();
    reason(&verifier.check(request(&world.letter().signed(&world.key))))
}

fn of_root(world: &World, list: &ListDraft) -> Vec<u8> {
    list.signed(&world.root.subject, &world.root_key)
}

#[test]
fn a_list_of_another_distribution_point_clears_nobody_however_the_point_is_named() {
    let other = name(&[(oid::COMMON_NAME, "part 1")]);
    let own = name(&[(oid::COMMON_NAME, "part 2")]);
    let points = |point: &[u8]| extension(oid::CRL_DISTRIBUTION_POINTS, &sequence(&[&sequence(&[point])]));
    let with_reasons = [named(&uri("http://a.test/1")), vec![0x81, 2, 6, 0x40]].concat();
    let with_issuer = [named(&uri("http://a.test/1")), wrap(tag::constructed(2), &directory(&own))].concat();
    let root = small().root.subject;
    for (what, of_list, of_person, is_good) in [
        ("the same URI", uri("http://a.test/1"), Some(named(&uri("http://a.test/1"))), true),
        ("another URI", uri("http://a.test/1"), Some(named(&uri("http://a.test/2"))), false),
        (
            "a URI, the certificate's a directory",
            uri("http://a.test/1"),
            Some(named(&directory(&own))),
            false,
        ),
        ("a URI, none in the certificate", uri("http://a.test/1"), None, false),
        (
            "a directory, the certificate's a URI",
            directory(&other),
            Some(named(&uri("http://a.test/1"))),
            false,
        ),
        ("another directory", directory(&other), Some(named(&directory(&own))), false),
        ("the same directory", directory(&own), Some(named(&directory(&own))), true),
        ("a directory, none in the certificate", directory(&other), None, false),
        ("the issuer's, none in the certificate", directory(&root), None, true),
        ("for some reasons", uri("http://a.test/1"), Some(with_reasons), false),
        ("of another issuer", uri("http://a.test/1"), Some(with_issuer), false),
    ] {
        let mut world = small();
        world.person.extensions.extend(of_person.map(|name| points(&name)));
        let mut list = good();
        list.extensions.push(point(&named(&of_list)));
        let expected = (!is_good).then_some(Reason::CrlBad);
        assert_eq!(said(&world, &[of_root(&world, &list)]), expected, "{what}");
    }
}

/// One thing that makes a list a special one.
type Bend = fn(&mut ListDraft);

#[test]
fn a_list_that_is_not_understood_is_read_clears_nobody_and_harms_nobody() {
    let bends: &[(&str, Bend, bool)] = &[
        ("a good one", |_| {}, true),
        ("for people", |list| list.extensions.push(point(&[0x81, 1, 0xff])), true),
        ("for authorities", |list| list.extensions.push(point(&[0x82, 1, 0xff])), false),
        ("an empty point", |list| list.extensions.push(point(&[])), true),
        ("for some reasons", |list| list.extensions.push(point(&[0x83, 2, 6, 0x40])), false),
        ("indirect", |list| list.extensions.push(point(&[0x84, 1, 0xff])), false),
        ("of attribute certificates", |list| list.extensions.push(point(&[0x85, 1, 0xff])), false),
        ("a relative name", |list| list.extensions.push(point(&[0xa0, 2, 0xa1, 0])), false),
        ("a point that is none", |list| list.extensions.push(point(&[0x86, 0])), false),
        (
            "delta",
            |list| list.extensions.push(critical(oid::DELTA_CRL_INDICATOR, &number(1))),
            false,
        ),
        ("unknown and critical", |list| list.extensions.push(critical(&[0x2a, 3, 4], &[])), false),
        ("unknown", |list| list.extensions.push(extension(&[0x2a, 3, 4], &[])), true),
        ("version 1", |list| list.version.clear(), false),
        ("no extensions", |list| list.extensions.clear(), false),
        ("no nextUpdate", |list| list.times = time("20240101000000Z"), false),
        (
            "an entry's extension is unknown and critical",
            |list| {
                let entry = sequence(&[&critical(&[0x2a, 3, 4], &[])]);
                list.entries.push(sequence(&[&number(9), &time("20240101000000Z"), &entry]));
            },
            false,
        ),
    ];
    let world = small();
    for (what, bend, is_good) in bends {
        let mut list = good();
        bend(&mut list);
        let list = of_root(&world, &list);
        let expected = (!is_good).then_some(Reason::CrlBad);
        assert_eq!(said(&world, std::slice::from_ref(&list)), expected, "{what}");
        assert_eq!(said(&world, &[list, of_root(&world, &good())]), None, "{what}, beside a good one");
    }
}

#[test]
fn a_serial_number_in_a_signed_list_is_revoked_unless_the_list_means_something_else() {
    let reason_code = |code: u8| sequence(&[&extension(oid::CRL_REASON, &[0x0a, 1, code])]);
    let entry = |extensions: &[u8]| sequence(&[&number(2), &time("20240101000000Z"), extensions]);
    let key_id = extension(oid::AUTHORITY_KEY_ID, &sequence(&[&wrap(tag::context(0), b"another")]));
    let delta = critical(oid::DELTA_CRL_INDICATOR, &number(1));
    let tomorrow = [time("20270102000000Z"), time("20440101000000Z")].concat();
    let draft = |entry: Vec<u8>, extensions: &[Vec<u8>]| {
        let mut list = good();
        list.entries.push(entry);
        list.extensions.extend_from_slice(extensions);
        list
    };
    let mut unversioned = draft(entry(&[]), &[]);
    (unversioned.version, unversioned.extensions) = (Vec::new(), Vec::new());
    let mut long = draft(sequence(&[&wrap(tag::INTEGER, &[0, 2]), &time("20240101000000Z")]), &[]);
    long.times.clone_from(&tomorrow);
    let world = small();
    for (what, list, is_revoked) in [
        ("a good one", draft(entry(&[]), &[]), true),
        ("with a reason", draft(entry(&reason_code(1)), &[]), true),
        ("of another key by its own word", draft(entry(&[]), &[key_id]), true),
        ("of tomorrow, the number with a zero before it", long, true),
        ("version 1", unversioned, true),
        ("for authorities", draft(entry(&[]), &[point(&[0x82, 1, 0xff])]), true),
        ("delta", draft(entry(&[]), std::slice::from_ref(&delta)), true),
        ("delta, taken off", draft(entry(&reason_code(8)), &[delta]), false),
        ("taken off, no delta", draft(entry(&reason_code(8)), &[]), true),
        ("indirect", draft(entry(&[]), &[point(&[0x84, 1, 0xff])]), false),
    ] {
        let expected = is_revoked.then_some(Reason::Revoked);
        let list = of_root(&world, &list);
        assert_eq!(said(&world, &[of_root(&world, &good()), list]), expected, "{what}");
    }
    // Signed by nobody that counts.
    let forged = draft(entry(&[]), &[]).signed(&world.root.subject, &key(crate::ParameterSet::CryptoProA, 7));
    assert_eq!(said(&world, &[of_root(&world, &good()), forged]), None);
}
