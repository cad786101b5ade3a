//! The plain provider.

use http::Method;
use kabinet_fetch::{Error, Fetch, Request};
use kabinet_standins::upstream::{self, Alg, At, Choice, Client, Control, Failure, Fault, Person};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreIdTokenClaims, CoreJwsSigningAlgorithm, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AuthorizationCode, CsrfToken, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, Scope, TokenResponse,
};
use serde_json::{Value, json};
use url::Url;

use crate::stand::{self, BACK, Http, Party, brought, fetch, now};

const CLIENT: (&str, &str) = ("kabinet", "CANARY-секрет & +%:");

struct Provider {
    issuer: String,
    control: Control,
    /// One for all: it reads every authority of the system when it is made.
    fetch: Fetch,
    http: Http,
}

/// A sign-in on its way.
struct Begun {
    url: Url,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

impl Provider {
    async fn start() -> Self {
        Self::signing(Alg::RS256).await
    }

    async fn signing(alg: Alg) -> Self {
        let (socket, issuer) = stand::socket().await;
        let (clock, entropy) = stand::ambient();
        let (router, control) = upstream::router(&issuer, clock, entropy).unwrap();
        control.register(Client { alg, ..Client::new(CLIENT.0, CLIENT.1, BACK) });
        stand::serve(socket, router);
        let fetch = fetch();
        Self { issuer, control, http: Http(fetch.clone()), fetch }
    }

    async fn party(&self) -> Party {
        stand::party(&self.http, &self.issuer, CLIENT).await
    }

    /// Signs somebody in and redeems the code.
    async fn tokens(&self, party: &Party, choice: Choice<'_>) -> Result<(CoreTokenResponse, Nonce), String> {
        let Begun { url, nonce, verifier } = begin(party);
        let back = self.control.answer(url.as_str(), choice)?;
        self.redeem(party, &brought(&back, "code").unwrap(), Some(verifier))
            .await
            .map(|tokens| (tokens, nonce))
    }

    async fn redeem(
        &self,
        party: &Party,
        code: &str,
        verifier: Option<PkceCodeVerifier>,
    ) -> Result<CoreTokenResponse, String> {
        let mut exchange = party.exchange_code(AuthorizationCode::new(code.to_owned())).unwrap();
        if let Some(verifier) = verifier {
            exchange = exchange.set_pkce_verifier(verifier);
        }
        exchange.request_async(&self.http).await.map_err(|why| format!("{why:?}"))
    }

    /// What the crate makes of a sign-in.
    async fn claims(&self, party: &Party) -> Result<CoreIdTokenClaims, String> {
        let (tokens, nonce) = self.tokens(party, Choice::Allow("")).await?;
        verified(party, &tokens, &nonce)
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> kabinet_fetch::Response {
        let url = format!("{}{path}", self.issuer).parse().unwrap();
        self.fetch.post_form(url, form).await.unwrap()
    }

    async fn get(&self, path: &str) -> Result<kabinet_fetch::Response, Error> {
        self.fetch.get(format!("{}{path}", self.issuer).parse().unwrap()).await
    }

    async fn ask(&self, asked: Value) -> u16 {
        let url = format!("{}/control", self.issuer).parse().unwrap();
        self.fetch.post_json(url, &asked).await.unwrap().status.as_u16()
    }
}

fn begin(party: &Party) -> Begun {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, _, nonce) = party
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            || CsrfToken::new("s&1".to_owned()),
            Nonce::new_random,
        )
        .add_scopes(["profile", "email", "phone"].map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(challenge)
        .url();
    Begun { url, nonce, verifier }
}

fn verified(party: &Party, tokens: &CoreTokenResponse, nonce: &Nonce) -> Result<CoreIdTokenClaims, String> {
    let verifier = party
        .id_token_verifier()
        .set_time_fn(now)
        .set_allowed_algs([CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, CoreJwsSigningAlgorithm::EcdsaP256Sha256]);
    let token = tokens.id_token().ok_or("no ID token")?;
    token.claims(&verifier, nonce).cloned().map_err(|why| why.to_string())
}

#[tokio::test]
async fn somebody_signs_in_with_either_algorithm() {
    for alg in [Alg::RS256, Alg::ES256] {
        let provider = Provider::signing(alg).await;
        let party = provider.party().await;
        let (tokens, nonce) = provider.tokens(&party, Choice::Allow("248289761001")).await.unwrap();
        let claims = verified(&party, &tokens, &nonce).unwrap();
        assert_eq!(claims.subject().as_str(), "248289761001");
        let hash = claims.access_token_hash().unwrap();
        assert_eq!(hash.as_str().len(), 22);
        let info = party.user_info(tokens.access_token().clone(), Some(claims.subject().clone())).unwrap();
        let info: CoreUserInfoClaims = info.request_async(&provider.http).await.unwrap();
        assert_eq!(info.email().unwrap().as_str(), "irina.polyakova@example.ru");
        assert_eq!((info.email_verified(), info.phone_number_verified()), (Some(true), Some(true)));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_wrong_in_fact() {
    let provider = Provider::start().await;
    let party = provider.party().await;
    let refused = [
        Fault::WrongIssuer,
        Fault::WrongAudience,
        Fault::AudienceStranger,
        Fault::WrongNonce,
        Fault::NoNonce,
        Fault::Expired,
        Fault::NoExpiry,
        Fault::NoSubject,
        Fault::AlgNone,
        Fault::AlgSecret,
        Fault::AlgPublicKey,
        Fault::UnknownKey,
        Fault::WrongSignature,
        Fault::NoToken,
    ];
    for fault in refused {
        provider.control.faults().for_next(1, fault);
        assert!(provider.claims(&party).await.is_err(), "{fault:?}");
        assert!(provider.claims(&party).await.is_ok(), "after {fault:?}");
    }
    // These are what the crate has no opinion on.
    provider.control.faults().for_next(1, Fault::AudienceList);
    assert_eq!(provider.claims(&party).await.unwrap().audiences().len(), 1);
    provider.control.faults().for_next(1, Fault::NotYet);
    assert!(provider.claims(&party).await.unwrap().issue_time() > now());
    provider.control.faults().skew(300);
    assert_eq!((provider.claims(&party).await.unwrap().issue_time() - now()).num_seconds(), 300);
    provider.control.faults().heal();
    provider.control.faults().set(Fault::AlgSwap);
    let (tokens, _) = provider.tokens(&party, Choice::Allow("")).await.unwrap();
    let alg = tokens.id_token().unwrap().signing_alg().unwrap().clone();
    assert_eq!(alg, CoreJwsSigningAlgorithm::EcdsaP256Sha256);
}

#[tokio::test]
async fn a_code_is_good_once_for_its_client_its_address_and_its_verifier() {
    let provider = Provider::start().await;
    let party = provider.party().await;
    let code = |begun: &Begun| {
        let back = provider.control.answer(begun.url.as_str(), Choice::Allow("")).unwrap();
        brought(&back, "code").unwrap()
    };
    let begun = begin(&party);
    let first = code(&begun);
    let other = PkceCodeVerifier::new("v".repeat(43));
    assert!(provider.redeem(&party, &first, Some(other)).await.unwrap_err().contains("invalid_grant"));
    assert!(
        provider
            .redeem(&party, &first, Some(begun.verifier))
            .await
            .unwrap_err()
            .contains("invalid_grant"),
        "used"
    );
    assert!(
        provider
            .redeem(&party, &code(&begin(&party)), None)
            .await
            .unwrap_err()
            .contains("invalid_grant")
    );
    for fault in [Fault::ExpiredCode, Fault::UnknownCode, Fault::UsedCode] {
        provider.control.faults().for_next(1, fault);
        let refused = provider.tokens(&party, Choice::Allow("")).await.unwrap_err();
        assert!(refused.contains("invalid_grant"), "{fault:?}: {refused}");
    }
    let begun = begin(&party);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code(&begun)),
        ("client_id", CLIENT.0),
        ("client_secret", CLIENT.1),
    ];
    let elsewhere =
        [&form[..], &[("redirect_uri", "https://id.example.ru/"), ("code_verifier", begun.verifier.secret())]].concat();
    assert_eq!(provider.post("/token", &elsewhere).await.status, 400);
    let wrong = stand::party(&provider.http, &provider.issuer, (CLIENT.0, "another")).await;
    assert!(provider.tokens(&wrong, Choice::Allow("")).await.unwrap_err().contains("invalid_client"));
}

#[tokio::test]
async fn a_refusal_and_what_is_wrong_with_a_request_go_back_to_a_registered_address_only() {
    let provider = Provider::start().await;
    let url = begin(&provider.party().await).url.to_string();
    let error = |url: &str| provider.control.answer(url, Choice::Deny).map(|back| brought(&back, "error").unwrap());
    assert_eq!(error(&url).unwrap(), "access_denied");
    assert_eq!(error(&format!("{url}&prompt=none")).unwrap(), "login_required");
    assert_eq!(error(&format!("{url}&state=2")).unwrap(), "invalid_request");
    assert_eq!(
        error(&url.replace("response_type=code", "response_type=token")).unwrap(),
        "unsupported_response_type"
    );
    assert_eq!(error(&url.replace("scope=openid", "scope=x")).unwrap(), "invalid_scope");
    assert_eq!(error(&url.replace("=S256", "=S512")).unwrap(), "invalid_request");
    assert!(error(&url.replace("callback", "callback%2F")).is_err());
    assert!(error(&url.replace("client_id=kabinet", "client_id=other")).is_err());
    assert!(provider.control.answer(&url, Choice::Allow("nobody")).is_err());

    let iss = || brought(&provider.control.answer(&url, Choice::Deny).unwrap(), "iss");
    assert_eq!(iss().unwrap(), provider.issuer);
    provider.control.faults().for_next(1, Fault::NoIss);
    assert_eq!(iss(), None);
    provider.control.faults().for_next(1, Fault::ForeignIss);
    assert_eq!(iss().unwrap(), "https://stranger.invalid");
    let state = || brought(&provider.control.answer(&url, Choice::Deny).unwrap(), "state");
    assert_eq!(state().unwrap(), "s&1");
    provider.control.faults().for_next(1, Fault::WrongState);
    assert_eq!(state().unwrap(), "another");
}

#[tokio::test]
async fn a_person_chooses_on_the_page() {
    let provider = Provider::start().await;
    let party = provider.party().await;
    let url = begin(&party).url;
    let page = provider.fetch.get(url.clone()).await.unwrap();
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    for piece in [
        "Подставной",
        "id=\"standin-form\"",
        "name=\"persona\"",
        "Ирина Полякова",
        "id=\"allow\"",
        "id=\"deny\"",
    ] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
    // The way back leads over other sites, so the page's policy says nothing of forms.
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("form-action"), "{policy}");
    let request = url.query().unwrap();
    let pressed = provider
        .post("/authorize", &[("request", request), ("persona", "248289761002"), ("allow", "allow")])
        .await;
    let back = pressed.headers["location"].to_str().unwrap();
    assert!(
        pressed.status == 303 && back.starts_with(BACK) && brought(back, "code").is_some(),
        "{back}"
    );
    let denied = provider
        .post("/authorize", &[("request", request), ("persona", "248289761002"), ("deny", "deny")])
        .await;
    assert_eq!(brought(denied.headers["location"].to_str().unwrap(), "error").unwrap(), "access_denied");
    let front = String::from_utf8(provider.get("/").await.unwrap().body.to_vec()).unwrap();
    assert!(front.contains("Ирина Полякова") && !front.contains("standin-form"));
    let nowhere = provider.get("/authorize?client_id=nobody").await.unwrap();
    assert_eq!((nowhere.status.as_u16(), nowhere.headers.get("location")), (400, None));
}

#[tokio::test]
async fn an_endpoint_fails_in_the_way_that_was_asked_for() {
    let provider = Provider::start().await;
    let faults = provider.control.faults();
    let path = "/.well-known/openid-configuration";
    for (failure, status) in [
        (Failure::Html, 200),
        (Failure::ServerError, 500),
        (Failure::Unavailable, 503),
        (Failure::Blocked, 451),
        (Failure::Redirect, 307),
    ] {
        faults.fail_next(1, At::Discovery, failure);
        let answer = provider.get(path).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{failure:?}");
        assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    }
    for failure in [Failure::Dead, Failure::Large] {
        faults.fail(At::Discovery, failure);
        assert!(provider.get(path).await.is_err(), "{failure:?}");
    }
    faults.heal();
    assert!(provider.get(path).await.unwrap().status.is_success());
    assert_eq!((faults.requests(At::Discovery), faults.requests(At::Keys)), (8, 0));

    faults.fail(At::Keys, Failure::Slow);
    let slow = provider.get("/jwks");
    let looks = async {
        faults.until_waiting(1).await;
        // Nothing else waits with it.
        assert!(provider.get(path).await.unwrap().status.is_success());
        faults.release();
    };
    let (answer, ()) = tokio::join!(slow, looks);
    assert!(answer.unwrap().status.is_success());
}

#[tokio::test]
async fn keys_rotate_and_accounts_change() {
    let provider = Provider::start().await;
    let old = provider.party().await;
    provider.control.rotate(Alg::RS256).unwrap();
    assert!(provider.claims(&old).await.is_err());
    assert!(provider.claims(&provider.party().await).await.is_ok());
    let told = |fault: Fault| {
        provider.control.faults().for_next(1, fault);
        userinfo(&provider)
    };
    let usual = userinfo(&provider).await;
    assert_eq!((&usual["email_verified"], &usual["sub"]), (&json!(true), &json!("248289761001")));
    assert_eq!(told(Fault::EmailUnverified).await["email_verified"], false);
    assert_eq!(told(Fault::EmailChanged).await["email"], "new-irina.polyakova@example.ru");
    assert_eq!(told(Fault::OtherPerson).await["sub"], "somebody-else");
}

async fn userinfo(provider: &Provider) -> Value {
    let (tokens, _) = provider.tokens(&provider.party().await, Choice::Allow("")).await.unwrap();
    let mut request = Request::new(Method::GET, format!("{}/userinfo", provider.issuer).parse().unwrap());
    let bearer = format!("Bearer {}", tokens.access_token().secret());
    request.headers.insert("authorization", bearer.parse().unwrap());
    serde_json::from_slice(&provider.fetch.request(request).await.unwrap().body).unwrap()
}

#[tokio::test]
async fn it_is_told_over_http_what_should_go_wrong() {
    let provider = Provider::start().await;
    assert_eq!(provider.ask(json!({"fault": "wrong-nonce", "times": 2})).await, 204);
    assert_eq!(provider.ask(json!({"at": "keys", "failure": "server-error"})).await, 204);
    assert_eq!(provider.get("/jwks").await.unwrap().status, 500);
    let told: Value = serde_json::from_slice(&provider.get("/control").await.unwrap().body).unwrap();
    assert_eq!(told["faults"], json!([{"fault": "wrong-nonce", "times": 2}]));
    assert_eq!(told["requests"], json!([{"at": "keys", "count": 1}]));
    for nothing in
        [json!({}), json!({"at": "keys"}), json!({"fault": "wrong"}), json!({"fault": "expired", "times": 0})]
    {
        assert_eq!(provider.ask(nothing.clone()).await, 422, "{nothing}");
    }
    let heal = Request::new(Method::DELETE, format!("{}/control", provider.issuer).parse().unwrap());
    assert_eq!(provider.fetch.request(heal).await.unwrap().status, 204);
    assert_eq!(provider.get("/jwks").await.unwrap().status, 200);

    assert_eq!(provider.ask(json!({"rotate": "ES256"})).await, 204);
    assert_eq!(provider.ask(json!({"person": {"subject": "7", "email": "seven@example.ru"}})).await, 204);
    assert_eq!(
        provider
            .ask(json!({"client": {"id": "spa", "redirect_uris": [BACK], "alg": "ES256"}}))
            .await,
        204
    );
    let url = format!(
        "{}/authorize?client_id=spa&redirect_uri={BACK}&response_type=code&scope=openid",
        provider.issuer
    );
    let without = provider.control.answer(&url, Choice::Allow("7")).unwrap();
    assert_eq!(brought(&without, "error").unwrap(), "invalid_request", "a public client needs PKCE");
    let with = provider
        .control
        .answer(&format!("{url}&code_challenge=c&code_challenge_method=plain"), Choice::Allow("7"));
    assert!(brought(&with.unwrap(), "code").is_some());
    provider.control.add(Person { subject: "8".to_owned(), ..Person::default() });
    assert_eq!(Person::all().len(), 3);
}
