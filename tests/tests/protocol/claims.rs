//! The `claims` parameter (OpenID Connect Core §5.5).

use kabinet_core::client::{Profile, SubjectType};
use kabinet_tests::{Callback, Tokens, eventually};
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn claims_by_name_survive_refresh_and_never_reach_beyond_the_clients_scope() {
    let mut world = World::of(Profile::Web, |m| {
        m.scope = kabinet_core::scope::Scope::parse("openid email offline_access").unwrap();
    })
    .await;
    let claims =
        r#"{"userinfo":{"email":null,"name":{"essential":true},"phone_number":null},"id_token":{"name":null}}"#;
    let ask = world.rp.ask_for("openid offline_access").with("claims", claims);
    let tokens = world.tokens_of(&ask).await;
    let expected = json!({"sub": world.person.id, "email": "anna@example.ru"});
    assert_eq!(world.rp.userinfo(&tokens.access).await.ok().json(), expected);
    assert!(
        world.rp.verify(&tokens.id).await.get("name").is_none(),
        "the client may not ask for profile"
    );
    let again = Tokens::of(&world.rp.refresh(&tokens.refresh).await);
    assert_eq!(world.rp.userinfo(&again.access).await.ok().json(), expected);
}

#[tokio::test]
async fn what_is_asked_for_by_name_is_what_the_person_allows() {
    let mut world = World::of(Profile::Web, |m| m.first_party = false).await;
    let ask = world.rp.ask().with("claims", r#"{"userinfo":{"email":null}}"#);
    world.browser.get(&ask.url()).await;
    assert!(world.browser.page.has("consent-form"));
    assert!(
        world.browser.page.text().contains("Адрес и отметка о его подтверждении"),
        "{}",
        world.browser.page.text()
    );
    world.browser.submit("consent-form", &[], "allow").await;
    assert!(!Callback::of(&world.browser.page).code().is_empty());
    // Allowed once: the scope and the claim are the same question.
    for ask in [world.rp.ask_for("openid email"), ask.with("prompt", "none")] {
        assert!(!world.rp.authorize(&mut world.browser, &ask).await.code().is_empty());
    }
    let more = world.rp.ask().with("claims", r#"{"id_token":{"name":null}}"#).with("prompt", "none");
    assert_eq!(world.rp.authorize(&mut world.browser, &more).await.get("error"), "consent_required");
}

#[tokio::test]
async fn a_subject_by_value_admits_only_that_person() {
    let mut world = World::new().await;
    let asked = |sub: &str| json!({"id_token": {"sub": {"value": sub}}}).to_string();
    let own = world.rp.ask().with("claims", &asked(world.person.id.as_str())).with("prompt", "none");
    assert!(!world.rp.authorize(&mut world.browser, &own).await.code().is_empty());
    let other = own.clone().with("claims", &asked("0198c0de-0000-7abc-8def-0123456789ab"));
    assert_eq!(world.rp.authorize(&mut world.browser, &other).await.get("error"), "login_required");
}

#[tokio::test]
async fn an_essential_acr_that_no_sign_in_reaches_is_an_error_after_one_sign_in() {
    let mut world = World::new().await;
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["2"]}}}"#;
    let ask = world.rp.ask().with("claims", claims);
    let silent = ask.clone().with("prompt", "none");
    assert_eq!(world.rp.authorize(&mut world.browser, &silent).await.get("error"), "login_required");
    world.browser.get(&ask.url()).await;
    assert!(world.browser.page.has("login-form"));
    world.app.fill_in(&mut world.browser, &world.person).await;
    assert_eq!(Callback::of(&world.browser.page).get("error"), "unmet_authentication_requirements");
    // A wish is no demand, and what can be reached is given.
    for claims in [
        r#"{"id_token":{"acr":{"values":["2"]}}}"#,
        r#"{"id_token":{"acr":{"essential":true,"values":["2","1"]}}}"#,
    ] {
        let tokens = world.tokens_of(&world.rp.ask().with("claims", claims)).await;
        assert_eq!(world.rp.verify(&tokens.id).await["acr"], "1");
    }
}

#[tokio::test]
async fn a_parameter_that_cannot_be_read_is_an_error_for_the_client() {
    let mut world = World::new().await;
    for claims in ["[]", "{", "5", r#"{"userinfo":"name"}"#, r#"{"userinfo":{"name":5}}"#, &"[".repeat(9000)] {
        let callback = world.rp.authorize(&mut world.browser, &world.rp.ask().with("claims", claims)).await;
        assert_eq!(callback.get("error"), "invalid_request", "{claims}");
    }
}

#[tokio::test]
async fn a_claim_whose_scope_the_client_lost_is_no_longer_given_to_new_requests() {
    let mut world = World::new().await;
    let id = world.rp.id.clone();
    let claims = r#"{"userinfo":{"email":null}}"#;
    world
        .app
        .change_client(&id, |client| client.metadata.scope = kabinet_core::scope::Scope::parse("openid").unwrap())
        .await;
    let ask = world.rp.ask_for("openid email").with("claims", claims);
    let (app, rp) = (&world.app, &world.rp);
    let browser = tokio::sync::Mutex::new(&mut world.browser);
    eventually("the narrower client is known", || async {
        let mut browser = browser.lock().await;
        let tokens = rp.sign_in_with(app, &mut browser, &world.person, &ask).await;
        rp.userinfo(&tokens.access).await.ok().json().get("email").is_none()
    })
    .await;
}

#[tokio::test]
async fn a_pairwise_client_cannot_ask_whether_its_person_is_somebody_elsewhere() {
    let mut world = World::of(Profile::Web, |m| m.subject_type = SubjectType::Pairwise).await;
    let tokens = world.tokens("openid").await;
    let own = world.rp.verify(&tokens.id).await["sub"].as_str().unwrap().to_owned();
    assert_ne!(own, world.person.id.as_str());
    for (sub, error) in [(own.as_str(), ""), (world.person.id.as_str(), "login_required")] {
        let claims = json!({"id_token": {"sub": {"value": sub}}}).to_string();
        let ask = world.rp.ask().with("claims", &claims).with("prompt", "none");
        assert_eq!(world.rp.authorize(&mut world.browser, &ask).await.get("error"), error, "{sub}");
        // And a hint about somebody else beside it is a contradiction.
        let both = ask.with("id_token_hint", &tokens.id);
        let expected = if sub == own { "" } else { "invalid_request" };
        assert_eq!(world.rp.authorize(&mut world.browser, &both).await.get("error"), expected, "{sub}");
    }
}

#[tokio::test]
async fn a_narrower_refresh_brings_no_claim_that_was_named_beside_the_wider_scope() {
    let mut world = World::new().await;
    let ask = world
        .rp
        .ask_for("openid email offline_access")
        .with("claims", r#"{"userinfo":{"email":null,"name":null}}"#);
    let tokens = world.tokens_of(&ask).await;
    assert!(world.rp.userinfo(&tokens.access).await.ok().json()["name"].is_string());
    assert!(world.rp.introspect(&tokens.access).await.get("userinfo_claims").is_none());
    let form = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str()), ("scope", "openid")];
    let narrow = Tokens::of(&world.rp.token(&form).await);
    assert_eq!(world.rp.userinfo(&narrow.access).await.ok().json(), json!({"sub": world.person.id}));
}
