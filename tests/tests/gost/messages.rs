//! Messages of `openssl cms` in every form, under a root, an authority and their revocation lists, judged here and there.

use std::sync::Arc;

use kabinet_gost::oid::DIGEST_256;
use kabinet_gost::{
    Anchor, Certificate, Content, Crl, ParameterSet, Policy, Reason, Request, Revocation, Trust, Verdict, Verifier, pem,
};

use crate::engine::{Engine, NOW, digest_flag};

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
    };
    Verifier { trust, policy: Policy::default() }
}

/// The person's message, as the flags of `openssl cms -sign` make it.
fn message(engine: &Engine, set: ParameterSet, who: &str, flags: &[&str]) -> Vec<u8> {
    let (certificate, key) = (format!("{who}.crt"), format!("{who}.key"));
    let fixed = ["cms", "-sign", "-binary", "-in", "content", "-signer", &certificate, "-inkey", &key, "-nosmimecap"];
    let form = ["-md", &digest_flag(set)[1..], "-outform", "DER", "-out", "message.der"];
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

fn every_form(set: ParameterSet) {
    let engine = Engine::new();
    engine.authorities(set);
    engine.write("content", CONTENT);
    let verifier = verifier(&engine);
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
        let signed = message(&engine, set, "person", flags);
        let verdict = judge(&verifier, &signed);
        assert_eq!(reason(&verdict), expected, "{} {flags:?}: {:?}", set.name(), verdict.result);
        assert_eq!(openssl_accepts(&engine, &signed, &[]), openssl, "{} {flags:?}", set.name());
    }

    let detached = message(&engine, set, "person", &["-cades"]);
    let other = Request { content: Content::Expected(b"x"), ..request(&detached) };
    assert_eq!(reason(&verifier.check(other)), Some(Reason::DigestMismatch));
    for (now, expected) in [(1_704_067_199, Reason::NotYetValid), (2_335_219_201, Reason::Expired)] {
        assert_eq!(reason(&verifier.check(Request { now, ..request(&detached) })), Some(expected));
    }
    let beside = [der(&engine, "person.crt")];
    let without = message(&engine, set, "person", &["-nocerts", "-cades"]);
    assert!(verifier.check(Request { certificates: &beside, ..request(&without) }).result.is_ok());

    let revoked = message(&engine, set, "revoked", &["-cades"]);
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
    every_form(ParameterSet::CryptoProA);
    every_form(ParameterSet::Tc26A256);
}

#[test]
fn every_form_of_message_of_512_bits_is_judged() {
    every_form(ParameterSet::Tc26A512);
    every_form(ParameterSet::Tc26C512);
}

#[test]
fn a_damaged_message_that_is_accepted_here_is_accepted_by_openssl() {
    let engine = Engine::new();
    engine.authorities(ParameterSet::CryptoProXchA);
    engine.write("content", CONTENT);
    let verifier = verifier(&engine);
    let whole = message(&engine, ParameterSet::CryptoProXchA, "person", &["-cades"]);
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
