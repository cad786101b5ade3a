//! What a sound request asks for beside a sign-in: a signature, a display, an age, hints, languages, claims.

use kabinet_core::client::{Alg, Profile};
use kabinet_tests::jwt;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_id_token_is_signed_as_the_client_registered_whatever_the_algorithm() {
    for alg in Alg::ALL {
        let mut world = World::of(Profile::Web, |m| m.id_token_signed_response_alg = alg).await;
        let tokens = world.tokens("openid").await;
        assert_eq!(jwt::parts(&tokens.id).0["alg"], alg.as_str());
        world.rp.verify(&tokens.id).await;
    }
}

#[tokio::test]
async fn any_display_is_taken_also_one_that_nobody_knows() {
    let mut world = World::new().await;
    for display in ["page", "popup", "wap", "unheard-of"] {
        world.tokens_of(&world.rp.ask().with("display", display)).await;
    }
}

#[tokio::test]
async fn a_popup_keeps_its_opener() {
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
async fn a_sign_in_of_hours_ago_is_young_enough_for_a_larger_max_age() {
    let mut world = World::new().await;
    let began = world.app.now();
    world.app.clock.advance(9_000);
    let tokens = world.tokens_of(&world.rp.ask().with("max_age", "10000")).await;
    assert_eq!(jwt::parts(&tokens.id).1["auth_time"], began);
}

#[tokio::test]
async fn a_hint_that_has_expired_is_a_hint_still() {
    let mut world = World::new().await;
    let first = world.tokens("openid").await;
    // An expired hint is a hint still (OpenID Connect Core §3.1.2.1).
    world.app.clock.advance(7_200);
    let ask = world.rp.ask().with("prompt", "none").with("id_token_hint", &first.id);
    let second = world.tokens_of(&ask).await;
    assert_eq!(jwt::parts(&second.id).1["sub"], jwt::parts(&first.id).1["sub"]);
}

#[tokio::test]
async fn a_hint_of_a_login_stands_in_the_form_if_it_is_an_address() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get(&world.rp.ask().with("login_hint", "anna@example.ru").url()).await;
    assert_eq!(world.browser.page.html.attribute("email", "value").unwrap(), "anna@example.ru");
    world.browser.get(&world.rp.ask().with("login_hint", "buffy@id.test").url()).await;
    assert!(world.browser.page.has("login-form"));
}

#[tokio::test]
async fn a_page_speaks_the_first_language_of_ui_locales_that_it_knows() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get(&world.rp.ask().with("ui_locales", "se").url()).await;
    assert_eq!(world.browser.page.html.attributes("html", "lang"), ["ru"]);
    world.browser.get(&world.rp.ask().with("ui_locales", "se en").url()).await;
    assert_eq!(world.browser.page.html.attributes("html", "lang"), ["en"]);
}

#[tokio::test]
async fn a_claim_by_name_comes_where_it_was_asked_for_and_nowhere_else() {
    let mut world = World::new().await;
    let claims = r#"{"userinfo":{"name":{"essential":true}},"id_token":{"email":null}}"#;
    let tokens = world.tokens_of(&world.rp.ask().with("claims", claims)).await;
    let info = world.rp.userinfo(&tokens.access).await.ok().json();
    assert_eq!(info, json!({"sub": world.person.id, "name": "Анна Петрова"}));
    let id_token = world.rp.verify(&tokens.id).await;
    assert_eq!((&id_token["email"], id_token.get("name")), (&json!("anna@example.ru"), None));
}

#[tokio::test]
async fn the_query_of_a_redirect_uri_comes_back_byte_for_byte() {
    let uri = "https://rp.test/cb?foo=bar&x=%20y";
    let mut world = World::of(Profile::Web, |m| m.redirect_uris = vec![uri.to_owned()]).await;
    world.browser.get(&world.rp.ask().url()).await;
    assert!(world.browser.page.left.clone().unwrap().starts_with(&format!("{uri}&code=")));
}
