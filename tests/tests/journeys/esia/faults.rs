//! What goes wrong at ЕСИА, on the way, and in the operator's settings.

use kabinet_standins::esia::{Fault, Step};

use super::*;

#[tokio::test]
async fn every_error_of_esia_leads_to_its_page_wherever_it_comes() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    let error = |code: &str| Fault::Error { code: code.to_owned() };
    for (code, page) in [
        ("007004", "upstream-cancelled"),
        ("007007", "upstream-unavailable"),
        ("007008", "upstream-unavailable"),
        ("007011", "upstream-stale"),
        ("007046", "upstream-second-factor"),
        ("007053", "upstream-misconfigured"),
        ("007055", "upstream-unconfirmed"),
        ("007194", "upstream-organisation"),
        ("007002", "upstream-misconfigured"),
        ("007003", "upstream-misconfigured"),
        ("007005", "upstream-misconfigured"),
        ("007006", "upstream-misconfigured"),
        ("007009", "upstream-misconfigured"),
        ("007012", "upstream-misconfigured"),
        ("007013", "upstream-misconfigured"),
        ("007014", "upstream-misconfigured"),
        ("007015", "upstream-misconfigured"),
        ("007019", "upstream-misconfigured"),
        ("007023", "upstream-misconfigured"),
        ("007038", "upstream-misconfigured"),
        ("007039", "upstream-misconfigured"),
        ("007040", "upstream-misconfigured"),
        ("007060", "upstream-misconfigured"),
        ("007061", "upstream-misconfigured"),
        ("007062", "upstream-misconfigured"),
        ("008010", "upstream-misconfigured"),
    ] {
        for step in [Step::Return, Step::Token] {
            esia.handle.next_fault(step, error(code), 1);
            let failure = esia.sign_in(&client, "confirmed").await.unwrap_err();
            assert_eq!(failure.code(), page, "{code} at {step:?}: {failure}");
            if page == "upstream-misconfigured" {
                assert!(failure.to_string().contains(code), "{failure}");
            }
        }
    }
    assert!(esia.sign_in(&client, "confirmed").await.is_ok());
}

#[tokio::test]
async fn a_person_who_refuses_has_refused_and_nothing_is_wrong() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    let departure = esia.begin(&client).await.unwrap();
    let parameters = esia.visit(&departure.location, "confirmed", false).await;
    let failure = esia.finish(&client, &departure.kept, &parameters).await.unwrap_err();
    assert_eq!(failure, UpstreamError::Cancelled);
}

#[tokio::test]
async fn an_answer_that_is_not_to_be_believed_signs_nobody_in() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    for (step, fault, page) in [
        (Step::Token, Fault::WrongState, "upstream-untrusted"),
        (Step::Token, Fault::NoState, "upstream-untrusted"),
        (Step::Token, Fault::WrongIssuer, "upstream-untrusted"),
        (Step::Token, Fault::WrongAudience, "upstream-untrusted"),
        (Step::Token, Fault::Expired, "upstream-untrusted"),
        (Step::Token, Fault::NotYetValid, "upstream-untrusted"),
        (Step::Token, Fault::UnknownKey, "upstream-untrusted"),
        (Step::Token, Fault::NoAlgorithm, "upstream-untrusted"),
        (Step::Token, Fault::SwappedAlgorithm, "upstream-untrusted"),
        (Step::Token, Fault::AnotherSubject, "upstream-untrusted"),
        (Step::Token, Fault::NoIdToken, "upstream-misconfigured"),
        (Step::Token, Fault::Truncated, "upstream-unavailable"),
        (Step::Token, Fault::Html { status: 200 }, "upstream-unavailable"),
        (Step::Token, Fault::Html { status: 503 }, "upstream-unavailable"),
        (Step::Person, Fault::Html { status: 200 }, "upstream-unavailable"),
        (Step::Person, Fault::Status { status: 401 }, "upstream-stale"),
        (Step::Person, Fault::Status { status: 403 }, "upstream-misconfigured"),
        (Step::Person, Fault::Truncated, "upstream-unavailable"),
        (Step::Contacts, Fault::Html { status: 500 }, "upstream-unavailable"),
        (
            Step::Contacts,
            Fault::ForeignElements { base: "http://169.254.169.254".to_owned() },
            "upstream-untrusted",
        ),
        (
            Step::Contacts,
            Fault::ForeignElements { base: "https://evil.example.test".to_owned() },
            "upstream-untrusted",
        ),
    ] {
        esia.handle.next_fault(step, fault.clone(), 1);
        let outcome = esia.sign_in(&client, "confirmed").await;
        let failure = outcome.err().unwrap_or_else(|| panic!("{fault:?} was not noticed"));
        assert_eq!(failure.code(), page, "{fault:?}: {failure}");
    }
    // The other algorithm is as good where both are pinned and both certificates are there.
    esia.publish_certificate(TokenAlgorithm::Rs256, "other.cer");
    let mut config = esia.config();
    config.esia.token_certificates.push(esia.dir.path().join("other.cer"));
    esia.handle.next_fault(Step::Token, Fault::OtherAlgorithm, 2);
    assert!(esia.sign_in(&esia.client(&config), "confirmed").await.is_ok(), "{}", esia.reasons());
    config.esia.token_algorithms.retain(|one| one.as_str() != "RS256");
    let failure = esia.sign_in(&esia.client(&config), "confirmed").await.unwrap_err();
    assert!(failure.to_string().contains("RS256"), "{failure}");
}

#[tokio::test]
async fn contacts_that_esia_keeps_back_are_no_reason_to_keep_the_person_out() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    esia.handle.next_fault(Step::Contacts, Fault::Status { status: 403 }, 1);
    let person = esia.sign_in(&client, "confirmed").await.unwrap();
    assert!(person.contacts.is_empty());
}

#[tokio::test]
async fn a_code_serves_once_and_an_account_that_is_gone_signs_nobody_in() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    let departure = esia.begin(&client).await.unwrap();
    let parameters = esia.visit(&departure.location, "confirmed", true).await;
    esia.finish(&client, &departure.kept, &parameters).await.unwrap();
    let again = esia.finish(&client, &departure.kept, &parameters).await.unwrap_err();
    assert_eq!(again.code(), "upstream-stale", "{again}");

    let departure = esia.begin(&client).await.unwrap();
    let parameters = esia.visit(&departure.location, "bare", true).await;
    esia.handle.change_person("bare", |person| person.is_deleted = true);
    let gone = esia.finish(&client, &departure.kept, &parameters).await.unwrap_err();
    assert_eq!(gone.code(), "upstream-stale", "{gone}");
}

#[tokio::test]
async fn clocks_that_differ_are_noticed_and_allowed_for() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    for shift in [400, -400] {
        esia.handle.shift_clock(shift);
        // The window of the stand-in is five minutes: without a measured difference the request is refused.
        let refused = esia.begin(&esia.client(&esia.config())).await.unwrap();
        let parameters = esia.visit(&refused.location, "confirmed", true).await;
        let failure = esia.finish(&client, &refused.kept, &parameters).await.unwrap_err();
        assert!(failure.to_string().contains("ESIA-007015"), "{failure}");
        client.probe().await.unwrap();
        assert_eq!(client.clock_offset(), shift);
        let person = esia.sign_in(&client, "confirmed").await;
        assert!(person.is_ok(), "{shift}: {person:?} {}", esia.reasons());
    }
    esia.handle.shift_clock(0);
    client.probe().await.unwrap();
    // Both go on by an hour, and nothing changes.
    esia.clock.0.fetch_add(3600, Ordering::SeqCst);
    assert!(esia.sign_in(&client, "confirmed").await.is_ok());
}

#[tokio::test]
async fn after_a_change_of_keys_the_new_certificate_is_believed_beside_the_old_one() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    assert!(esia.sign_in(&client, "confirmed").await.is_ok());
    esia.handle.rotate_keys().unwrap();
    let failure = esia.sign_in(&client, "confirmed").await.unwrap_err();
    assert_eq!(failure.code(), "upstream-untrusted");
    assert!(failure.to_string().contains("GOST3410_2012_256"), "{failure}");
    let certificates = ["token.cer", "new.cer"].map(|file| {
        if file == "new.cer" {
            esia.publish_certificate(TokenAlgorithm::Gost, file);
        }
        let der = std::fs::read(esia.dir.path().join(file)).unwrap();
        kabinet_gost::Certificate::parse(&der).unwrap()
    });
    client.trust(certificates.to_vec());
    assert!(esia.sign_in(&client, "confirmed").await.is_ok(), "{}", esia.reasons());
}

#[tokio::test]
async fn what_was_not_approved_is_told_by_esias_own_code() {
    let esia = Gosuslugi::start().await;
    let mut config = esia.config();
    config.esia.scope.push("contacts".to_owned());
    let failure = esia.sign_in(&esia.client(&config), "confirmed").await.unwrap_err();
    assert!(failure.to_string().contains("ESIA-0070"), "{failure}");
    assert_eq!(failure.code(), "upstream-misconfigured");

    esia.handle.change_system("TESTIS01", |system| system.certificates.clear()).unwrap();
    let failure = esia.sign_in(&esia.client(&esia.config()), "confirmed").await.unwrap_err();
    assert_eq!(failure.code(), "upstream-misconfigured", "{failure}");
}

#[tokio::test]
async fn no_token_code_or_number_of_a_person_is_in_an_error() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    for (step, fault) in [
        (Step::Token, Fault::WrongState),
        (Step::Token, Fault::Expired),
        (Step::Person, Fault::Status { status: 401 }),
        (Step::Contacts, Fault::ForeignElements { base: "https://evil.example.test".to_owned() }),
    ] {
        esia.handle.next_fault(step, fault, 1);
        let departure = esia.begin(&client).await.unwrap();
        let parameters = esia.visit(&departure.location, "confirmed", true).await;
        let code = parameters.iter().find(|(name, _)| name == "code").unwrap().1.clone();
        let failure = esia.finish(&client, &departure.kept, &parameters).await.unwrap_err();
        let said = format!("{failure} {failure:?}");
        for secret in [code.as_str(), "eyJ", "00000060119", "000-000-601", "1000600601", "Пробная", "anna"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}
