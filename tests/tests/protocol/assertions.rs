//! Clients that prove themselves by a key: `private_key_jwt` (RFC 7523 §3), and what is no such proof (B17, V22 to V25, V28).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwe::{Dir, JweHeader};
use josekit::jws::{HS256, JwsSigner};
use kabinet_core::client::{Alg, AuthMethod, ClientMetadata, GrantType, Profile};
use kabinet_tests::{Answer, ClientKey, JWT_BEARER, Published, Rp, TestApp, Tokens, basic, jwt};
use serde_json::{Value, json};

use crate::world::World;

fn by_key(key: &ClientKey) -> impl FnOnce(&mut ClientMetadata) {
    let set = key.set();
    move |metadata| {
        metadata.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
        metadata.jwks = Some(set);
    }
}

/// A provider and a service that authenticates by the key.
async fn service(key: &ClientKey) -> (TestApp, Rp) {
    let app = TestApp::start().await;
    let mut rp = app.client(Profile::Machine, by_key(key)).await;
    rp.key = Some(key.clone());
    (app, rp)
}

async fn ask(app: &TestApp, path: &str, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    form.extend_from_slice(more);
    app.post(path, &form).await
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn an_assertion_is_for_the_issuer_or_the_token_endpoint_whatever_its_algorithm() {
    for alg in Alg::ALL {
        let key = ClientKey::new(alg, "k");
        let (app, rp) = service(&key).await;
        for audience in ["https://id.test", "https://id.test/oauth2/token"] {
            let assertion = key.sign(&with(rp.assertion_claims(), "aud", json!(audience)));
            ask(&app, "/oauth2/token", &assertion, &[]).await.ok();
        }
    }
}

#[tokio::test]
async fn a_product_signs_people_in_refreshes_introspects_and_revokes_by_its_key() {
    let key = ClientKey::new(Alg::ES256, "k");
    let mut world = World::of(Profile::Web, by_key(&key)).await;
    assert!(world.rp.secret.is_none(), "a client with a key has no secret");
    world.rp.key = Some(key);
    let tokens = world.tokens("openid offline_access").await;
    world.rp.verify(&tokens.id).await;
    let next = Tokens::of(&world.rp.refresh(&tokens.refresh).await);
    assert!(world.rp.is_active(&next.access).await);
    world.rp.revoke(&next.refresh).await.ok();
    assert!(!world.rp.is_active(&next.access).await);
}

#[tokio::test]
async fn an_endpoint_s_own_url_is_an_audience_there_and_nowhere_else() {
    let key = ClientKey::new(Alg::EdDSA, "k");
    let (app, rp) = service(&key).await;
    for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        for at in ["", "/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
            let claims = with(rp.assertion_claims(), "aud", json!(format!("https://id.test{at}")));
            let answer = ask(&app, path, &key.sign(&claims), &[("token", "x")]).await;
            let is_good = at.is_empty() || at == "/oauth2/token" || at == path;
            assert_eq!(answer.code() == 200, is_good, "{at} at {path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn each_claim_that_is_missing_or_wrong_refuses_the_assertion() {
    let key = ClientKey::new(Alg::EdDSA, "k");
    let (app, rp) = service(&key).await;
    let now = app.now();
    let cases = [
        ("iss", vec![Value::Null, json!("other"), json!(["x"]), json!(1)]),
        ("sub", vec![Value::Null, json!("other"), json!(""), json!({})]),
        (
            "aud",
            vec![
                Value::Null,
                json!(""),
                json!(["https://id.test"]),
                json!(["https://id.test", "https://evil.test"]),
                json!("https://id.test/"),
                json!("https://id.test.evil.test"),
                json!("https://id.test/oauth2/par"),
                json!("https://evil.test/oauth2/token"),
                json!("HTTPS://ID.TEST"),
            ],
        ),
        (
            "exp",
            vec![
                Value::Null,
                json!(now - 300),
                json!(now - 30),
                json!(now + 3631),
                json!((now + 60).to_string()),
                json!(1_795_392_060.5),
                json!(-1),
                json!(u64::MAX),
                json!(9_223_372_036_854_775_807_i64),
                json!([now + 60]),
            ],
        ),
        ("iat", vec![json!(now + 70), json!("now"), json!(1.5)]),
        ("nbf", vec![json!(now + 70), json!("now")]),
        ("jti", vec![Value::Null, json!(""), json!(1), json!("x".repeat(257))]),
    ];
    for (name, values) in cases {
        let mut missing = rp.assertion_claims();
        missing.as_object_mut().unwrap().remove(name);
        let answer = ask(&app, "/oauth2/token", &key.sign(&missing), &[]).await;
        // iat and nbf may be missing.
        assert_eq!(answer.code() == 200, matches!(name, "iat" | "nbf"), "without {name}");
        for value in values {
            let claims = with(rp.assertion_claims(), name, value);
            ask(&app, "/oauth2/token", &key.sign(&claims), &[]).await.refused(401, "invalid_client");
        }
    }
    for (name, value) in [("nbf", now + 8), ("iat", now + 8), ("exp", now - 8), ("exp", now + 3600)] {
        let claims = with(rp.assertion_claims(), name, json!(value));
        ask(&app, "/oauth2/token", &key.sign(&claims), &[]).await.ok();
    }
}

#[tokio::test]
async fn an_assertion_is_good_once_also_for_twenty_at_the_same_instant_and_on_another_node() {
    let key = ClientKey::new(Alg::EdDSA, "k");
    let (app, mut rp) = service(&key).await;
    let other = app.another_node().await;
    for _ in 0..5 {
        let assertion = rp.assertion();
        let answers =
            futures_util::future::join_all((0..20).map(|_| ask(&app, "/oauth2/token", &assertion, &[]))).await;
        assert_eq!(answers.iter().filter(|answer| answer.code() == 200).count(), 1);
        for lost in answers.iter().filter(|answer| answer.code() != 200) {
            lost.refused(401, "invalid_client");
        }
    }
    // The same name for another assertion is the same name.
    let first = rp.assertion_claims();
    ask(&app, "/oauth2/token", &key.sign(&first), &[]).await.ok();
    let again = with(first, "exp", json!(app.now() + 61));
    ask(&app, "/oauth2/token", &key.sign(&again), &[]).await.refused(401, "invalid_client");
    rp.use_node(&other);
    let mut bare = rp.clone();
    bare.metadata.token_endpoint_auth_method = AuthMethod::None;
    let again = key.sign(&again);
    let form = [
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", again.as_str()),
        ("grant_type", "client_credentials"),
    ];
    bare.post("/oauth2/token", &form).await.refused(401, "invalid_client");
    rp.token(&[("grant_type", "client_credentials")]).await.ok();
}

#[tokio::test]
async fn one_way_to_authenticate_per_request_and_the_registered_one_only() {
    let key = ClientKey::new(Alg::EdDSA, "k");
    let (app, rp) = service(&key).await;
    let by_secret = app.client(Profile::Machine, |_| ()).await;
    let secret = by_secret.secret.clone().unwrap();
    let form = |assertion: &str| {
        format!("grant_type=client_credentials&client_assertion_type={JWT_BEARER}&client_assertion={assertion}")
    };
    let type_of_form = ("content-type", "application/x-www-form-urlencoded");
    let call = async |body: String, authorization: Option<&str>| {
        let mut headers = vec![type_of_form];
        headers.extend(authorization.map(|value| ("authorization", value)));
        app.call(http::Method::POST, "/oauth2/token", &headers, &body).await
    };
    let header = basic(by_secret.id.as_str(), &secret);
    call(form(&rp.assertion()), Some(&header)).await.refused(400, "invalid_request");
    let both = format!("{}&client_secret={secret}", form(&rp.assertion()));
    call(both, None).await.refused(400, "invalid_request");
    let other = format!("{}&client_id={}", form(&rp.assertion()), by_secret.id);
    call(other, None).await.refused(401, "invalid_client");
    let saml = form(&rp.assertion()).replace("jwt-bearer", "saml2-bearer");
    call(saml, None).await.refused(401, "invalid_client");
    let half = "grant_type=client_credentials&client_assertion=a.b.c".to_owned();
    call(half, None).await.refused(400, "invalid_request");
    // By name alone, or by a secret: this client has a key.
    let named = format!("grant_type=client_credentials&client_id={}", rp.id);
    call(named.clone(), None).await.refused(401, "invalid_client");
    call(format!("{named}&client_secret=x"), None).await.refused(401, "invalid_client");
    // A client with a secret proves nothing by a key, not even by one made of its secret.
    let claims = with(with(rp.assertion_claims(), "iss", json!(by_secret.id)), "sub", json!(by_secret.id));
    call(form(&key.sign(&claims)), None).await.refused(401, "invalid_client");
    let hs = HS256.signer_from_bytes(secret.as_bytes()).unwrap();
    let forged = jwt::forge(&json!({"alg": "HS256"}), &claims, |message| hs.sign(message).unwrap());
    call(form(&forged), None).await.refused(401, "invalid_client");
    let same = format!("{}&client_id={}", form(&rp.assertion()), rp.id);
    call(same, None).await.ok();
}

#[tokio::test]
async fn names_that_no_client_can_have_are_unknown_on_every_database() {
    let key = ClientKey::new(Alg::EdDSA, "k");
    let (app, rp) = service(&key).await;
    for name in ["\u{0}", "a\u{0}b", "\n", "' or '1'='1", "другой", &"x".repeat(5000)] {
        let claims = with(with(rp.assertion_claims(), "iss", json!(name)), "sub", json!(name));
        ask(&app, "/oauth2/token", &key.sign(&claims), &[]).await.refused(401, "invalid_client");
        let header = [
            ("authorization", basic(name, "secret")),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let header = header.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = app
            .call(http::Method::POST, "/oauth2/token", &header, "grant_type=client_credentials")
            .await;
        answer.refused(401, "invalid_client");
    }
}

#[tokio::test]
async fn an_assertion_with_another_algorithm_than_the_registered_one_fails() {
    let key = ClientKey::new(Alg::RS256, "k");
    let app = TestApp::start().await;
    let registered = |metadata: &mut ClientMetadata| {
        by_key(&key)(metadata);
        metadata.token_endpoint_auth_signing_alg = Some(Alg::PS256);
        if let Some(set) = &mut metadata.jwks {
            set.keys[0].remove("alg");
        }
    };
    let rp = app.client(Profile::Machine, registered).await;
    ask(&app, "/oauth2/token", &key.sign(&rp.assertion_claims()), &[])
        .await
        .refused(401, "invalid_client");
    let pss = ClientKey { alg: Alg::PS256, ..key.clone() };
    ask(&app, "/oauth2/token", &pss.sign(&rp.assertion_claims()), &[]).await.ok();
}

/// V22, V23, V28: everything that once fooled a verifier.
#[tokio::test]
async fn tokens_that_once_fooled_verifiers_are_refused_quickly() {
    let key = ClientKey::new(Alg::RS256, "k");
    let (app, rp) = service(&key).await;
    let stranger = ClientKey::new(Alg::RS256, "k");
    let claims = || rp.assertion_claims();
    let mut corpus = Vec::new();
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS384", "RS1", "ES256", "PS256", "EdDSA", "RSA-OAEP",
    ] {
        let header = json!({"alg": alg, "kid": "k"});
        corpus.push(jwt::forge(&header, &claims(), |_| Vec::new()));
        corpus.push(key.sign_with(&header, &claims()));
    }
    // The public key as the secret of an HMAC, in every form it is published in.
    let public = key.public();
    let pem = key.private.to_public_key().unwrap();
    let pem = josekit::jwk::alg::rsa::RsaKeyPair::from_jwk(&key.private)
        .map(|pair| pair.to_pem_public_key())
        .unwrap_or_else(|_| pem.to_string().into_bytes());
    let forms = [public.to_string().into_bytes(), pem, public["n"].as_str().unwrap().as_bytes().to_vec()];
    for secret in forms {
        let hs = HS256.signer_from_bytes(&secret).unwrap();
        corpus.push(jwt::forge(&json!({"alg": "HS256", "kid": "k"}), &claims(), |message| {
            hs.sign(message).unwrap()
        }));
    }
    // The stranger brings a key along.
    for header in [
        json!({"alg": "RS256", "jwk": stranger.public()}),
        json!({"alg": "RS256", "jku": "https://evil.test/jwks", "kid": "k"}),
        json!({"alg": "RS256", "x5u": "https://evil.test/x5u", "kid": "k"}),
        json!({"alg": "RS256", "x5c": ["AAAA"], "kid": "k"}),
        json!({"alg": "RS256"}),
    ] {
        corpus.push(stranger.sign_with(&header, &claims()));
    }
    for kid in ["../../dev/null", "' union select 'x' --", "https://evil.test/", "\u{0}", "другой", ""] {
        corpus.push(key.sign_with(&json!({"alg": "RS256", "kid": kid}), &claims()));
    }
    for header in [
        json!({"alg": "RS256", "kid": "k", "crit": ["b64"], "b64": false}),
        json!({"alg": "RS256", "kid": "k", "crit": ["exp"]}),
        json!({"alg": "RS256", "kid": "k", "b64": true}),
        json!({"alg": "RS256", "kid": "k", "zip": "DEF"}),
        json!({"alg": "RS256", "kid": ["k"]}),
        json!({"alg": "RS256", "kid": "k", "typ": "at+jwt"}),
        json!({"alg": "RS256", "kid": "k", "typ": "logout+jwt"}),
        json!({"alg": "RS256", "kid": "k", "typ": "oauth-authz-req+jwt"}),
    ] {
        corpus.push(key.sign_with(&header, &claims()));
    }
    let sound = key.sign(&claims());
    let pieces: Vec<&str> = sound.split('.').collect();
    corpus.extend([
        format!("{}.{}.", pieces[0], pieces[1]),
        format!("{}.{}", pieces[0], pieces[1]),
        format!("{sound}."),
        format!("{sound}.x"),
        format!("{sound}="),
        format!(" {sound}"),
        format!("{} {}.{}.{}", &pieces[0][..2], &pieces[0][2..], pieces[1], pieces[2]),
        format!("..{}", pieces[2]),
        ".".repeat(16_000),
        "a.b.c".to_owned(),
        json!({"payload": pieces[1], "signatures": [{"protected": pieces[0], "signature": pieces[2]}]}).to_string(),
    ]);
    // Members twice, the good one first or last.
    let text = claims().to_string();
    for twice in [text.replacen('{', "{\"sub\":\"x\",", 1), text.replacen('{', "{\"exp\":1,", 1)] {
        let message = format!("{}.{}", pieces[0], URL_SAFE_NO_PAD.encode(twice));
        let signer = josekit::jws::RS256.signer_from_jwk(&key.private).unwrap();
        let signature = URL_SAFE_NO_PAD.encode(signer.sign(message.as_bytes()).unwrap());
        corpus.push(format!("{message}.{signature}"));
    }
    // A JWE around it; a token inside a token.
    let mut header = JweHeader::new();
    header.set_content_encryption("A128CBC-HS256");
    let encrypter = Dir.encrypter_from_bytes([7; 32]).unwrap();
    corpus.push(josekit::jwe::serialize_compact(sound.as_bytes(), &header, &encrypter).unwrap());
    corpus.push(jwt::forge(&json!({"alg": "RS256", "cty": "JWT", "kid": "k"}), &json!(sound), |_| {
        vec![1; 256]
    }));
    let bomb = json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": i32::MAX, "p2s": "AAAA"});
    corpus.push(format!("{}.AA.AA.AA.AA", URL_SAFE_NO_PAD.encode(bomb.to_string())));
    for (i, token) in corpus.iter().enumerate() {
        let answer = ask(&app, "/oauth2/token", token, &[("client_id", rp.id.as_str())]).await;
        answer.refused(401, "invalid_client");
        assert!(answer.body.len() < 200, "token {i} learns more than that it is none: {}", answer.body);
    }
    ask(&app, "/oauth2/token", &sound, &[]).await.ok();
}

/// V22: every kind of token of ours in place of an assertion.
#[tokio::test]
async fn tokens_of_our_own_are_no_assertions() {
    let key = ClientKey::new(Alg::ES256, "k");
    let mut world = World::of(Profile::Web, |metadata| {
        by_key(&key)(metadata);
        metadata.grant_types.push(GrantType::ClientCredentials);
    })
    .await;
    world.rp.key = Some(key);
    let tokens = world.tokens("openid offline_access").await;
    for token in [&tokens.access, &tokens.id, &tokens.refresh] {
        ask(&world.app, "/oauth2/token", token, &[("client_id", world.rp.id.as_str())])
            .await
            .refused(401, "invalid_client");
    }
}

async fn with_published(body: &Value) -> (TestApp, Published, Rp) {
    let app = TestApp::start_with(|config| config.outbound.allow = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let published = Published::new(body).await;
    let uri = published.url.clone();
    let rp = app
        .client(Profile::Machine, |metadata| {
            metadata.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
            metadata.jwks_uri = Some(uri);
        })
        .await;
    (app, published, rp)
}

#[tokio::test]
async fn a_new_key_is_fetched_at_once_and_nobody_is_asked_too_often() {
    let (old, new) = (ClientKey::new(Alg::ES256, "old"), ClientKey::new(Alg::ES256, "new"));
    let (app, published, mut rp) = with_published(&old.jwks()).await;
    let service = [("grant_type", "client_credentials")];
    rp.key = Some(old.clone());
    rp.token(&service).await.ok();
    rp.token(&service).await.ok();
    assert_eq!(published.calls(), 1, "fetched once and remembered");
    // The new key is taken at once, the old one no longer.
    published.change(&new.jwks());
    rp.key = Some(new);
    rp.token(&service).await.ok();
    assert_eq!(published.calls(), 2);
    rp.key = Some(old);
    for _ in 0..5 {
        rp.token(&service).await.refused(401, "invalid_client");
    }
    assert!(published.calls() <= 3, "nobody makes us hammer a client: {}", published.calls());
    // Keys that are not fetched anew end with their life.
    published.change(&json!({"keys": []}));
    app.clock.advance(601);
    rp.token(&service).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn keys_that_cannot_be_had_refuse_the_client_and_nothing_else() {
    let key = ClientKey::new(Alg::ES256, "k");
    for body in [
        json!([]),
        json!({"keys": 1}),
        json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
        json!({"keys": vec![key.public(); 17]}),
        json!({"keys": [key.public()], "padding": "x".repeat(70_000)}),
    ] {
        let (_app, _published, mut rp) = with_published(&body).await;
        rp.key = Some(key.clone());
        rp.token(&[("grant_type", "client_credentials")]).await.refused(401, "invalid_client");
    }
    // R22: an address that is not listed is not called, whatever listens there.
    let published = Published::new(&key.jwks()).await;
    let app = TestApp::start().await;
    for uri in [published.url.clone(), published.url.replace("127.0.0.1", "localhost")] {
        let mut rp = app
            .client(Profile::Machine, |metadata| {
                metadata.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
                metadata.jwks_uri = Some(uri);
            })
            .await;
        rp.key = Some(key.clone());
        rp.token(&[("grant_type", "client_credentials")]).await.refused(401, "invalid_client");
    }
    assert_eq!(published.calls(), 0);
}
