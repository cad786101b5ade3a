//! B28: each parameter of each endpoint twice, and control characters in each.

use kabinet_tests::form_body;

use crate::world::World;

const AUTHORIZE: [(&str, &str); 18] = [
    ("response_type", "code"),
    ("scope", "openid"),
    ("state", "s"),
    ("nonce", "n"),
    ("code_challenge", "x"),
    ("code_challenge_method", "S256"),
    ("response_mode", "query"),
    ("prompt", "login"),
    ("max_age", "1"),
    ("login_hint", "x"),
    ("id_token_hint", "x"),
    ("ui_locales", "ru"),
    ("acr_values", "1"),
    ("display", "page"),
    ("claims", "{}"),
    ("request", "x"),
    ("request_uri", "x"),
    ("extra", "x"),
];

#[tokio::test]
async fn each_parameter_of_an_authorization_request_that_stands_twice_is_an_error() {
    let mut world = World::new().await;
    for (name, value) in AUTHORIZE {
        for second in [value, "other"] {
            let ask = world.rp.ask().without(name).and(name, value).and(name, second);
            let callback = world.rp.authorize(&mut world.browser, &ask).await;
            assert_eq!((callback.get("error"), callback.get("code")), ("invalid_request", ""), "{name}");
        }
    }
}

#[tokio::test]
async fn a_control_character_in_any_parameter_of_an_authorization_request_is_an_error() {
    let mut world = World::new().await;
    for (name, _) in AUTHORIZE {
        for raw in ["a%00b", "a%0d%0ab", "%1b", "%7f", "%c2%85"] {
            let rest = form_body(&world.rp.ask().without(name).params);
            world.browser.get(&format!("/oauth2/authorize?{rest}&{name}={raw}")).await;
            let callback = kabinet_tests::Callback::of(&world.browser.page);
            assert_eq!((callback.get("error"), callback.get("code")), ("invalid_request", ""), "{name}={raw}");
        }
    }
}

#[tokio::test]
async fn each_parameter_of_a_token_request_that_stands_twice_is_an_error() {
    let mut world = World::new().await;
    let ask = world.rp.ask();
    let code = world.code(&ask).await;
    let redirect_uri = ask.get("redirect_uri");
    let verifier = ask.verifier.as_deref().unwrap();
    let id = world.rp.id.to_string();
    let sound = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
        ("client_id", &id),
    ];
    for (name, value) in
        sound
            .into_iter()
            .chain([("scope", "openid"), ("extra", "x"), ("refresh_token", "x"), ("client_secret", "x")])
    {
        for second in [value, "other"] {
            let mut form = sound.to_vec();
            if !sound.iter().any(|(known, _)| *known == name) {
                form.push((name, value));
            }
            form.push((name, second));
            world.rp.token(&form).await.refused(400, "invalid_request");
        }
    }
    // None of them spent the code.
    world.rp.token(&sound).await.ok();
}

#[tokio::test]
async fn each_parameter_of_introspection_and_revocation_that_stands_twice_is_an_error() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        for name in ["token", "token_type_hint", "client_id", "client_secret", "extra"] {
            let form = [("token", tokens.access.as_str()), (name, "x"), (name, "y")];
            world.rp.post(path, &form).await.refused(400, "invalid_request");
        }
    }
    assert!(world.rp.is_active(&tokens.access).await);
}

#[tokio::test]
async fn a_control_character_in_a_back_channel_request_is_an_error() {
    let world = World::new().await;
    let id = world.rp.id.to_string();
    let header = kabinet_tests::basic(&id, world.rp.secret.as_deref().unwrap());
    let headers = [("authorization", header.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        for body in ["grant_type=authorization_code&code=a%00b", "token=a%0d%0ab", "token=x&extra=%1b", "%00=x&token=x"]
        {
            world
                .app
                .call(http::Method::POST, path, &headers, body)
                .await
                .refused(400, "invalid_request");
        }
    }
}

#[tokio::test]
async fn an_access_token_that_stands_twice_in_a_userinfo_request_is_an_error() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let form = [("access_token", &tokens.access), ("access_token", &tokens.access)];
    world.app.post("/oauth2/userinfo", &form).await.refused(400, "invalid_request");
    let bearer = format!("Bearer {}", tokens.access);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let body = form_body(&[("access_token", &tokens.access)]);
    let both = world.app.call(http::Method::POST, "/oauth2/userinfo", &headers, &body).await;
    both.refused(400, "invalid_request");
    // RFC 6750 §3.1: the code stands in the challenge, too.
    assert!(both.header("www-authenticate").contains("error=\"invalid_request\""));
}

#[tokio::test]
async fn resource_may_stand_several_times() {
    let mut world = World::of(kabinet_core::client::Profile::Web, |m| {
        m.resources = vec!["https://api.test/a".to_owned(), "https://api.test/b".to_owned()];
    })
    .await;
    let ask = world.rp.ask().and("resource", "https://api.test/a").and("resource", "https://api.test/b");
    let tokens = world.tokens_of(&ask).await;
    let aud = kabinet_tests::jwt::parts(&tokens.access).1["aud"].clone();
    assert_eq!(aud, serde_json::json!(["https://api.test/a", "https://api.test/b", "https://id.test"]));
}
