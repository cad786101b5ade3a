//! Letters through a real SMTP conversation: the driver of `fetch` against the catcher.

use std::time::Duration;

use bytes::Bytes;
use kabinet_fetch::mail::{Dkim, Letter, Login, Options, Relay, Security, Step};
use kabinet_fetch::{Error, Failure};
use kabinet_standins::smtp::{Behaviour, Catcher, Tls};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sha::sha256;
use openssl::sign::Verifier;

use crate::letter::Parsed;

const LETTER: Letter<'static> = Letter {
    to: "anna@example.ru",
    subject: "Код подтверждения для входа в единый личный кабинет Астрала",
    text: "Код: 012345\n\n.точка в начале строки\nНикому его не сообщайте.",
    html: None,
    id: "m-1",
    date: 1_780_000_000,
};

async fn catcher(tls: Tls, login: Option<(&str, &str)>) -> Catcher {
    Catcher::start("127.0.0.1:0".parse().unwrap(), tls, login).await.unwrap()
}

fn options(catcher: &Catcher, security: Security) -> Options {
    Options {
        host: "127.0.0.1".to_owned(),
        port: catcher.address().port(),
        security,
        login: None,
        from: "Астрал <no-reply@example.ru>".to_owned(),
        ca: Some(Bytes::copy_from_slice(catcher.ca())),
        dkim: None,
        allow: Vec::new(),
        timeout: Duration::from_secs(60),
    }
}

fn login(password: &str) -> Option<Login> {
    Some(Login { name: "kabinet".to_owned(), password: password.to_owned() })
}

fn relay(options: Options) -> Relay {
    Relay::new(options).unwrap()
}

async fn plain() -> (Catcher, Relay) {
    let catcher = catcher(Tls::None, None).await;
    let relay = relay(options(&catcher, Security::Plain));
    (catcher, relay)
}

#[tokio::test]
async fn a_letter_arrives_whole_and_the_servers_id_comes_back() {
    let (catcher, relay) = plain().await;
    assert_eq!(relay.send(LETTER).await, Ok("CAUGHT1".to_owned()));
    let caught = &catcher.caught()[0];
    assert_eq!(
        (caught.from.as_str(), &caught.to[..]),
        ("no-reply@example.ru", &["anna@example.ru".to_owned()][..])
    );
    let letter = Parsed::of(&caught.raw);
    assert_eq!(letter.header("To"), "anna@example.ru");
    assert_eq!(letter.header("From"), "Астрал <no-reply@example.ru>");
    assert_eq!(letter.header("Subject"), LETTER.subject);
    assert_eq!(letter.header("Message-ID"), "<m-1@example.ru>");
    assert_eq!(letter.header("Date"), "Thu, 28 May 2026 20:26:40 +0000");
    assert_eq!(letter.header("Auto-Submitted"), "auto-generated");
    assert_eq!(letter.header("MIME-Version"), "1.0");
    assert_eq!(
        letter.parts(),
        [("text/plain; charset=utf-8".to_owned(), LETTER.text.replace('\n', "\r\n"))]
    );
}

#[tokio::test]
async fn html_goes_beside_the_text() {
    let (catcher, relay) = plain().await;
    relay.send(Letter { html: Some("<p>Код: <b>012345</b></p>"), ..LETTER }).await.unwrap();
    let letter = Parsed::of(&catcher.caught()[0].raw);
    assert!(letter.header("Content-Type").starts_with("multipart/alternative"));
    let parts = letter.parts();
    let kinds: Vec<_> = parts.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["text/plain; charset=utf-8", "text/html; charset=utf-8"]);
    assert_eq!(parts[1].1, "<p>Код: <b>012345</b></p>");
}

#[tokio::test]
async fn starttls_and_tls_protect_the_letter_and_the_login() {
    for (tls, security) in [(Tls::Start, Security::StartTls), (Tls::Implicit, Security::Tls)] {
        let catcher = catcher(tls, Some(("kabinet", "right"))).await;
        let relay = relay(Options { login: login("right"), ..options(&catcher, security) });
        relay.probe().await.unwrap();
        assert_eq!(catcher.caught(), []);
        assert_eq!(relay.send(LETTER).await, Ok("CAUGHT1".to_owned()), "{security:?}");
        let caught = &catcher.caught()[0];
        assert!(caught.over_tls);
        assert_eq!(caught.login.as_deref(), Some("kabinet"));
    }
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_or_another_name_is_refused() {
    for (tls, security) in [(Tls::Start, Security::StartTls), (Tls::Implicit, Security::Tls)] {
        let (server, other) = (catcher(tls, None).await, catcher(Tls::None, None).await);
        let good = options(&server, security);
        for wrong in [
            Options { ca: None, ..good.clone() },
            Options { ca: Some(Bytes::copy_from_slice(other.ca())), ..good.clone() },
            // Loopback, and not in the certificate.
            Options { host: "127.0.0.2".to_owned(), ..good },
        ] {
            let wrong = relay(wrong);
            assert_eq!(wrong.send(LETTER).await, Err(Failure::Unreached), "{security:?}");
            let fault = wrong.probe().await.unwrap_err();
            assert!(matches!(fault.step, Step::Tls | Step::Connect), "{fault}");
        }
        assert_eq!(server.caught(), []);
    }
}

#[tokio::test]
async fn without_the_offer_of_starttls_nothing_is_said() {
    let catcher = catcher(Tls::None, Some(("kabinet", "right"))).await;
    let relay = relay(Options {
        login: login("right"),
        ..options(&catcher, Security::StartTls)
    });
    let fault = relay.probe().await.unwrap_err();
    assert_eq!((fault.step, fault.failure), (Step::Tls, Failure::Unreached));
    assert_eq!(relay.send(LETTER).await, Err(Failure::Unreached));
    assert_eq!(catcher.caught(), []);
}

#[tokio::test]
async fn what_is_added_in_the_clear_behind_starttls_ends_the_conversation() {
    let catcher = catcher(Tls::Start, None).await;
    let relay = relay(options(&catcher, Security::StartTls));
    catcher.then(Behaviour::Inject);
    assert_eq!(relay.send(LETTER).await, Err(Failure::Unreached));
    assert_eq!(catcher.caught(), []);
    assert!(relay.send(LETTER).await.is_ok());
}

#[tokio::test]
async fn a_wrong_password_is_a_refusal_that_an_operator_can_read() {
    let catcher = catcher(Tls::Start, Some(("kabinet", "right"))).await;
    let relay = relay(Options {
        login: login("wrong"),
        ..options(&catcher, Security::StartTls)
    });
    let refused = Failure::Refused { status: 535, code: Some("5.7.8".to_owned()) };
    assert_eq!(relay.send(LETTER).await, Err(refused));
    let fault = relay.probe().await.unwrap_err();
    assert_eq!(fault.to_string(), "login: the server answered 535 5.7.8");
    assert_eq!(catcher.caught(), []);
}

#[tokio::test]
async fn each_refusal_says_whether_the_letter_may_have_been_sent() {
    let (catcher, relay) = plain().await;
    let refused = |status, code: &str| Failure::Refused { status, code: Some(code.to_owned()) };
    for (behaviour, expected) in [
        (Behaviour::Greet(421), Failure::Busy),
        (Behaviour::Greet(554), Failure::Refused { status: 554, code: None }),
        (Behaviour::Recipient(550), refused(550, "5.7.1")),
        (Behaviour::Recipient(451), Failure::Busy),
        (Behaviour::Letter(554), refused(554, "5.7.1")),
        (Behaviour::Letter(452), Failure::Busy),
        (Behaviour::DropBefore, Failure::Unreached),
        (Behaviour::Drop, Failure::Unclear(Error::Broken)),
    ] {
        catcher.then(behaviour);
        let failure = relay.send(LETTER).await.unwrap_err();
        assert_eq!(failure, expected, "{behaviour:?}");
        let is_unclear = behaviour == Behaviour::Drop;
        assert_eq!(failure.is_certain(), !is_unclear);
        assert!(!format!("{failure:?} {failure}").contains("anna"), "no word of the server's");
    }
    assert_eq!(catcher.caught().len(), 1, "the one that was dropped was taken");
}

#[tokio::test]
async fn a_server_that_never_answers_the_letter_leaves_it_unclear() {
    let catcher = catcher(Tls::None, None).await;
    let impatient = relay(Options {
        timeout: Duration::from_secs(3),
        ..options(&catcher, Security::Plain)
    });
    catcher.then(Behaviour::Hang);
    assert_eq!(impatient.send(LETTER).await, Err(Failure::Unclear(Error::TimedOut)));
    catcher.then(Behaviour::Slow(Duration::from_millis(20)));
    let patient = relay(options(&catcher, Security::Plain));
    assert!(patient.send(LETTER).await.is_ok(), "slow is not too slow");
}

#[tokio::test]
async fn where_nobody_listens_or_no_name_is_the_letter_was_surely_not_sent() {
    let catcher = catcher(Tls::None, None).await;
    let gone = options(&catcher, Security::Plain);
    drop(catcher);
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = relay(Options { port: free, ..gone.clone() });
    assert_eq!(nobody.send(LETTER).await, Err(Failure::Unreached));
    assert_eq!(nobody.probe().await.unwrap_err().step, Step::Connect);
    let no_name = relay(Options { host: "no-such-name.invalid".to_owned(), ..gone });
    assert_eq!(no_name.send(LETTER).await, Err(Failure::Unreached));
    assert_eq!(no_name.probe().await.unwrap_err().step, Step::Resolve);
}

#[tokio::test]
async fn dkim_signs_so_that_another_implementation_agrees_and_a_change_is_seen() {
    let rsa = PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let ed25519 = PKey::generate_ed25519().unwrap();
    for (key, algorithm) in [(rsa, "rsa-sha256"), (ed25519, "ed25519-sha256")] {
        let catcher = catcher(Tls::None, None).await;
        let dkim = Dkim {
            domain: "example.ru".to_owned(),
            selector: "s2026".to_owned(),
            key: key.private_key_to_pem_pkcs8().unwrap().into(),
        };
        let relay = relay(Options { dkim: Some(dkim), ..options(&catcher, Security::Plain) });
        relay.send(Letter { html: Some("<p>Код:  012345 </p>"), ..LETTER }).await.unwrap();
        let raw = String::from_utf8(catcher.caught().remove(0).raw).unwrap();
        let tags = Parsed::of(raw.as_bytes()).tags();
        assert_eq!((tags["a"].as_str(), tags["c"].as_str()), (algorithm, "relaxed/relaxed"));
        assert_eq!(
            (tags["d"].as_str(), tags["s"].as_str(), tags["t"].as_str()),
            ("example.ru", "s2026", "1780000000")
        );
        assert_eq!(tags["h"], "from:to:subject:date:message-id:mime-version:content-type:from:to:subject");
        assert!(is_signed(&raw, &key), "{algorithm}");
        let forged = [
            raw.replacen("012345", "012346", 1).replacen("<m-1@", "<m-2@", 1),
            raw.replacen("To: anna@", "To: hanna@", 1),
            raw.replacen("To: anna@", "Subject: other\r\nTo: anna@", 1),
            format!("{raw}more\r\n"),
        ];
        for changed in forged {
            assert_ne!(changed, raw);
            assert!(!is_signed(&changed, &key), "{algorithm}: {changed}");
        }
    }
}

/// RFC 6376 §6.1.3, written apart from the signer: headers from the bottom up, canonical forms by regular rewriting.
fn is_signed(raw: &str, key: &PKey<Private>) -> bool {
    let letter = Parsed::of(raw.as_bytes());
    let tags = letter.tags();
    if tags["bh"] != openssl::base64::encode_block(&sha256(letter.relaxed_body().as_bytes())) {
        return false;
    }
    let signature = openssl::base64::decode_block(&tags["b"]).unwrap();
    let data = letter.signed_data(&tags["h"]);
    if tags["a"] == "rsa-sha256" {
        let mut verifier = Verifier::new(MessageDigest::sha256(), key).unwrap();
        return verifier.verify_oneshot(&signature, data.as_bytes()).unwrap();
    }
    let mut verifier = Verifier::new_without_digest(key).unwrap();
    verifier.verify_oneshot(&signature, &sha256(data.as_bytes())).unwrap()
}
