//! Proofs that are good, and all the ways in which one is not.

use super::*;

const NOW: Timestamp = Timestamp(1_795_392_000);
const TOKEN: &str = "7000000002:CANARY-bot-token-of-a-test";

/// What an open library publishes as its example: signed by Telegram itself, for this bot.
const PUBLISHED: &str = "user=%7B%22id%22%3A279058397%2C%22first_name%22%3A%22Vladislav%20%2B%20-%20%3F%20%5C%2F%22%2C%22last_name%22%3A%22Kibenko%22%2C%22username%22%3A%22vdkfrost%22%2C%22language_code%22%3A%22ru%22%2C%22is_premium%22%3Atrue%2C%22allows_write_to_pm%22%3Atrue%2C%22photo_url%22%3A%22https%3A%5C%2F%5C%2Ft.me%5C%2Fi%5C%2Fuserpic%5C%2F320%5C%2F4FPEE4tmP3ATHa57u6MqTDih13LTOiMoKoLDRG4PnSA.svg%22%7D&chat_instance=8134722200314281151&chat_type=private&auth_date=1733584787&hash=2174df5b000556d044f3f020384e879c8efcab55ddea2ced4eb752e93e7080d6&signature=zL-ucjNyREiHDE8aihFwpfR9aggP2xiAo3NSpfe-p7IbCisNlDKlo7Kb6G4D0Ao2mBrSgEk4maLSdv6MLIlADQ";
const PUBLISHED_AT: Timestamp = Timestamp(1_733_584_787);
const PUBLISHED_BOT: i64 = 7_342_037_359;
const PUBLISHED_KEY: &str = "AAFZehRPBRs8Seg40oDjTMIW8uTGPuW1zfQ";

type Own = Vec<(String, String)>;

fn with_token(token: &str) -> Signers {
    Signers {
        tokens: vec![BotToken::parse(token).unwrap()],
        ..Signers::default()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn own(fields: &[(&str, &str)]) -> Own {
    fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Signs as Telegram does.
fn signed(fields: &[(&str, &str)], token: &str) -> Own {
    let mut fields = own(fields);
    let key = Sha256::digest(token.as_bytes());
    let hash = hex(&hmac(&key, &lines(&fields, &["hash"])).unwrap().finalize().into_bytes());
    fields.push(("hash".to_owned(), hash));
    fields
}

fn vera(at: &str) -> Own {
    signed(
        &[("id", "987654321"), ("first_name", "Вера 🦊"), ("last_name", "Комарова"), ("auth_date", at)],
        TOKEN,
    )
}

fn at(seconds: i64) -> String {
    NOW.plus(seconds).0.to_string()
}

#[test]
fn the_widget_proves_the_number_and_tells_the_name() {
    let proven = check_widget(&vera(&at(-1)), &with_token(TOKEN), NOW).unwrap();
    let person = &proven.person;
    assert_eq!((person.upstream.as_str(), person.subject.as_str()), ("telegram", "987654321"));
    assert_eq!(person.other_id.as_deref(), Some("987654321"));
    assert_eq!(person.name.as_deref(), Some("Вера 🦊 Комарова"));
    assert!(person.contacts.is_empty());
    assert_eq!(proven.until, NOW.plus(-1 + WIDGET_LIFE));
    let mut reordered = vera(&at(-1));
    reordered.reverse();
    assert_eq!(
        check_widget(&reordered, &with_token(TOKEN), NOW).unwrap(),
        proven,
        "the same proof, the same mark"
    );
}

#[test]
fn every_change_to_the_widgets_fields_is_noticed() {
    let good = vera(&at(0));
    let signers = with_token(TOKEN);
    for n in 0..good.len() {
        let mut changed = good.clone();
        changed[n].1 = changed[n].1.replace(['1', 'а', 'a'], "2");
        if changed != good {
            assert!(check_widget(&changed, &signers, NOW).is_err(), "{n}");
        }
        let mut shorter = good.clone();
        shorter.remove(n);
        assert!(check_widget(&shorter, &signers, NOW).is_err(), "without {n}");
        for place in [0, good.len()] {
            let mut twice = good.clone();
            twice.insert(place, good[n].clone());
            let refused = check_widget(&twice, &signers, NOW).unwrap_err();
            assert_eq!(refused, ProofError::Malformed("a field stands there twice"), "{n}");
        }
    }
    let mut more = good.clone();
    more.push(("is_admin".to_owned(), "1".to_owned()));
    assert_eq!(check_widget(&more, &signers, NOW), Err(ProofError::Forged));
    let mut louder = good;
    louder.last_mut().unwrap().1.make_ascii_uppercase();
    assert_eq!(check_widget(&louder, &signers, NOW), Err(ProofError::Malformed("hash")));
}

#[test]
fn another_bots_signature_is_nobodys() {
    let foreign = signed(&[("id", "987654321"), ("auth_date", &at(0))], "7000000003:CANARY-another-bot-of-a-test");
    assert_eq!(check_widget(&foreign, &with_token(TOKEN), NOW), Err(ProofError::Forged));
    assert_eq!(check_widget(&foreign, &Signers::default(), NOW), Err(ProofError::Forged));
    // While a token is being changed both are good.
    let mut both = with_token("7000000002:CANARY-the-new-token-of-it");
    both.tokens.extend(with_token(TOKEN).tokens);
    assert!(check_widget(&vera(&at(0)), &both, NOW).is_ok());
    // The key of Mini Apps is not the widget's.
    let data = init_data(&person_fields(&at(0)), TOKEN, Over::Everything);
    let fields: Own = form_urlencoded::parse(data.as_bytes()).into_owned().collect();
    assert_eq!(check_widget(&fields, &with_token(TOKEN), NOW), Err(ProofError::Forged));
}

#[test]
fn a_proof_ages() {
    let widget = |seconds| check_widget(&vera(&at(seconds)), &with_token(TOKEN), NOW).map(|_| ());
    assert_eq!([widget(-WIDGET_LIFE), widget(-WIDGET_LIFE - 1)], [Ok(()), Err(ProofError::Old)]);
    assert_eq!([widget(60), widget(61)], [Ok(()), Err(ProofError::Ahead)]);
    let app = |seconds| {
        let data = init_data(&person_fields(&at(seconds)), TOKEN, Over::Everything);
        check_init_data(&data, &with_token(TOKEN), NOW).map(|_| ())
    };
    assert_eq!([app(-MINI_APP_LIFE), app(-MINI_APP_LIFE - 1)], [Ok(()), Err(ProofError::Old)]);
    assert_eq!([app(60), app(61)], [Ok(()), Err(ProofError::Ahead)]);
}

#[test]
fn numbers_have_one_spelling_and_values_one_line() {
    let signers = with_token(TOKEN);
    for id in ["0", "-1", "+5", "05", "1e3", "", " 1", "9999999999999999999"] {
        let fields = signed(&[("id", id), ("auth_date", &at(0))], TOKEN);
        assert_eq!(check_widget(&fields, &signers, NOW), Err(ProofError::Malformed("id")), "{id:?}");
    }
    let broken = signed(&[("id", "5"), ("first_name", "a\nid=6"), ("auth_date", &at(0))], TOKEN);
    assert_eq!(check_widget(&broken, &signers, NOW), Err(ProofError::Malformed("a line break")));
    let undated = signed(&[("id", "5"), ("auth_date", "yesterday")], TOKEN);
    assert_eq!(check_widget(&undated, &signers, NOW), Err(ProofError::Malformed("auth_date")));
    let long = "x".repeat(LONGEST);
    let long = signed(&[("id", "5"), ("first_name", &long), ("auth_date", &at(0))], TOKEN);
    assert_eq!(check_widget(&long, &signers, NOW), Err(ProofError::Malformed("too long")));
    for token in [
        "",
        "7000000002",
        "x:CANARY-bot-token-of-a-test",
        "7000000002:short",
        "7000000002:CANARY bot token of a",
    ] {
        assert!(BotToken::parse(token).is_none(), "{token}");
    }
}

/// What the HMAC of `initData` is over.
#[derive(Clone, Copy)]
enum Over {
    Everything,
    ButTheSignature,
}

fn person_fields(at: &str) -> Own {
    let user = r#"{"id":987654322,"first_name":"🦊 Лёша & =","last_name":""}"#;
    own(&[("query_id", "AAA"), ("user", user), ("auth_date", at), ("signature", "c2ln")])
}

fn init_data(fields: &Fields, token: &str, over: Over) -> String {
    let without: &[&str] = match over {
        Over::Everything => &["hash"],
        Over::ButTheSignature => &["hash", "signature"],
    };
    let key = hmac(b"WebAppData", token).unwrap().finalize().into_bytes();
    let hash = hex(&hmac(&key, &lines(fields, without)).unwrap().finalize().into_bytes());
    let mut out = form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(fields).append_pair("hash", &hash).finish()
}

#[test]
fn what_people_call_themselves_hides_nothing_and_has_an_end() {
    let user = format!(r#"{{"id":5,"first_name":"\u202eVera\u0000\u200b","last_name":"{}"}}"#, "К".repeat(3000));
    let fields = own(&[("user", &user), ("auth_date", &at(-1))]);
    let data = init_data(&fields, TOKEN, Over::Everything);
    // Most of it is in Cyrillic: what is signed has an end of its own.
    assert!(check_init_data(&data, &with_token(TOKEN), NOW).is_err());
    let user = user.replace(&"К".repeat(3000), &"K".repeat(3000));
    let data = init_data(&own(&[("user", &user), ("auth_date", &at(-1))]), TOKEN, Over::Everything);
    let name = check_init_data(&data, &with_token(TOKEN), NOW).unwrap().person.name.unwrap();
    assert_eq!(name, format!("Vera {}", "K".repeat(100)));
}

#[test]
fn a_mini_app_proves_the_number_under_either_reading() {
    let signers = with_token(TOKEN);
    let fields = person_fields(&at(-30));
    let [first, second] = [Over::Everything, Over::ButTheSignature]
        .map(|over| check_init_data(&init_data(&fields, TOKEN, over), &signers, NOW).unwrap());
    assert_eq!(
        (first.person.subject.as_str(), first.person.name.as_deref()),
        ("987654322", Some("🦊 Лёша & ="))
    );
    assert_eq!(first, second, "the same proof, the same mark");
    for (found, replaced) in
        [("987654322", "987654321"), ("query_id=AAA", "query_id=AAB"), ("&hash", "&is_admin=1&hash")]
    {
        let forged = init_data(&fields, TOKEN, Over::Everything).replace(found, replaced);
        assert_eq!(check_init_data(&forged, &signers, NOW), Err(ProofError::Forged), "{replaced}");
    }
    let twice = format!("{}&user=%7B%22id%22%3A1%7D", init_data(&fields, TOKEN, Over::Everything));
    assert_eq!(
        check_init_data(&twice, &signers, NOW),
        Err(ProofError::Malformed("a field stands there twice"))
    );
    let foreign = init_data(&fields, "7000000003:CANARY-another-bot-of-a-test", Over::Everything);
    assert_eq!(check_init_data(&foreign, &signers, NOW), Err(ProofError::Forged));
    assert_eq!(check_init_data("", &signers, NOW), Err(ProofError::Forged));
    assert_eq!(
        check_init_data(&"a".repeat(LONGEST + 1), &signers, NOW),
        Err(ProofError::Malformed("too long"))
    );
}

#[test]
fn what_is_signed_and_is_no_person_is_refused() {
    let signers = with_token(TOKEN);
    for user in ["", "{", "[]", r#"{"id":"5"}"#, r#"{"id":0}"#, r#"{"id":-5}"#, r#"{"id":5,"is_bot":true}"#] {
        let fields = own(&[("user", user), ("auth_date", &at(0))]);
        let data = init_data(&fields, TOKEN, Over::Everything);
        assert_eq!(check_init_data(&data, &signers, NOW), Err(ProofError::Malformed("user")), "{user}");
    }
    let nobody = init_data(&own(&[("auth_date", &at(0))]), TOKEN, Over::Everything);
    assert_eq!(check_init_data(&nobody, &signers, NOW), Err(ProofError::Malformed("user")));
}

#[test]
fn the_published_example_holds_by_the_token_and_by_telegrams_own_signature() {
    let now = PUBLISHED_AT.plus(10);
    let by_token = with_token(&format!("{PUBLISHED_BOT}:{PUBLISHED_KEY}"));
    let third = |bot: i64, key: &str| Signers {
        bots: vec![5, bot],
        keys: vec![ThirdPartyKey::parse(key).unwrap()],
        ..Signers::default()
    };
    let by_telegram = third(PUBLISHED_BOT, PRODUCTION_KEY);
    let [first, second] = [&by_token, &by_telegram].map(|signers| check_init_data(PUBLISHED, signers, now).unwrap());
    assert_eq!(first.person.subject, "279058397");
    assert_eq!(first, second, "the same proof, the same mark");
    // A stranger's bot is signed for by Telegram as well; the key of its test servers has not signed this one.
    let test_key = "40055058a4ee38156a06562e52eece92a771bcd8346a8c4615cb7376eddf72ec";
    for signers in [third(7_342_037_350, PRODUCTION_KEY), third(PUBLISHED_BOT, test_key), Signers::default()] {
        assert_eq!(check_init_data(PUBLISHED, &signers, now), Err(ProofError::Forged));
    }
    let forged = PUBLISHED.replace("279058397", "279058398");
    assert_eq!(check_init_data(&forged, &by_telegram, now), Err(ProofError::Forged));
    assert_eq!(check_init_data(PUBLISHED, &by_telegram, PUBLISHED_AT.plus(3601)), Err(ProofError::Old));
    for key in ["", "e7", &PRODUCTION_KEY.to_uppercase(), &"0".repeat(62)] {
        assert!(ThirdPartyKey::parse(key).is_none(), "{key}");
    }
}

#[test]
fn what_is_wrong_with_a_proof_says_nothing_of_the_person() {
    for error in [ProofError::Forged, ProofError::Ahead, ProofError::Malformed("user")] {
        assert!(matches!(UpstreamError::from(error), UpstreamError::Untrusted(text) if text == error.to_string()));
    }
    assert!(matches!(UpstreamError::from(ProofError::Old), UpstreamError::Stale(_)));
    assert!(!format!("{:?}", BotToken::parse(TOKEN).unwrap()).contains("CANARY"));
}
