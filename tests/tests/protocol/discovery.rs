//! B24 and B32: metadata, and which pages of other origins may read what.

use http::Method;
use kabinet_core::client::Profile;
use kabinet_tests::{TestApp, eventually};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn both_documents_say_the_same_and_name_this_issuer() {
    let app = TestApp::start_with(|config| "http://localhost:8080".clone_into(&mut config.issuer)).await;
    let one = app.get("/.well-known/openid-configuration").await.ok();
    let other = app.get("/.well-known/oauth-authorization-server").await.ok();
    assert_eq!(one.json(), other.json());
    assert_eq!(one.json()["issuer"], "http://localhost:8080");
    assert_eq!(one.json()["jwks_uri"], "http://localhost:8080/oauth2/jwks");
}

#[tokio::test]
async fn metadata_promises_what_the_server_does_and_nothing_else() {
    let app = TestApp::start().await;
    let facts = app.get("/.well-known/openid-configuration").await.ok().json();
    let list = |name: &str| facts[name].clone();
    assert_eq!(list("response_types_supported"), json!(["code"]));
    assert_eq!(list("response_modes_supported"), json!(["query", "fragment", "form_post"]));
    assert_eq!(list("code_challenge_methods_supported"), json!(["S256"]));
    assert_eq!(
        list("token_endpoint_auth_methods_supported"),
        json!(["client_secret_basic", "client_secret_post", "private_key_jwt", "none"])
    );
    for signed in ["id_token", "userinfo", "introspection"] {
        let name = format!("{signed}_signing_alg_values_supported");
        assert_eq!(list(&name), json!(["RS256", "PS256", "ES256", "EdDSA"]), "{name}");
    }
    assert_eq!(
        list("grant_types_supported"),
        json!([
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:jwt-bearer"
        ])
    );
    for encrypted in ["id_token", "userinfo", "introspection"] {
        let algs = list(&format!("{encrypted}_encryption_alg_values_supported"));
        assert_eq!(algs, json!(["RSA-OAEP-256", "ECDH-ES"]), "{encrypted}");
        let encs = list(&format!("{encrypted}_encryption_enc_values_supported"));
        assert_eq!(encs, json!(["A128CBC-HS256", "A256GCM"]), "{encrypted}");
    }
    for at in ["token", "revocation", "introspection"] {
        let algs = list(&format!("{at}_endpoint_auth_signing_alg_values_supported"));
        assert_eq!(algs, json!(["RS256", "PS256", "ES256", "EdDSA"]), "{at}");
    }
    for supported in ["claims_parameter", "request_parameter", "request_uri_parameter"] {
        assert_eq!(list(&format!("{supported}_supported")), true, "{supported}");
    }
    assert_eq!(list("require_request_uri_registration"), true);
    assert_eq!(
        list("request_object_signing_alg_values_supported"),
        json!(["none", "RS256", "PS256", "ES256", "EdDSA"])
    );
    assert!(facts.get("registration_endpoint").is_none(), "registration is not promised");
    for (name, value) in facts
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri")
    {
        let path = value.as_str().unwrap().strip_prefix("https://id.test").unwrap();
        assert_ne!(app.get(path).await.code(), 404, "{name}");
    }
}

#[tokio::test]
async fn response_types_are_announced_as_the_configuration_names_them() {
    let all = kabinet_core::response_type::ResponseType::ALL;
    let app = TestApp::start_with(|config| config.registration.response_types = all.to_vec()).await;
    let facts = app.get("/.well-known/openid-configuration").await.ok().json();
    assert_eq!(
        facts["response_types_supported"],
        json!(["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"])
    );
    assert!(facts["grant_types_supported"].as_array().unwrap().contains(&json!("implicit")));
}

#[tokio::test]
async fn documents_are_cached_and_revalidated() {
    let app = TestApp::start().await;
    for path in ["/.well-known/openid-configuration", "/oauth2/jwks"] {
        let first = app.get(path).await.ok();
        assert!(first.header("cache-control").contains("max-age=300"));
        let again = app.call(Method::GET, path, &[("if-none-match", first.header("etag"))], "").await;
        assert_eq!((again.code(), again.body.as_str()), (304, ""));
        assert_eq!(first.header("access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn the_host_header_changes_nothing() {
    let app = TestApp::start().await;
    let plain = app.get("/.well-known/openid-configuration").await.body;
    for (name, value) in [
        ("host", "evil.test"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.test"),
    ] {
        let answer = app.call(Method::GET, "/.well-known/openid-configuration", &[(name, value)], "").await;
        assert_eq!(answer.body, plain, "{name}");
    }
    let rp = app.client(Profile::Web, |_| ()).await;
    let answer = app.call(Method::GET, &rp.ask().url(), &[("host", "evil.test")], "").await;
    assert!(answer.location().starts_with("/login?"), "{}", answer.location());
}

const SHARED: [&str; 3] = ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"];

async fn preflight(app: &TestApp, path: &str, origin: &str) -> kabinet_tests::Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    app.call(Method::OPTIONS, path, &headers, "").await
}

#[tokio::test]
async fn only_exact_origins_of_registered_clients_may_call_and_never_with_credentials() {
    let world = World::of(Profile::Spa, |m| {
        m.redirect_uris = vec!["https://spa.test/cb".to_owned(), "http://127.0.0.1:3000/cb".to_owned()]
    })
    .await;
    let app = &world.app;
    eventually("the origin is known", || async {
        !preflight(app, SHARED[0], "https://spa.test")
            .await
            .header("access-control-allow-origin")
            .is_empty()
    })
    .await;
    for path in SHARED {
        for origin in ["https://spa.test", "http://127.0.0.1:3000"] {
            let answer = preflight(app, path, origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), origin);
            assert!(answer.headers.get("access-control-allow-credentials").is_none());
            assert!(answer.every("vary").iter().any(|vary| vary.eq_ignore_ascii_case("origin")));
        }
        for origin in [
            "null",
            "https://evil.test",
            "https://spa.test.evil.test",
            "https://evilspa.test",
            "https://sub.spa.test",
            "http://spa.test",
            "https://spa.test:443",
            "https://spa.test:8443",
            "https://spa.test/",
            "https://SPA.test",
            "https://spa.tes",
            "https://spa.test.",
            "https://user@spa.test",
            "*",
            "",
            "spa.test",
            "//spa.test",
            "https://spa.test https://evil.test",
            "http://127.0.0.1",
            "http://127.0.0.1:3001",
            "http://localhost:3000",
            "https://id.test",
        ] {
            for answer in
                [preflight(app, path, origin).await, app.call(Method::POST, path, &[("origin", origin)], "").await]
            {
                assert_eq!(answer.header("access-control-allow-origin"), "", "{path} {origin}");
                assert!(answer.headers.get("access-control-allow-credentials").is_none());
            }
        }
    }
}

#[tokio::test]
async fn an_origin_goes_with_its_client() {
    let world = World::of(Profile::Spa, |m| m.redirect_uris = vec!["https://spa.test/cb".to_owned()]).await;
    let app = &world.app;
    let allowed = || async {
        !preflight(app, SHARED[0], "https://spa.test")
            .await
            .header("access-control-allow-origin")
            .is_empty()
    };
    eventually("the origin is known", allowed).await;
    app.change_client(&world.rp.id, |client| client.disabled = true).await;
    eventually("the origin is forgotten", || async { !allowed().await }).await;
}

#[tokio::test]
async fn pages_and_the_authorization_endpoint_are_closed_to_other_origins() {
    let world = World::of(Profile::Spa, |m| m.redirect_uris = vec!["https://spa.test/cb".to_owned()]).await;
    for path in [
        "/oauth2/introspect",
        "/oauth2/authorize",
        "/oauth2/resume",
        "/oauth2/logout",
        "/login",
        "/register",
        "/consent",
        "/choose",
        "/logout",
        "/account",
        "/",
        "/nowhere",
    ] {
        for method in [Method::OPTIONS, Method::GET, Method::POST] {
            let headers = [("origin", "https://spa.test"), ("access-control-request-method", "POST")];
            let answer = world.app.call(method, path, &headers, "").await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        }
    }
}

#[tokio::test]
async fn an_error_of_a_browser_client_can_be_read_by_it() {
    let world = World::of(Profile::Spa, |m| m.redirect_uris = vec!["https://spa.test/cb".to_owned()]).await;
    let app = &world.app;
    eventually("the origin is known", || async {
        !preflight(app, SHARED[0], "https://spa.test")
            .await
            .header("access-control-allow-origin")
            .is_empty()
    })
    .await;
    let answer = app
        .call(
            Method::GET,
            "/oauth2/userinfo",
            &[("origin", "https://spa.test"), ("authorization", "Bearer x")],
            "",
        )
        .await;
    answer.refused(401, "invalid_token");
    assert_eq!(answer.header("access-control-allow-origin"), "https://spa.test");
    assert!(answer.header("access-control-expose-headers").to_lowercase().contains("www-authenticate"));
}
