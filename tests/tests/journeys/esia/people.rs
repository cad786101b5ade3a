//! Who signs in, and what is known of them.

use kabinet_core::external::Assurance;
use kabinet_core::organisation::Relation;
use kabinet_identity::method::esia::Protocol;
use kabinet_standins::esia::Rules;

use super::*;

#[tokio::test]
async fn a_confirmed_person_signs_in_by_both_versions_and_both_algorithms_of_tokens() {
    let esia = Gosuslugi::start().await;
    for protocol in [Protocol::V2, Protocol::V1] {
        for algorithm in [TokenAlgorithm::Gost, TokenAlgorithm::Rs256] {
            esia.handle
                .change_system("TESTIS01", |system| system.token_algorithm = algorithm)
                .unwrap();
            esia.publish_certificate(algorithm, "token.cer");
            let mut config = esia.config();
            config.esia.protocol = protocol;
            let person = esia.sign_in(&esia.client(&config), "confirmed").await;
            let person = person.unwrap_or_else(|why| panic!("{protocol:?} {algorithm:?}: {why} {}", esia.reasons()));
            assert_eq!((person.upstream.as_str(), person.subject.as_str()), ("esia-test", "1000600601"));
            assert_eq!(person.assurance, Assurance::Confirmed);
            assert_eq!(person.name.as_deref(), Some("Пробная Анна Сергеевна"));
            assert_eq!(person.birthdate.as_deref(), Some("1990-05-26"));
            assert_eq!(person.snils.as_deref(), Some("00000060119"));
            let contacts: Vec<_> = person.contacts.iter().map(|one| (one.contact.value(), one.is_verified)).collect();
            assert_eq!(contacts, [("+79980000601", true), ("anna.probnaya@example.com", true)]);
        }
    }
}

#[tokio::test]
async fn every_form_of_tokens_that_was_seen_is_read() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    let forms: [fn(&mut Rules); 4] = [
        |rules| rules.acr = false,
        |rules| rules.text_subject = true,
        |rules| rules.hex_session = true,
        |rules| rules.level = false,
    ];
    for form in forms {
        esia.handle.rules(form);
        assert_eq!(
            esia.sign_in(&client, "letters").await.unwrap().subject,
            "1000600614",
            "{}",
            esia.reasons()
        );
    }
}

#[tokio::test]
async fn whoever_is_not_confirmed_is_kept_out_by_esia_and_again_here() {
    let esia = Gosuslugi::start().await;
    let strict = esia.client(&esia.config());
    let mut config = esia.config();
    config.esia.require_confirmed = false;
    let lax = esia.client(&config);
    for (persona, page) in [
        ("standard", "upstream-unconfirmed"),
        ("simplified", "upstream-unconfirmed"),
        ("verifying", "upstream-verifying"),
        ("child", "upstream-unconfirmed"),
    ] {
        assert_eq!(
            esia.sign_in(&strict, persona).await.unwrap_err().code(),
            "upstream-unconfirmed",
            "{persona}"
        );
        // The wish is not signed: a browser takes it away, and nothing is won.
        let departure = esia.begin(&strict).await.unwrap();
        let mut location = departure.location.clone();
        let kept = location.query_pairs().into_owned().filter(|(name, _)| name != "person_filter");
        let kept: Vec<(String, String)> = kept.collect();
        location.query_pairs_mut().clear().extend_pairs(&kept);
        let parameters = esia.visit(&location, persona, true).await;
        let failure = esia.finish(&strict, &departure.kept, &parameters).await.unwrap_err();
        assert_eq!(failure.code(), page, "{persona}: {failure}");
        // Where it need not be confirmed it says that it is not.
        assert_eq!(esia.sign_in(&lax, persona).await.unwrap().assurance, Assurance::Unconfirmed, "{persona}");
    }
}

#[tokio::test]
async fn a_contact_that_is_pending_or_unverified_is_never_taken_for_the_persons() {
    let esia = Gosuslugi::start().await;
    let person = esia.sign_in(&esia.client(&esia.config()), "unverified-contacts").await.unwrap();
    assert!(
        person
            .contacts
            .iter()
            .all(|one| !one.is_verified || one.contact.value() != "elena.pochtova@example.com")
    );
    assert!(person.contacts.iter().all(|one| !one.contact.value().contains("699")));
}

#[tokio::test]
async fn organisations_come_with_the_sign_in_or_by_tokens_of_the_system() {
    let esia = Gosuslugi::start().await;
    let mut config = esia.config();
    config.esia.scope.push("usr_org".to_owned());
    config.esia.scope_org = ["org_inn", "org_ogrn", "org_kpp", "org_shortname"].map(str::to_owned).to_vec();
    let with_start = esia.client(&config);
    // The stand-in lets the person choose one; the first is chosen.
    let chosen = esia
        .sign_in(&with_start, "employee")
        .await
        .unwrap_or_else(|why| panic!("{why} {}", esia.reasons()));
    let known = chosen.organisations.iter().filter(|one| !one.inn.is_empty()).count();
    assert_eq!((chosen.organisations.len(), known), (2, 1), "{:?}", chosen.organisations);
    // Whoever acts for nobody cannot be asked so.
    assert_eq!(esia.sign_in(&with_start, "bare").await.unwrap_err().code(), "upstream-organisation");

    for protocol in [Protocol::V2, Protocol::V1] {
        config.esia.org_tokens = true;
        config.esia.protocol = protocol;
        let by_tokens = esia.client(&config);
        let both = esia.sign_in(&by_tokens, "employee").await;
        let both = both.unwrap_or_else(|why| panic!("{protocol:?} {why} {}", esia.reasons())).organisations;
        let shown: Vec<_> = both.iter().map(|one| (one.inn.as_str(), one.relation)).collect();
        assert_eq!(shown.len(), 2, "{protocol:?} {shown:?} {}", esia.reasons());
        assert!(shown.contains(&("9800004018", Relation::Employee)), "{shown:?}");
        let trader = esia.sign_in(&by_tokens, "trader").await.unwrap().organisations;
        assert_eq!(
            trader.iter().map(|one| (one.inn.as_str(), one.relation)).collect::<Vec<_>>(),
            [("980000400445", Relation::Entrepreneur)]
        );
        assert!(esia.sign_in(&by_tokens, "liquidated").await.unwrap().organisations.is_empty());
        assert!(esia.sign_in(&by_tokens, "bare").await.unwrap().organisations.is_empty());
    }
}

#[tokio::test]
async fn a_program_that_gives_no_signature_is_found_before_anybody_is_sent_away() {
    let esia = Gosuslugi::start().await;
    let mut config = esia.config();
    config.esia.signer = SignerKind::Command;
    config.esia.signer_command = vec!["/bin/echo".to_owned(), "no signature".to_owned()];
    let failure = esia.begin(&esia.client(&config)).await.unwrap_err();
    assert_eq!(failure.code(), "upstream-misconfigured");
    assert!(failure.to_string().contains("hexadecimal"), "{failure}");
}

#[tokio::test]
async fn leaving_leads_to_the_page_of_esia_that_ends_its_session() {
    let esia = Gosuslugi::start().await;
    let client = esia.client(&esia.config());
    let to = client.leave(&"https://id.test/".parse().unwrap()).unwrap();
    let request = Request::get(&to[url::Position::BeforePath..]).body(Body::empty()).unwrap();
    let answer = Answer::of(esia.router.clone().oneshot(request).await.unwrap()).await;
    assert_eq!(answer.location(), "https://id.test/", "{}", esia.reasons());
    client.probe().await.unwrap();
}
