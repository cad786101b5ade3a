//! Sign-in, registration and linking by certificate.

use super::*;
use kabinet_identity::CertificatePurpose;

use crate::i18n::Locale;

pub(super) fn pages(scene: Scene<'_>) -> Vec<Sample> {
    let certificate = |purpose, error| CertificatePage {
        chrome: scene.chrome("/login/certificate?flow=abc"),
        purpose,
        toolbox: vec!["wss://127.0.0.1:9292/RegistrationOffice".to_owned(), HOSTILE.to_owned()],
        toolbox_page: Some(format!("https://toolbox.example/{HOSTILE}")),
        remember: true,
        error,
        methods: vec![Method::Password, Method::Esia],
        back: "/login?flow=abc".to_owned(),
    };
    let sign_in = certificate(CertificatePurpose::SignIn, None);
    let refused = certificate(CertificatePurpose::Register, Some(CertificateError::of("revoked")));
    let link = CertificatePage {
        toolbox_page: None,
        methods: Vec::new(),
        ..certificate(CertificatePurpose::Link, Some(CertificateError::of(HOSTILE)))
    };
    let unlinked = |organisation: Option<&str>, register: Option<&str>| UnlinkedPage {
        chrome: scene.chrome("/login/certificate"),
        owner: HOSTILE.to_owned(),
        organisation: organisation.map(str::to_owned),
        valid_until: "19 июля 2027".to_owned(),
        link: "/login?flow=abc".to_owned(),
        register: register.map(str::to_owned),
        retry: "/login/certificate?flow=abc".to_owned(),
    };
    vec![
        sample(
            "certificate",
            &sign_in,
            &[
                "certificate-form",
                "remember",
                "submit",
                "state-absent",
                "refresh",
                "state-choose",
                "state-pin",
                "back",
            ],
        ),
        sample("certificate-refused", &refused, &["certificate-error", "method-esia", "state-cancelled"]),
        sample("certificate-link", &link, &["certificate-error", "certificate-form", "submit"]),
        sample(
            "unlinked",
            &unlinked(Some(HOSTILE), Some("/register/certificate")),
            &["go-link", "go-register", "go-retry"],
        ),
        sample("unlinked-person", &unlinked(None, None), &["go-link", "go-retry"]),
    ]
}

/// The codes that the verification may give, from where it declares them: this crate does not see it.
fn reasons() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../gost/src/verdict.rs");
    let source = std::fs::read_to_string(path).unwrap();
    let declared = source.split_once("reasons! {").unwrap().1.split_once("\n}").unwrap().0;
    let lines = declared
        .lines()
        .filter_map(|line| Some(line.split_once('"')?.1.split_once('"')?.0.to_owned()));
    lines.collect()
}

#[test]
fn every_refusal_has_a_sentence_of_its_own_in_both_languages() {
    let reasons = reasons();
    assert!(reasons.len() > 40, "{reasons:?}");
    for language in Language::ALL {
        let locale = Locale::from(language);
        let mut sentences = std::collections::BTreeSet::new();
        let codes = CERTIFICATE_CODES.iter().map(|code| (*code).to_owned()).chain(reasons.iter().cloned());
        for code in codes.collect::<std::collections::BTreeSet<_>>() {
            let message = certificate_message(&code);
            assert_eq!(message.key(), format!("certificate-error-{code}"));
            assert!(locale.has(message.key()), "{code}");
            assert!(sentences.insert(message.in_locale(locale)), "{code} says what another says");
        }
        assert!(locale.has(certificate_message("no-such-code").key()));
    }
}

#[test]
fn every_state_has_its_words() {
    let html = page("default", None, "certificate");
    let states = html.matches("id=\"state-").count();
    assert!(states >= 20, "{states}");
    assert!(!html.contains(">certificate-"), "a key stands where words should");
    assert!(!page("default", None, "certificate-link").contains("id=\"remember\""));
}
