//! RFC 8693 with an API token as the subject token: who gets what for it, and who gets nothing.

use kabinet_core::api_token::{self, ApiToken, Networks};
use kabinet_core::audit::Origin;
use kabinet_core::client::{ClientMetadata, GrantType, Profile, SubjectType, TokenFormat};
use kabinet_core::id::ApiTokenId;
use kabinet_core::organisation::{Named, Proof, Typed};
use kabinet_core::scope::Scope;
use kabinet_core::secret::TokenHash;
use kabinet_core::time::Timestamp;
use kabinet_identity::{MadeApiToken, NewApiToken, Visit};
use kabinet_store::api_token as store;
use kabinet_tests::{Answer, Person, Rp, TestApp, Tokens, eventually, jwt};
use serde_json::json;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const API_TOKEN: &str = "urn:kabinet:token-type:api-token";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const STOCK: &str = "https://stock.test";
const DAY: i64 = 24 * 3600;

/// A provider where API tokens may have the scope of an API, too.
async fn start() -> TestApp {
    TestApp::start_with(|config| config.api_tokens.scopes.push("stock".to_owned())).await
}

fn visit() -> Visit {
    Visit {
        origin: Origin::default(),
        network: String::new(),
        binding: TokenHash::of("x"),
        flow: None,
        client: None,
        brand: kabinet_core::brand::Brands::built_in().shared(None),
        devices: Vec::new(),
        language: kabinet_core::language::Language::default(),
        country: None,
        work: None,
    }
}

fn new(scope: &str) -> NewApiToken {
    NewApiToken {
        name: "Выгрузка".to_owned(),
        scope: Scope::parse(scope).unwrap(),
        client: None,
        organisation: None,
        life: 30 * DAY,
        networks: Networks::default(),
    }
}

async fn make(app: &TestApp, person: &Person, new: &NewApiToken) -> MadeApiToken {
    app.identity.make_api_token(&person.id, new, &visit()).await.unwrap()
}

/// A service that may exchange for the stock.
async fn service(app: &TestApp, change: impl FnOnce(&mut ClientMetadata)) -> Rp {
    let change = |m: &mut ClientMetadata| {
        m.grant_types.push(GrantType::TokenExchange);
        m.scope = Scope::parse("openid profile email org stock").unwrap();
        m.token_exchange_audiences = vec![STOCK.to_owned()];
        change(m);
    };
    app.client(Profile::Machine, change).await
}

/// An application that people installed, which proves nothing about itself.
async fn installed(app: &TestApp) -> Rp {
    let change = |m: &mut ClientMetadata| {
        m.grant_types.push(GrantType::TokenExchange);
        m.scope = Scope::parse("openid profile email").unwrap();
    };
    app.client(Profile::Native, change).await
}

async fn exchange(client: &Rp, token: &str, more: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", GRANT), ("subject_token", token), ("subject_token_type", API_TOKEN)];
    client.token(&[&form[..], more].concat()).await
}

#[tokio::test]
async fn an_api_token_gets_a_short_access_token_and_nothing_else() {
    let app = start().await;
    let (person, service) = (app.anyone().await, service(&app, |_| ()).await);
    let made = make(&app, &person, &new("openid profile stock")).await;
    let answer = exchange(&service, made.text.expose(), &[]).await.ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    let given = Tokens::of(&answer);
    assert_eq!((given.refresh.as_str(), given.id.as_str()), ("", ""));
    assert_eq!(given.json["issued_token_type"], ACCESS_TOKEN);
    assert_eq!(
        (&given.json["token_type"], &given.json["expires_in"], &given.json["scope"]),
        (&json!("Bearer"), &json!(300), &json!("openid profile stock"))
    );
    let (header, claims) = jwt::parts(&given.access);
    jwt::verify(&given.access, &service.jwks().await).unwrap();
    assert_eq!((&header["typ"], &claims["sub"]), (&json!("at+jwt"), &json!(person.id)));
    assert_eq!((&claims["aud"], &claims["client_id"]), (&json!(["https://id.test"]), &json!(service.id)));
    for absent in ["auth_time", "acr", "amr", "act", "org"] {
        assert!(claims.get(absent).is_none(), "{absent}: nobody has signed in here");
    }
    assert_eq!(service.introspect(&given.access).await["active"], true);
    assert_eq!(service.userinfo(&given.access).await.ok().json()["sub"], json!(person.id));
}

#[tokio::test]
async fn scope_and_target_are_only_narrowed() {
    let app = start().await;
    let (person, service) = (app.anyone().await, service(&app, |_| ()).await);
    let made = make(&app, &person, &new("profile stock orgs")).await;
    let text = made.text.expose();
    // What the token and the client have in common.
    assert_eq!(Tokens::of(&exchange(&service, text, &[]).await).json["scope"], "profile stock");
    let narrow = Tokens::of(&exchange(&service, text, &[("scope", "stock"), ("resource", STOCK)]).await);
    let (_, claims) = jwt::parts(&narrow.access);
    assert_eq!((&claims["scope"], &claims["aud"]), (&json!("stock"), &json!([STOCK])));
    for scope in ["email", "orgs", "stock email", "kabinet:admin", "offline_access", "openid", "  "] {
        exchange(&service, text, &[("scope", scope)]).await.refused(400, "invalid_scope");
    }
    for target in ["https://other.test", "https://id.test", "https://id.test/api/admin/v1", " "] {
        exchange(&service, text, &[("resource", target)]).await.refused(400, "invalid_target");
        let both = [("resource", STOCK), ("audience", target)];
        exchange(&service, text, &both).await.refused(400, "invalid_target");
    }
    let stranger = service_without_scope(&app).await;
    exchange(&stranger, text, &[]).await.refused(400, "invalid_scope");
}

async fn service_without_scope(app: &TestApp) -> Rp {
    service(app, |m| m.scope = Scope::parse("something").unwrap()).await
}

#[tokio::test]
async fn without_a_target_the_token_is_for_the_clients_default_resource() {
    let app = start().await;
    let person = app.anyone().await;
    let service = service(&app, |m| m.default_resource = Some(STOCK.to_owned())).await;
    let made = make(&app, &person, &new("stock")).await;
    let given = Tokens::of(&exchange(&service, made.text.expose(), &[]).await);
    assert_eq!(jwt::parts(&given.access).1["aud"], json!([STOCK]));
}

#[tokio::test]
async fn what_is_no_good_token_is_refused_in_plain_json() {
    let app = start().await;
    let (person, service) = (app.anyone().await, service(&app, |_| ()).await);
    let said = |answer: Answer| answer.refused(400, "invalid_request").json()["error_description"].to_string();
    let made = make(&app, &person, &new("profile")).await;
    let text = made.text.expose();
    let mut broken = text.to_owned();
    let last = if broken.pop() == Some('0') { '1' } else { '0' };
    broken.push(last);
    let spaced = format!("{text} ");
    for wrong in [
        &broken,
        &spaced,
        &text.to_lowercase(),
        &text[..47],
        "kbn_pat_",
        "kbn_rt_x",
        "x",
        &"k".repeat(10_000),
    ] {
        assert!(said(exchange(&service, wrong, &[]).await).contains("check sum"), "{wrong}");
    }
    let unknown = api_token::generate(&*app.ambient.entropy);
    assert!(said(exchange(&service, unknown.expose(), &[]).await).contains("unknown or was revoked"));

    let elsewhere = NewApiToken {
        networks: Networks::parse("198.51.100.0/24, 2001:db8::/32").unwrap(),
        ..new("profile")
    };
    let elsewhere = make(&app, &person, &elsewhere).await;
    assert!(said(exchange(&service, elsewhere.text.expose(), &[]).await).contains("address"));
    let here = NewApiToken {
        networks: Networks::parse("127.0.0.0/8").unwrap(),
        ..new("profile")
    };
    let here = make(&app, &person, &here).await;
    drop(Tokens::of(&exchange(&service, here.text.expose(), &[]).await));

    let other = service_without_scope(&app).await;
    let bound = make(&app, &person, &NewApiToken { client: Some(other.id.clone()), ..new("profile") }).await;
    assert!(said(exchange(&service, bound.text.expose(), &[]).await).contains("another client"));

    app.clock.advance(30 * DAY);
    assert!(said(exchange(&service, text, &[]).await).contains("expired"));
}

#[tokio::test]
async fn other_kinds_of_tokens_and_actors_are_refused() {
    let app = start().await;
    let (person, service) = (app.anyone().await, service(&app, |_| ()).await);
    let made = make(&app, &person, &new("profile")).await;
    let text = made.text.expose();
    for kind in [
        "",
        "urn:ietf:params:oauth:token-type:jwt",
        "urn:ietf:params:oauth:token-type:id_token",
        "urn:kabinet:token-type:API-token",
        ACCESS_TOKEN,
    ] {
        let form = [("grant_type", GRANT), ("subject_token", text), ("subject_token_type", kind), ("resource", STOCK)];
        service.token(&form).await.refused(400, "invalid_request");
    }
    for more in [
        ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:id_token"),
        ("requested_token_type", API_TOKEN),
        ("actor_token", text),
        ("actor_token_type", ACCESS_TOKEN),
    ] {
        exchange(&service, text, &[more]).await.refused(400, "invalid_request");
    }
    let form = [("grant_type", GRANT), ("subject_token_type", API_TOKEN)];
    service.token(&form).await.refused(400, "invalid_request");
    // An API token is none of the provider's own tokens.
    service.userinfo(text).await.refused(401, "invalid_token");
    assert!(!service.is_active(text).await);
    service.refresh(text).await.refused(400, "unauthorized_client");
    let plain = app.client(Profile::Machine, |_| ()).await;
    exchange(&plain, text, &[]).await.refused(400, "unauthorized_client");
}

#[tokio::test]
async fn an_installed_application_exchanges_api_tokens_and_nothing_else() {
    let app = start().await;
    let (person, native) = (app.anyone().await, installed(&app).await);
    let made = make(&app, &person, &new("openid profile")).await;
    let given = Tokens::of(&exchange(&native, made.text.expose(), &[]).await);
    assert_eq!(native.userinfo(&given.access).await.ok().json()["sub"], json!(person.id));
    let form = [
        ("grant_type", GRANT),
        ("subject_token", given.access.as_str()),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", "anybody"),
    ];
    native.token(&form).await.refused(400, "unauthorized_client");
    exchange(&native, made.text.expose(), &[("resource", STOCK)])
        .await
        .refused(400, "invalid_target");
}

#[tokio::test]
async fn what_came_of_a_token_dies_with_it_and_with_its_owner() {
    let app = start().await;
    let (person, service) = (app.anyone().await, service(&app, |_| ()).await);
    for is_revoked in [true, false] {
        let made = make(&app, &person, &new("openid profile")).await;
        let given = Tokens::of(&exchange(&service, made.text.expose(), &[]).await);
        assert!(service.is_active(&given.access).await);
        if is_revoked {
            assert!(
                app.identity
                    .revoke_api_token(&person.id, &made.token.id, &Origin::default())
                    .await
                    .unwrap()
            );
        } else {
            app.set_disabled(&person, true).await;
        }
        eventually("the access token is dead", async || !service.is_active(&given.access).await).await;
        service.userinfo(&given.access).await.refused(401, "invalid_token");
        exchange(&service, made.text.expose(), &[]).await.refused(400, "invalid_request");
    }
    // Enabled again, the person makes a new one: what was open before stays shut.
    app.set_disabled(&person, false).await;
    let tokens = app.identity.api_tokens_of(&person.id).await.unwrap();
    assert!(tokens.iter().all(|token| token.ended_at.is_some()));
}

#[tokio::test]
async fn an_access_token_ends_with_its_api_token_at_the_latest_and_the_use_is_noted_to_the_minute() {
    let app = start().await;
    let (person, service) = (app.anyone().await, service(&app, |_| ()).await);
    let made = make(&app, &person, &NewApiToken { life: 400, ..new("profile") }).await;
    let text = made.text.expose();
    let used = async || app.identity.api_tokens_of(&person.id).await.unwrap().remove(0).used;
    assert_eq!(used().await, None);
    let first = app.now();
    drop(exchange(&service, text, &[]).await.ok());
    app.clock.advance(59);
    drop(exchange(&service, text, &[]).await.ok());
    let noted = used().await.unwrap();
    assert_eq!((noted.at.0, noted.ip.as_str()), (first, "127.0.0.1"));
    app.clock.advance(61);
    drop(exchange(&service, text, &[]).await.ok());
    assert_eq!(used().await.unwrap().at.0, first + 120);
    app.clock.advance(100);
    assert_eq!(exchange(&service, text, &[]).await.ok().json()["expires_in"], 180);
}

#[tokio::test]
async fn a_living_token_is_shown_however_many_were_taken_back_after_it() {
    let app = start().await;
    let person = app.anyone().await;
    let made = make(&app, &person, &new("profile")).await;
    let now = Timestamp(app.now());
    let mut tx = app.store.begin().await.unwrap();
    for n in 0..500 {
        let later = ApiToken {
            id: ApiTokenId::from(format!("later-{n}")),
            created_at: now.plus(1),
            ..made.token.clone()
        };
        store::insert(&mut tx, &later, &TokenHash::of(later.id.as_str())).await.unwrap();
        store::end(&mut tx, &later.id, &person.id, now).await.unwrap();
    }
    tx.commit().await.unwrap();
    let shown = app.identity.api_tokens_of(&person.id).await.unwrap();
    assert_eq!(shown[0].id, made.token.id);
}

#[tokio::test]
async fn the_organisation_of_the_token_stands_in_what_comes_of_it_while_the_person_acts_for_it() {
    let app = start().await;
    let (person, service) = (app.anyone().await, service(&app, |_| ()).await);
    let named = Named::read(Typed {
        inn: "7707083893", name: "Ромашка", ..Typed::default()
    })
    .unwrap();
    let known = (named.relation(), Proof::Stated);
    let held = app.identity.add_organisation(&person.id, named, known, &Origin::default()).await.unwrap();
    let id = held[0].id.clone();
    let made = make(&app, &person, &NewApiToken { organisation: Some(id.clone()), ..new("openid profile") }).await;
    let given = Tokens::of(&exchange(&service, made.text.expose(), &[]).await);
    let org = json!(held[0]);
    assert_eq!(jwt::parts(&given.access).1["org"], org);
    assert_eq!(service.userinfo(&given.access).await.ok().json()["org"], org);
    assert_eq!(service.introspect(&given.access).await["org"], org);
    let which = kabinet_store::organisation::Removable::Stated;
    assert!(
        app.identity
            .remove_organisation(&person.id, &id, which, &Origin::default())
            .await
            .unwrap()
    );
    eventually("the node has heard of it", async || {
        exchange(&service, made.text.expose(), &[]).await.code() == 400
    })
    .await;
    let answer = exchange(&service, made.text.expose(), &[]).await;
    assert!(answer.refused(400, "invalid_request").body.contains("organisation"), "{}", answer.body);
}

#[tokio::test]
async fn pairwise_subjects_and_opaque_tokens_lead_to_the_same_person_on_every_node() {
    let app = start().await;
    let person = app.anyone().await;
    let change = |m: &mut ClientMetadata| {
        m.grant_types.push(GrantType::TokenExchange);
        m.token_exchange_audiences = vec![STOCK.to_owned()];
        m.subject_type = SubjectType::Pairwise;
        m.access_token_format = TokenFormat::Opaque;
    };
    let mut rp = app.client(Profile::Web, change).await;
    let made = make(&app, &person, &new("openid profile")).await;
    let given = Tokens::of(&exchange(&rp, made.text.expose(), &[]).await);
    let sub = rp.introspect(&given.access).await["sub"].clone();
    assert_ne!(sub, json!(person.id));
    let other = app.another_node().await;
    rp.use_node(&other);
    assert_eq!(rp.userinfo(&given.access).await.ok().json()["sub"], sub);
    // And one step further: the service passes on what it got.
    let next = exchange_access(&rp, &given.access).await;
    assert_eq!(jwt_or_opaque_sub(&rp, &next).await, sub);
}

async fn exchange_access(rp: &Rp, access: &str) -> String {
    let form = [
        ("grant_type", GRANT),
        ("subject_token", access),
        ("subject_token_type", ACCESS_TOKEN),
        ("resource", STOCK),
    ];
    Tokens::of(&rp.token(&form).await).access
}

async fn jwt_or_opaque_sub(rp: &Rp, access: &str) -> serde_json::Value {
    rp.introspect(access).await["sub"].clone()
}

#[tokio::test]
async fn a_text_may_be_handed_in_by_anybody_and_the_answer_never_differs() {
    let app = start().await;
    let (person, service) = (app.anyone().await, service(&app, |_| ()).await);
    let made = make(&app, &person, &new("openid")).await;
    let given = Tokens::of(&exchange(&service, made.text.expose(), &[]).await);
    let unknown = api_token::generate(&*app.ambient.entropy);
    let long = "x".repeat(5_000);
    let texts = [made.text.expose(), made.text.expose(), unknown.expose(), "kbn_pat_x", &long, "п"];
    let mut answers = Vec::new();
    for text in texts {
        let answer = app.post("/oauth2/leaked", &[("token", text)]).await;
        let headers: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.code(), answer.body, headers));
    }
    assert_eq!(answers[0].0, 204);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(!service.is_active(&given.access).await, "at once on this node");
    exchange(&service, made.text.expose(), &[]).await.refused(400, "invalid_request");
    let told: Vec<_> = app.messages().into_iter().filter(|message| message["purpose"] == "notice").collect();
    let of_leak = |message: &&serde_json::Value| {
        message["text"].as_str().is_some_and(|text| text.contains("нашли в открытом доступе"))
    };
    assert_eq!(told.iter().filter(of_leak).count(), 1, "{told:?}");
    assert!(told.iter().all(|message| !message.to_string().contains("kbn_pat_")));
    app.post("/oauth2/leaked", &[("tokens", "x")]).await.refused(400, "invalid_request");
    app.post("/oauth2/leaked", &[("token", "x"), ("token", "y")])
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn a_network_that_hands_in_too_much_must_wait_and_another_need_not() {
    let app = start().await;
    let mut last = 0;
    for _ in 0..61 {
        last = app.post("/oauth2/leaked", &[("token", "x")]).await.code();
    }
    assert_eq!(last, 429);
    let person = app.anyone().await;
    let made = make(&app, &person, &new("openid")).await;
    let answer = app.post("/oauth2/leaked", &[("token", made.text.expose())]).await;
    assert_eq!((answer.code(), answer.header("retry-after")), (429, "3600"));
    let tokens = app.identity.api_tokens_of(&person.id).await.unwrap();
    assert_eq!(tokens[0].ended_at, None);
    let mut browser = app.browser();
    browser.ip = [198, 51, 100, 7].into();
    browser.post("/oauth2/leaked", &[("token", made.text.expose())]).await;
    let tokens = app.identity.api_tokens_of(&person.id).await.unwrap();
    assert!(tokens[0].ended_at.is_some());
}
