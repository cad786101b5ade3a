use super::*;

fn options() -> Options {
    Options {
        // RFC 5737: nobody listens there.
        host: "192.0.2.1".to_owned(),
        port: 465,
        security: Security::Tls,
        login: None,
        from: "Астрал <no-reply@example.ru>".to_owned(),
        ca: None,
        dkim: None,
        allow: Vec::new(),
        timeout: Duration::from_secs(5),
    }
}

const LETTER: Letter<'static> = Letter {
    to: "anna@example.ru",
    subject: "Код подтверждения",
    text: "Код 012345",
    html: None,
    id: "m-1",
    date: 1_780_000_000,
};

fn bad(change: impl FnOnce(&mut Options)) -> BadRelay {
    let mut options = options();
    change(&mut options);
    Relay::new(options).err().unwrap()
}

fn composed(relay: &Relay, letter: Letter<'_>) -> Option<String> {
    let (_, bytes) = relay.0.compose(&letter)?;
    Some(String::from_utf8(bytes).unwrap())
}

#[test]
fn options_that_cannot_be_used_are_named() {
    assert_eq!(bad(|options| options.host = String::new()), BadRelay::Host);
    assert_eq!(bad(|options| options.host = "mail example".to_owned()), BadRelay::Host);
    for from in ["", "no-reply", "a@b@c", "Кто <кто@example.ru>", "X <x@example.ru>\r\nBcc: <y@example.ru>"] {
        assert_eq!(bad(|options| options.from = from.to_owned()), BadRelay::From, "{from}");
    }
    assert_eq!(bad(|options| options.ca = Some("nothing".into())), BadRelay::Ca);
    let dkim = |domain: &str, key: &[u8]| {
        let (domain, selector, key) = (domain.to_owned(), "s1".to_owned(), Bytes::copy_from_slice(key));
        Some(Dkim { domain, selector, key })
    };
    let small = openssl::rsa::Rsa::generate(512).unwrap().private_key_to_pem().unwrap();
    assert_eq!(bad(|options| options.dkim = dkim("example.ru; x=", &small)), BadRelay::DkimName);
    assert_eq!(bad(|options| options.dkim = dkim("example.ru", &small)), BadRelay::DkimKey);
    assert_eq!(bad(|options| options.dkim = dkim("example.ru", b"nothing")), BadRelay::DkimKey);
}

#[test]
fn a_host_is_a_name_in_ascii_or_an_address() {
    for (text, expected) in [
        ("mail.example.ru", Some("mail.example.ru")),
        ("Почта.рф", Some("xn--80a1acny.xn--p1ai")),
        ("::1", Some("::1")),
        ("[::1]", Some("::1")),
        ("0x7f.1", Some("127.0.0.1")),
        ("127.0.0.1:25", None),
        ("mail example", None),
        ("smtp://mail.example.ru", None),
        ("", None),
    ] {
        assert_eq!(host(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn a_plain_relay_stands_beside_us_and_gets_a_login_on_loopback_only() {
    let login = || Some(Login { name: "n".to_owned(), password: "p".to_owned() });
    for (host, login, expected) in [
        ("127.0.0.1", None, None),
        ("127.0.0.1", login(), None),
        ("::1", login(), None),
        ("10.0.0.5", None, None),
        ("10.0.0.5", login(), Some(BadRelay::PlainLogin)),
        ("8.8.8.8", None, Some(BadRelay::Plain)),
        ("8.8.8.8", login(), Some(BadRelay::PlainLogin)),
        ("9.9.9.9", None, None),
        ("9.9.9.9", login(), Some(BadRelay::PlainLogin)),
    ] {
        let allow = vec!["9.9.9.0/24".parse().unwrap()];
        let options = Options { security: Security::Plain, login, allow, ..options() };
        assert_eq!(options.permit(host.parse().unwrap()).err(), expected, "{host}");
    }
    assert_eq!(
        bad(|options| (options.security, options.host) = (Security::Plain, "8.8.8.8".to_owned())),
        BadRelay::Plain
    );
}

#[tokio::test]
async fn nothing_that_ends_a_header_or_a_command_goes_anywhere() {
    let relay = Relay::new(options()).unwrap();
    let letters = [
        Letter { to: "anna@example.ru\r\nBcc: x@example.ru", ..LETTER },
        Letter { to: "anna@example.ru>\r\nRCPT TO:<x@example.ru", ..LETTER },
        Letter { to: "anna@example.ru\0", ..LETTER },
        Letter { to: "anna", ..LETTER },
        Letter { to: "", ..LETTER },
        Letter { to: "анна@example.ru", ..LETTER },
        Letter { subject: "Код\r\nBcc: x@example.ru", ..LETTER },
        Letter { subject: "Код\nX: y", ..LETTER },
        Letter { subject: "Код\u{0}", ..LETTER },
        Letter { id: "m-1>\r\nX: <y", ..LETTER },
        Letter { id: "", ..LETTER },
    ];
    for letter in letters {
        assert_eq!(
            relay.send(letter).await,
            Err(Failure::UNFIT),
            "{} {:?} {}",
            letter.to,
            letter.subject,
            letter.id
        );
    }
}

#[test]
fn a_letter_has_its_headers_and_is_ascii_whatever_it_says() {
    let relay = Relay::new(options()).unwrap();
    let text = "Код 012345\nНикому его не сообщайте.\r\n.\r\nbare\rreturn";
    let letter = composed(&relay, Letter { text, html: Some("<p>Код</p>"), ..LETTER }).unwrap();
    assert!(letter.is_ascii());
    let (head, body) = letter.split_once("\r\n\r\n").unwrap();
    for line in [
        "To: anna@example.ru",
        "Message-ID: <m-1@example.ru>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Date: Thu, 28 May 2026 20:26:40 +0000",
    ] {
        assert!(head.lines().any(|one| one == line), "{line}: {head}");
    }
    assert!(head.contains("From: =?utf-8?b?") && head.contains("<no-reply@example.ru>"), "{head}");
    assert!(head.contains("multipart/alternative") && body.contains("--=_m-1--"), "{letter}");
    assert!(letter.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
    assert_eq!(composed(&relay, LETTER), composed(&relay, LETTER), "each attempt sends the same bytes");
}

#[test]
fn the_id_of_a_letter_is_found_in_the_servers_words() {
    for (answer, expected) in [
        ("250 2.0.0 Ok: queued as 4F2A1\r\n", "4F2A1"),
        ("250 2.0.0 Ok: queued on mail-1.example as 1779999999-ab12\r\n", "1779999999-ab12"),
        ("250 OK id=1t0Axx-0000-0A\r\n", "1t0Axx-0000-0A"),
        ("250 OK\r\n", ""),
        ("250 queued as\r\n", ""),
        ("250 queued as anna@example.ru\r\n", ""),
    ] {
        assert_eq!(queue_id(&answer.parse().unwrap()), expected, "{answer}");
    }
}

#[test]
fn an_answer_is_told_apart_by_its_code_and_its_words_are_left_out() {
    let text = "5.1.1 <anna@example.ru> unknown";
    let fault = Fault::answered(Step::Envelope, 550, text);
    assert_eq!(fault.failure, Failure::Refused { status: 550, code: Some("5.1.1".to_owned()) });
    assert_eq!(fault.to_string(), "envelope: the server answered 550 5.1.1");
    assert_eq!(Fault::answered(Step::Letter, 451, "later").failure, Failure::Busy);
    let refused = Failure::Refused { status: 554, code: None };
    assert_eq!(Fault::answered(Step::Greeting, 554, "012345").failure, refused);
}
