//! Answers of `openssl ocsp` to our requests, by the authority itself, by a responder that it certified, and by a stranger.

use std::sync::Arc;

use kabinet_gost::{
    Anchor, Certificate, Content, Crl, Ocsp, ParameterSet, Policy, Reason, Request, Trust, Verifier, ocsp, pem,
};

use crate::engine::{Engine, Kind};

const CONTENT: &[u8] = b"text";
const DAY: i64 = 24 * 3600;

struct Lab {
    engine: Engine,
    kind: Kind,
    verifier: Verifier,
    /// `openssl ocsp` answers for the moment at which it runs.
    now: i64,
}

impl Lab {
    /// Lists of the root alone: nothing says whether a person's certificate is revoked.
    fn new(set: ParameterSet) -> Self {
        let (engine, kind) = (Engine::new(), Kind::gost(set));
        engine.authorities(&kind);
        engine.certify("responder", "issuing", "/CN=Проба: ответы", &kind);
        engine.write("content", CONTENT);
        let der = |file: &str| pem::read(&engine.read(file)).unwrap().remove(0).der;
        let trust = Trust {
            anchors: vec![Anchor::parse(&der("root.crt")).unwrap()],
            certificates: vec![Certificate::parse(&der("issuing.crt")).unwrap()],
            crls: vec![Arc::new(Crl::parse(&der("root.crl")).unwrap())],
            answers: Vec::new(),
        };
        let now = kabinet::Ambient::real().clock.now().0;
        let verifier = Verifier { trust, policy: Policy::default() };
        Self { engine, kind, verifier, now }
    }

    fn certificate(&self, who: &str) -> Certificate {
        let file = pem::read(&self.engine.read(&format!("{who}.crt"))).unwrap().remove(0).der;
        Certificate::parse(&file).unwrap()
    }

    fn answer(&self, about: &str, signer: &str) -> Vec<u8> {
        let request = ocsp::request(&self.certificate(about), &self.certificate("issuing")).unwrap();
        self.engine.answer(&self.kind, signer, &request)
    }

    fn sign(&self, who: &str) -> Vec<u8> {
        let (certificate, key) = (format!("{who}.crt"), format!("{who}.key"));
        let fixed =
            ["cms", "-sign", "-binary", "-in", "content", "-signer", &certificate, "-inkey", &key, "-nosmimecap"];
        let form = ["-md", self.kind.digest, "-cades", "-outform", "DER", "-out", "message.der"];
        self.engine.run(&[&fixed[..], &form].concat());
        self.engine.read("message.der")
    }

    /// Why a signature is refused with this answer at hand, so many seconds from now.
    fn judge(&self, message: &[u8], answer: &[u8], later: i64) -> Option<Reason> {
        let mut verifier = self.verifier.clone();
        verifier.trust.answers.extend(Ocsp::parse(answer).ok().map(Arc::new));
        let verdict = verifier.check(Request {
            signature: message,
            content: Content::Expected(CONTENT),
            certificates: &[],
            now: self.now + later,
        });
        verdict.result.err().map(|refusal| refusal.reason)
    }
}

#[test]
fn an_answer_of_the_authority_or_of_its_responder_clears_and_revokes() {
    for set in [ParameterSet::CryptoProA, ParameterSet::Tc26A512] {
        let lab = Lab::new(set);
        let (person, revoked) = (lab.sign("person"), lab.sign("revoked"));
        assert_eq!(lab.judge(&person, &[], 0), Some(Reason::RevocationUnknown));
        for signer in ["issuing", "responder"] {
            assert_eq!(lab.judge(&person, &lab.answer("person", signer), 0), None, "{signer}");
            assert_eq!(lab.judge(&revoked, &lab.answer("revoked", signer), 0), Some(Reason::Revoked), "{signer}");
        }
    }
}

#[test]
fn an_answer_that_is_old_of_somebody_else_about_another_or_changed_says_nothing() {
    let lab = Lab::new(ParameterSet::CryptoProA);
    let unknown = Some(Reason::RevocationUnknown);
    let (person, revoked) = (lab.sign("person"), lab.sign("revoked"));
    let good = lab.answer("person", "responder");
    assert_eq!(lab.judge(&person, &good, DAY + 3600), unknown);
    assert_eq!(lab.judge(&person, &good, -DAY), unknown);
    assert_eq!(
        lab.judge(&person, &lab.answer("person", "person"), 0),
        unknown,
        "a person is no responder"
    );
    assert_eq!(lab.judge(&person, &lab.answer("revoked", "responder"), 0), unknown);
    // «revoked» stays so when the answer is old.
    assert_eq!(lab.judge(&revoked, &lab.answer("revoked", "responder"), 30 * DAY), Some(Reason::Revoked));
    for at in (0..good.len()).step_by(7) {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert_eq!(lab.judge(&person, &changed, 0), unknown, "octet {at} of {}", good.len());
    }
}
