//! RP-Initiated Logout 1.0: what is followed, what is asked, and what ends.

use kabinet_core::client::Profile;
use kabinet_tests::{Tokens, jwt, query_of};

use crate::world::World;

const BYE: &str = "https://rp.test/bye";

async fn world() -> (World, Tokens) {
    let mut world = World::of(Profile::Web, |m| m.post_logout_redirect_uris = vec![BYE.to_owned()]).await;
    let tokens = world.tokens("openid").await;
    (world, tokens)
}

fn url(params: &[(&str, &str)]) -> String {
    format!("/oauth2/logout?{}", kabinet_tests::form_body(params))
}

impl World {
    /// Whether `prompt=none` gives a code.
    async fn is_signed_in(&mut self) -> bool {
        let ask = self.rp.ask().with("prompt", "none");
        let callback = self.rp.authorize(&mut self.browser, &ask).await;
        assert!(matches!(callback.get("error"), "" | "login_required"), "{:?}", callback.params);
        !callback.get("code").is_empty()
    }
}

/// The person stays on a page of ours: an error or a question, and nothing leads to the client.
async fn stays_here(world: &mut World, params: &[(&str, &str)]) {
    world.browser.get(&url(params)).await;
    let page = &world.browser.page;
    assert!(page.left.is_none(), "{:?}", page.left);
    assert!(page.status == 400 || page.has("logout-confirm"), "{} {}", page.status, page.text());
    if page.has("logout-confirm") {
        world.browser.submit("logout-confirm", &[], "submit").await;
        assert!(world.browser.page.left.is_none(), "{:?}", world.browser.page.left);
    } else {
        assert!(world.is_signed_in().await, "an error ends nothing");
    }
}

#[tokio::test]
async fn a_sign_out_gives_the_state_back_and_ends_the_refresh_token() {
    let (mut world, tokens) = world().await;
    let state = "a b&c=д";
    world
        .browser
        .get(&url(&[
            ("id_token_hint", &tokens.id),
            ("post_logout_redirect_uri", BYE),
            ("state", state),
        ]))
        .await;
    let left = world.browser.page.left.clone().unwrap();
    assert_eq!(left.split('?').next(), Some(BYE));
    assert_eq!(query_of(&left).0, [("state".to_owned(), state.to_owned())], "state and nothing else");
    assert!(!world.is_signed_in().await);
    world.rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_sign_out_can_be_posted() {
    let (mut world, tokens) = world().await;
    let form = [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", BYE)];
    world.browser.post("/oauth2/logout", &form).await;
    assert_eq!(world.browser.page.left.as_deref(), Some(BYE));
    assert!(!world.is_signed_in().await);
}

#[tokio::test]
async fn a_near_miss_of_a_post_logout_redirect_uri_is_never_followed() {
    let (mut world, tokens) = world().await;
    for bad in [
        "https://evil.test/",
        "https://rp.test/cb",
        "https://rp.test/bye/",
        "//rp.test/bye",
        "javascript:alert(1)",
        "https://rp.test/bye#x",
        "https://rp.test/bye?",
        "https://rp.test/bye?x=1",
        "https://rp.test/bye%20",
        "https://rp.test/bye\t",
        "https://rp.test/\nbye",
        " https://rp.test/bye",
        "https://rp.test/BYE",
        "HTTPS://rp.test/bye",
        "https://RP.test/bye",
        "https://rp.test:443/bye",
        "https://rp.test:8443/bye",
        "https://rp.test/./bye",
        "https://rp.test/x/../bye",
        "https://rp.test//bye",
        "https://rp.test\\bye",
        "https:/\\rp.test/bye",
        "/\\evil.test",
        "///evil.test",
        "https:evil.test",
        "https://evil.test\\@rp.test/bye",
        "https://rp.test@evil.test/bye",
        "https://rp.test.evil.test/bye",
        "https://evil.test/https://rp.test/bye",
        "https://evil.test/?https://rp.test/bye",
        "https://rp.test%2fbye",
        "https://rp.test/%62ye",
        "https://rp.test/bye;x",
        "https://rp.test/bye\u{2f}\u{202e}",
        "https://r\u{440}.test/bye",
        "http://rp.test/bye",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "/",
        "?",
        "#",
    ] {
        stays_here(
            &mut world,
            &[("id_token_hint", &tokens.id), ("post_logout_redirect_uri", bad), ("state", "x")],
        )
        .await;
    }
}

#[tokio::test]
async fn a_hint_with_another_signature_or_none_is_not_followed() {
    let (mut world, tokens) = world().await;
    let (header, claims) = jwt::parts(&tokens.id);
    let key = openssl_rsa();
    let foreign = jwt::forge(&header, &claims, |text| key.sign(text).unwrap());
    stays_here(&mut world, &[("id_token_hint", &foreign), ("post_logout_redirect_uri", BYE)]).await;
    stays_here(&mut world, &[("id_token_hint", "not a token"), ("post_logout_redirect_uri", BYE)]).await;
}

fn openssl_rsa() -> Box<dyn josekit::jws::JwsSigner> {
    let key = josekit::jwk::Jwk::generate_rsa_key(2048).unwrap();
    Box::new(josekit::jws::RS256.signer_from_jwk(&key).unwrap())
}

#[tokio::test]
async fn a_hint_of_a_session_that_is_over_leads_back_and_ends_nobody_else() {
    let (mut world, tokens) = world().await;
    let mut other = world.app.browser();
    let ask = world.rp.ask();
    world.rp.come_back(&world.app, &mut other, &world.person, &ask).await;
    other.get(&url(&[("id_token_hint", &tokens.id), ("post_logout_redirect_uri", BYE)])).await;
    assert!(
        world.is_signed_in().await,
        "the hint's session lives in another browser, whose cookie was not there"
    );
    std::mem::swap(&mut world.browser, &mut other);
    assert!(world.is_signed_in().await, "this session is not the one of the hint");
}

#[tokio::test]
async fn a_hint_for_another_client_than_client_id_is_an_error() {
    let (mut world, tokens) = world().await;
    let other = world
        .app
        .client(Profile::Web, |m| m.post_logout_redirect_uris = vec![BYE.to_owned()])
        .await;
    let id = other.id.to_string();
    stays_here(
        &mut world,
        &[("id_token_hint", &tokens.id), ("client_id", &id), ("post_logout_redirect_uri", BYE)],
    )
    .await;
}

#[tokio::test]
async fn repeated_parameters_of_a_logout_are_an_error() {
    let (mut world, tokens) = world().await;
    for twice in [
        ("state", "y"),
        ("post_logout_redirect_uri", "https://evil.test/"),
        ("id_token_hint", "x"),
        ("client_id", "x"),
    ] {
        let id = world.rp.id.to_string();
        let sound = [
            ("id_token_hint", tokens.id.as_str()),
            ("client_id", &id),
            ("post_logout_redirect_uri", BYE),
            ("state", "x"),
            twice,
        ];
        stays_here(&mut world, &sound).await;
    }
}

#[tokio::test]
async fn an_access_token_is_no_hint() {
    let (mut world, tokens) = world().await;
    stays_here(&mut world, &[("id_token_hint", &tokens.access), ("post_logout_redirect_uri", BYE)]).await;
}

#[tokio::test]
async fn a_forged_sign_out_form_does_nothing() {
    let (mut world, _) = world().await;
    world.browser.post_from_elsewhere("/logout", &[("submit", "logout")]).await;
    world.browser.post("/logout", &[("submit", "logout"), ("form-token", "1.x")]).await;
    assert!(world.browser.page.has("logout-confirm"));
    assert!(world.is_signed_in().await);
}

#[tokio::test]
async fn the_end_of_a_hint_s_life_is_ignored() {
    let (mut world, tokens) = world().await;
    world.app.clock.advance(20 * 3600);
    let (_, claims) = jwt::parts(&tokens.id);
    assert!(claims["exp"].as_i64().unwrap() < world.app.now());
    world
        .browser
        .get(&url(&[("id_token_hint", &tokens.id), ("post_logout_redirect_uri", BYE)]))
        .await;
    assert_eq!(world.browser.page.left.as_deref(), Some(BYE));
    assert!(!world.is_signed_in().await);
}
