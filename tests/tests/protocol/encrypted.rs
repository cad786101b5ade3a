//! Answers encrypted to a client (OpenID Connect Core §10.2), and V28: nothing that is encrypted is ever opened here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jwe::{self, ECDH_ES, JweDecrypter, JweEncrypter, JweHeader, RSA_OAEP_256};
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::ecx::EcxCurve;
use kabinet_core::client::{Alg, AssertionIssuer, ClientMetadata, Profile};
use kabinet_core::jwk::{ContentEncryption, JwkSet, KeyManagement};
use kabinet_tests::{ClientKey, Published, TestApp, Tokens, jwt};
use serde_json::{Value, json};

use crate::world::World;

/// A client's key pair for one algorithm.
struct Recipient {
    alg: KeyManagement,
    private: Jwk,
}

impl Recipient {
    fn every() -> [Self; 3] {
        let of = |alg, private: Result<Jwk, _>| Self { alg, private: private.unwrap() };
        [
            of(KeyManagement::RsaOaep256, Jwk::generate_rsa_key(2048)),
            of(KeyManagement::EcdhEs, Jwk::generate_ec_key(EcCurve::P256)),
            of(KeyManagement::EcdhEs, Jwk::generate_ecx_key(EcxCurve::X25519)),
        ]
    }

    fn jwks(&self) -> Value {
        let mut public = self.private.to_public_key().unwrap();
        public.set_key_id("recipient");
        public.set_key_use("enc");
        json!({"keys": [public.as_ref()]})
    }

    fn set(&self) -> JwkSet {
        serde_json::from_value(self.jwks()).unwrap()
    }

    /// What is inside, after the header was found to be as it must.
    fn open(&self, token: &str, enc: ContentEncryption) -> String {
        let pieces: Vec<&str> = token.split('.').collect();
        assert_eq!(pieces.len(), 5, "{token}");
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(pieces[0]).unwrap()).unwrap();
        assert_eq!((&header["alg"], &header["enc"]), (&json!(self.alg.as_str()), &json!(enc.as_str())));
        assert_eq!((&header["cty"], &header["kid"]), (&json!("JWT"), &json!("recipient")));
        assert!(header.get("zip").is_none());
        let decrypter: Box<dyn JweDecrypter> = match self.alg {
            KeyManagement::RsaOaep256 => Box::new(RSA_OAEP_256.decrypter_from_jwk(&self.private).unwrap()),
            KeyManagement::EcdhEs => Box::new(ECDH_ES.decrypter_from_jwk(&self.private).unwrap()),
        };
        let (inside, _) = jwe::deserialize_compact(token, &*decrypter).unwrap();
        String::from_utf8(inside).unwrap()
    }
}

fn encrypted(recipient: &Recipient, enc: Option<ContentEncryption>) -> impl FnOnce(&mut ClientMetadata) {
    let (alg, set) = (Some(recipient.alg), recipient.set());
    move |m| {
        m.jwks = Some(set);
        (m.id_token_encrypted_response_alg, m.id_token_encrypted_response_enc) = (alg, enc);
        (m.userinfo_encrypted_response_alg, m.userinfo_encrypted_response_enc) = (alg, enc);
        (m.introspection_encrypted_response_alg, m.introspection_encrypted_response_enc) = (alg, enc);
        m.userinfo_signed_response_alg = Some(Alg::ES256);
        m.introspection_signed_response_alg = Some(Alg::EdDSA);
        m.resources = vec!["https://rp.test".to_owned()];
        m.client_uri = Some("https://rp.test".to_owned());
    }
}

#[tokio::test]
async fn id_token_userinfo_and_introspection_are_signed_and_then_encrypted() {
    for recipient in Recipient::every() {
        for enc in [None, Some(ContentEncryption::A256Gcm)] {
            let mut world = World::of(Profile::Web, encrypted(&recipient, enc)).await;
            let tokens = world.tokens_of(&world.rp.ask().with("resource", "https://rp.test")).await;
            let enc = enc.unwrap_or_default();
            let claims = world.rp.verify(&recipient.open(&tokens.id, enc)).await;
            assert_eq!(claims["sub"], world.person.id.as_str());
            let next = Tokens::of(&world.rp.refresh(&tokens.refresh).await);
            world.rp.verify(&recipient.open(&next.id, enc)).await;
            let keys = world.rp.jwks().await;
            let answer = world.rp.userinfo(&next.access).await.ok();
            assert_eq!(answer.header("content-type"), "application/jwt");
            let claims = jwt::verify(&recipient.open(&answer.body, enc), &keys).unwrap();
            assert_eq!((&claims["sub"], &claims["aud"]), (&json!(world.person.id), &json!(world.rp.id)));
            let accept = "application/token-introspection+jwt";
            let answer = world.rp.introspect_as(&next.access, accept).await.ok();
            assert_eq!(answer.header("content-type"), accept);
            let inside = recipient.open(&answer.body, enc);
            assert_eq!(jwt::parts(&inside).0["typ"], "token-introspection+jwt");
            assert_eq!(jwt::verify(&inside, &keys).unwrap()["token_introspection"]["active"], true);
        }
    }
}

#[tokio::test]
async fn an_encrypted_id_token_is_no_hint_and_what_was_inside_is_one() {
    let recipient = &Recipient::every()[1];
    let mut world = World::of(Profile::Web, encrypted(recipient, None)).await;
    let tokens = world.tokens("openid").await;
    let ask = world.rp.ask().with("prompt", "none");
    let callback = world
        .rp
        .authorize(&mut world.browser, &ask.clone().with("id_token_hint", &tokens.id))
        .await;
    assert_eq!(callback.get("error"), "invalid_request");
    assert!(callback.get("error_description").contains("encrypted"), "{:?}", callback.params);
    let inside = recipient.open(&tokens.id, ContentEncryption::default());
    let callback = world.rp.authorize(&mut world.browser, &ask.with("id_token_hint", &inside)).await;
    assert!(!callback.get("code").is_empty());
    world.browser.get(&format!("/oauth2/logout?id_token_hint={}", tokens.id)).await;
    assert_eq!(world.browser.page.status, 400);
}

#[tokio::test]
async fn a_client_whose_keys_are_out_of_reach_loses_no_code() {
    let recipient = &Recipient::every()[1];
    let published = Published::new(&json!({"keys": []})).await;
    let url = published.url.clone();
    let app = TestApp::start_with(|config| config.outbound.allow = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let rp = app
        .client(Profile::Web, |m| {
            m.jwks_uri = Some(url);
            m.id_token_encrypted_response_alg = Some(KeyManagement::EcdhEs);
        })
        .await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    let ask = rp.ask();
    let code = rp.authorize(&mut browser, &ask).await.code().to_owned();
    rp.redeem(&code, &ask).await.refused(503, "temporarily_unavailable");
    published.change(&recipient.jwks());
    let tokens = Tokens::of(&rp.redeem(&code, &ask).await);
    rp.verify(&recipient.open(&tokens.id, ContentEncryption::default())).await;
}

/// Every kind of JWE that others have choked on, each cheap to send.
fn bombs(app_key: &Value) -> Vec<String> {
    let token = |header: Value, key: &str, content: &str| {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!(
            "{}.{}.{}.{}.{}",
            encode(&header.to_string()),
            encode(key),
            encode("iv"),
            encode(content),
            encode("tag")
        )
    };
    let mut bombs: Vec<String> = [
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A128CBC-HS256", "p2c": 2_147_483_647, "p2s": "AAAA"}),
        json!({"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 1e300, "p2s": "AAAA", "typ": "at+jwt"}),
        json!({"alg": "dir", "enc": "A128CBC-HS256", "zip": "DEF"}),
        json!({"alg": "RSA1_5", "enc": "A128CBC-HS256", "kid": app_key["kid"]}),
        json!({"alg": "RSA-OAEP-256", "enc": "A128CBC-HS256", "kid": app_key["kid"], "typ": "at+jwt", "cty": "JWT"}),
        json!({"alg": "ECDH-ES", "enc": "A128CBC-HS256", "epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}),
        json!({"alg": "none", "enc": "none"}),
    ]
    .into_iter()
    .map(|header| token(header, "key", &"x".repeat(2_000)))
    .collect();
    // Encrypted to a published signing key, as if the provider could read it, and five deep.
    let jwk = Jwk::from_map(json!({"kty": "RSA", "n": app_key["n"], "e": app_key["e"]}).as_object().unwrap().clone());
    let encrypter: Box<dyn JweEncrypter> = Box::new(RSA_OAEP_256.encrypter_from_jwk(&jwk.unwrap()).unwrap());
    let mut header = JweHeader::new();
    header.set_content_encryption("A128CBC-HS256");
    header.set_content_type("JWT");
    header.set_token_type("at+jwt");
    let mut nested =
        json!({"iss": "https://id.test", "sub": "x", "aud": ["https://id.test"], "exp": 9_999_999_999_i64}).to_string();
    for _ in 0..5 {
        nested = jwe::serialize_compact(nested.as_bytes(), &header, &*encrypter).unwrap();
        bombs.push(nested.clone());
    }
    bombs.push(".".repeat(16_000));
    bombs.push(format!("{}.", "e30".repeat(5_000)));
    bombs
}

#[tokio::test]
async fn nothing_that_is_encrypted_is_opened_anywhere() {
    use kabinet_core::client::GrantType;
    let mut world = World::of(Profile::Web, |m| {
        m.grant_types.push(GrantType::TokenExchange);
        m.token_exchange_audiences = vec!["https://next.test".to_owned()];
    })
    .await;
    let keys = world.rp.jwks().await;
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kty"] == "RSA").unwrap().clone();
    let issuer = ClientKey::new(Alg::ES256, "issuer").set();
    let relies = world
        .app
        .client(Profile::Machine, |m| {
            let issuer = AssertionIssuer {
                issuer: "https://planner.test".to_owned(),
                jwks: Some(issuer),
                jwks_uri: None,
            };
            m.grant_types.push(GrantType::JwtBearer);
            m.assertion_issuer = Some(issuer);
        })
        .await;
    for bomb in bombs(&key) {
        let what = &bomb[..bomb.len().min(40)];
        let answer = world.rp.userinfo(&bomb).await;
        assert_eq!((answer.code(), answer.error().as_str()), (401, "invalid_token"), "{what}");
        assert_eq!(world.rp.introspect(&bomb).await, json!({"active": false}), "{what}");
        assert_eq!(world.rp.revoke(&bomb).await.code(), 200);
        let exchange = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", bomb.as_str()),
            ("resource", "https://next.test"),
        ];
        assert_eq!(world.rp.token(&exchange).await.error(), "invalid_request", "{what}");
        let assertion = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", bomb.as_str()),
        ];
        let answer = world.app.post("/oauth2/token", &assertion).await;
        assert_eq!(answer.error(), "invalid_client", "{what}");
        let bearer = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", bomb.as_str())];
        assert_eq!(relies.token(&bearer).await.error(), "invalid_grant", "{what}");
        let ask = world.rp.ask().with("prompt", "none").with("id_token_hint", &bomb);
        let callback = world.rp.authorize(&mut world.browser, &ask).await;
        assert_eq!((callback.get("error"), callback.get("code")), ("invalid_request", ""), "{what}");
    }
}
