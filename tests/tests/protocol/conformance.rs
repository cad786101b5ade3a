//! Modules of the basic, form post and config certification plans, each under its own name.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kabinet_core::client::{Alg, AuthMethod, Profile};
use kabinet_tests::{Callback, PASSWORD, TestApp, Tokens, jwt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::World;

fn third_party(metadata: &mut kabinet_core::client::ClientMetadata) {
    metadata.first_party = false;
}

#[tokio::test]
async fn c_oidcc_discovery_endpoint_verification() {
    let app = TestApp::start().await;
    let answer = app.get("/.well-known/openid-configuration").await.ok();
    assert_eq!(answer.header("content-type"), "application/json");
    let facts = answer.json();
    assert_eq!(facts["issuer"], app.config.issuer);
    for (name, value) in facts.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint")) {
        assert!(value.as_str().unwrap().starts_with("https://id.test/"), "{name}");
    }
    let lists = |name: &str, value: &str| facts[name].as_array().unwrap().contains(&json!(value));
    assert!(lists("id_token_signing_alg_values_supported", "RS256"));
    assert!(lists("scopes_supported", "openid") && lists("response_types_supported", "code"));
    assert!(lists("subject_types_supported", "public") && lists("claims_supported", "sub"));
    assert!(lists("code_challenge_methods_supported", "S256"));
    let keys = app.get("/oauth2/jwks").await.ok().json();
    let keys = keys["keys"].as_array().unwrap();
    let mut kids: Vec<&str> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    kids.sort_unstable();
    kids.dedup();
    assert_eq!(kids.len(), keys.len(), "distinct kids");
    for key in keys {
        let private = ["d", "p", "q", "dp", "dq", "qi", "k", "oth"];
        assert!(private.iter().all(|member| key.get(member).is_none()), "{key}");
        assert_eq!(key["use"], "sig");
    }
}

#[tokio::test]
async fn c_oidcc_server() {
    let mut world = World::signed_out(Profile::Web, third_party).await;
    for _ in 0..2 {
        let ask = world.rp.ask();
        let callback = world.rp.come_back(&world.app, &mut world.browser, &world.person, &ask).await;
        assert_eq!((callback.get("state"), callback.get("iss")), (ask.get("state"), "https://id.test"));
        assert!(callback.code().len() >= 22, "at least 128 bits");
        let tokens = Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
        let claims = world.rp.verify(&tokens.id).await;
        assert_eq!((&claims["nonce"], &claims["sub"]), (&json!(ask.get("nonce")), &json!(world.person.id)));
        let half = URL_SAFE_NO_PAD.encode(&Sha256::digest(tokens.access.as_bytes())[..16]);
        assert_eq!(claims["at_hash"], half);
        assert!(tokens.json["expires_in"].as_i64().unwrap() > 0 && tokens.json["token_type"] == "Bearer");
        let info = world.rp.userinfo(&tokens.access).await.ok().json();
        assert_eq!(info, json!({"sub": world.person.id}));
        // The suite runs everything with two clients.
        world.rp = world
            .app
            .client(Profile::Web, |m| {
                third_party(m);
                m.redirect_uris = vec!["https://second.test/cb?dummy1=lorem".to_owned()];
            })
            .await;
    }
}

#[tokio::test]
async fn c_oidcc_server_client_secret_post() {
    let mut world = World::of(Profile::Web, |m| m.token_endpoint_auth_method = AuthMethod::ClientSecretPost).await;
    let tokens = world.tokens("openid").await;
    world.rp.verify(&tokens.id).await;
}

#[tokio::test]
async fn c_oidcc_response_type_missing() {
    let mut world = World::new().await;
    let callback = world.rp.authorize(&mut world.browser, &world.rp.ask().without("response_type")).await;
    assert_eq!((callback.get("error"), callback.get("code")), ("invalid_request", ""));
}

#[tokio::test]
async fn c_oidcc_idtoken_signature() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    world.rp.verify(&tokens.id).await;
    let (header, _) = jwt::parts(&tokens.id);
    assert!(header["kid"].is_string() && header["alg"] == "RS256");
    let other = world.app.client(Profile::Web, |m| m.id_token_signed_response_alg = Alg::EdDSA).await;
    let keys = world.rp.jwks().await;
    let foreign = other.sign_in(&world.app, &mut world.browser, &world.person).await;
    let (text, _) = tokens.id.rsplit_once('.').unwrap();
    let (_, signature) = foreign.id.rsplit_once('.').unwrap();
    assert!(jwt::verify(&format!("{text}.{signature}"), &keys).is_err());
}

#[tokio::test]
async fn c_oidcc_idtoken_rs256() {
    for alg in Alg::ALL {
        let mut world = World::of(Profile::Web, |m| m.id_token_signed_response_alg = alg).await;
        let tokens = world.tokens("openid").await;
        assert_eq!(jwt::parts(&tokens.id).0["alg"], alg.as_str());
        world.rp.verify(&tokens.id).await;
    }
}

#[tokio::test]
async fn c_oidcc_idtoken_unsigned() {
    // Refused at registration: there is no such algorithm in the metadata, and nothing else announces it.
    let mut metadata =
        serde_json::to_value(kabinet_core::client::ClientMetadata::of_profile(Profile::Machine, "x")).unwrap();
    metadata["id_token_signed_response_alg"] = "none".into();
    assert!(serde_json::from_value::<kabinet_core::client::ClientMetadata>(metadata).is_err());
    let app = TestApp::start().await;
    let facts = app.get("/.well-known/openid-configuration").await.json();
    assert!(
        !facts["id_token_signing_alg_values_supported"]
            .as_array()
            .unwrap()
            .contains(&json!("none"))
    );
}

#[tokio::test]
async fn c_oidcc_userinfo_get() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let answer = world.rp.userinfo(&tokens.access).await.ok();
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.json()["sub"], world.rp.verify(&tokens.id).await["sub"]);
}

#[tokio::test]
async fn c_oidcc_userinfo_post_header() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let bearer = format!("Bearer {}", tokens.access);
    let answer = world
        .app
        .call(http::Method::POST, "/oauth2/userinfo", &[("authorization", &bearer)], "")
        .await
        .ok();
    assert_eq!(answer.json()["sub"], world.person.id.as_str());
}

#[tokio::test]
async fn c_oidcc_userinfo_post_body() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let answer = world.app.post("/oauth2/userinfo", &[("access_token", &tokens.access)]).await.ok();
    assert_eq!(answer.json()["sub"], world.person.id.as_str());
}

#[tokio::test]
async fn c_oidcc_ensure_request_without_nonce_succeeds_for_code_flow() {
    let mut world = World::new().await;
    let tokens = world.tokens_of(&world.rp.ask().without("nonce")).await;
    assert!(world.rp.verify(&tokens.id).await.get("nonce").is_none());
}

async fn claims_of(scope: &str) -> Value {
    let mut world = World::new().await;
    let tokens = world.tokens(scope).await;
    let id_token = world.rp.verify(&tokens.id).await;
    for claim in ["name", "email", "phone_number", "address", "birthdate"] {
        assert!(id_token.get(claim).is_none(), "{claim} was not asked for in the ID token");
    }
    world.rp.userinfo(&tokens.access).await.ok().json()
}

#[tokio::test]
async fn c_oidcc_scope_profile() {
    let claims = claims_of("openid profile").await;
    assert_eq!((&claims["name"], &claims["birthdate"]), (&json!("Анна Петрова"), &json!("1990-01-02")));
    assert!(claims["updated_at"].is_i64() && claims.get("email").is_none() && claims.get("address").is_none());
}

#[tokio::test]
async fn c_oidcc_scope_email() {
    let claims = claims_of("openid email").await;
    assert_eq!((&claims["email"], &claims["email_verified"]), (&json!("anna@example.ru"), &json!(true)));
    assert!(claims.get("name").is_none());
}

#[tokio::test]
async fn c_oidcc_scope_address() {
    assert_eq!(claims_of("openid address").await["address"]["locality"], "Калуга");
}

#[tokio::test]
async fn c_oidcc_scope_phone() {
    let world = World::new().await;
    let person = world.app.user("+79161234567", PASSWORD).await;
    let mut browser = world.app.browser();
    let tokens = world
        .rp
        .sign_in_with(&world.app, &mut browser, &person, &world.rp.ask_for("openid phone"))
        .await;
    let claims = world.rp.userinfo(&tokens.access).await.ok().json();
    assert_eq!(
        (&claims["phone_number"], &claims["phone_number_verified"]),
        (&json!("+79161234567"), &json!(true))
    );
}

#[tokio::test]
async fn c_oidcc_scope_all() {
    let claims = claims_of("openid profile email phone address").await;
    assert!(
        ["sub", "name", "email", "address"].iter().all(|claim| claims.get(claim).is_some()),
        "{claims}"
    );
}

#[tokio::test]
async fn c_oidcc_alternate_happy_flow() {
    let mut world = World::new().await;
    let mut ask = world.rp.ask_for("phone email openid profile");
    ask.params.reverse();
    let tokens = world.tokens_of(&ask).await;
    assert_eq!(tokens.json["scope"], "email openid phone profile");
}

#[tokio::test]
async fn c_oidcc_display_page() {
    let mut world = World::new().await;
    for display in ["page", "popup", "wap", "unheard-of"] {
        world.tokens_of(&world.rp.ask().with("display", display)).await;
    }
}

#[tokio::test]
async fn c_oidcc_display_popup() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get(&world.rp.ask().with("display", "popup").url()).await;
    assert!(world.browser.page.has("login-form"));
    assert_eq!(
        world.browser.page.answer.as_ref().unwrap().header("cross-origin-opener-policy"),
        "",
        "a popup keeps its opener"
    );
}

#[tokio::test]
async fn c_oidcc_prompt_login() {
    let mut world = World::new().await;
    let first = world.tokens("openid").await;
    world.app.clock.advance(5);
    let ask = world.rp.ask().with("prompt", "login");
    world.browser.get(&ask.url()).await;
    assert!(world.browser.page.has("login-form"), "{}", world.browser.page.text());
    world.app.fill_in(&mut world.browser, &world.person).await;
    let second = Tokens::of(&world.rp.redeem(Callback::of(&world.browser.page).code(), &ask).await);
    let time = |tokens: &Tokens| jwt::parts(&tokens.id).1["auth_time"].as_i64().unwrap();
    assert_eq!(time(&second), time(&first) + 5);
    assert_eq!(jwt::parts(&second.id).1["sub"], jwt::parts(&first.id).1["sub"]);
}

#[tokio::test]
async fn c_oidcc_prompt_none_not_logged_in() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    let state = "s".repeat(128);
    let callback = world
        .rp
        .authorize(&mut world.browser, &world.rp.ask().with("prompt", "none").with("state", &state))
        .await;
    assert_eq!(
        (callback.get("error"), callback.get("state"), callback.get("code")),
        ("login_required", state.as_str(), "")
    );
    assert_eq!(callback.get("iss"), "https://id.test");
}

#[tokio::test]
async fn c_oidcc_prompt_none_logged_in() {
    let mut world = World::signed_out(Profile::Web, third_party).await;
    let first = world.tokens("openid").await;
    world.app.clock.advance(20);
    let ask = world.rp.ask().with("prompt", "none");
    let code = world.code(&ask).await;
    let second = Tokens::of(&world.rp.redeem(&code, &ask).await);
    let of = |tokens: &Tokens, claim: &str| jwt::parts(&tokens.id).1[claim].clone();
    assert_eq!(
        (of(&first, "sub"), of(&first, "auth_time")),
        (of(&second, "sub"), of(&second, "auth_time"))
    );
}

#[tokio::test]
async fn c_oidcc_max_age_1() {
    let mut world = World::new().await;
    world.app.clock.advance(2);
    let ask = world.rp.ask().with("max_age", "1");
    world.browser.get(&ask.url()).await;
    assert!(world.browser.page.has("login-form"));
    world.app.fill_in(&mut world.browser, &world.person).await;
    let tokens = Tokens::of(&world.rp.redeem(Callback::of(&world.browser.page).code(), &ask).await);
    assert_eq!(jwt::parts(&tokens.id).1["auth_time"], world.app.now());
}

#[tokio::test]
async fn c_oidcc_max_age_10000() {
    let mut world = World::new().await;
    let began = world.app.now();
    world.app.clock.advance(9_000);
    let tokens = world.tokens_of(&world.rp.ask().with("max_age", "10000")).await;
    assert_eq!(jwt::parts(&tokens.id).1["auth_time"], began);
}

#[tokio::test]
async fn c_oidcc_ensure_request_with_unknown_parameter_succeeds() {
    let mut world = World::new().await;
    world.tokens_of(&world.rp.ask().with("extra", "foobar")).await;
}

#[tokio::test]
async fn c_oidcc_id_token_hint() {
    let mut world = World::new().await;
    let first = world.tokens("openid").await;
    // An expired hint is a hint still (OpenID Connect Core §3.1.2.1).
    world.app.clock.advance(7_200);
    let ask = world.rp.ask().with("prompt", "none").with("id_token_hint", &first.id);
    let second = world.tokens_of(&ask).await;
    assert_eq!(jwt::parts(&second.id).1["sub"], jwt::parts(&first.id).1["sub"]);
}

#[tokio::test]
async fn c_oidcc_login_hint() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get(&world.rp.ask().with("login_hint", "anna@example.ru").url()).await;
    assert_eq!(world.browser.page.html.attribute("email", "value").unwrap(), "anna@example.ru");
    world.browser.get(&world.rp.ask().with("login_hint", "buffy@id.test").url()).await;
    assert!(world.browser.page.has("login-form"));
}

#[tokio::test]
async fn c_oidcc_ui_locales() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get(&world.rp.ask().with("ui_locales", "se").url()).await;
    assert_eq!(world.browser.page.html.attributes("html", "lang"), ["ru"]);
    world.browser.get(&world.rp.ask().with("ui_locales", "se en").url()).await;
    assert_eq!(world.browser.page.html.attributes("html", "lang"), ["en"]);
}

#[tokio::test]
async fn c_oidcc_claims_locales() {
    let mut world = World::new().await;
    world.tokens_of(&world.rp.ask().with("claims_locales", "se")).await;
}

#[tokio::test]
async fn c_oidcc_ensure_request_with_acr_values_succeeds() {
    let mut world = World::new().await;
    let tokens = world.tokens_of(&world.rp.ask().with("acr_values", "1 2")).await;
    assert_eq!(jwt::parts(&tokens.id).1["acr"], "1");
}

#[tokio::test]
async fn c_oidcc_codereuse() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    Tokens::of(&world.rp.redeem(&code, &ask).await);
    world.rp.redeem(&code, &ask).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn c_oidcc_codereuse_30seconds() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    let tokens = Tokens::of(&world.rp.redeem(&code, &ask).await);
    world.app.clock.advance(30);
    world.rp.redeem(&code, &ask).await.refused(400, "invalid_grant");
    world.rp.userinfo(&tokens.access).await.refused(401, "invalid_token");
    world.rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn c_oidcc_ensure_registered_redirect_uri() {
    let mut world = World::new().await;
    world
        .browser
        .get(&world.rp.ask().with("redirect_uri", "https://evil.test/cb").url())
        .await;
    assert_eq!((world.browser.page.status, world.browser.page.error().as_str()), (400, "redirect_uri"));
    assert!(world.browser.page.left.is_none() && !world.browser.page.text().contains("evil.test"));
    let links = world.browser.page.html.attributes("a", "href");
    assert!(links.iter().all(|link| !link.contains("//evil.test")), "{links:?}");
}

#[tokio::test]
async fn c_oidcc_ensure_redirect_uri_in_authorization_request() {
    let mut world = World::of(Profile::Web, |m| m.redirect_uris.push("https://rp.test/second".to_owned())).await;
    world.browser.get(&world.rp.ask().without("redirect_uri").url()).await;
    assert_eq!((world.browser.page.status, world.browser.page.error().as_str()), (400, "redirect_uri"));
}

#[tokio::test]
async fn c_oidcc_ensure_post_request_succeeds() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    world.browser.post("/oauth2/authorize", &ask.params).await;
    let callback = Callback::of(&world.browser.page);
    Tokens::of(&world.rp.redeem(callback.code(), &ask).await);
}

#[tokio::test]
async fn c_oidcc_claims_essential() {
    let mut world = World::new().await;
    let claims = r#"{"userinfo":{"name":{"essential":true}},"id_token":{"email":null}}"#;
    let tokens = world.tokens_of(&world.rp.ask().with("claims", claims)).await;
    let info = world.rp.userinfo(&tokens.access).await.ok().json();
    assert_eq!(info, json!({"sub": world.person.id, "name": "Анна Петрова"}));
    let id_token = world.rp.verify(&tokens.id).await;
    assert_eq!((&id_token["email"], id_token.get("name")), (&json!("anna@example.ru"), None));
}

#[tokio::test]
async fn c_oidcc_refresh_token() {
    let mut world = World::new().await;
    let first = world.tokens("openid offline_access").await;
    world.app.clock.advance(1);
    let answer = world.rp.refresh(&first.refresh).await.ok();
    assert!(answer.header("cache-control").contains("no-store"));
    let second = Tokens::of(&answer);
    assert_ne!(first.access, second.access);
    let (old, new) = (world.rp.verify(&first.id).await, world.rp.verify(&second.id).await);
    for claim in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(old[claim], new[claim], "{claim}");
    }
    let other = world.app.client(Profile::Web, |_| ()).await;
    other.refresh(&second.refresh).await.refused(400, "invalid_grant");
    Tokens::of(&world.rp.refresh(&second.refresh).await);
}

#[tokio::test]
async fn c_oidcc_ensure_request_with_valid_pkce_succeeds() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    assert!(ask.verifier.is_some());
    world.tokens_of(&ask).await;
}

#[tokio::test]
async fn c_oidcc_redirect_uri_query_ok() {
    let uri = "https://rp.test/cb?foo=bar&x=%20y";
    let mut world = World::of(Profile::Web, |m| m.redirect_uris = vec![uri.to_owned()]).await;
    world.browser.get(&world.rp.ask().url()).await;
    assert!(world.browser.page.left.clone().unwrap().starts_with(&format!("{uri}&code=")));
}

#[tokio::test]
async fn c_oidcc_redirect_uri_query_mismatch() {
    let mut world = World::of(Profile::Web, |m| m.redirect_uris = vec!["https://rp.test/cb?foo=bar".to_owned()]).await;
    for uri in ["https://rp.test/cb?foo=baz", "https://rp.test/cb", "https://rp.test/cb?foo=bar&"] {
        world.browser.get(&world.rp.ask().with("redirect_uri", uri).url()).await;
        assert_eq!(world.browser.page.error(), "redirect_uri", "{uri}");
    }
}

#[tokio::test]
async fn c_oidcc_redirect_uri_query_added() {
    let mut world = World::new().await;
    world
        .browser
        .get(&world.rp.ask().with("redirect_uri", "https://rp.test/cb?foo=bar").url())
        .await;
    assert_eq!((world.browser.page.status, world.browser.page.error().as_str()), (400, "redirect_uri"));
}

#[tokio::test]
async fn c_oidcc_redirect_uri_regfrag() {
    let mut metadata = kabinet_core::client::ClientMetadata::of_profile(Profile::Web, "x");
    metadata.redirect_uris.push("https://rp.test/cb#foo=bar".to_owned());
    assert_eq!(metadata.check().unwrap_err().field, "redirect_uris");
}

#[tokio::test]
async fn c_oidcc_server_rotate_keys() {
    let mut world = World::new().await;
    let before = world.rp.jwks().await;
    let first = world.tokens("openid").await;
    let signing = world.app.rotate(Alg::RS256).await;
    let app = &world.app;
    kabinet_tests::eventually("the new key is published", || async { app.get("/oauth2/jwks").await.json() != before })
        .await;
    let second = world.tokens("openid").await;
    assert_eq!(jwt::parts(&second.id).0["kid"], signing);
    // The old signing key is published still; what it signed verifies.
    world.rp.verify(&first.id).await;
    world.rp.verify(&second.id).await;
    // Relying parties that cached the keys know the new one already: it was published before it signed.
    assert!(jwt::verify(&second.id, &before).is_ok());
}
