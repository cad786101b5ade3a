//! Messages of `openssl cms` in every form, under a root, an authority and their revocation lists, judged here and there.

use std::sync::Arc;

use kabinet_gost::oid::DIGEST_256;
use kabinet_gost::{
    Anchor, Certificate, Content, Crl, ParameterSet, Policy, Reason, Request, Revocation, Trust, Verdict, Verifier, pem,
};

use crate::engine::{Engine, Kind, NOW};

const CONTENT: &[u8] = "Вход в Единый личный кабинет\n".as_bytes();

fn der(engine: &Engine, file: &str) -> Vec<u8> {
    pem::read(&engine.read(file)).unwrap().remove(0).der
}

fn verifier(engine: &Engine) -> Verifier {
    let list = |file| Arc::new(Crl::parse(&der(engine, file)).unwrap());
    let trust = Trust {
        anchors: vec![Anchor::parse(&der(engine, "root.crt")).unwrap()],
        certificates: vec![Certificate::parse(&der(engine, "issuing.crt")).unwrap()],
        crls: vec![list("root.crl"), list("issuing.crl")],
        answers: Vec::new(),
    };
    Verifier { trust, policy: Policy::default() }
}

/// The person's message, as the flags of `openssl cms -sign` make it.
fn message(engine: &Engine, kind: &Kind, who: &str, flags: &[&str]) -> Vec<u8> {
    let (certificate, key) = (format!("{who}.crt"), format!("{who}.key"));
    let fixed = ["cms", "-sign", "-binary", "-in", "content", "-signer", &certificate, "-inkey", &key, "-nosmimecap"];
    let form = ["-md", kind.digest, "-outform", "DER", "-out", "message.der"];
    engine.run(&[&fixed[..], &form, flags].concat());
    engine.read("message.der")
}

/// The verdict of OpenSSL on a message.
fn openssl_accepts(engine: &Engine, message: &[u8], more: &[&str]) -> bool {
    let bundle = ["root.crt", "issuing.crt", "root.crl", "issuing.crl"]
        .map(|file| engine.read(file))
        .concat();
    engine.write("bundle.pem", &bundle);
    engine.write("verified.der", message);
    let now = NOW.to_string();
    let fixed = ["cms", "-verify", "-binary", "-inform", "DER", "-in", "verified.der", "-content", "content"];
    let trust = ["-CAfile", "bundle.pem", "-purpose", "any", "-crl_check_all", "-attime", &now, "-out", "verified"];
    engine.output(&[&fixed[..], &trust, more].concat()).status.success()
}

fn judge(verifier: &Verifier, signature: &[u8]) -> Verdict {
    verifier.check(Request {
        signature,
        content: Content::Expected(CONTENT),
        certificates: &[],
        now: NOW,
    })
}

fn reason(verdict: &Verdict) -> Option<Reason> {
    verdict.result.as_ref().err().map(|refusal| refusal.reason)
}

fn every_form(kind: &Kind, allow_foreign: bool) {
    let engine = Engine::new();
    engine.authorities(kind);
    engine.write("content", CONTENT);
    let mut verifier = verifier(&engine);
    verifier.policy.allow_foreign = allow_foreign;
    for (flags, expected, openssl) in [
        (&[][..], None, true),
        (&["-cades"], None, true),
        (&["-nodetach", "-cades"], None, true),
        (&["-nodetach", "-stream"], None, true),
        (&["-keyid", "-cades"], None, true),
        (&["-certfile", "issuing.crt"], None, true),
        (&["-nocerts"], Some(Reason::CertificateMissing), false),
        // OpenSSL takes a message whose signature could be one over other bytes.
        (&["-noattr"], Some(Reason::AttributesMissing), true),
    ] {
        let signed = message(&engine, kind, "person", flags);
        let verdict = judge(&verifier, &signed);
        assert_eq!(reason(&verdict), expected, "{} {flags:?}: {:?}", kind.digest, verdict.result);
        assert_eq!(openssl_accepts(&engine, &signed, &[]), openssl, "{} {flags:?}", kind.digest);
    }

    let detached = message(&engine, kind, "person", &["-cades"]);
    let other = Request { content: Content::Expected(b"x"), ..request(&detached) };
    assert_eq!(reason(&verifier.check(other)), Some(Reason::DigestMismatch));
    for (now, expected) in [(1_704_067_199, Reason::NotYetValid), (2_335_219_201, Reason::Expired)] {
        assert_eq!(reason(&verifier.check(Request { now, ..request(&detached) })), Some(expected));
    }
    let beside = [der(&engine, "person.crt")];
    let without = message(&engine, kind, "person", &["-nocerts", "-cades"]);
    assert!(verifier.check(Request { certificates: &beside, ..request(&without) }).result.is_ok());

    let revoked = message(&engine, kind, "revoked", &["-cades"]);
    assert_eq!(reason(&judge(&verifier, &revoked)), Some(Reason::Revoked));
    assert!(!openssl_accepts(&engine, &revoked, &[]));
    let mut unasked = verifier.clone();
    unasked.policy.revocation = Revocation::Off;
    assert!(judge(&unasked, &revoked).result.is_ok());
}

fn request(signature: &[u8]) -> Request<'_> {
    Request {
        signature,
        content: Content::Expected(CONTENT),
        certificates: &[],
        now: NOW,
    }
}

#[test]
fn every_form_of_message_of_256_bits_is_judged() {
    every_form(&Kind::gost(ParameterSet::CryptoProA), false);
    every_form(&Kind::gost(ParameterSet::Tc26A256), false);
}

#[test]
fn every_form_of_message_of_512_bits_is_judged() {
    every_form(&Kind::gost(ParameterSet::Tc26A512), false);
    every_form(&Kind::gost(ParameterSet::Tc26C512), false);
}

#[test]
fn rsa_and_ecdsa_are_judged_by_the_same_rules_where_they_are_allowed() {
    every_form(&Kind::rsa(2048), true);
    every_form(&Kind::ecdsa("P-256", "sha256"), true);
    every_form(&Kind::ecdsa("P-384", "sha384"), true);
}

#[test]
fn rsa_is_taken_in_pss_too_and_refused_when_short_or_not_allowed() {
    for (bits, allow_foreign, expected) in [
        (2048, true, None),
        (2048, false, Some(Reason::AlgorithmForbidden)),
        (1024, true, Some(Reason::KeyInvalid)),
    ] {
        let engine = Engine::new();
        let kind = Kind::rsa(bits);
        engine.authorities(&kind);
        engine.write("content", CONTENT);
        let mut verifier = verifier(&engine);
        verifier.policy.allow_foreign = allow_foreign;
        let pss = ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:-1"];
        let long = ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"];
        for (flags, expected) in
            [(&[][..], expected), (&pss, expected), (&long, expected.or(Some(Reason::AlgorithmMismatch)))]
        {
            let signed = message(&engine, &kind, "person", flags);
            let verdict = judge(&verifier, &signed);
            let short = bits < 2048 && flags == long && reason(&verdict) == Some(Reason::AlgorithmMismatch);
            assert!(short || reason(&verdict) == expected, "{bits} {flags:?}: {:?}", verdict.result);
            let mut damaged = signed;
            let last = damaged.len() - 1;
            damaged[last] ^= 1;
            assert!(judge(&verifier, &damaged).result.is_err());
        }
    }
}

#[test]
fn a_damaged_message_that_is_accepted_here_is_accepted_by_openssl() {
    let engine = Engine::new();
    let kind = Kind::gost(ParameterSet::CryptoProXchA);
    engine.authorities(&kind);
    engine.write("content", CONTENT);
    let verifier = verifier(&engine);
    let whole = message(&engine, &kind, "person", &["-cades"]);
    let (mut refused, mut only_here) = (0, Vec::new());
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        match judge(&verifier, &damaged).result {
            Ok(_) if !openssl_accepts(&engine, &damaged, &[]) => only_here.push(at),
            Ok(_) => {}
            Err(_) => refused += 1,
        }
    }
    // SignedData repeats the signer's digest in front; without it OpenSSL does not compute it, which RFC 5652 §5.1 lets it do.
    let repeated = whole.windows(DIGEST_256.len()).position(|bytes| bytes == DIGEST_256).unwrap();
    assert!(only_here.iter().all(|at| *at < repeated + DIGEST_256.len()), "{only_here:?}");
    assert!(
        refused * 10 > whole.len() * 9,
        "{refused} of {} damaged messages were refused",
        whole.len()
    );
}
