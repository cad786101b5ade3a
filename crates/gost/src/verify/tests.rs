//! Every file of the fixtures with its verdict.

use super::forge::NOW;
use super::*;
use crate::identity::Kind;
use crate::pem;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../fixtures/", $name)).as_slice()
    };
}

fn der(file: &[u8]) -> Vec<u8> {
    pem::read(file).unwrap().remove(0).der
}

fn lists(files: &[&[u8]]) -> Vec<Arc<Crl>> {
    files.iter().map(|file| Arc::new(Crl::parse(&der(file)).unwrap())).collect()
}

/// The authorities of the fixtures, with fresh lists of both.
fn fixtures() -> Verifier {
    let trust = Trust {
        anchors: vec![Anchor::parse(&der(fixture!("root-ca.crt.pem"))).unwrap()],
        certificates: vec![Certificate::parse(&der(fixture!("issuing-ca.crt.pem"))).unwrap()],
        crls: lists(&[fixture!("root.crl.pem"), fixture!("issuing.crl.pem")]),
        answers: Vec::new(),
    };
    Verifier { trust, policy: Policy::default() }
}

fn over_challenge<'a>(signature: &'a [u8]) -> Request<'a> {
    Request {
        signature,
        content: Content::Expected(fixture!("challenge.txt")),
        certificates: &[],
        now: NOW,
    }
}

pub(super) fn reason(verdict: &Verdict) -> Option<Reason> {
    verdict.result.as_ref().err().map(|refusal| refusal.reason)
}

#[test]
fn every_file_of_the_fixtures_gets_its_verdict() {
    for (file, signature, expected) in [
        ("detached-person-256", fixture!("detached-person-256.p7s"), None),
        ("detached-person-512", fixture!("detached-person-512.p7s"), None),
        ("detached-org-256", fixture!("detached-org-256.p7s"), None),
        ("attached-person-256", fixture!("attached-person-256.p7s"), None),
        ("detached-expired-256", fixture!("detached-expired-256.p7s"), Some(Reason::Expired)),
        ("detached-revoked-256", fixture!("detached-revoked-256.p7s"), Some(Reason::Revoked)),
        ("detached-plain-256", fixture!("detached-plain-256.p7s"), Some(Reason::NotQualified)),
        (
            "detached-noattr-256",
            fixture!("detached-noattr-256.p7s"),
            Some(Reason::AttributesMissing),
        ),
        (
            "tampered-content-256",
            fixture!("tampered-content-256.p7s"),
            Some(Reason::ContentMismatch),
        ),
        ("tampered-sigbit-256", fixture!("tampered-sigbit-256.p7s"), Some(Reason::SignatureBad)),
    ] {
        let verdict = fixtures().check(over_challenge(signature));
        assert_eq!(reason(&verdict), expected, "{file}: {:?}", verdict.result);
        if let Ok(accepted) = verdict.result {
            assert_eq!((accepted.revocation, accepted.is_qualified), (RevocationStatus::Good, true), "{file}");
            assert_eq!(verdict.seen.chain.len(), 3, "{file}");
        }
    }
}

#[test]
fn people_and_organisations_of_the_fixtures_are_told_apart() {
    let subject = |signature| fixtures().check(over_challenge(signature)).result.unwrap().subject;
    let person = subject(fixture!("detached-person-256.p7s"));
    assert_eq!(person.kind, Kind::Person);
    assert!(person.snils.is_some() && person.inn.is_some() && person.surname.is_some());
    let organisation = subject(fixture!("detached-org-256.p7s"));
    assert_eq!(organisation.kind, Kind::Organisation);
    assert!(organisation.ogrn.is_some() && organisation.inn_organisation.is_some() && organisation.snils.is_some());
}

#[test]
fn the_attached_content_is_taken_only_to_explain() {
    let explain = |signature| Request { content: Content::Attached, ..over_challenge(signature) };
    let verifier = fixtures();
    assert!(verifier.check(explain(fixture!("attached-person-256.p7s"))).result.is_ok());
    let tampered = verifier.check(explain(fixture!("tampered-content-256.p7s")));
    assert_eq!(reason(&tampered), Some(Reason::DigestMismatch));
    let detached = verifier.check(explain(fixture!("detached-person-256.p7s")));
    assert_eq!(reason(&detached), Some(Reason::ContentMissing));
}

#[test]
fn any_certificate_serves_where_the_policy_says_so() {
    let mut verifier = fixtures();
    verifier.policy.require = Require::Any;
    let accepted = verifier.check(over_challenge(fixture!("detached-plain-256.p7s"))).result.unwrap();
    assert!(!accepted.is_qualified);
}

#[test]
fn a_missing_a_stale_and_a_foreign_list_have_codes_of_their_own_and_a_listed_serial_outweighs_them() {
    let (good, revoked) = (fixture!("detached-person-256.p7s"), fixture!("detached-revoked-256.p7s"));
    let root = fixture!("root.crl.pem");
    let stale = fixture!("issuing-stale.crl.pem");
    let fresh = fixture!("issuing.crl.pem");
    use Reason::{CrlStale, RevocationUnknown, Revoked};
    use RevocationStatus::{Good, Stale, Unknown};
    for (crls, required, preferred, of_revoked) in [
        (&[root, fresh][..], Ok(Good), Good, Some(Revoked)),
        (&[root, stale, fresh], Ok(Good), Good, Some(Revoked)),
        (&[fresh], Err(RevocationUnknown), Unknown, Some(Revoked)),
        (&[root], Err(RevocationUnknown), Unknown, Some(RevocationUnknown)),
        (&[], Err(RevocationUnknown), Unknown, Some(RevocationUnknown)),
        (&[root, stale], Err(CrlStale), Stale, Some(Revoked)),
        (&[stale], Err(CrlStale), Unknown, Some(Revoked)),
    ] {
        let mut verifier = fixtures();
        verifier.trust.crls = lists(crls);
        let verdict = verifier.check(over_challenge(good));
        assert_eq!(verdict.result.map(|one| one.revocation).map_err(|one| one.reason), required);
        assert_eq!(reason(&verifier.check(over_challenge(revoked))), of_revoked);
        verifier.policy.revocation = Revocation::Preferred;
        assert_eq!(verifier.check(over_challenge(good)).result.unwrap().revocation, preferred);
        let listed = of_revoked == Some(Revoked);
        assert_eq!(reason(&verifier.check(over_challenge(revoked))), listed.then_some(Revoked));
        verifier.policy.revocation = Revocation::Off;
        assert!(verifier.check(over_challenge(revoked)).result.is_ok());
    }
}

#[test]
fn a_stale_list_serves_for_its_grace() {
    let mut verifier = fixtures();
    verifier.trust.crls = lists(&[fixture!("root.crl.pem"), fixture!("issuing-stale.crl.pem")]);
    let late = NOW - verifier.trust.crls[1].next_update();
    for (grace, expected) in [(late - 1, Err(Reason::CrlStale)), (late, Ok(RevocationStatus::Stale))] {
        verifier.policy.grace = grace;
        let verdict = verifier.check(over_challenge(fixture!("detached-person-256.p7s")));
        assert_eq!(verdict.result.map(|one| one.revocation).map_err(|one| one.reason), expected);
    }
}

#[test]
fn every_bit_of_a_signed_message_counts_or_is_not_believed() {
    let verifier = fixtures();
    let whole = fixture!("detached-person-256.p7s");
    let accepted = verifier.check(over_challenge(whole)).result.unwrap();
    for at in (0..whole.len()).step_by(3) {
        let mut altered = whole.to_vec();
        altered[at] ^= 1 << (at % 8);
        if let Ok(other) = verifier.check(over_challenge(&altered)).result {
            assert_eq!(other.certificate, accepted.certificate, "byte {at}");
        }
    }
    for length in (0..whole.len()).step_by(7) {
        assert!(verifier.check(over_challenge(&whole[..length])).result.is_err(), "{length}");
    }
}
