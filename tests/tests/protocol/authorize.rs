//! The authorization endpoint: what else a request may hold, and how it is refused.

use kabinet_core::client::{GrantType, Profile};
use kabinet_tests::{Ask, Callback, TestApp};

use crate::world::World;

/// The request comes back with this error, the state and the issuer, and no code.
async fn refused(world: &mut World, ask: &Ask, error: &str) {
    let callback = world.rp.authorize(&mut world.browser, ask).await;
    let got = (callback.get("error"), callback.get("state"), callback.get("iss"), callback.get("code"));
    assert_eq!(got, (error, ask.get("state"), "https://id.test", ""), "{:?}", ask.params);
    let known = ["error", "error_description", "state", "iss"];
    assert!(
        callback.params.iter().all(|(name, _)| known.contains(&name.as_str())),
        "{:?}",
        callback.params
    );
}

#[tokio::test]
async fn a_public_client_without_pkce_is_refused() {
    for profile in [Profile::Spa, Profile::Native] {
        let mut world = World::of(profile, |_| ()).await;
        let ask = world.rp.ask().without_pkce();
        refused(&mut world, &ask, "invalid_request").await;
    }
}

#[tokio::test]
async fn a_confidential_client_may_leave_pkce_out_unless_its_metadata_demands_it() {
    let mut world = World::new().await;
    let tokens = world.tokens_of(&world.rp.ask().without_pkce()).await;
    assert!(!tokens.access.is_empty());
    let mut world = World::of(Profile::Web, |m| m.require_pkce = true).await;
    let ask = world.rp.ask().without_pkce();
    refused(&mut world, &ask, "invalid_request").await;
}

#[tokio::test]
async fn plain_and_malformed_challenges_are_refused() {
    let mut world = World::new().await;
    let good = world.rp.ask().get("code_challenge").to_owned();
    for (challenge, method) in [
        (good.as_str(), "plain"),
        (&good, "s256"),
        (&good, "S512"),
        (&good, "S256 "),
        (&good[..42], "S256"),
        (&"a".repeat(129), "S256"),
        (&good.replace(&good[..1], "+"), "S256"),
        (&format!("{}=", &good[..42]), "S256"),
        (&good.replace(&good[..1], "я"), "S256"),
    ] {
        let ask = world.rp.ask().with("code_challenge", challenge).with("code_challenge_method", method);
        refused(&mut world, &ask, "invalid_request").await;
    }
    // RFC 7636 §4.3: no method means plain.
    let ask = world.rp.ask().without("code_challenge_method");
    refused(&mut world, &ask, "invalid_request").await;
    let ask = world.rp.ask().without("code_challenge");
    refused(&mut world, &ask, "invalid_request").await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_never_ignored() {
    let mut world = World::new().await;
    for (name, error) in [
        ("request", "invalid_request_object"),
        ("request_uri", "invalid_request_uri"),
        ("registration", "registration_not_supported"),
    ] {
        let ask = world.rp.ask().with(name, "https://rp.test/x");
        refused(&mut world, &ask, error).await;
    }
    for mode in ["jwt", "query.jwt", "web_message", "QUERY", "x"] {
        let ask = world.rp.ask().with("response_mode", mode);
        refused(&mut world, &ask, "invalid_request").await;
    }
}

#[tokio::test]
async fn prompt_none_stands_alone() {
    let mut world = World::new().await;
    for prompt in ["none login", "login none", "none consent", "select_account none", "none create"] {
        let ask = world.rp.ask().with("prompt", prompt);
        refused(&mut world, &ask, "invalid_request").await;
    }
}

#[tokio::test]
async fn max_age_is_a_number_of_seconds() {
    let mut world = World::new().await;
    for age in ["-1", "1.5", "x", "99999999999999999999", "0x10", "1 "] {
        let ask = world.rp.ask().with("max_age", age);
        refused(&mut world, &ask, "invalid_request").await;
    }
}

#[tokio::test]
async fn a_scope_that_the_client_may_not_ask_for_is_not_granted() {
    let mut world = World::of(Profile::Web, |m| m.scope = "openid email".to_owned().try_into().unwrap()).await;
    let tokens = world.tokens("openid email profile offline_access unheard-of").await;
    assert_eq!(tokens.json["scope"], "email openid");
    for scope in ["", "unheard-of", "kabinet:admin", "OPENID"] {
        let ask = world.rp.ask_for(scope);
        refused(&mut world, &ask, "invalid_scope").await;
    }
    for scope in ["openid \"x\"", "openid back\\slash", "openid почта"] {
        let ask = world.rp.ask_for(scope);
        refused(&mut world, &ask, "invalid_scope").await;
    }
}

#[tokio::test]
async fn a_hint_must_be_an_id_token_of_this_client() {
    let mut world = World::new().await;
    let other = world.app.client(Profile::Web, |_| ()).await;
    let theirs = other.sign_in(&world.app, &mut world.browser, &world.person).await;
    let ours = world.tokens("openid").await;
    for hint in ["x", "a.b.c", &theirs.id, &ours.access, &ours.refresh, &format!("{}x", ours.id)] {
        let ask = world.rp.ask().with("id_token_hint", hint).with("prompt", "none");
        refused(&mut world, &ask, "invalid_request").await;
    }
}

#[tokio::test]
async fn a_hint_for_somebody_else_asks_and_with_prompt_none_fails() {
    let mut world = World::new().await;
    let tokens = world.tokens("openid").await;
    let other = world.app.anyone().await;
    let mut browser = world.app.browser();
    world.app.sign_in(&mut browser, &other).await;
    let ask = world.rp.ask().with("id_token_hint", &tokens.id);
    let callback = world.rp.authorize(&mut browser, &ask.clone().with("prompt", "none")).await;
    assert_eq!((callback.get("error"), callback.get("code")), ("login_required", ""));
    browser.get(&ask.url()).await;
    assert!(browser.page.has("login-form"));
    // Whoever else signs in now is not who was meant.
    world.app.fill_in(&mut browser, &other).await;
    assert_eq!(Callback::of(&browser.page).get("error"), "login_required");
}

#[tokio::test]
async fn every_response_names_the_issuer_in_every_mode() {
    let mut world = World::new().await;
    for mode in ["query", "fragment", "form_post"] {
        for prompt in ["", "none consent"] {
            let ask = world.rp.ask().with("response_mode", mode).with("prompt", prompt);
            let callback = world.rp.come_back(&world.app, &mut world.browser, &world.person, &ask).await;
            assert_eq!(
                (callback.mode, callback.get("iss"), callback.get("state")),
                (mode, "https://id.test", ask.get("state"))
            );
            assert_eq!(callback.get("error").is_empty(), prompt.is_empty());
        }
    }
    let facts = world.app.get("/.well-known/openid-configuration").await.json();
    assert_eq!(facts["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn a_client_without_the_code_grant_may_not_ask() {
    let mut world = World::new().await;
    world
        .app
        .change_client(&world.rp.id, |client| client.metadata.grant_types = vec![GrantType::ClientCredentials])
        .await;
    let ask = world.rp.ask();
    refused(&mut world, &ask, "unauthorized_client").await;
}

#[tokio::test]
async fn a_person_who_says_no_sends_access_denied() {
    let mut world = World::of(Profile::Web, |m| m.first_party = false).await;
    let ask = world.rp.ask_for("openid profile");
    world.browser.get(&ask.url()).await;
    world.browser.submit("consent-form", &[], "deny").await;
    let callback = Callback::of(&world.browser.page);
    assert_eq!(
        (callback.get("error"), callback.get("state"), callback.get("code")),
        ("access_denied", ask.get("state"), "")
    );
    // Nothing was remembered.
    let silent = world
        .rp
        .authorize(&mut world.browser, &world.rp.ask_for("openid profile").with("prompt", "none"))
        .await;
    assert_eq!(silent.get("error"), "consent_required");
}

#[tokio::test]
async fn a_consent_is_remembered_for_its_scopes_and_no_more() {
    let mut world = World::of(Profile::Web, |m| m.first_party = false).await;
    world.tokens("openid profile").await;
    let none = |world: &World, scope: &str| world.rp.ask_for(scope).with("prompt", "none");
    let ask = none(&world, "openid");
    assert!(!world.rp.authorize(&mut world.browser, &ask).await.get("code").is_empty());
    let ask = none(&world, "openid profile email");
    assert_eq!(world.rp.authorize(&mut world.browser, &ask).await.get("error"), "consent_required");
    world.browser.get(&world.rp.ask_for("openid").with("prompt", "consent").url()).await;
    assert!(world.browser.page.has("consent-form"));
}

#[tokio::test]
async fn a_seal_that_was_changed_or_is_too_old_gets_a_page() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get(&world.rp.ask().url()).await;
    let (_, flow) = world.browser.page.at.split_once("flow=").unwrap();
    let flow = flow.to_owned();
    let mut changed = flow.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    for path in ["/login", "/oauth2/resume", "/consent", "/choose", "/register"] {
        for bad in [changed.as_str(), "x", "row.x", "%00", &"A".repeat(5_000)] {
            let answer = world.app.get(&format!("{path}?flow={bad}")).await;
            assert_eq!((answer.code(), answer.location()), (400, ""), "{path} {bad:.20}");
        }
    }
    world.app.clock.advance(30 * 60 + 1);
    assert_eq!(world.app.get(&format!("/oauth2/resume?flow={flow}")).await.code(), 400);
}

#[tokio::test]
async fn a_node_with_another_master_key_does_not_start() {
    let app = TestApp::start().await;
    let mut config = app.config.clone();
    config.master_key = Some(kabinet::config::Hidden("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=".into()));
    assert!(kabinet::app(&config, app.ambient.clone()).await.is_err());
}

#[tokio::test]
async fn nothing_is_written_for_a_visitor_who_goes_away() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    let url = world.rp.ask().url();
    world.browser.get(&url).await;
    let (_, before) = kabinet_store::change::since(world.app.store.db(), 0).await.unwrap();
    for _ in 0..5 {
        world.app.get(&url).await;
    }
    let (_, after) = kabinet_store::change::since(world.app.store.db(), 0).await.unwrap();
    assert_eq!(before.len(), after.len());
    assert_eq!(kabinet_store::pushed::count(world.app.store.db()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_request_by_head_gives_no_code_and_writes_nothing() {
    let world = World::new().await;
    let cookies: Vec<String> = world.browser.jar.iter().map(|(name, kept)| format!("{name}={}", kept.value)).collect();
    let headers = [("cookie", cookies.join("; "))];
    let headers = [(headers[0].0, headers[0].1.as_str())];
    let answer = world.app.call(http::Method::HEAD, &world.rp.ask().url(), &headers, "").await;
    assert!(!answer.location().contains("code="), "{}", answer.location());
    let sign_out = world.app.call(http::Method::HEAD, "/oauth2/logout", &headers, "").await;
    assert!(sign_out.every("set-cookie").iter().all(|cookie| !cookie.contains("session")));
}

#[tokio::test]
async fn nothing_but_a_wish_to_register_leads_to_registration() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get(&world.rp.ask().with("prompt", "create").url()).await;
    assert_eq!(world.browser.page.path(), "/register");
    assert!(world.browser.page.has("register-form"));
    for prompt in ["", "login", "consent", "unheard-of", "CREATE"] {
        world.browser.get(&world.rp.ask().with("prompt", prompt).url()).await;
        assert_eq!(world.browser.page.path(), "/login", "{prompt}");
    }
}
