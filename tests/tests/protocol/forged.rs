//! V22 and V23, A9.2: one kind of token is not taken for another, and a header chooses neither key nor algorithm.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::{HS256, JwsSigner, RS256};
use kabinet_core::client::{Alg, Profile};
use kabinet_tests::{Tokens, eventually, jwt};
use serde_json::{Value, json};

use crate::world::World;

/// Nobody takes this for an access token or for a hint.
async fn is_worthless(world: &mut World, token: &str, what: &str) {
    let answer = world.rp.userinfo(token).await;
    assert_eq!((answer.code(), answer.error().as_str()), (401, "invalid_token"), "{what}");
    assert_eq!(world.rp.introspect(token).await, json!({"active": false}), "{what}");
    assert_hint_refused(world, token, what).await;
}

async fn assert_hint_refused(world: &mut World, token: &str, what: &str) {
    let ask = world.rp.ask().with("prompt", "none").with("id_token_hint", token);
    let callback = world.rp.authorize(&mut world.browser, &ask).await;
    assert_eq!((callback.get("error"), callback.get("code")), ("invalid_request", ""), "{what}");
    world.browser.get(&format!("/oauth2/logout?id_token_hint={token}")).await;
    assert_eq!(world.browser.page.status, 400, "{what}");
}

#[tokio::test]
async fn each_kind_of_token_is_good_in_its_own_place_only() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid offline_access").await;
    let code = world.code(&world.rp.ask()).await;
    for (kind, token) in [("id_token", &tokens.id), ("refresh", &tokens.refresh), ("code", &code)] {
        assert_eq!(world.rp.userinfo(token).await.code(), 401, "{kind} is no access token");
    }
    for (kind, token) in [("id_token", &tokens.id), ("code", &code)] {
        assert_eq!(world.rp.introspect(token).await["active"], false, "{kind}");
    }
    for (kind, token) in [("access", &tokens.access), ("refresh", &tokens.refresh), ("code", &code)] {
        assert_hint_refused(&mut world, token, kind).await;
    }
    for (kind, token) in [("access", &tokens.access), ("id_token", &tokens.id), ("code", &code)] {
        assert_eq!(world.rp.refresh(token).await.error(), "invalid_grant", "{kind}");
    }
    for (kind, token) in [("access", &tokens.access), ("id_token", &tokens.id), ("refresh", &tokens.refresh)] {
        assert_eq!(world.rp.redeem(token, &world.rp.ask()).await.error(), "invalid_grant", "{kind}");
    }
}

#[tokio::test]
async fn a_session_cookie_is_no_token() {
    let mut world = World::new().await;
    let session = world.browser.session();
    is_worthless(&mut world, &session, "the session").await;
    let mut browser = world.app.browser();
    let tokens = world.tokens("openid").await;
    browser.jar.clone_from(&world.browser.jar);
    for kept in browser.jar.values_mut() {
        kept.value.clone_from(&tokens.access);
    }
    browser.get("/account").await;
    assert_eq!(browser.page.path(), "/login");
}

/// The header of a token with one member changed.
fn with(header: &Value, name: &str, value: Value) -> Value {
    let mut changed = header.clone();
    changed[name] = value;
    changed
}

#[tokio::test]
async fn an_unsigned_token_is_worthless_however_none_is_written() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    for token in [&tokens.access, &tokens.id] {
        let (header, claims) = jwt::parts(token);
        for none in ["none", "None", "NONE", "nOnE", "", "null"] {
            let forged = jwt::forge(&with(&header, "alg", none.into()), &claims, |_| Vec::new());
            is_worthless(&mut world, &forged, none).await;
            let dotless = forged.trim_end_matches('.').to_owned();
            is_worthless(&mut world, &dotless, none).await;
        }
        let stripped = format!("{}.", token.rsplit_once('.').unwrap().0);
        is_worthless(&mut world, &stripped, "no signature").await;
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let keys = world.rp.jwks().await;
    for token in [&tokens.access, &tokens.id] {
        let (header, claims) = jwt::parts(token);
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
        let jwk = josekit::jwk::Jwk::from_map(key.as_object().unwrap().clone()).unwrap();
        let mut secrets = vec![key.to_string().into_bytes(), keys.to_string().into_bytes(), vec![0; 32]];
        for member in ["n", "x", "e"] {
            secrets.extend(key[member].as_str().map(|text| URL_SAFE_NO_PAD.decode(text).unwrap()));
        }
        if key["kty"] == "RSA" {
            let pair = josekit::jwk::alg::rsa::RsaKeyPair::from_jwk(&jwk);
            secrets.extend(pair.ok().map(|pair| pair.to_pem_public_key()));
        }
        for secret in secrets.into_iter().filter(|secret| secret.len() >= 32) {
            let signer = HS256.signer_from_bytes(&secret).unwrap();
            let forged = jwt::forge(&with(&header, "alg", "HS256".into()), &claims, |text| signer.sign(text).unwrap());
            is_worthless(&mut world, &forged, "HS256").await;
        }
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_used() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let key = josekit::jwk::Jwk::generate_rsa_key(2048).unwrap();
    let signer = RS256.signer_from_jwk(&key).unwrap();
    let public = serde_json::to_value(key.to_public_key().unwrap().as_ref()).unwrap();
    for token in [&tokens.access, &tokens.id] {
        let (header, claims) = jwt::parts(token);
        let header = with(&header, "alg", "RS256".into());
        let headers = [
            header.clone(),
            with(&header, "jwk", public.clone()),
            with(&header, "jku", "https://evil.test/jwks".into()),
            with(&header, "x5u", "https://evil.test/cert".into()),
            with(&header, "x5c", json!(["MIIB"])),
            with(&with(&header, "jwk", public.clone()), "kid", "evil".into()),
        ];
        for header in headers {
            let forged = jwt::forge(&header, &claims, |text| signer.sign(text).unwrap());
            is_worthless(&mut world, &forged, &header.to_string()).await;
        }
    }
}

#[tokio::test]
async fn a_key_id_is_a_name_and_nothing_else() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let signer = HS256.signer_from_bytes([0_u8; 32]).unwrap();
    for token in [&tokens.access, &tokens.id] {
        let (header, claims) = jwt::parts(token);
        for kid in [
            json!(""),
            json!("../../../dev/null"),
            json!("' UNION SELECT 'x"),
            json!("/dev/null"),
            json!(["a"]),
            json!(1),
            Value::Null,
            json!("x\u{0}y"),
            json!("k".repeat(5_000)),
        ] {
            for alg in ["HS256", "RS256", "ES256"] {
                let header = with(&with(&header, "kid", kid.clone()), "alg", alg.into());
                let forged = jwt::forge(&header, &claims, |text| signer.sign(text).unwrap());
                is_worthless(&mut world, &forged, &format!("{kid:.30} {alg}")).await;
            }
        }
    }
}

#[tokio::test]
async fn a_good_key_of_another_algorithm_is_not_taken() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let keys = world.rp.jwks().await;
    for token in [&tokens.access, &tokens.id] {
        let (header, claims) = jwt::parts(token);
        let signature = URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap();
        for key in keys["keys"].as_array().unwrap().iter().filter(|key| key["kid"] != header["kid"]) {
            let forged = jwt::forge(&with(&header, "kid", key["kid"].clone()), &claims, |_| signature.clone());
            is_worthless(&mut world, &forged, "another kid").await;
            let both = with(&with(&header, "kid", key["kid"].clone()), "alg", key["alg"].clone());
            let forged = jwt::forge(&both, &claims, |_| signature.clone());
            is_worthless(&mut world, &forged, "another kid and alg").await;
        }
    }
}

#[tokio::test]
async fn changed_claims_and_strange_forms_are_worthless() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    for token in [&tokens.access, &tokens.id] {
        let (header, claims) = jwt::parts(token);
        let signature = URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap();
        for (name, value) in [
            ("sub", json!("00000000-0000-4000-8000-000000000000")),
            ("exp", json!(9_999_999_999_i64)),
            ("aud", json!("*")),
            ("scope", json!("openid kabinet:admin")),
        ] {
            let forged = jwt::forge(&header, &with(&claims, name, value), |_| signature.clone());
            is_worthless(&mut world, &forged, name).await;
        }
        let forged = jwt::forge(&with(&header, "crit", json!(["exp"])), &claims, |_| signature.clone());
        is_worthless(&mut world, &forged, "crit").await;
        let (text, tail) = token.rsplit_once('.').unwrap();
        for strange in [
            format!("{text}.{tail}="),
            format!("{text}.{tail}AA"),
            format!("{token}.{tail}"),
            format!("{text}..{tail}"),
            format!(".{text}.{tail}"),
            "..".to_owned(),
            "e30.e30.e30".to_owned(),
        ] {
            is_worthless(&mut world, &strange, &strange[..strange.len().min(20)]).await;
        }
        // ES256: an all-zero signature was once taken for good (CVE-2022-21449).
        let zero = jwt::forge(&header, &claims, |_| vec![0; signature.len()]);
        is_worthless(&mut world, &zero, "zeros").await;
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_with_our_shape_is_worthless() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let there = kabinet_tests::TestApp::start_with(|config| "https://other.test".clone_into(&mut config.issuer)).await;
    let rp = there.client(Profile::Web, |_| ()).await;
    let person = there.anyone().await;
    let foreign = rp.sign_in(&there, &mut there.browser(), &person).await;
    // Both hold the same keys here, so that only the issuer tells them apart.
    assert_eq!(jwt::parts(&foreign.access).0["kid"], jwt::parts(&tokens.access).0["kid"]);
    is_worthless(&mut world, &foreign.access, "another issuer").await;
    is_worthless(&mut world, &foreign.id, "another issuer").await;
}

#[tokio::test]
async fn after_a_rotation_old_tokens_are_good_and_new_ones_verify() {
    let mut world = World::new().await;
    let old = world.tokens("openid offline_access").await;
    let before = world.rp.jwks().await;
    for alg in Alg::ALL {
        world.app.rotate(alg).await;
    }
    let app = &world.app;
    let wanted = before["keys"].as_array().unwrap().len() + Alg::ALL.len();
    eventually("all new keys are published", || async {
        app.get("/oauth2/jwks").await.json()["keys"]
            .as_array()
            .is_some_and(|keys| keys.len() == wanted)
    })
    .await;
    world.rp.userinfo(&old.access).await.ok();
    world.rp.verify(&old.id).await;
    let new = Tokens::of(&world.rp.refresh(&old.refresh).await);
    world.rp.verify(&new.id).await;
    world.rp.userinfo(&new.access).await.ok();
    assert_ne!(jwt::parts(&old.access).0["kid"], jwt::parts(&new.access).0["kid"]);
    let silent = world.rp.ask().with("prompt", "none").with("id_token_hint", &old.id);
    assert!(!world.rp.authorize(&mut world.browser, &silent).await.code().is_empty());
}
