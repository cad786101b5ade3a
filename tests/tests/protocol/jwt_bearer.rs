//! RFC 7523 §2.1: assertions of an issuer that the client relies on, and everything that is none (V24, V25).

use kabinet_core::client::{Alg, AssertionIssuer, ClientMetadata, GrantType, Profile, TokenFormat};
use kabinet_tests::{Answer, ClientKey, Rp, TestApp, Tokens, eventually, jwt};
use serde_json::{Value, json};

use crate::world::World;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ISSUER: &str = "https://planner.test";
const API: &str = "https://api.test";

fn relies_on(key: &ClientKey) -> impl FnOnce(&mut ClientMetadata) {
    let issuer = AssertionIssuer {
        issuer: ISSUER.to_owned(),
        jwks: Some(key.set()),
        jwks_uri: None,
    };
    move |m| {
        m.grant_types.push(GrantType::JwtBearer);
        m.assertion_issuer = Some(issuer);
        m.scope = "openid email offline_access orders".to_owned().try_into().unwrap();
        m.resources = vec![API.to_owned()];
        m.first_party = true;
    }
}

struct Place {
    world: World,
    key: ClientKey,
    service: Rp,
}

async fn place() -> Place {
    place_of(Alg::ES256).await
}

async fn place_of(alg: Alg) -> Place {
    let world = World::signed_out(Profile::Web, |_| ()).await;
    let key = ClientKey::new(alg, "planner");
    let service = world.app.client(Profile::Machine, relies_on(&key)).await;
    Place { world, key, service }
}

impl Place {
    fn claims(&self) -> Value {
        let now = self.world.app.now();
        json!({"iss": ISSUER, "sub": self.world.person.id, "aud": "https://id.test", "iat": now, "exp": now + 300,
            "jti": self.service.random()})
    }

    fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    async fn send(&self, claims: &Value) -> Answer {
        present(&self.service, &self.key.sign(claims), &[]).await
    }
}

async fn present(client: &Rp, assertion: &str, more: &[(&str, &str)]) -> Answer {
    client
        .token(&[&[("grant_type", GRANT), ("assertion", assertion)][..], more].concat())
        .await
}

#[tokio::test]
async fn an_assertion_of_the_issuer_gives_an_access_token_about_the_person_and_nothing_else() {
    let place = place().await;
    let answer = present(&place.service, &place.key.sign(&place.claims()), &[("resource", API)]).await;
    let tokens = Tokens::of(&answer);
    assert_eq!((tokens.refresh.as_str(), tokens.id.as_str()), ("", ""));
    assert_eq!((&tokens.json["scope"], &tokens.json["expires_in"]), (&json!("email orders"), &json!(300)));
    let (header, claims) = jwt::parts(&tokens.access);
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!(place.world.person.id), &json!([API])));
    assert_eq!(claims["client_id"], place.service.id.as_str());
    for absent in ["auth_time", "acr", "amr", "act"] {
        assert!(claims.get(absent).is_none(), "{absent}");
    }
    assert!(place.service.is_active(&tokens.access).await);
    place.service.userinfo(&tokens.access).await.refused(403, "insufficient_scope");
    let records = kabinet_store::audit::count(place.world.app.store.db(), "grant.issued").await.unwrap();
    assert_eq!(records, 1);
}

#[tokio::test]
async fn every_key_of_the_issuer_is_good_with_its_own_algorithm_and_typ() {
    for alg in Alg::ALL {
        let place = place_of(alg).await;
        let mut claims = place.claims();
        Tokens::of(&place.send(&claims).await);
        for (typ, is_good) in
            [("JWT", true), ("authorization-grant+jwt", true), ("at+jwt", false), ("logout+jwt", false)]
        {
            claims["jti"] = place.service.random().into();
            let header = json!({"alg": alg.as_str(), "kid": "planner", "typ": typ});
            let answer = present(&place.service, &place.key.sign_with(&header, &claims), &[]).await;
            assert_eq!(answer.code() == 200, is_good, "{typ}");
        }
    }
}

#[tokio::test]
async fn an_assertion_with_any_claim_missing_or_wrong_is_invalid_grant() {
    let place = place().await;
    let now = place.world.app.now();
    for missing in ["iss", "sub", "aud", "exp", "jti"] {
        let mut claims = place.claims();
        claims.as_object_mut().unwrap().remove(missing);
        place.send(&claims).await.refused(400, "invalid_grant");
    }
    for (name, value) in [
        ("iss", json!("https://planner.test/")),
        ("iss", json!("https://id.test")),
        ("iss", json!([ISSUER])),
        ("sub", json!("00000000-0000-4000-8000-000000000000")),
        ("sub", json!("anna@example.ru")),
        ("sub", json!(place.service.id)),
        ("sub", json!("")),
        ("sub", json!(1)),
        ("aud", json!("https://id.test/")),
        ("aud", json!("https://id.test/oauth2/authorize")),
        ("aud", json!("https://id.test.evil.test")),
        ("aud", json!(place.service.id)),
        ("aud", json!(["https://id.test"])),
        ("aud", json!(["https://id.test", "https://other.test"])),
        ("exp", json!(now - 30)),
        ("exp", json!(now + 631)),
        ("exp", json!(-1)),
        ("exp", json!("9999999999")),
        ("exp", json!(1_795_392_100.5)),
        ("exp", json!(1e300)),
        ("exp", Value::Null),
        ("iat", json!(now + 31)),
        ("nbf", json!(now + 31)),
        ("nbf", json!("x")),
        ("jti", json!("")),
        ("jti", json!("x".repeat(257))),
        ("jti", json!(7)),
    ] {
        let answer = place.send(&place.with(name, value.clone())).await;
        assert_eq!((answer.code(), answer.error().as_str()), (400, "invalid_grant"), "{name} {value}");
    }
    for (name, value) in
        [("aud", json!("https://id.test/oauth2/token")), ("exp", json!(now + 630)), ("iat", json!(now + 8))]
    {
        Tokens::of(&place.send(&place.with(name, value)).await);
    }
    place.service.token(&[("grant_type", GRANT)]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn only_the_keys_of_that_issuer_sign() {
    let place = place().await;
    let stranger = ClientKey::new(Alg::ES256, "planner");
    present(&place.service, &stranger.sign(&place.claims()), &[])
        .await
        .refused(400, "invalid_grant");
    let claims = place.claims();
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256", "kid": "planner"}),
        json!({"alg": "RS256", "kid": "planner"}),
        json!({"alg": "ES256", "kid": "../../dev/null"}),
        json!({"alg": "ES256", "kid": "planner", "crit": ["exp"]}),
        json!({"alg": "ES256", "kid": "planner", "b64": false}),
        json!({"alg": "ES256", "kid": "planner", "zip": "DEF"}),
    ] {
        let answer = present(&place.service, &place.key.sign_with(&header, &claims), &[]).await;
        assert_eq!(answer.error(), "invalid_grant", "{header}");
    }
    let with_key = json!({"alg": "ES256", "kid": "x", "jwk": stranger.public()});
    present(&place.service, &stranger.sign_with(&with_key, &claims), &[])
        .await
        .refused(400, "invalid_grant");
    for no_jwt in ["x", "..", "a.b.c.d.e", &place.key.sign(&claims).replace('.', "")] {
        present(&place.service, no_jwt, &[]).await.refused(400, "invalid_grant");
    }
    Tokens::of(&place.send(&claims).await);
}

#[tokio::test]
async fn tokens_of_our_own_are_no_assertions() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid offline_access").await;
    let key = ClientKey::new(Alg::ES256, "planner");
    // Even where an administrator names us and our own published keys.
    let service = world.app.client(Profile::Machine, relies_on(&key)).await;
    let keys = serde_json::from_value(world.rp.jwks().await).unwrap();
    let relies = relies_on(&key);
    let confused = world
        .app
        .client(Profile::Machine, |m| {
            relies(m);
            let issuer = "https://id.test".to_owned();
            m.assertion_issuer = Some(AssertionIssuer { issuer, jwks: Some(keys), jwks_uri: None });
        })
        .await;
    for client in [&service, &confused] {
        for token in [&tokens.id, &tokens.access, &tokens.refresh] {
            present(client, token, &[]).await.refused(400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn an_assertion_is_good_once_however_many_try_at_once() {
    let place = place().await;
    let assertion = place.key.sign(&place.claims());
    let tries = (0..20).map(|_| present(&place.service, &assertion, &[]));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.code() == 200).count(), 1);
    assert!(
        answers
            .iter()
            .filter(|answer| answer.code() != 200)
            .all(|answer| answer.error() == "invalid_grant")
    );
    place.world.app.clock.advance(320);
    present(&place.service, &assertion, &[]).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn who_relies_on_nobody_and_who_relies_on_another_gets_nothing() {
    let place = place().await;
    let app: &TestApp = &place.world.app;
    let plain = app.client(Profile::Machine, |_| ()).await;
    let other = app.client(Profile::Machine, relies_on(&ClientKey::new(Alg::ES256, "planner"))).await;
    let assertion = place.key.sign(&place.claims());
    present(&plain, &assertion, &[]).await.refused(400, "unauthorized_client");
    present(&other, &assertion, &[]).await.refused(400, "invalid_grant");
    let mut stranger = place.service.clone();
    stranger.secret = Some("CANARY-wrong".to_owned());
    present(&stranger, &assertion, &[]).await.refused(401, "invalid_client");
    Tokens::of(&present(&place.service, &assertion, &[]).await);
}

#[tokio::test]
async fn scope_and_resource_stay_within_the_clients_and_without_a_sign_in() {
    let place = place().await;
    for scope in ["openid", "email openid", "offline_access", "kabinet:admin", "unheard-of", "email \"x\""] {
        let answer = present(&place.service, &place.key.sign(&place.claims()), &[("scope", scope)]).await;
        answer.refused(400, "invalid_scope");
    }
    let answer = present(&place.service, &place.key.sign(&place.claims()), &[("resource", "https://evil.test")]).await;
    answer.refused(400, "invalid_target");
    let narrow = present(&place.service, &place.key.sign(&place.claims()), &[("scope", "orders")]).await;
    assert_eq!(Tokens::of(&narrow).json["scope"], "orders");
}

#[tokio::test]
async fn a_third_party_client_acts_within_what_the_person_allowed_it_and_no_longer() {
    let key = ClientKey::new(Alg::ES256, "planner");
    let relies = relies_on(&key);
    let mut world = World::of(Profile::Web, |m| {
        relies(m);
        m.first_party = false;
        m.access_token_format = TokenFormat::Opaque;
    })
    .await;
    let service = world.rp.clone();
    let place = |world: &World| {
        let now = world.app.now();
        json!({"iss": ISSUER, "sub": world.person.id, "aud": "https://id.test", "exp": now + 60, "jti": service.random()})
    };
    let ask = [("scope", "orders")];
    present(&service, &key.sign(&place(&world)), &ask).await.refused(400, "invalid_grant");
    let consent = world.rp.ask_for("openid orders");
    world.tokens_of(&consent).await;
    let tokens = Tokens::of(&present(&service, &key.sign(&place(&world)), &ask).await);
    let wider = present(&service, &key.sign(&place(&world)), &[("scope", "orders email")]).await;
    wider.refused(400, "invalid_grant");
    assert!(service.is_active(&tokens.access).await);
    world.browser.get("/account/consents").await;
    world.browser.submit("consents-form", &[], &format!("withdraw-{}", service.id)).await;
    eventually("the token is dead", || async { !service.is_active(&tokens.access).await }).await;
    present(&service, &key.sign(&place(&world)), &ask).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_disabled_person_or_client_has_no_tokens_within_a_second() {
    let place = place().await;
    let tokens = Tokens::of(&place.send(&place.claims()).await);
    assert!(place.service.is_active(&tokens.access).await);
    place.world.app.set_disabled(&place.world.person, true).await;
    eventually("the token is dead", || async { !place.service.is_active(&tokens.access).await }).await;
    place.send(&place.claims()).await.refused(400, "invalid_grant");
    place.world.app.set_disabled(&place.world.person, false).await;
    eventually("the person is back", || async { place.send(&place.claims()).await.code() == 200 }).await;
    assert!(!place.service.is_active(&tokens.access).await, "what is dead stays dead");
}
