//! 1С:Enterprise as a relying party and as a resource server, by what its own documentation says that it compares.

use kabinet_core::client::{AuthMethod, ClientMetadata, GrantType, Profile};
use kabinet_tests::{Tokens, jwt};
use serde_json::json;

use crate::world::World;

const SERVICES: &str = "https://1c.test/Base/hs";

async fn publication(change: impl FnOnce(&mut ClientMetadata)) -> World {
    World::of(Profile::OneC, |m| {
        m.token_endpoint_auth_method = AuthMethod::None;
        change(m);
    })
    .await
}

#[tokio::test]
async fn the_id_token_has_what_1c_looks_for_without_a_nonce_and_by_rs256() {
    let mut world = publication(|_| ()).await;
    let ask = world.rp.ask_for("openid profile email phone").without("nonce");
    let tokens = world.tokens_of(&ask).await;
    let (header, claims) = jwt::parts(&tokens.id);
    assert_eq!(header["alg"], "RS256");
    for (claim, value) in [
        ("email", json!("anna@example.ru")),
        ("email_verified", json!(true)),
        ("preferred_username", json!("anna@example.ru")),
        ("name", json!("Анна Петрова")),
        ("aud", json!(world.rp.id)),
    ] {
        assert_eq!(claims[claim], value, "{claim}");
    }
    assert!(claims.get("nonce").is_none());
    let (header, access) = jwt::parts(&tokens.access);
    assert_eq!((&header["alg"], &access["aud"]), (&json!("RS256"), &json!("https://id.test")), "one text");
    assert_eq!(world.rp.userinfo(&tokens.access).await.ok().json()["sub"], claims["sub"]);
}

#[tokio::test]
async fn its_services_get_tokens_whose_one_recipient_is_their_name() {
    let mut world = publication(|m| m.default_resource = Some(SERVICES.to_owned())).await;
    let tokens = world.tokens("openid profile").await;
    let (header, access) = jwt::parts(&tokens.access);
    jwt::verify(&tokens.access, &world.rp.jwks().await).unwrap();
    assert_eq!((&header["alg"], &access["aud"]), (&json!("RS256"), &json!(SERVICES)));
    assert_eq!(access["iss"], "https://id.test");
    // Its own claims came in the ID token; this one is for the services alone.
    world.rp.userinfo(&tokens.access).await.refused(401, "invalid_token");
    let again = Tokens::of(&world.rp.refresh(&tokens.refresh).await);
    assert_eq!(jwt::parts(&again.access).1["aud"], SERVICES);
}

#[tokio::test]
async fn a_program_without_a_person_gets_one_for_itself() {
    let world = World::signed_out(Profile::OneC, |m| {
        m.grant_types = vec![GrantType::ClientCredentials];
        m.response_types.clear();
        m.redirect_uris.clear();
        m.scope = kabinet_core::scope::Scope::default();
        m.default_resource = Some(SERVICES.to_owned());
    })
    .await;
    let given = Tokens::of(&world.rp.token(&[("grant_type", "client_credentials")]).await);
    let (header, access) = jwt::parts(&given.access);
    assert_eq!((&header["alg"], &access["aud"]), (&json!("RS256"), &json!(SERVICES)));
    assert_eq!(world.rp.introspect(&given.access).await["active"], true);
}

#[tokio::test]
async fn the_return_address_is_compared_byte_by_byte() {
    let world = publication(|m| m.redirect_uris = vec!["https://1c.test/Base/ru_RU/authform.html".to_owned()]).await;
    for other in [
        "https://1c.test/base/ru_RU/authform.html",
        "https://1c.test/Base/ru_RU/authform.html/",
        "https://1c.test/Base/ru_RU/authform.html?x=1",
        "https://1c.test/Base/en_US/authform.html",
    ] {
        let ask = world.rp.ask().with("redirect_uri", other);
        let mut browser = world.app.browser();
        browser.get(&ask.url()).await;
        assert_eq!(browser.page.error(), "redirect_uri", "{other}");
    }
}
