//! Telegram: what a client of its OpenID service meets, and what is signed with a bot's token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use kabinet_fetch::{Fetch, Request, Response};
use kabinet_standins::telegram::{self, Alg, At, Bot, BotError, Control, Failure, Fault, Mode, Reading, User};
use kabinet_standins::upstream::Choice;
use openidconnect::core::CoreAuthenticationFlow;
use openidconnect::{AuthorizationCode, CsrfToken, Nonce, PkceCodeChallenge, Scope, TokenResponse};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey};
use openssl::sha::sha256;
use openssl::sign::{Signer, Verifier};
use serde_json::{Value, json};

use crate::stand::{self, BACK, Http, NOW, Party, brought, fetch, now};

const BOT: i64 = 7_000_000_001;
const LEGACY: i64 = 7_000_000_002;
const VERA: i64 = 987_654_321;
const SECRET: &str = "CANARY-bot-secret";
const DOMAIN: &str = "shop.example.ru";

struct Service {
    issuer: String,
    control: Control,
    fetch: Fetch,
    http: Http,
}

impl Service {
    async fn start() -> Self {
        let (socket, issuer) = stand::socket().await;
        let (clock, entropy) = stand::ambient();
        let (router, control) = telegram::router(&issuer, clock, entropy).unwrap();
        control.register(Bot::new(BOT, SECRET, BACK)).unwrap();
        control.register(Bot::legacy(LEGACY, DOMAIN)).unwrap();
        stand::serve(socket, router);
        let fetch = fetch();
        Self { issuer, control, http: Http(fetch.clone()), fetch }
    }

    async fn party(&self) -> Party {
        stand::party(&self.http, &self.issuer, (&BOT.to_string(), SECRET)).await
    }

    /// The ID token of somebody who signed in.
    async fn token(&self, party: &Party, user: &str) -> Result<String, String> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, ..) = party
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, || {
                Nonce::new("n".to_owned())
            })
            .add_scopes(["profile", "phone"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            .url();
        let back = self.control.answer(url.as_str(), Choice::Allow(user))?;
        let code = AuthorizationCode::new(brought(&back, "code").unwrap());
        let exchange = party.exchange_code(code).unwrap().set_pkce_verifier(verifier);
        let tokens = exchange.request_async(&self.http).await.map_err(|why| format!("{why:?}"))?;
        tokens.id_token().map(ToString::to_string).ok_or_else(|| "no ID token".to_owned())
    }

    /// The same without the crate, which knows three of the four algorithms.
    async fn raw_token(&self) -> String {
        let asked = format!("?client_id={BOT}&redirect_uri={BACK}&response_type=code&scope=openid");
        let back = self.control.answer(&asked, Choice::Allow("")).unwrap();
        let id = BOT.to_string();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &brought(&back, "code").unwrap()),
            ("redirect_uri", BACK),
            ("client_id", &id),
            ("client_secret", SECRET),
        ];
        let answer = self.post("/token", &form, &[]).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer["id_token"].as_str().unwrap().to_owned()
    }

    async fn claims(&self, user: &str) -> Value {
        payload(&self.token(&self.party().await, user).await.unwrap())
    }

    async fn get(&self, path: &str) -> Response {
        self.fetch.get(format!("{}{path}", self.issuer).parse().unwrap()).await.unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path).await.body).unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)], headers: &[(&'static str, &str)]) -> Response {
        let mut request = Request::new(Method::POST, format!("{}{path}", self.issuer).parse().unwrap());
        request
            .headers
            .insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        for (name, value) in headers {
            request.headers.insert(*name, value.parse().unwrap());
        }
        let mut body = form_urlencoded::Serializer::new(String::new());
        request.body = body.extend_pairs(form).finish().into();
        self.fetch.request(request).await.unwrap()
    }
}

fn part(token: &str, n: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap()
}

fn payload(token: &str) -> Value {
    serde_json::from_slice(&part(token, 1)).unwrap()
}

fn text(answer: &Response) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
async fn the_id_token_says_what_the_vendors_sample_says() {
    let service = Service::start().await;
    let claims = service.claims("").await;
    let vera = User::all().remove(0);
    let subject = vera.subject(BOT);
    assert_eq!(
        claims,
        json!({
            "iss": service.issuer, "aud": BOT.to_string(), "sub": subject, "iat": NOW, "exp": NOW + 3600, "id": VERA,
            "name": "Вера Комарова", "preferred_username": "vera_komarova",
            "picture": "https://t.invalid/i/userpic/320/vera.jpg", "phone_number": "79161110011",
        })
    );
    assert!(subject.len() == 19 && subject != vera.subject(LEGACY) && subject != VERA.to_string());
    let fox = service.claims("987654322").await;
    assert_eq!(
        (&fox["name"], &fox["phone_number"], &fox["preferred_username"]),
        (&json!("🦊 Лёша ✨"), &Value::Null, &Value::Null)
    );

    let faults = service.control.faults();
    faults.for_next(1, Fault::NonceEchoed);
    assert_eq!(service.claims("").await["nonce"], "n");
    faults.for_next(1, Fault::NoId);
    assert_eq!(service.claims("").await["id"], Value::Null);
    faults.for_next(1, Fault::PhonePlus);
    assert_eq!(service.claims("").await["phone_number"], "+79161110011");
    faults.skew(-90);
    assert_eq!(service.claims("").await["iat"], NOW - 90);
}

#[tokio::test]
async fn each_of_the_four_keys_verifies_what_it_signed() {
    let service = Service::start().await;
    let keys = service.json("/.well-known/jwks.json").await;
    let rsa = &keys["keys"][0];
    assert_eq!(
        (&rsa["key_ops"], &rsa["ext"], &rsa["use"]),
        (&json!(["verify"]), &json!(true), &Value::Null)
    );
    for (alg, kid) in [
        (Alg::RS256, "oidc-1"),
        (Alg::ES256, "oidc-es256-1"),
        (Alg::EdDSA, "oidc-eddsa-1"),
        (Alg::ES256K, "oidc-es256k-1"),
    ] {
        service.control.register(Bot { alg, ..Bot::new(BOT, SECRET, BACK) }).unwrap();
        let token = service.raw_token().await;
        let header: Value = serde_json::from_slice(&part(&token, 0)).unwrap();
        assert_eq!((&header["alg"], &header["kid"]), (&json!(alg.as_str()), &json!(kid)));
        let jwk = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
        assert!(is_signed(&token, jwk, alg), "{kid}");
    }
}

/// Verifies without anything of the stand-in's.
fn is_signed(token: &str, jwk: &Value, alg: Alg) -> bool {
    let (input, _) = token.rsplit_once('.').unwrap();
    let signature = part(token, 2);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let number = |bytes: &[u8]| BigNum::from_slice(bytes).unwrap();
    match alg {
        Alg::RS256 => {
            let rsa = openssl::rsa::Rsa::from_public_components(number(&bytes("n")), number(&bytes("e"))).unwrap();
            let key = PKey::from_rsa(rsa).unwrap();
            let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
            verifier.verify_oneshot(&signature, input.as_bytes()).unwrap()
        }
        Alg::EdDSA => {
            let key = PKey::public_key_from_raw_bytes(&bytes("x"), Id::ED25519).unwrap();
            Verifier::new_without_digest(&key)
                .unwrap()
                .verify_oneshot(&signature, input.as_bytes())
                .unwrap()
        }
        Alg::ES256 | Alg::ES256K => {
            let curve = if alg == Alg::ES256 { Nid::X9_62_PRIME256V1 } else { Nid::SECP256K1 };
            let group = EcGroup::from_curve_name(curve).unwrap();
            let key =
                EcKey::from_public_key_affine_coordinates(&group, &number(&bytes("x")), &number(&bytes("y"))).unwrap();
            let (r, s) = signature.split_at(32);
            let signature = EcdsaSig::from_private_components(number(r), number(s)).unwrap();
            signature.verify(&sha256(input.as_bytes()), &key).unwrap()
        }
    }
}

#[tokio::test]
async fn the_openidconnect_crate_signs_in_without_a_nonce_and_without_userinfo() {
    let service = Service::start().await;
    let party = service.party().await;
    let token: openidconnect::core::CoreIdToken = service.token(&party, "").await.unwrap().parse().unwrap();
    let verifier = party.id_token_verifier().set_time_fn(now);
    let claims = token.claims(&verifier, |_: Option<&Nonce>| Ok(())).unwrap();
    assert_eq!(claims.subject().as_str(), User::all()[0].subject(BOT));
    assert!(token.claims(&verifier, &Nonce::new("n".to_owned())).is_err());
    for fault in [Fault::AudienceStranger, Fault::Expired, Fault::UnknownKey, Fault::AlgNone] {
        service.control.faults().for_next(1, fault);
        let token = service.token(&party, "").await.unwrap().parse::<openidconnect::core::CoreIdToken>();
        assert!(
            token.is_err() || token.unwrap().claims(&verifier, |_: Option<&Nonce>| Ok(())).is_err(),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn codes_secrets_addresses_and_modes_are_checked() {
    let service = Service::start().await;
    let party = service.party().await;
    for fault in [Fault::ExpiredCode, Fault::UnknownCode, Fault::UsedCode] {
        service.control.faults().for_next(1, fault);
        assert!(service.token(&party, "").await.unwrap_err().contains("invalid_grant"), "{fault:?}");
    }
    let wrong = stand::party(&service.http, &service.issuer, (&BOT.to_string(), "another")).await;
    assert!(service.token(&wrong, "").await.unwrap_err().contains("invalid_client"));
    assert_eq!(service.json("/token").await["error"], "unsupported_grant_type");

    let url = |bot: i64, back: &str| {
        format!(
            "{}/auth?client_id={bot}&redirect_uri={back}&response_type=code&scope=openid&state=s",
            service.issuer
        )
    };
    let denied = service.control.answer(&url(BOT, BACK), Choice::Deny).unwrap();
    assert_eq!(brought(&denied, "error").unwrap(), "access_denied");
    assert!(service.control.answer(&url(BOT, "https://id.example.ru/"), Choice::Deny).is_err());
    assert!(service.control.answer(&url(LEGACY, BACK), Choice::Deny).is_err(), "a bot without OpenID");
    assert_eq!(service.get("/auth?client_id=1").await.status, 400);

    let back = Bot { mode: Mode::Legacy, ..Bot::new(BOT, SECRET, BACK) };
    assert_eq!(service.control.register(back), Err(BotError::OneWay));
    assert_eq!(
        service.control.register(Bot::new(9, "s", "http://shop.example.ru/")),
        Err(BotError::Insecure)
    );
    service.control.register(Bot::new(LEGACY, "s", BACK)).unwrap();
    let window = format!("{}/auth?bot_id={LEGACY}&origin=https://{DOMAIN}", service.issuer);
    assert!(service.control.answer(&window, Choice::Deny).unwrap_err().contains("Deprecated"));
}

#[tokio::test]
async fn the_network_can_be_shut_for_the_browser_and_for_the_server_apart() {
    let service = Service::start().await;
    let faults = service.control.faults();
    let page = format!("/auth?client_id={BOT}&redirect_uri={BACK}&response_type=code&scope=openid");
    faults.fail(At::Authorize, Failure::Blocked);
    assert_eq!(
        (service.get(&page).await.status, service.get("/.well-known/jwks.json").await.status),
        (451.try_into().unwrap(), 200.try_into().unwrap())
    );
    faults.heal();
    faults.fail(At::Keys, Failure::Dead);
    assert!(
        service
            .fetch
            .get(format!("{}/.well-known/jwks.json", service.issuer).parse().unwrap())
            .await
            .is_err()
    );
    assert!(text(&service.get("/").await).contains("Вера Комарова"));
    let shown = service.get(&page).await;
    assert!(shown.status.is_success() && text(&shown).contains("id=\"standin-form\"") && text(&shown).contains("🦊"));
    let pressed = service
        .post("/auth", &[("request", &page[6..]), ("persona", "987654321"), ("allow", "allow")], &[])
        .await;
    assert!(brought(pressed.headers["location"].to_str().unwrap(), "code").is_some());
}

#[tokio::test]
async fn the_widget_is_signed_with_the_bots_token() {
    let service = Service::start().await;
    let bot = Bot::legacy(LEGACY, DOMAIN);
    let is_good = |fields: &[(String, String)]| {
        let mut lines: Vec<_> = fields
            .iter()
            .filter(|(key, _)| key != "hash")
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        lines.sort();
        let hash = &fields.iter().find(|(key, _)| key == "hash").unwrap().1;
        *hash == hmac(&sha256(bot.token().as_bytes()), lines.join("\n").as_bytes())
    };
    let fields = || service.control.widget(LEGACY, VERA).unwrap();
    assert!(is_good(&fields()) && fields().contains(&("id".to_owned(), VERA.to_string())));
    let faults = service.control.faults();
    for (fault, holds) in [
        (Fault::Old, true),
        (Fault::Reordered, true),
        (Fault::Forged, false),
        (Fault::Extra, false),
        (Fault::Twice, false),
    ] {
        let usual = fields();
        faults.for_next(1, fault);
        let other = fields();
        assert!(other != usual && is_good(&other) == holds, "{fault:?}");
    }

    let window = format!(
        "{}/auth?bot_id={LEGACY}&origin=https://{DOMAIN}&return_to=https://{DOMAIN}/in?s=1",
        service.issuer
    );
    let back = service.control.answer(&window, Choice::Allow("987654322")).unwrap();
    let (address, result) = back.split_once("#tgAuthResult=").unwrap();
    let json = String::from_utf8(URL_SAFE_NO_PAD.decode(result).unwrap()).unwrap();
    assert!(address == "https://shop.example.ru/in?s=1" && json.is_ascii(), "{json}");
    let user: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&user["id"], &user["first_name"], &user["auth_date"]),
        (&json!(987_654_322), &json!("🦊 Лёша ✨"), &json!(NOW))
    );
    let denied = service.control.answer(&window, Choice::Deny).unwrap();
    assert!(denied.ends_with(&format!("#tgAuthResult={}", URL_SAFE_NO_PAD.encode("false"))));
    assert!(service.control.answer(&window.replace(DOMAIN, "evil.example.ru"), Choice::Deny).is_err());
    assert_eq!(
        service.get("/embed/standin7000000002_bot?origin=https://evil.example.ru").await.status,
        400
    );
    let frame = service.get(&format!("/embed/standin7000000002_bot?origin=https://{DOMAIN}")).await;
    assert!(
        frame.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("frame-ancestors https://shop.example.ru")
    );
    for script in ["login", "widget"] {
        assert!(service.get(&format!("/js/telegram-{script}.js")).await.status.is_success());
    }
}

#[tokio::test]
async fn a_browser_that_signed_in_is_known_to_the_widget_of_the_bots_domain() {
    let service = Service::start().await;
    let origin = format!("https://{DOMAIN}");
    let request = format!("bot_id={LEGACY}&origin={origin}");
    let pressed = service
        .post("/auth", &[("request", &request), ("persona", "987654321"), ("allow", "allow")], &[])
        .await;
    assert!(text(&pressed).contains("id=\"telling\"") && text(&pressed).contains("auth_result"));
    let cookie = pressed.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let bot = LEGACY.to_string();
    let asked = async |origin: &str, cookie: &str| {
        service
            .post("/auth/get", &[("bot_id", &bot)], &[("origin", origin), ("cookie", cookie)])
            .await
    };
    let known: Value = serde_json::from_slice(&asked(&origin, &cookie).await.body).unwrap();
    assert_eq!(known["user"]["id"], VERA);
    let unknown: Value = serde_json::from_slice(&asked(&origin, "stel_ssid=other").await.body).unwrap();
    assert_eq!(unknown["user"], Value::Null);
    assert_eq!(asked("https://evil.example.ru", &cookie).await.status, 403);
}

#[tokio::test]
async fn a_mini_app_is_opened_with_data_that_bots_and_third_parties_can_check() {
    let service = Service::start().await;
    let bot = Bot::new(BOT, SECRET, BACK);
    for (reading, without) in
        [(Reading::WithSignature, vec!["hash"]), (Reading::WithoutSignature, vec!["hash", "signature"])]
    {
        let data = service.control.init_data(BOT, 987_654_322, reading).unwrap();
        let fields: Vec<(String, String)> = form_urlencoded::parse(data.as_bytes()).into_owned().collect();
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).unwrap().1.clone();
        let lines = |without: &[&str]| {
            let mut lines: Vec<_> = fields
                .iter()
                .filter(|(key, _)| !without.contains(&key.as_str()))
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            lines.sort();
            lines.join("\n")
        };
        let secret = hmac_raw(b"WebAppData", bot.token().as_bytes());
        assert_eq!(field("hash"), hmac(&secret, lines(&without).as_bytes()));
        let key: Vec<u8> = service
            .control
            .web_app_key()
            .unwrap()
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let key = PKey::public_key_from_raw_bytes(&key, Id::ED25519).unwrap();
        let message = format!("{BOT}:WebAppData\n{}", lines(&["hash", "signature"]));
        let signature = URL_SAFE_NO_PAD.decode(field("signature")).unwrap();
        assert!(
            Verifier::new_without_digest(&key)
                .unwrap()
                .verify_oneshot(&signature, message.as_bytes())
                .unwrap()
        );
        let user: Value = serde_json::from_str(&field("user")).unwrap();
        assert_eq!((&user["id"], &user["first_name"]), (&json!(987_654_322), &json!("🦊 Лёша ✨")));
    }
    let request = format!("bot_id={BOT}&url=https%3A%2F%2Fid.example.ru%2Fapp");
    assert!(text(&service.get(&format!("/mini-app?{request}")).await).contains("action=\"/mini-app\""));
    let opened = service
        .post("/mini-app", &[("request", &request), ("persona", ""), ("allow", "allow")], &[])
        .await;
    assert!(
        opened.headers["location"]
            .to_str()
            .unwrap()
            .starts_with("https://id.example.ru/app#tgWebAppData=query_id%3D")
    );
}

#[tokio::test]
async fn pages_and_apps_have_their_own_ways_in() {
    let service = Service::start().await;
    let page = "https://id.example.ru/shop";
    service
        .control
        .register(Bot { urls: vec![page.to_owned()], ..Bot::new(BOT, SECRET, BACK) })
        .unwrap();
    let request = format!("client_id={BOT}&redirect_uri={page}&response_type=post_message&scope=openid&nonce=own");
    let pressed = service
        .post("/auth", &[("request", &request), ("persona", ""), ("allow", "allow")], &[])
        .await;
    let shown = text(&pressed);
    assert!(shown.contains("data-origin=\"https://id.example.ru\""), "{shown}");
    let token = shown.split("result&#34;:&#34;").nth(1).unwrap().split("&#34;").next().unwrap();
    assert_eq!(payload(token)["nonce"], "own");
    for path in ["/inapp", "/crossapp"] {
        let link = service.json(&format!("{path}?client_id={BOT}&scope=openid")).await;
        assert!(link["url"].as_str().unwrap().starts_with("tg://"), "{link}");
    }
    assert_eq!(service.json("/inapp?code=none").await["error"], "invalid code");
    let me = service.json(&format!("/bot{}/getMe", Bot::new(BOT, SECRET, BACK).token())).await;
    assert_eq!((&me["ok"], &me["result"]["id"]), (&json!(true), &json!(BOT)));
    assert_eq!(service.get("/bot1:none/getMe").await.status, 401);
}

#[tokio::test]
async fn it_is_told_over_http_what_there_is() {
    let service = Service::start().await;
    let ask = async |asked: Value| {
        let url = format!("{}/control", service.issuer).parse().unwrap();
        service.fetch.post_json(url, &asked).await.unwrap().status.as_u16()
    };
    assert_eq!(ask(json!({"user": {"id": 5, "first_name": "Пять"}})).await, 204);
    assert_eq!(service.claims("5").await["name"], "Пять");
    let bot = json!({"id": BOT, "key": "k", "name": "b", "secret": SECRET, "urls": [BACK]});
    assert_eq!(ask(json!({"bot": bot})).await, 204);
    let mut legacy = bot.clone();
    legacy["mode"] = json!("legacy");
    assert_eq!((ask(json!({"bot": legacy})).await, ask(json!({"bot": 1})).await), (409, 422));
    assert_eq!(ask(json!({"fault": "no-id", "times": 1})).await, 204);
    assert_eq!(service.claims("5").await["id"], Value::Null);
    assert_eq!(ask(json!({"rotate": "RS256"})).await, 204);
    let keys = service.json("/.well-known/jwks.json").await;
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["kid"] != "oidc-1"));
}

fn hmac_raw(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    Signer::new(MessageDigest::sha256(), &PKey::hmac(key).unwrap())
        .unwrap()
        .sign_oneshot_to_vec(bytes)
        .unwrap()
}

fn hmac(key: &[u8], bytes: &[u8]) -> String {
    hmac_raw(key, bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
