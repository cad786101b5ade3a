//! What the presets ask for and read, against scripted answers in the form of each provider's documentation.

use http::StatusCode;
use kabinet_core::ambient::Entropy;
use kabinet_core::language::Language;
use kabinet_fetch::{Calls, Response};
use serde_json::json;

use super::*;

/// Chance that always falls the same way.
struct Loaded;

impl Entropy for Loaded {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

const NOW: Timestamp = Timestamp(1_795_392_000);

fn provider(preset: Preset, answers: Vec<Value>) -> (OpenId, Calls) {
    let answers: Vec<_> = answers.iter().map(|answer| Ok(Response::of_json(StatusCode::OK, answer))).collect();
    let (fetch, calls) = Fetch::scripted(answers);
    let settings = OpenIdSettings {
        name: "there".to_owned(),
        client_id: "us".to_owned(),
        client_secret: Some(Secret::from("CANARY-secret")),
        ..preset.settings()
    };
    (OpenId::new(settings, fetch), calls)
}

/// Goes there and comes back with a code; who it was, and what the provider was asked.
async fn sign_in(preset: Preset, answers: Vec<Value>) -> (Result<External, UpstreamError>, Vec<Request>) {
    let (provider, calls) = provider(preset, answers);
    let redirect_uri: Url = "https://id.test/login/there/callback".parse().unwrap();
    let start = Start {
        redirect_uri: &redirect_uri,
        state: "4e5b2f6e-3c8e-4f1c-8f65-1b2f0f0f0f0f",
        language: Language::Ru,
        now: NOW,
        entropy: &Loaded,
    };
    let Departure { location, kept } = provider.begin(start).await.unwrap();
    let asked: BTreeMap<String, String> = location.query_pairs().into_owned().collect();
    assert_eq!(asked["state"], start.state);
    assert_eq!(
        (asked["response_type"].as_str(), asked["code_challenge_method"].as_str()),
        ("code", "S256")
    );
    let parameters = [("code", "CANARY-code"), ("state", start.state), ("device_id", "D1")];
    let parameters: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let arrival = Arrival {
        parameters: &parameters,
        redirect_uri: &redirect_uri,
        state: start.state,
        kept: &kept,
        now: NOW,
        entropy: &Loaded,
    };
    let person = provider.finish(arrival).await;
    (person, calls.take())
}

fn form(request: &Request) -> BTreeMap<String, String> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

fn tokens() -> Value {
    json!({"access_token": "CANARY-access", "token_type": "bearer", "expires_in": 60})
}

#[tokio::test]
async fn vk_gets_its_device_back_and_is_asked_by_a_form() {
    let user = json!({"user": {"user_id": "1234567890", "first_name": "Анна", "last_name": "Тестова", "phone": "79991234567",
        "email": "anna@example.test", "sex": 1, "verified": false}});
    let (person, calls) = sign_in(Preset::Vk, vec![tokens(), user]).await;
    let person = person.unwrap();
    assert_eq!((person.subject.as_str(), person.other_id), ("1234567890", None));
    assert_eq!(person.name.as_deref(), Some("Тестова Анна"));
    assert_eq!(person.contacts.len(), 2);
    assert!(person.contacts.iter().all(|told| !told.is_verified), "VK vouches for nothing");
    let (token, info) = (form(&calls[0]), form(&calls[1]));
    assert_eq!(calls[0].url.as_str(), "https://id.vk.com/oauth2/auth");
    assert_eq!((token["device_id"].as_str(), token["client_id"].as_str()), ("D1", "us"));
    assert!(token.contains_key("code_verifier") && token.contains_key("state"));
    assert_eq!((info["access_token"].as_str(), info["client_id"].as_str()), ("CANARY-access", "us"));
}

#[tokio::test]
async fn yandex_is_asked_with_its_own_scheme() {
    let user = json!({"id": "1000034426", "login": "anna", "first_name": "Анна", "last_name": "Тестова", "real_name": "Анна Тестова",
        "sex": "female", "birthday": "1990-01-02", "default_email": "anna@yandex.ru", "default_phone": {"id": 1, "number": "+79991234567"}});
    let (person, calls) = sign_in(Preset::Yandex, vec![tokens(), user]).await;
    let person = person.unwrap();
    assert_eq!((person.subject.as_str(), person.name.as_deref()), ("1000034426", Some("Анна Тестова")));
    assert_eq!(
        (person.gender.as_deref(), person.birthdate.as_deref()),
        (Some("female"), Some("1990-01-02"))
    );
    assert_eq!(person.contacts.len(), 2);
    assert_eq!(calls[1].headers[AUTHORIZATION], "OAuth CANARY-access");
    assert_eq!(calls[1].url.as_str(), "https://login.yandex.ru/info?format=json");
    assert!(calls[0].headers[AUTHORIZATION].to_str().unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn t_id_is_asked_by_a_post_with_the_client_s_own_credentials() {
    let user =
        json!({"sub": "b1f3", "name": "Тестова Анна", "phone_number": "+79991234567", "phone_number_verified": true});
    let (person, calls) = sign_in(Preset::TId, vec![tokens(), user]).await;
    assert!(person.unwrap().contacts[0].is_verified);
    assert_eq!(calls[1].method, Method::POST);
    assert_eq!(form(&calls[1])["client_secret"], "CANARY-secret");
}

#[tokio::test]
async fn sber_gets_a_number_with_each_call() {
    let (person, calls) = sign_in(Preset::Sber, vec![tokens(), json!({"sub": "x"})]).await;
    assert_eq!(person.unwrap().subject, "x");
    assert_eq!(calls[0].headers["rquid"].len(), 32);
    assert_eq!(calls[1].headers["x-introspect-rquid"].len(), 32);
}

#[tokio::test]
async fn who_has_no_identifier_there_is_nobody() {
    for user in [
        json!({"user": {}}),
        json!({"user": {"user_id": ""}}),
        json!({"user": {"user_id": 1.5}}),
        json!({"user": [1]}),
    ] {
        let (person, _) = sign_in(Preset::Vk, vec![tokens(), user.clone()]).await;
        assert!(matches!(person, Err(UpstreamError::Untrusted(_))), "{user}");
    }
}

#[tokio::test]
async fn an_error_of_the_provider_repeats_nothing_that_it_said() {
    let (fetch, _) = Fetch::scripted([Ok(Response::of_json(
        StatusCode::BAD_REQUEST,
        &json!({"error": "invalid_client\r\nCANARY <b>", "error_description": "CANARY-token"}),
    ))]);
    let provider = OpenId::new(OpenIdSettings { name: "vk".to_owned(), ..Preset::Vk.settings() }, fetch);
    let redirect_uri: Url = "https://id.test/cb".parse().unwrap();
    let parameters = [("code".to_owned(), "x".to_owned())];
    let kept = json!({"nonce": "n", "verifier": "v".repeat(43)});
    let arrival = Arrival {
        parameters: &parameters,
        redirect_uri: &redirect_uri,
        state: "s",
        kept: &kept,
        now: NOW,
        entropy: &Loaded,
    };
    let error = provider.finish(arrival).await.unwrap_err();
    assert!(!error.to_string().contains("CANARY-token") && !error.to_string().contains('<'), "{error}");
    assert_eq!(error.code(), "upstream-misconfigured");
}
