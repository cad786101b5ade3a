//! Proof of possession (RFC 9449; V26): what is no proof, what a proof binds, and that nothing bound is of use without it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use josekit::jws::{HS256, JwsSigner};
use kabinet_core::client::{Alg, ClientMetadata, GrantType, Profile, TokenFormat};
use kabinet_core::jwk::PublicKey;
use kabinet_tests::{Answer, Ask, ClientKey, Rp, TestApp, Tokens, jwt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::World;

const TOKEN: &str = "/oauth2/token";
const USERINFO: &str = "/oauth2/userinfo";
const CREDENTIALS: [(&str, &str); 1] = [("grant_type", "client_credentials")];

fn key() -> ClientKey {
    ClientKey::new(Alg::ES256, "k")
}

fn thumbprint(key: &ClientKey) -> String {
    let public = PublicKey::read(key.public().as_object().unwrap()).unwrap();
    public.thumbprint().as_str().to_owned()
}

fn header(key: &ClientKey) -> Value {
    json!({"typ": "dpop+jwt", "alg": key.alg.as_str(), "jwk": key.public()})
}

fn hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

/// Sets a member; `null` takes it away.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        object.as_object_mut().unwrap().remove(name);
    } else {
        object[name] = value;
    }
    object
}

/// A nonce as any answer to a request with a proof brings it.
async fn nonce(app: &TestApp) -> String {
    let headers = [("authorization", "Bearer x"), ("dpop", "x")];
    let answer = app.call(Method::GET, USERINFO, &headers, "").await;
    answer.header("dpop-nonce").to_owned()
}

/// The claims of a sound proof.
async fn claims(app: &TestApp, rp: &Rp, method: &str, path: &str) -> Value {
    json!({"jti": rp.random(), "htm": method, "htu": format!("{}{path}", app.config.issuer), "iat": app.now(), "nonce": nonce(app).await})
}

async fn proof(app: &TestApp, rp: &Rp, key: &ClientKey, (method, path): (&str, &str)) -> String {
    key.sign_with(&header(key), &claims(app, rp, method, path).await)
}

/// Asks the token endpoint with a sound proof by this key.
async fn ask(app: &TestApp, rp: &Rp, key: &ClientKey, form: &[(&str, &str)]) -> Answer {
    let proof = proof(app, rp, key, ("POST", TOKEN)).await;
    rp.post_with(TOKEN, form, &[("dpop", &proof)]).await
}

fn redemption<'a>(code: &'a str, ask: &'a Ask) -> Vec<(&'a str, &'a str)> {
    let verifier = ask.verifier.as_deref().unwrap_or_default();
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", ask.get("redirect_uri")),
        ("code_verifier", verifier),
    ]
}

fn refreshing(token: &str) -> [(&str, &str); 2] {
    [("grant_type", "refresh_token"), ("refresh_token", token)]
}

async fn bound(world: &mut World, key: &ClientKey, scope: &str) -> Tokens {
    let request = world.rp.ask_for(scope);
    let code = world.code(&request).await;
    Tokens::of(&ask(&world.app, &world.rp, key, &redemption(&code, &request)).await)
}

async fn show(app: &TestApp, scheme: &str, token: &str, proofs: &[&str]) -> Answer {
    let authorization = format!("{scheme} {token}");
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(proofs.iter().map(|proof| ("dpop", *proof)));
    app.call(Method::GET, USERINFO, &headers, "").await
}

async fn shown(world: &World, key: &ClientKey, token: &str) -> Answer {
    let about = claims(&world.app, &world.rp, "GET", USERINFO).await;
    let proof = key.sign_with(&header(key), &with(about, "ath", json!(hash(token))));
    show(&world.app, "DPoP", token, &[&proof]).await
}

/// A provider and a service, which can ask as often as it likes.
async fn service() -> (TestApp, Rp) {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Machine, |m| m.scope = scope("api")).await;
    (app, rp)
}

fn scope(text: &str) -> kabinet_core::scope::Scope {
    text.to_owned().try_into().unwrap()
}

#[tokio::test]
async fn a_code_brings_a_bound_token_of_either_form_that_userinfo_takes_with_a_proof_alone() {
    for format in [TokenFormat::Jwt, TokenFormat::Opaque] {
        let mut world = World::of(Profile::Web, |m| m.access_token_format = format).await;
        let key = key();
        let tokens = bound(&mut world, &key, "openid").await;
        assert_eq!(tokens.json["token_type"], "DPoP");
        let cnf = json!({"jkt": thumbprint(&key)});
        if format == TokenFormat::Jwt {
            assert_eq!(jwt::parts(&tokens.access).1["cnf"], cnf);
        }
        let facts = world.rp.introspect(&tokens.access).await;
        assert_eq!(
            (&facts["active"], &facts["token_type"], &facts["cnf"]),
            (&json!(true), &json!("DPoP"), &cnf)
        );
        world.rp.verify(&tokens.id).await;
        let answer = shown(&world, &key, &tokens.access).await.ok();
        assert_eq!(answer.json()["sub"], world.person.id.as_str());
        assert!(!answer.header("dpop-nonce").is_empty());
        shown(&world, &self::key(), &tokens.access).await.refused(401, "invalid_token");
        world.rp.revoke(&tokens.access).await.ok();
        shown(&world, &key, &tokens.access).await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn a_bound_token_is_no_bearer_token_and_a_bearer_token_is_not_bound() {
    let mut world = World::new().await;
    let key = key();
    let tokens = bound(&mut world, &key, "openid").await;
    let answer = world.rp.userinfo(&tokens.access).await;
    let challenges = answer.refused(401, "invalid_token").every("www-authenticate");
    assert!(challenges[0].starts_with("Bearer") && challenges[1].starts_with("DPoP"), "{challenges:?}");
    // Nor with a proof beside it, nor in the body.
    let about = claims(&world.app, &world.rp, "GET", USERINFO).await;
    let proof = key.sign_with(&header(&key), &with(about, "ath", json!(hash(&tokens.access))));
    show(&world.app, "Bearer", &tokens.access, &[&proof]).await.refused(401, "invalid_token");
    world
        .app
        .post(USERINFO, &[("access_token", &tokens.access)])
        .await
        .refused(401, "invalid_token");
    let bearer = world.tokens("openid").await;
    assert_eq!(bearer.json["token_type"], "Bearer");
    let answer = shown(&world, &key, &bearer.access).await;
    assert!(answer.refused(401, "invalid_token").header("www-authenticate").starts_with("DPoP"));
    let nothing = world.app.get(USERINFO).await;
    assert!(
        nothing
            .every("www-authenticate")
            .iter()
            .any(|one| one.contains("algs=\"ES256 EdDSA PS256\""))
    );
}

#[tokio::test]
async fn userinfo_names_what_is_wrong_with_a_proof() {
    let mut world = World::new().await;
    let key = key();
    let access = bound(&mut world, &key, "openid").await.access;
    let (app, rp) = (&world.app, &world.rp);
    let good = with(claims(app, rp, "GET", USERINFO).await, "ath", json!(hash(&access)));
    let sign = |claims: &Value| key.sign_with(&header(&key), &with(claims.clone(), "jti", json!(rp.random())));
    let twice = sign(&good);
    for (what, proofs) in [
        ("no proof", vec![]),
        ("two proofs", vec![sign(&good), sign(&good)]),
        ("no ath", vec![sign(&with(good.clone(), "ath", Value::Null))]),
        ("another ath", vec![sign(&with(good.clone(), "ath", json!(hash("x"))))]),
        ("another method", vec![sign(&with(good.clone(), "htm", json!("POST")))]),
        (
            "another endpoint",
            vec![sign(&with(good.clone(), "htu", json!("https://id.test/oauth2/token")))],
        ),
    ] {
        let proofs: Vec<&str> = proofs.iter().map(String::as_str).collect();
        let answer = show(app, "DPoP", &access, &proofs).await;
        assert_eq!(
            (answer.code(), answer.error().as_str()),
            (401, "invalid_dpop_proof"),
            "{what}: {}",
            answer.body
        );
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.starts_with("DPoP ") && challenge.contains("error=\"invalid_dpop_proof\""),
            "{challenge}"
        );
    }
    let answer = show(app, "DPoP", &access, &[&sign(&with(good.clone(), "nonce", Value::Null))]).await;
    answer.refused(401, "use_dpop_nonce");
    assert!(answer.header("www-authenticate").contains("error=\"use_dpop_nonce\""));
    assert!(!answer.header("dpop-nonce").is_empty());
    show(app, "dpop", &access, &[&twice]).await.ok();
    show(app, "DPoP", &access, &[&twice]).await.refused(401, "invalid_dpop_proof");
}

#[tokio::test]
async fn what_is_no_sound_proof_is_refused_for_what_it_lacks() {
    let (app, rp) = service().await;
    let key = key();
    let claims = claims(&app, &rp, "POST", TOKEN).await;
    let rsa = ClientKey::new(Alg::RS256, "r");
    let sign = |header: &Value, claims: &Value| key.sign_with(header, &with(claims.clone(), "jti", json!(rp.random())));
    let head = |name: &str, value: Value| sign(&with(header(&key), name, value), &claims);
    let claim = |name: &str, value: Value| key.sign_with(&header(&key), &with(claims.clone(), name, value));
    let private = with(key.public(), "d", serde_json::to_value(&key.private).unwrap()["d"].clone());
    let symmetric = HS256.signer_from_bytes([1; 32]).unwrap();
    let secret = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode([1; 32])});
    let hmac = jwt::forge(&json!({"typ": "dpop+jwt", "alg": "HS256", "jwk": secret}), &claims, |text| {
        symmetric.sign(text).unwrap()
    });
    let sound = sign(&header(&key), &claims);
    let (message, _) = sound.rsplit_once('.').unwrap();
    let unsigned = jwt::forge(&with(header(&key), "alg", json!("none")), &claims, |_| Vec::new());
    let later = app.now() + 3600;
    for (what, proof) in [
        ("not a JWT", "x".to_owned()),
        ("empty", String::new()),
        ("two in one header", format!("{sound}, {sound}")),
        ("no signature", format!("{message}.")),
        ("another signature", format!("{message}.{}", URL_SAFE_NO_PAD.encode([1; 64]))),
        ("longer than 4096 bytes", claim("more", json!("x".repeat(4000)))),
        ("no typ", head("typ", Value::Null)),
        ("another typ", head("typ", json!("JWT"))),
        ("no alg", head("alg", Value::Null)),
        ("none", unsigned),
        ("HS256", hmac),
        ("RS256", rsa.sign_with(&header(&rsa), &claims)),
        ("alg of another key", head("alg", json!("EdDSA"))),
        ("crit", head("crit", json!(["x"]))),
        ("no jwk", head("jwk", Value::Null)),
        ("jwk is a text", head("jwk", json!("x"))),
        ("private key", head("jwk", private)),
        ("another key", head("jwk", self::key().public())),
        ("a key for encryption", head("jwk", with(key.public(), "use", json!("enc")))),
        ("no jti", claim("jti", Value::Null)),
        ("empty jti", claim("jti", json!(""))),
        ("jti is a number", claim("jti", json!(1))),
        ("jti of 257 bytes", claim("jti", json!("x".repeat(257)))),
        ("no htm", claim("htm", Value::Null)),
        ("another method", claim("htm", json!("GET"))),
        ("small letters", claim("htm", json!("post"))),
        ("no htu", claim("htu", Value::Null)),
        ("another endpoint", claim("htu", json!("https://id.test/oauth2/par"))),
        ("another host", claim("htu", json!("https://other.test/oauth2/token"))),
        ("http", claim("htu", json!("http://id.test/oauth2/token"))),
        ("a path alone", claim("htu", json!("/oauth2/token"))),
        ("no iat", claim("iat", Value::Null)),
        ("iat is a text", claim("iat", json!(app.now().to_string()))),
        ("an hour ago", claim("iat", json!(app.now() - 3600))),
        ("an hour ahead", claim("iat", json!(later))),
        ("nonce is a number", claim("nonce", json!(1))),
    ] {
        let answer = rp.post_with(TOKEN, &CREDENTIALS, &[("dpop", &proof)]).await;
        assert_eq!(
            (answer.code(), answer.error().as_str()),
            (400, "invalid_dpop_proof"),
            "{what}: {}",
            answer.body
        );
    }
    let two = [("dpop", sound.as_str()), ("dpop", sound.as_str())];
    rp.post_with(TOKEN, &CREDENTIALS, &two).await.refused(400, "invalid_dpop_proof");
    // Nothing of the above has used it up; and the address is the published one, whatever the request says.
    let headers = [("dpop", sound.as_str()), ("host", "evil.test"), ("x-forwarded-host", "evil.test")];
    let tokens = Tokens::of(&rp.post_with(TOKEN, &CREDENTIALS, &headers).await);
    assert_eq!(tokens.json["token_type"], "DPoP");
}

#[tokio::test]
async fn other_spellings_and_further_claims_are_no_fault() {
    let (app, rp) = service().await;
    for key in [key(), ClientKey::new(Alg::EdDSA, "e"), ClientKey::new(Alg::PS256, "p")] {
        let answer = ask(&app, &rp, &key, &CREDENTIALS).await;
        assert_eq!(jwt::parts(&Tokens::of(&answer).access).1["cnf"]["jkt"], thumbprint(&key));
    }
    let key = key();
    for (name, value) in [
        ("more", json!({"is": "ignored"})),
        ("htu", json!("https://ID.Test:443/oauth2/token?a=b#c")),
        ("htu", json!("HTTPS://id.test/oauth2/%74oken")),
        ("iat", json!(app.now() - 10)),
        ("iat", json!(app.now() + 10)),
        ("exp", json!(app.now() - 1)),
        ("ath", json!("x")),
    ] {
        let claims = with(claims(&app, &rp, "POST", TOKEN).await, name, value);
        let proof = key.sign_with(&header(&key), &claims);
        Tokens::of(&rp.post_with(TOKEN, &CREDENTIALS, &[("dpop", &proof)]).await);
    }
}

#[tokio::test]
async fn a_proof_needs_a_nonce_of_ours_that_is_not_old() {
    let mut world = World::new().await;
    let key = key();
    let request = world.rp.ask();
    let code = world.code(&request).await;
    let (app, rp) = (&world.app, &world.rp);
    let good = claims(app, rp, "POST", TOKEN).await;
    let text = good["nonce"].as_str().unwrap().to_owned();
    let later = format!("{}.{}", app.now() + 1, text.split_once('.').unwrap().1);
    for bad in [
        Value::Null,
        json!("x"),
        json!(later),
        json!(format!("{text}x")),
        json!(text.split_once('.').unwrap().0),
    ] {
        let proof = key.sign_with(&header(&key), &with(good.clone(), "nonce", bad));
        let answer = rp.post_with(TOKEN, &redemption(&code, &request), &[("dpop", &proof)]).await;
        answer.refused(400, "use_dpop_nonce");
        assert!(!answer.header("dpop-nonce").is_empty() && answer.header("cache-control").contains("no-store"));
    }
    // The code was not spent by any of that, and the answer's own nonce is good.
    let answer = rp
        .post_with(TOKEN, &redemption(&code, &request), &[("dpop", &key.sign_with(&header(&key), &good))])
        .await;
    Tokens::of(&answer);
    let next = with(claims(app, rp, "POST", TOKEN).await, "nonce", json!(answer.header("dpop-nonce")));
    app.clock.advance(120);
    let proof = key.sign_with(&header(&key), &with(next.clone(), "jti", json!("a")));
    rp.post_with(TOKEN, &refreshing("x"), &[("dpop", &proof)])
        .await
        .refused(400, "invalid_grant");
    app.clock.advance(1);
    let proof = key.sign_with(&header(&key), &with(next, "jti", json!("b")));
    rp.post_with(TOKEN, &refreshing("x"), &[("dpop", &proof)])
        .await
        .refused(400, "use_dpop_nonce");
}

#[tokio::test]
async fn of_many_that_send_the_same_proof_one_is_answered() {
    let (app, rp) = service().await;
    let proof = proof(&app, &rp, &key(), ("POST", TOKEN)).await;
    let headers = [("dpop", proof.as_str())];
    let asking = (0..20).map(|_| rp.post_with(TOKEN, &CREDENTIALS, &headers));
    let answers = futures_util::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer.code() == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.code() != 200) {
        answer.refused(400, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn another_node_takes_the_same_nonce_and_one_that_has_lost_its_marks_wants_a_new_one() {
    let (mut app, mut rp) = service().await;
    let key = key();
    let first = claims(&app, &rp, "POST", TOKEN).await;
    let sign = |jti: &str| key.sign_with(&header(&key), &with(first.clone(), "jti", json!(jti)));
    let node = app.another_node().await;
    let mut there = rp.clone();
    there.use_node(&node);
    Tokens::of(&rp.post_with(TOKEN, &CREDENTIALS, &[("dpop", &sign("a"))]).await);
    Tokens::of(&there.post_with(TOKEN, &CREDENTIALS, &[("dpop", &sign("b"))]).await);
    let has_redis = app.config.redis.url.is_some();
    app.clock.advance(1);
    app.restart().await;
    rp.use_node(&app.node);
    let again = rp.post_with(TOKEN, &CREDENTIALS, &[("dpop", &sign("a"))]).await;
    again.refused(400, if has_redis { "invalid_dpop_proof" } else { "use_dpop_nonce" });
    let fresh = with(first.clone(), "nonce", json!(again.header("dpop-nonce")));
    let proof = key.sign_with(&header(&key), &with(fresh, "jti", json!("c")));
    Tokens::of(&rp.post_with(TOKEN, &CREDENTIALS, &[("dpop", &proof)]).await);
}

#[tokio::test]
async fn a_refresh_token_of_a_public_client_is_bound_to_the_key_and_stays_the_same() {
    let mut world = World::of(Profile::Native, |_| ()).await;
    let (key, thief) = (key(), key());
    let tokens = bound(&mut world, &key, "openid offline_access").await;
    let (app, rp) = (&world.app, &world.rp);
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    ask(app, rp, &thief, &refreshing(&tokens.refresh)).await.refused(400, "invalid_grant");
    let mut access = tokens.access;
    for _ in 0..3 {
        app.clock.advance(60);
        let next = Tokens::of(&ask(app, rp, &key, &refreshing(&tokens.refresh)).await);
        assert_eq!(
            (next.refresh.as_str(), &next.json["token_type"]),
            (tokens.refresh.as_str(), &json!("DPoP"))
        );
        assert_ne!(next.access, access);
        access = next.access;
    }
    // Whoever tried without the key has ended nothing.
    shown(&world, &key, &access).await.ok();
    rp.revoke(&tokens.refresh).await.ok();
    ask(app, rp, &key, &refreshing(&tokens.refresh)).await.refused(400, "invalid_grant");
    shown(&world, &key, &access).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_refresh_token_of_a_client_that_authenticates_is_bound_to_that_and_rotates() {
    let mut world = World::new().await;
    let (first, second) = (key(), key());
    let tokens = bound(&mut world, &first, "openid offline_access").await;
    let (app, rp) = (&world.app, &world.rp);
    let next = Tokens::of(&ask(app, rp, &second, &refreshing(&tokens.refresh)).await);
    assert_ne!(next.refresh, tokens.refresh);
    assert_eq!(jwt::parts(&next.access).1["cnf"]["jkt"], thumbprint(&second));
    let last = Tokens::of(&rp.refresh(&next.refresh).await);
    assert_eq!(last.json["token_type"], "Bearer");
    assert!(jwt::parts(&last.access).1.get("cnf").is_none());
}

#[tokio::test]
async fn a_family_that_began_without_a_key_goes_on_rotating() {
    let mut world = World::of(Profile::Native, |_| ()).await;
    let tokens = world.tokens("openid offline_access").await;
    let next = Tokens::of(&ask(&world.app, &world.rp, &key(), &refreshing(&tokens.refresh)).await);
    assert_ne!(next.refresh, tokens.refresh);
    assert_eq!(next.json["token_type"], "DPoP");
    assert_eq!(Tokens::of(&world.rp.refresh(&next.refresh).await).json["token_type"], "Bearer");
}

#[tokio::test]
async fn dpop_jkt_binds_the_code_to_the_key() {
    let mut world = World::new().await;
    let key = key();
    let request = world.rp.ask().with("dpop_jkt", &thumbprint(&key));
    let code = world.code(&request).await;
    let (app, rp) = (&world.app, &world.rp);
    rp.redeem(&code, &request).await.refused(400, "invalid_grant");
    ask(app, rp, &self::key(), &redemption(&code, &request))
        .await
        .refused(400, "invalid_grant");
    Tokens::of(&ask(app, rp, &key, &redemption(&code, &request)).await);
    for bad in ["x", &hash("x")[1..], &format!("{}=", hash("x"))] {
        let request = world.rp.ask().with("dpop_jkt", bad);
        assert_eq!(
            world.rp.authorize(&mut world.browser, &request).await.get("error"),
            "invalid_request",
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_proof_with_a_pushed_request_binds_the_code() {
    let mut world = World::new().await;
    let key = key();
    let request = world.rp.ask();
    let (app, rp) = (&world.app, &world.rp);
    let form: Vec<(&str, &str)> = request.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let push = async |form: &[(&str, &str)]| {
        let proof = proof(app, rp, &key, ("POST", "/oauth2/par")).await;
        rp.post_with("/oauth2/par", form, &[("dpop", &proof)]).await
    };
    let other = hash("x");
    push(&[&form[..], &[("dpop_jkt", &other)]].concat())
        .await
        .refused(400, "invalid_dpop_proof");
    let own = thumbprint(&key);
    assert_eq!(push(&[&form[..], &[("dpop_jkt", &own)]].concat()).await.code(), 201);
    let wrong = proof(app, rp, &key, ("POST", TOKEN)).await;
    rp.post_with("/oauth2/par", &form, &[("dpop", &wrong)])
        .await
        .refused(400, "invalid_dpop_proof");
    let bare = key.sign_with(&header(&key), &with(claims(app, rp, "POST", "/oauth2/par").await, "nonce", Value::Null));
    let answer = rp.post_with("/oauth2/par", &form, &[("dpop", &bare)]).await;
    assert!(!answer.refused(400, "use_dpop_nonce").header("dpop-nonce").is_empty());
    let uri = push(&form).await.member("request_uri");
    let enter = Ask { params: Vec::new(), verifier: None }
        .with("client_id", rp.id.as_str())
        .with("request_uri", &uri);
    let code = rp.authorize(&mut world.browser, &enter).await.code().to_owned();
    rp.redeem(&code, &request).await.refused(400, "invalid_grant");
    ask(app, rp, &self::key(), &redemption(&code, &request))
        .await
        .refused(400, "invalid_grant");
    Tokens::of(&ask(app, rp, &key, &redemption(&code, &request)).await);
}

#[tokio::test]
async fn a_client_that_wants_bound_tokens_gets_no_others() {
    let demanding = |m: &mut ClientMetadata| m.dpop_bound_access_tokens = true;
    let mut world = World::of(Profile::Web, demanding).await;
    let key = key();
    let request = world.rp.ask_for("openid offline_access");
    let code = world.code(&request).await;
    world.rp.redeem(&code, &request).await.refused(400, "invalid_request");
    let tokens = Tokens::of(&ask(&world.app, &world.rp, &key, &redemption(&code, &request)).await);
    world.rp.refresh(&tokens.refresh).await.refused(400, "invalid_request");
    let machine = world.app.client(Profile::Machine, demanding).await;
    machine.token(&CREDENTIALS).await.refused(400, "invalid_request");
    let mut metadata = ClientMetadata { dpop_bound_access_tokens: true, ..world.rp.metadata.clone() };
    metadata.grant_types.push(GrantType::Implicit);
    metadata.response_types.push("code token".parse().unwrap());
    assert_eq!(metadata.check().unwrap_err().field, "dpop_bound_access_tokens");
}

#[tokio::test]
async fn what_a_device_gets_is_bound_to_the_key_that_it_polls_with() {
    let mut world = World::of(Profile::Device, |_| ()).await;
    // Beside the device, so that nothing more is asked.
    world.browser.ip = [127, 0, 0, 1].into();
    let key = key();
    let begun = world
        .rp
        .post("/oauth2/device_authorization", &[("scope", "openid offline_access")])
        .await
        .ok();
    let form = [("grant_type", GrantType::DeviceCode.as_str()), ("device_code", &begun.member("device_code"))];
    ask(&world.app, &world.rp, &key, &form).await.refused(400, "authorization_pending");
    world.browser.get("/code").await;
    world.browser.submit("code-form", &[("code", &begun.member("user_code"))], "submit").await;
    world.browser.submit("consent-form", &[], "allow").await;
    let tokens = Tokens::of(&ask(&world.app, &world.rp, &key, &form).await);
    assert_eq!(tokens.json["token_type"], "DPoP");
    shown(&world, &key, &tokens.access).await.ok();
    world.rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    let next = Tokens::of(&ask(&world.app, &world.rp, &key, &refreshing(&tokens.refresh)).await);
    assert_eq!(next.refresh, tokens.refresh);
}

#[tokio::test]
async fn a_service_that_exchanges_a_bound_token_gets_one_of_its_own() {
    let (orders, stock) = ("https://orders.test", "https://stock.test");
    let mut world = World::of(Profile::Web, |m| {
        m.resources = vec![orders.to_owned()];
        m.scope = scope("openid api");
    })
    .await;
    let (key, own) = (key(), key());
    let request = world.rp.ask_for("api").with("resource", orders);
    let code = world.code(&request).await;
    let tokens = Tokens::of(&ask(&world.app, &world.rp, &key, &redemption(&code, &request)).await);
    let service = world
        .app
        .client(Profile::Machine, |m| {
            m.client_uri = Some(orders.to_owned());
            m.grant_types.push(GrantType::TokenExchange);
            m.scope = scope("api");
            m.token_exchange_audiences = vec![stock.to_owned()];
        })
        .await;
    let form = [
        ("grant_type", GrantType::TokenExchange.as_str()),
        ("subject_token", &tokens.access),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("resource", stock),
    ];
    let bearer = Tokens::of(&service.token(&form).await);
    assert_eq!(
        (&bearer.json["token_type"], &jwt::parts(&bearer.access).1["cnf"]),
        (&json!("Bearer"), &Value::Null)
    );
    let given = Tokens::of(&ask(&world.app, &service, &own, &form).await);
    assert_eq!(jwt::parts(&given.access).1["cnf"]["jkt"], thumbprint(&own));
}

#[tokio::test]
async fn browsers_of_other_origins_may_send_proofs_and_read_nonces_and_discovery_names_the_algorithms() {
    let app = TestApp::start().await;
    let change = |m: &mut ClientMetadata| m.redirect_uris = vec!["https://spa.test/cb".to_owned()];
    let rp = app.client(Profile::Spa, change).await;
    let asked = [
        ("origin", "https://spa.test"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "dpop"),
    ];
    let preflight = app.call(Method::OPTIONS, TOKEN, &asked, "").await;
    assert!(preflight.header("access-control-allow-headers").contains("DPoP"));
    let proof = proof(&app, &rp, &key(), ("POST", TOKEN)).await;
    let headers = [("origin", "https://spa.test"), ("dpop", proof.as_str())];
    let answer = rp.post_with(TOKEN, &refreshing("x"), &headers).await;
    assert!(answer.header("access-control-expose-headers").contains("DPoP-Nonce"));
    assert!(!answer.header("dpop-nonce").is_empty());
    let facts = app.get("/.well-known/openid-configuration").await.ok().json();
    assert_eq!(facts["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA", "PS256"]));
}

/// Inviting is no exception: a stolen token that is bound to a key sends nothing without it.
#[tokio::test]
async fn a_bound_token_invites_nobody_without_its_key() {
    const INVITATIONS: &str = "/api/invitations/v1";
    let app = TestApp::start().await;
    let change = |m: &mut ClientMetadata| m.scope = kabinet_core::scope::Scope::parse("kabinet:invite").unwrap();
    let (rp, key) = (app.client(Profile::Machine, change).await, key());
    let form = [CREDENTIALS[0], ("scope", "kabinet:invite")];
    let token = Tokens::of(&ask(&app, &rp, &key, &form).await).access;
    let body = json!({"email": "novy@example.com"}).to_string();
    let invite = async |scheme: &str, proof: &str| {
        let authorization = format!("{scheme} {token}");
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/json"), ("dpop", proof)];
        app.call(Method::POST, INVITATIONS, &headers, &body).await
    };
    let sound = with(claims(&app, &rp, "POST", INVITATIONS).await, "ath", json!(hash(&token)));
    let proof = key.sign_with(&header(&key), &sound);
    invite("Bearer", "").await.refused(401, "invalid_token");
    invite("DPoP", "").await.refused(401, "invalid_dpop_proof");
    assert!(app.messages().is_empty());
    let answer = invite("DPoP", &proof).await;
    assert_eq!(answer.code(), 201, "{}", answer.body);
}
