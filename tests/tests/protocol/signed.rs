//! Userinfo and introspection as JWTs (OpenID Connect Core §5.3.2, RFC 9701).

use kabinet_core::client::{Alg, ClientMetadata, Profile, TokenFormat};
use kabinet_tests::{Answer, Rp, jwt};
use serde_json::{Value, json};

use crate::world::World;

const API: &str = "https://api.test";
const JWT: &str = "application/token-introspection+jwt";

/// The claims of an answer that is a JWT signed by the provider.
async fn read(rp: &Rp, answer: &Answer, media_type: &str) -> (Value, Value) {
    assert_eq!((answer.code(), answer.header("content-type")), (200, media_type), "{}", answer.body);
    assert!(answer.header("cache-control").contains("no-store"));
    (jwt::parts(&answer.body).0, jwt::verify(&answer.body, &rp.jwks().await).unwrap())
}

async fn resource(world: &World, change: impl FnOnce(&mut ClientMetadata)) -> Rp {
    let change = |m: &mut ClientMetadata| {
        m.client_uri = Some(API.to_owned());
        change(m);
    };
    world.app.client(Profile::Machine, change).await
}

#[tokio::test]
async fn userinfo_is_signed_as_registered_and_never_plain_then() {
    for alg in Alg::ALL {
        let mut world = World::of(Profile::Web, |m| m.userinfo_signed_response_alg = Some(alg)).await;
        let tokens = world.tokens("openid email").await;
        for accept in ["", "application/json", "*/*"] {
            let bearer = format!("Bearer {}", tokens.access);
            let headers = [("authorization", bearer.as_str()), ("accept", accept)];
            let answer = world.app.call(http::Method::GET, "/oauth2/userinfo", &headers, "").await;
            let (header, claims) = read(&world.rp, &answer, "application/jwt").await;
            assert_eq!((&header["alg"], &header["typ"]), (&json!(alg.as_str()), &json!("JWT")));
            assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://id.test"), &json!(world.rp.id)));
            assert_eq!((&claims["sub"], &claims["email"]), (&json!(world.person.id), &json!("anna@example.ru")));
        }
        world.rp.userinfo("x").await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn signed_userinfo_is_no_id_token_and_no_access_token() {
    let mut world = World::of(Profile::Web, |m| m.userinfo_signed_response_alg = Some(Alg::RS256)).await;
    let tokens = world.tokens("openid").await;
    let answer = world.rp.userinfo(&tokens.access).await.ok().body;
    for claim in ["exp", "nonce", "at_hash", "auth_time"] {
        assert!(jwt::parts(&answer).1.get(claim).is_none(), "{claim}");
    }
    let ask = world.rp.ask().with("prompt", "none").with("id_token_hint", &answer);
    assert_eq!(world.rp.authorize(&mut world.browser, &ask).await.get("error"), "invalid_request");
    world.browser.get(&format!("/oauth2/logout?id_token_hint={answer}")).await;
    assert_eq!(world.browser.page.status, 400);
    world.rp.userinfo(&answer).await.refused(401, "invalid_token");
    assert!(!world.rp.is_active(&answer).await);
}

#[tokio::test]
async fn a_resource_gets_introspection_signed_when_it_accepts_that() {
    for (alg, format) in [(None, TokenFormat::Jwt), (Some(Alg::ES256), TokenFormat::Opaque)] {
        let mut world = World::of(Profile::Web, |m| {
            m.resources = vec![API.to_owned()];
            m.access_token_format = format;
        })
        .await;
        let api = resource(&world, |m| m.introspection_signed_response_alg = alg).await;
        let tokens = world.tokens_of(&world.rp.ask().with("resource", API)).await;
        for accept in [
            JWT,
            "application/json, application/token-introspection+jwt;q=0.9",
            "Application/Token-Introspection+JWT",
        ] {
            let answer = api.introspect_as(&tokens.access, accept).await;
            let (header, claims) = read(&api, &answer, JWT).await;
            assert_eq!(header["typ"], "token-introspection+jwt");
            assert_eq!(header["alg"], alg.unwrap_or(Alg::RS256).as_str());
            let members: std::collections::BTreeSet<&str> =
                claims.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["aud", "iat", "iss", "token_introspection"].into());
            assert_eq!((&claims["aud"], &claims["iat"]), (&json!(api.id), &json!(world.app.now())));
            assert_eq!(claims["token_introspection"], api.introspect(&tokens.access).await);
            assert_eq!(claims["token_introspection"]["active"], true);
        }
        for accept in [
            "",
            "*/*",
            "application/*",
            "application/json",
            "application/jwt",
            "application/token-introspection+jwt;q=0",
        ] {
            let answer = api.introspect_as(&tokens.access, accept).await;
            assert_eq!(answer.header("content-type"), "application/json", "{accept}");
        }
    }
}

#[tokio::test]
async fn signed_introspection_tells_nobody_but_the_resource_anything() {
    let mut world = World::of(Profile::Web, |m| m.resources = vec![API.to_owned()]).await;
    let api = resource(&world, |_| ()).await;
    let other = resource(&world, |m| m.client_uri = Some("https://other.test".to_owned())).await;
    let tokens = world.tokens_of(&world.rp.ask().with("resource", API)).await;
    let product = world.rp.clone();
    for (who, token) in [
        (&other, &tokens.access),
        (&product, &tokens.access),
        (&product, &tokens.refresh),
        (&api, &tokens.id),
    ] {
        let (_, claims) = read(who, &who.introspect_as(token, JWT).await, JWT).await;
        assert_eq!(claims["token_introspection"], json!({"active": false}));
    }
    world.rp.revoke(&tokens.access).await.ok();
    let (_, claims) = read(&api, &api.introspect_as(&tokens.access, JWT).await, JWT).await;
    assert_eq!(claims["token_introspection"], json!({"active": false}));
    let mut stranger = api.clone();
    stranger.secret = Some("CANARY-wrong".to_owned());
    stranger.introspect_as(&tokens.access, JWT).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn signed_introspection_is_no_token() {
    let mut world = World::of(Profile::Web, |m| m.resources = vec![API.to_owned()]).await;
    let api = resource(&world, |_| ()).await;
    let tokens = world.tokens_of(&world.rp.ask().with("resource", API)).await;
    let answer = api.introspect_as(&tokens.access, JWT).await.ok().body;
    assert!(jwt::parts(&answer).1.get("sub").is_none() && jwt::parts(&answer).1.get("exp").is_none());
    world.rp.userinfo(&answer).await.refused(401, "invalid_token");
    assert!(!api.is_active(&answer).await);
    let ask = world.rp.ask().with("prompt", "none").with("id_token_hint", &answer);
    assert_eq!(world.rp.authorize(&mut world.browser, &ask).await.get("error"), "invalid_request");
}
