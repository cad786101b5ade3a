//! RFC 8693 and V36: a service that was called with a person's token gets one of its own for the next service, and nobody
//! gets more than that.

use kabinet_core::client::{ClientMetadata, GrantType, Profile, SubjectType, TokenFormat};
use kabinet_tests::{Answer, Rp, Tokens, eventually, jwt};
use serde_json::{Value, json};

use crate::world::World;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What the product calls.
const ORDERS: &str = "https://orders.test";
/// What that calls in turn.
const STOCK: &str = "https://stock.test";

/// A product that may call the orders with the scope of its own.
async fn product() -> World {
    product_with(|_| ()).await
}

async fn product_with(change: impl FnOnce(&mut ClientMetadata)) -> World {
    World::of(Profile::Web, |m| {
        change(m);
        m.resources = vec![ORDERS.to_owned(), STOCK.to_owned()];
        m.scope = scope("openid email offline_access orders stock");
    })
    .await
}

fn scope(text: &str) -> kabinet_core::scope::Scope {
    text.to_owned().try_into().unwrap()
}

/// A service at an address that may exchange for these audiences.
async fn service(world: &World, address: &str, audiences: &[&str], change: impl FnOnce(&mut ClientMetadata)) -> Rp {
    let audiences: Vec<String> = audiences.iter().map(|one| (*one).to_owned()).collect();
    let change = |m: &mut ClientMetadata| {
        m.client_uri = Some(address.to_owned());
        m.grant_types.push(GrantType::TokenExchange);
        m.scope = scope("orders stock");
        m.token_exchange_audiences = audiences;
        change(m);
    };
    world.app.client(Profile::Machine, change).await
}

async fn orders(world: &World) -> Rp {
    service(world, ORDERS, &[STOCK], |_| ()).await
}

/// A person's token for the orders.
async fn called_with(world: &mut World) -> Tokens {
    let ask = world.rp.ask_for("openid email offline_access orders stock").with("resource", ORDERS);
    world.tokens_of(&ask).await
}

async fn exchange(client: &Rp, token: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", GRANT), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    client.token(&[&form[..], more].concat()).await
}

async fn for_stock(client: &Rp, token: &str) -> Answer {
    exchange(client, token, &[("resource", STOCK)]).await
}

/// Signs with the provider's own key what it would never sign.
async fn signed(world: &World, typ: &str, claims: &Value) -> String {
    use josekit::jws::RS256;
    use kabinet_core::client::Alg;
    use kabinet_core::key::{KeyState, Ring};
    let master = kabinet::config::master_key(&world.app.config, &*world.app.ambient.entropy).unwrap();
    let keys = kabinet_store::key::every(world.app.store.db()).await.unwrap();
    let current = (Ring::Common, Alg::RS256, KeyState::Current);
    let key = keys.into_iter().find(|key| (key.ring, key.alg, key.state) == current).unwrap();
    let sealer = kabinet_oidc::keys::sealer(&master);
    let jwk = sealer.open(&key.private_sealed, key.id.as_str().as_bytes()).unwrap();
    let signer = RS256.signer_from_jwk(&josekit::jwk::Jwk::from_bytes(jwk).unwrap()).unwrap();
    let header = json!({"alg": "RS256", "kid": key.id, "typ": typ});
    jwt::forge(&header, claims, |text| josekit::jws::JwsSigner::sign(&signer, text).unwrap())
}

#[tokio::test]
async fn a_service_gets_a_token_for_the_next_one_about_the_same_person() {
    let mut world = product().await;
    let orders = orders(&world).await;
    let stock = service(&world, STOCK, &["next"], |_| ()).await;
    let tokens = called_with(&mut world).await;
    world.app.clock.advance(100);
    let given = Tokens::of(&for_stock(&orders, &tokens.access).await);
    assert_eq!((given.refresh.as_str(), given.id.as_str()), ("", ""));
    assert_eq!(given.json["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(
        (&given.json["token_type"], &given.json["scope"]),
        (&json!("Bearer"), &json!("orders stock"))
    );
    // The subject token has 200 of its 300 seconds left.
    assert_eq!(given.json["expires_in"], 200);
    let (header, claims) = jwt::parts(&given.access);
    let (_, before) = jwt::parts(&tokens.access);
    jwt::verify(&given.access, &world.rp.jwks().await).unwrap();
    assert_eq!(header["typ"], "at+jwt");
    for same in ["iss", "sub", "exp", "grant", "auth_time", "acr"] {
        assert_eq!(claims[same], before[same], "{same}");
    }
    assert_eq!((&claims["aud"], &claims["client_id"]), (&json!([STOCK]), &json!(orders.id)));
    assert_eq!(claims["act"], json!({"sub": format!("client:{}", orders.id)}));
    assert_ne!(claims["jti"], before["jti"]);
    let facts = stock.introspect(&given.access).await;
    assert_eq!((&facts["active"], &facts["act"]), (&json!(true), &claims["act"]));
    orders.userinfo(&given.access).await.refused(403, "insufficient_scope");
    assert!(!world.rp.is_active(&given.access).await, "the product neither got it nor is it meant");
}

#[tokio::test]
async fn a_client_may_exchange_a_token_of_its_own() {
    let mut world = World::of(Profile::Web, |m| {
        m.grant_types.push(GrantType::TokenExchange);
        m.scope = scope("openid stock");
        m.token_exchange_audiences = vec!["stock-service".to_owned(), STOCK.to_owned()];
    })
    .await;
    let tokens = world.tokens("openid stock").await;
    let both = [("audience", "stock-service"), ("resource", STOCK), ("audience", STOCK)];
    let given = Tokens::of(&exchange(&world.rp, &tokens.access, &both).await);
    let claims = jwt::parts(&given.access).1;
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!([STOCK, "stock-service"]), &json!("stock")));
}

#[tokio::test]
async fn opaque_tokens_are_taken_and_given() {
    let mut world = product_with(|m| m.access_token_format = TokenFormat::Opaque).await;
    let orders = service(&world, ORDERS, &[STOCK], |m| m.access_token_format = TokenFormat::Opaque).await;
    let stock = service(&world, STOCK, &["next"], |_| ()).await;
    let tokens = called_with(&mut world).await;
    let given = Tokens::of(&for_stock(&orders, &tokens.access).await);
    assert!(given.access.starts_with("kbn_at_") && stock.is_active(&given.access).await);
}

#[tokio::test]
async fn a_pairwise_subject_passes_on_unchanged_and_still_means_the_person() {
    let mut world = product_with(|m| m.subject_type = SubjectType::Pairwise).await;
    let orders = orders(&world).await;
    let stock = service(&world, STOCK, &["next"], |_| ()).await;
    let tokens = called_with(&mut world).await;
    let given = Tokens::of(&for_stock(&orders, &tokens.access).await);
    let sub = |token: &str| jwt::parts(token).1["sub"].clone();
    assert_eq!(sub(&given.access), sub(&tokens.access));
    assert_ne!(sub(&given.access), world.person.id.as_str());
    assert!(stock.is_active(&given.access).await);
    let next = Tokens::of(&exchange(&stock, &given.access, &[("audience", "next")]).await);
    assert_eq!(sub(&next.access), sub(&tokens.access));
    world.app.set_disabled(&world.person, true).await;
    eventually("the token is dead", || async { !stock.is_active(&given.access).await }).await;
}

#[tokio::test]
async fn every_audience_that_is_not_listed_is_invalid_target() {
    let mut world = product().await;
    let own = world.app.config.issuer.clone();
    let api = format!("{own}/api/admin/v1");
    let orders = service(&world, ORDERS, &[STOCK, &own, &api], |m| m.resources = vec![ORDERS.to_owned()]).await;
    let tokens = called_with(&mut world).await;
    let slash = format!("{STOCK}/");
    for target in [ORDERS, "https://evil.test", &slash, "https://STOCK.test", "*", &own, &api, orders.id.as_str()] {
        for name in ["resource", "audience"] {
            exchange(&orders, &tokens.access, &[(name, target)]).await.refused(400, "invalid_target");
            let beside = [("resource", STOCK), (name, target)];
            exchange(&orders, &tokens.access, &beside).await.refused(400, "invalid_target");
        }
    }
    exchange(&orders, &tokens.access, &[]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn no_other_kind_of_token_is_exchanged() {
    let mut world = product().await;
    let orders = orders(&world).await;
    let tokens = called_with(&mut world).await;
    let code = world.code(&world.rp.ask()).await;
    let itself = Tokens::of(&orders.token(&[("grant_type", "client_credentials")]).await).access;
    let (_, claims) = jwt::parts(&tokens.access);
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let logout = json!({"iss": world.app.config.issuer, "sub": world.person.id, "aud": orders.id, "iat": world.app.now(),
        "exp": world.app.now() + 120, "jti": "x", "events": events});
    let (head, _) = tokens.access.rsplit_once('.').unwrap();
    for (what, token) in [
        ("id_token", tokens.id.clone()),
        ("refresh token", tokens.refresh.clone()),
        ("code", code),
        ("session", world.browser.session()),
        ("a client's own token", itself),
        ("logout token", signed(&world, "logout+jwt", &logout).await),
        ("access token of another type", signed(&world, "JWT", &claims).await),
        ("signed introspection", signed(&world, "token-introspection+jwt", &claims).await),
        ("no signature", format!("{head}.")),
        ("nothing", "x".to_owned()),
    ] {
        let answer = for_stock(&orders, &token).await;
        assert_eq!((answer.code(), answer.error().as_str()), (400, "invalid_request"), "{what}");
    }
    // Signed as an access token, the same claims would be good: the cases above fail for their kind.
    Tokens::of(&for_stock(&orders, &signed(&world, "at+jwt", &claims).await).await);
    for (name, value) in
        [("iss", json!("https://evil.test")), ("exp", json!(world.app.now())), ("exp", json!("9999999999"))]
    {
        let mut changed = claims.clone();
        changed[name] = value;
        let answer = for_stock(&orders, &signed(&world, "at+jwt", &changed).await).await;
        answer.refused(400, "invalid_request");
    }
    for (name, value) in [
        ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("subject_token_type", "x"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
    ] {
        let mut form = vec![("grant_type", GRANT), ("subject_token", tokens.access.as_str()), ("resource", STOCK)];
        form.push((name, value));
        if name != "subject_token_type" {
            form.push(("subject_token_type", ACCESS_TOKEN));
        }
        orders.token(&form).await.refused(400, "invalid_request");
    }
    let form = [("grant_type", GRANT), ("subject_token", tokens.access.as_str()), ("resource", STOCK)];
    orders.token(&form).await.refused(400, "invalid_request");
    orders
        .token(&[("grant_type", GRANT), ("resource", STOCK)])
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn an_actor_token_is_refused() {
    let mut world = product().await;
    let orders = orders(&world).await;
    let tokens = called_with(&mut world).await;
    for more in [("actor_token", tokens.access.as_str()), ("actor_token_type", ACCESS_TOKEN)] {
        exchange(&orders, &tokens.access, &[("resource", STOCK), more])
            .await
            .refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_token_that_does_not_name_the_caller_is_not_exchanged() {
    let mut world = product().await;
    let tokens = called_with(&mut world).await;
    // Who may ask for tokens for the orders is not the orders.
    let bystander = service(&world, "https://other.test", &[STOCK], |m| m.resources = vec![ORDERS.to_owned()]).await;
    let near = service(&world, "https://orders.test/", &[STOCK], |_| ()).await;
    for other in [&bystander, &near] {
        for_stock(other, &tokens.access).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn clients_without_the_grant_type_exchange_nothing() {
    let mut world = product().await;
    let plain = world.app.client(Profile::Machine, |m| m.client_uri = Some(ORDERS.to_owned())).await;
    let tokens = called_with(&mut world).await;
    for_stock(&plain, &tokens.access).await.refused(400, "unauthorized_client");
    let mut stranger = orders(&world).await;
    stranger.secret = Some("CANARY-wrong".to_owned());
    for_stock(&stranger, &tokens.access).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn scope_and_end_never_grow() {
    let mut world = product().await;
    let orders = service(&world, ORDERS, &[STOCK], |m| m.scope = scope("openid email stock more kabinet")).await;
    let stock = service(&world, STOCK, &["next"], |m| m.scope = scope("orders stock")).await;
    let tokens = called_with(&mut world).await;
    for wider in ["more", "stock more", "orders", "openid", "offline_access", "kabinet:admin", "stock \"x\""] {
        let more = [("resource", STOCK), ("scope", wider)];
        exchange(&orders, &tokens.access, &more).await.refused(400, "invalid_scope");
    }
    let narrow = exchange(&orders, &tokens.access, &[("resource", STOCK), ("scope", "stock")]).await;
    let narrow = Tokens::of(&narrow);
    assert_eq!(narrow.json["scope"], "stock");
    assert_eq!(Tokens::of(&for_stock(&orders, &tokens.access).await).json["scope"], "email stock");
    world.app.clock.advance(290);
    let next = Tokens::of(&exchange(&stock, &narrow.access, &[("audience", "next")]).await);
    assert_eq!((&next.json["expires_in"], &next.json["scope"]), (&json!(10), &json!("stock")));
    world.app.clock.advance(10);
    assert!(!stock.is_active(&next.access).await);
    for_stock(&orders, &tokens.access).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn the_chain_of_actors_is_kept_and_bounded() {
    let mut world = product().await;
    let orders = orders(&world).await;
    let tokens = called_with(&mut world).await;
    let mut token = Tokens::of(&for_stock(&orders, &tokens.access).await).access;
    let mut actors = vec![format!("client:{}", orders.id)];
    let mut address = STOCK.to_owned();
    for place in 0..4 {
        let next = format!("https://service-{place}.test");
        let service = service(&world, &address, &[&next], |_| ()).await;
        token = Tokens::of(&exchange(&service, &token, &[("resource", &next)]).await).access;
        actors.push(format!("client:{}", service.id));
        address = next;
    }
    let mut act = jwt::parts(&token).1["act"].clone();
    for actor in actors.iter().rev() {
        assert_eq!(act["sub"], actor.as_str());
        act = act["act"].clone();
    }
    assert!(act.is_null());
    let last = service(&world, &address, &["beyond"], |_| ()).await;
    exchange(&last, &token, &[("audience", "beyond")]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn whatever_ends_the_grant_ends_what_was_exchanged() {
    let mut world = product().await;
    let orders = orders(&world).await;
    let stock = service(&world, STOCK, &["next"], |_| ()).await;
    let tokens = called_with(&mut world).await;
    let given = Tokens::of(&for_stock(&orders, &tokens.access).await);
    assert!(stock.is_active(&given.access).await);
    world.rp.revoke(&tokens.refresh).await.ok();
    assert!(!stock.is_active(&given.access).await);
    for_stock(&orders, &tokens.access).await.refused(400, "invalid_request");
    exchange(&stock, &given.access, &[("audience", "next")])
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn a_revoked_token_is_not_exchanged_and_the_caller_can_revoke_its_own() {
    let mut world = product().await;
    let orders = orders(&world).await;
    let stock = service(&world, STOCK, &["next"], |_| ()).await;
    let tokens = called_with(&mut world).await;
    let given = Tokens::of(&for_stock(&orders, &tokens.access).await);
    orders.revoke(&given.access).await.ok();
    assert!(!stock.is_active(&given.access).await && orders.is_active(&tokens.access).await);
    world.rp.revoke(&tokens.access).await.ok();
    for_stock(&orders, &tokens.access).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_disabled_subject_actor_or_client_ends_everything_within_a_second() {
    enum Who {
        Person,
        Product,
        FirstActor,
        LastActor,
    }
    for who in [Who::Person, Who::Product, Who::FirstActor, Who::LastActor] {
        let mut world = product().await;
        let orders = orders(&world).await;
        let stock = service(&world, STOCK, &["next"], |_| ()).await;
        let next = service(&world, "https://next.test", &["x"], |m| m.client_uri = None).await;
        world
            .app
            .change_client(&stock.id, |c| c.metadata.token_exchange_audiences.push(next.id.to_string()))
            .await;
        let tokens = called_with(&mut world).await;
        let first = Tokens::of(&for_stock(&orders, &tokens.access).await);
        let to_next = [("audience", next.id.as_str())];
        eventually("the longer list is known", || async {
            exchange(&stock, &first.access, &to_next).await.code() == 200
        })
        .await;
        let second = Tokens::of(&exchange(&stock, &first.access, &to_next).await);
        assert!(next.is_active(&second.access).await);
        match who {
            Who::Person => world.app.set_disabled(&world.person, true).await,
            Who::Product => world.app.change_client(&world.rp.id, |client| client.disabled = true).await,
            Who::FirstActor => world.app.change_client(&orders.id, |client| client.disabled = true).await,
            Who::LastActor => world.app.change_client(&stock.id, |client| client.disabled = true).await,
        }
        eventually("the last token is dead", || async { !next.is_active(&second.access).await }).await;
        let dead = exchange(&next, &second.access, &[("audience", "x")]).await;
        dead.refused(400, "invalid_request");
        let refused = exchange(&stock, &first.access, &to_next).await;
        assert!(
            matches!(refused.error().as_str(), "invalid_request" | "invalid_client"),
            "{}",
            refused.body
        );
    }
}

#[tokio::test]
async fn an_exchange_is_written_down_once_and_a_refusal_not_at_all() {
    let mut world = product().await;
    let orders = orders(&world).await;
    let tokens = called_with(&mut world).await;
    let count = async || kabinet_store::audit::count(world.app.store.db(), "token.exchanged").await.unwrap();
    exchange(&orders, &tokens.access, &[("resource", ORDERS)])
        .await
        .refused(400, "invalid_target");
    for_stock(&orders, "x").await.refused(400, "invalid_request");
    assert_eq!(count().await, 0);
    Tokens::of(&for_stock(&orders, &tokens.access).await);
    assert_eq!(count().await, 1);
}
