use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::Calls;

const SMS: Sms<'static> = Sms {
    to: "+79161234567",
    text: "Код 012345 {key}\n@id.example #012345",
    id: "m-1",
};

fn gateway(preset: Preset, login: &str, answer: Result<Response, Error>) -> (Gateway, Calls) {
    let (fetch, calls) = Fetch::scripted([answer]);
    let account = Account {
        login: login.to_owned(),
        key: "k3y".to_owned(),
        sender: "Astral".to_owned(),
    };
    let url = preset.address().parse().unwrap();
    (Gateway::new(fetch, preset.template(url), account), calls)
}

fn ok(value: &Value) -> Result<Response, Error> {
    Ok(Response::of_json(StatusCode::OK, value))
}

fn form(request: &Request) -> BTreeMap<String, String> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn sms_ru(of_number: u16) -> Value {
    let block = json!({"status": "OK", "status_code": of_number, "sms_id": "000000-10000000", "cost": "0.50"});
    json!({"status": "OK", "status_code": 100, "sms": {"79161234567": block}, "balance": 4.1})
}

#[tokio::test]
async fn sms_ru_gets_its_fields_and_its_block_for_the_number_is_read() {
    let (gateway, calls) = gateway(Preset::SmsRu, "", ok(&sms_ru(100)));
    let sent = gateway.send(SMS).await.unwrap();
    assert_eq!(sent, Sent { id: "000000-10000000".to_owned(), cost: Some(50) });
    let request = &calls.take()[0];
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://sms.ru/sms/send"));
    let expected = [("api_id", "k3y"), ("to", "79161234567"), ("msg", SMS.text), ("from", "Astral"), ("json", "1")];
    assert_eq!(form(request), map(&expected));
}

#[tokio::test]
async fn sms_ru_that_refuses_the_number_with_200_has_not_sent() {
    let (gateway, _) = gateway(Preset::SmsRu, "", ok(&sms_ru(207)));
    let why = gateway.send(SMS).await.unwrap_err();
    assert_eq!(why, Failure::Refused { status: 200, code: Some("207".to_owned()) });
    assert!(why.is_certain());
}

#[tokio::test]
async fn smsc_gets_login_and_password_or_the_key_alone() {
    let answer = json!({"id": 1234, "cnt": 1, "cost": "1.441"});
    let (with_login, calls) = gateway(Preset::Smsc, "astral", ok(&answer));
    assert_eq!(with_login.send(SMS).await, Ok(Sent { id: "1234".to_owned(), cost: Some(145) }));
    let fields = form(&calls.take()[0]);
    let common = [
        ("phones", "79161234567"),
        ("mes", SMS.text),
        ("sender", "Astral"),
        ("charset", "utf-8"),
        ("fmt", "3"),
        ("cost", "2"),
    ];
    let mut expected = map(&common);
    expected.extend(map(&[("login", "astral"), ("psw", "k3y")]));
    assert_eq!(fields, expected);

    let (with_key, calls) = gateway(Preset::Smsc, "", ok(&json!({"error": "no money", "error_code": 3})));
    let refused = Failure::Refused { status: 200, code: Some("3".to_owned()) };
    assert_eq!(with_key.send(SMS).await, Err(refused));
    let mut expected = map(&common);
    expected.extend(map(&[("apikey", "k3y")]));
    assert_eq!(form(&calls.take()[0]), expected);
}

#[tokio::test]
async fn sms_aero_gets_json_with_basic_credentials() {
    let answer = json!({"success": true, "data": {"id": 7, "status": 0, "cost": 1.95}, "message": null});
    let (good, calls) = gateway(Preset::SmsAero, "mail@example.test", ok(&answer));
    assert_eq!(good.send(SMS).await, Ok(Sent { id: "7".to_owned(), cost: Some(195) }));
    let request = &calls.take()[0];
    let basic = format!("Basic {}", STANDARD.encode("mail@example.test:k3y"));
    assert_eq!(request.headers[header::AUTHORIZATION], basic);
    assert!(request.headers[header::AUTHORIZATION].is_sensitive());
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"number": "79161234567", "text": SMS.text, "sign": "Astral"}));

    let answer = json!({"success": false, "data": null, "message": format!("bad: {}", SMS.text)});
    let (bad, _) = gateway(Preset::SmsAero, "mail@example.test", ok(&answer));
    assert_eq!(bad.send(SMS).await, Err(Failure::Refused { status: 200, code: None }));
}

#[tokio::test]
async fn exolve_gets_json_with_a_bearer_token() {
    let (good, calls) = gateway(Preset::Exolve, "", ok(&json!({"message_id": "439166338152"})));
    assert_eq!(good.send(SMS).await, Ok(Sent { id: "439166338152".to_owned(), cost: None }));
    let request = &calls.take()[0];
    assert_eq!(request.headers[header::AUTHORIZATION], "Bearer k3y");
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body, json!({"number": "Astral", "destination": "79161234567", "text": SMS.text}));

    let refusal = Response::of_json(StatusCode::BAD_REQUEST, &json!({"error": {"code": "1001", "message": "x"}}));
    let (bad, _) = gateway(Preset::Exolve, "", Ok(refusal));
    let refused = Failure::Refused { status: 400, code: Some("1001".to_owned()) };
    assert_eq!(bad.send(SMS).await, Err(refused));
}

#[tokio::test]
async fn only_a_sure_refusal_lets_another_gateway_be_asked() {
    let of = |status| Ok(Response::of_json(status, &json!({})));
    let no_json = Response {
        body: "<html>".into(),
        ..Response::of_json(StatusCode::OK, &json!({}))
    };
    let cases = [
        (of(StatusCode::TOO_MANY_REQUESTS), true),
        (of(StatusCode::UNAUTHORIZED), true),
        (of(StatusCode::OK), true),
        (Err(Error::Refused), true),
        (Err(Error::Unreachable), true),
        (of(StatusCode::BAD_GATEWAY), false),
        (Ok(no_json), false),
        (Err(Error::TimedOut), false),
        (Err(Error::Broken), false),
        (Err(Error::TooLarge), false),
    ];
    for (answer, certain) in cases {
        for preset in Preset::ALL {
            let (gateway, _) = gateway(preset, "login", answer.clone());
            let why = gateway.send(SMS).await.unwrap_err();
            assert_eq!(why.is_certain(), certain, "{}: {answer:?}: {why}", preset.as_str());
        }
    }
}

#[tokio::test]
async fn an_id_beside_an_error_is_no_message() {
    for (preset, answer, code) in [
        (Preset::Smsc, json!({"error": "can't deliver", "error_code": 8, "id": 5}), Some("8")),
        (Preset::Smsc, json!({"error": "unknown", "id": 5}), None),
        (Preset::Exolve, json!({"error": {"message": "no"}, "message_id": "5"}), None),
        (Preset::SmsAero, json!({"success": false, "data": {"id": 5}, "message": "no"}), None),
    ] {
        let (gateway, _) = gateway(preset, "login", ok(&answer));
        let refused = Failure::Refused { status: 200, code: code.map(str::to_owned) };
        assert_eq!(gateway.send(SMS).await, Err(refused), "{answer}");
    }
    let (null, _) = gateway(Preset::Exolve, "", ok(&json!({"error": null, "message_id": "5"})));
    assert!(null.send(SMS).await.is_ok());
}

#[tokio::test]
async fn a_code_that_asks_for_patience_is_no_refusal() {
    for (preset, answer) in [
        (Preset::SmsRu, sms_ru(220)),
        (Preset::SmsRu, json!({"status": "ERROR", "status_code": 500})),
        (Preset::Smsc, json!({"error": "too many", "error_code": 9})),
    ] {
        let (gateway, _) = gateway(preset, "", ok(&answer));
        assert_eq!(gateway.send(SMS).await, Err(Failure::Busy), "{answer}");
    }
}

#[test]
fn a_preset_names_what_its_account_lacks() {
    let account = |login: &str, key: &str, sender: &str| Account {
        login: login.to_owned(),
        key: key.to_owned(),
        sender: sender.to_owned(),
    };
    for (preset, account, missing) in [
        (Preset::SmsRu, account("", "k", ""), None),
        (Preset::SmsRu, account("l", "", "s"), Some("key")),
        (Preset::Smsc, account("", "k", ""), None),
        (Preset::SmsAero, account("", "k", "s"), Some("login")),
        (Preset::SmsAero, account("l", "k", ""), Some("sender")),
        (Preset::Exolve, account("", "k", ""), Some("sender")),
        (Preset::Exolve, account("", "k", "s"), None),
    ] {
        assert_eq!(preset.misses(&account), missing, "{}", preset.as_str());
    }
}

#[tokio::test]
async fn what_is_no_number_goes_nowhere() {
    for to in ["79161234567", "+7916", "+7916123456x", "+7916\r\n1234", "+7916123456789012", ""] {
        let (gateway, calls) = gateway(Preset::SmsRu, "", ok(&sms_ru(100)));
        assert!(gateway.send(Sms { to, ..SMS }).await.is_err(), "{to}");
        assert!(calls.take().is_empty());
    }
}

#[tokio::test]
async fn a_failure_repeats_neither_number_nor_text() {
    let answer = json!({"status_code": SMS.text, "sms": {"79161234567": {"status_code": SMS.text}}});
    let (gateway, _) = gateway(Preset::SmsRu, "", ok(&answer));
    let why = gateway.send(SMS).await.unwrap_err();
    assert_eq!(why, Failure::Refused { status: 200, code: None });
}

#[test]
fn roubles_become_kopecks_and_begun_ones_count() {
    for (roubles, expected) in [
        ("0", Some(0)),
        ("1", Some(100)),
        ("1.5", Some(150)),
        ("1.95", Some(195)),
        ("1.950", Some(195)),
        ("1.951", Some(196)),
        ("-1", None),
        ("1,5", None),
        ("1.x", None),
        ("1e3", None),
        ("", None),
    ] {
        assert_eq!(kopecks(roubles), expected, "{roubles}");
    }
}
