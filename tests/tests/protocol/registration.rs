//! Dynamic registration (RFC 7591), its management (RFC 7592), pairwise subjects (OpenID Connect Core §8.1), and what must not
//! come of them (V31, V38).

use http::Method;
use kabinet::config::{Config, RegistrationMode};
use kabinet_core::client::{Profile, SubjectType};
use kabinet_core::id::ClientId;
use kabinet_core::secret::{TokenHash, TokenKind};
use kabinet_core::time::Timestamp;
use kabinet_store::registration::InitialToken;
use kabinet_tests::{Answer, PASSWORD, Published, Rp, TestApp, Tokens, jwt};
use serde_json::{Value, json};

const JSON: (&str, &str) = ("content-type", "application/json");

pub(crate) async fn app_with(mode: RegistrationMode, change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::start_with(|config| {
        config.registration.mode = mode;
        config.outbound.allow = vec!["127.0.0.0/8".parse().unwrap()];
        change(config);
    })
    .await
}

pub(crate) async fn open() -> TestApp {
    app_with(RegistrationMode::Open, |config| config.registration.per_hour = 1000).await
}

pub(crate) async fn call(app: &TestApp, method: Method, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let authorization = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![JSON];
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    app.call(method, path, &headers, &body).await
}

pub(crate) async fn register(app: &TestApp, body: &Value) -> Answer {
    call(app, Method::POST, "/oauth2/register", None, body).await
}

pub(crate) fn web(more: Value) -> Value {
    let mut body = json!({"redirect_uris": ["https://rp.test/cb"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// A client that registered itself, as its own software sees it.
pub(crate) async fn rp_of(app: &TestApp, answer: &Answer) -> Rp {
    let said = answer.json();
    let id = ClientId::from(said["client_id"].as_str().unwrap());
    let client = kabinet_store::client::by_id(app.store.db(), &id).await.unwrap().unwrap();
    app.rp(client, said["client_secret"].as_str().map(str::to_owned))
}

pub(crate) fn text<'a>(said: &'a Value, name: &str) -> &'a str {
    said[name].as_str().unwrap()
}

/// The path and the token by which a client manages itself.
pub(crate) fn management(said: &Value) -> (String, String) {
    let uri = text(said, "registration_client_uri").strip_prefix("https://id.test").unwrap().to_owned();
    (uri, text(said, "registration_access_token").to_owned())
}

pub(crate) async fn initial_token(app: &TestApp, uses: i64, life: i64) -> String {
    let token = TokenKind::InitialAccess.generate(&*app.ambient.entropy);
    let now = Timestamp(app.now());
    let new = InitialToken {
        id: format!("{uses}-{life}"),
        label: String::new(),
        uses_left: uses,
        created_at: now,
        expires_at: now.plus(life),
    };
    let mut tx = app.store.begin().await.unwrap();
    kabinet_store::registration::issue(&mut tx, &new, &TokenHash::of(token.expose()))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    token.expose().to_owned()
}

#[tokio::test]
async fn a_client_that_registered_itself_is_told_every_default_and_signs_people_in() {
    let app = open().await;
    let facts = app.get("/.well-known/openid-configuration").await.ok().json();
    assert_eq!(facts["registration_endpoint"], "https://id.test/oauth2/register");
    let answer = register(
        &app,
        &web(json!({"client_name": "Ромашка", "grant_types": ["authorization_code", "refresh_token"]})),
    )
    .await;
    assert_eq!((answer.code(), answer.header("cache-control")), (201, "no-store"), "{}", answer.body);
    let said = answer.json();
    assert_eq!(said["client_secret_expires_at"], 0);
    assert_eq!(said["client_id_issued_at"], app.now());
    for (name, value) in [
        ("client_name", json!("Ромашка")),
        ("redirect_uris", json!(["https://rp.test/cb"])),
        ("response_types", json!(["code"])),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("application_type", json!("web")),
        ("id_token_signed_response_alg", json!("RS256")),
    ] {
        assert_eq!(said[name], value, "{name}");
    }
    assert!(said.get("first_party").is_none() && said.get("profile").is_none());
    let rp = rp_of(&app, &answer).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let ask = rp.ask_for("openid profile offline_access");
    browser.get(&ask.url()).await;
    app.fill_in(&mut browser, &person).await;
    assert!(browser.page.has("consent-form"), "a client that registered itself is a third party");
    let tokens = rp.sign_in_with(&app, &mut browser, &person, &ask).await;
    rp.verify(&tokens.id).await;
    Tokens::of(&rp.refresh(&tokens.refresh).await);
}

#[tokio::test]
async fn what_a_client_links_to_is_shown_and_its_picture_is_not_loaded() {
    let app = open().await;
    let links = json!({
        "logo_uri": "https://rp.test/logo.png", "policy_uri": "https://rp.test/policy?a=1&b=2", "tos_uri": "https://rp.test/terms",
        "client_uri": "https://rp.test/", "contacts": ["admin@rp.test"], "software_id": "s", "software_version": "1.2",
    });
    let answer = register(&app, &web(links.clone())).await;
    assert_eq!(answer.code(), 201, "{}", answer.body);
    for (name, value) in links.as_object().unwrap() {
        assert_eq!(answer.json()[name], *value);
    }
    let rp = rp_of(&app, &answer).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    browser.get(&rp.ask().url()).await;
    let shows = |page: &kabinet_tests::Page| {
        let links = page.html.attributes("a", "href");
        assert!(links.iter().any(|href| href == "https://rp.test/policy?a=1&b=2"), "{links:?}");
        assert!(links.iter().any(|href| href == "https://rp.test/terms"), "{links:?}");
        assert!(
            !page.source().contains("logo.png"),
            "a picture from elsewhere tells that place who signs in"
        );
    };
    assert!(browser.page.has("login-form"));
    shows(&browser.page);
    app.fill_in(&mut browser, &person).await;
    assert!(browser.page.has("consent-form"));
    shows(&browser.page);
}

#[tokio::test]
async fn bad_redirect_uris_are_not_registered() {
    let app = open().await;
    for uri in [
        "https://rp.test/cb#fragment",
        "https://rp.test/cb#",
        "http://rp.test/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "com.example:/cb",
        "https://user@rp.test/cb",
        "//rp.test/cb",
        "https://rp.test/\u{202e}cb",
        "https://rp.test/*\\",
        "",
    ] {
        register(&app, &json!({"redirect_uris": [uri]}))
            .await
            .refused(400, "invalid_redirect_uri");
    }
    register(&app, &json!({})).await.refused(400, "invalid_redirect_uri");
    let many: Vec<String> = (0..33).map(|n| format!("https://rp.test/{n}")).collect();
    register(&app, &json!({"redirect_uris": many})).await.refused(400, "invalid_redirect_uri");
    register(&app, &json!({"redirect_uris": [format!("https://rp.test/{}", "x".repeat(2048))]}))
        .await
        .refused(400, "invalid_redirect_uri");
}

#[tokio::test]
async fn an_address_that_begins_a_sign_in_is_https_without_a_fragment() {
    let app = open().await;
    let good = register(&app, &web(json!({"initiate_login_uri": "https://rp.test/start"}))).await;
    assert_eq!((good.code(), &good.json()["initiate_login_uri"]), (201, &json!("https://rp.test/start")));
    let (path, token) = management(&good.json());
    let read = call(&app, Method::GET, &path, Some(&token), &Value::Null).await.ok().json();
    assert_eq!(read["initiate_login_uri"], "https://rp.test/start");
    for bad in [
        "http://rp.test/start",
        "http://localhost/start",
        "https://rp.test/start#x",
        "rp.test",
        "javascript:x",
    ] {
        register(&app, &web(json!({"initiate_login_uri": bad})))
            .await
            .refused(400, "invalid_client_metadata");
    }
}

#[tokio::test]
async fn a_sector_lists_every_redirect_uri() {
    let app = open().await;
    let published = Published::new(&json!(["https://rp.test/cb", "https://other.test/cb"])).await;
    let two = |subject: &str| {
        json!({
            "redirect_uris": ["https://rp.test/cb", "https://other.test/cb"], "subject_type": subject,
            "sector_identifier_uri": published.url,
        })
    };
    assert_eq!(register(&app, &two("pairwise")).await.code(), 201);
    assert_eq!(register(&app, &two("public")).await.code(), 201);
    // Two hosts and nothing that joins them.
    register(
        &app,
        &json!({"redirect_uris": ["https://rp.test/cb", "https://other.test/cb"], "subject_type": "pairwise"}),
    )
    .await
    .refused(400, "invalid_client_metadata");
    for listed in [json!(["https://rp.test/cb"]), json!([]), json!({"redirect_uris": []}), json!("x"), json!([1])] {
        published.change(&listed);
        for subject in ["pairwise", "public"] {
            register(&app, &two(subject)).await.refused(400, "invalid_client_metadata");
        }
    }
}

#[tokio::test]
async fn pairwise_clients_cannot_compare_their_subjects_and_everything_else_works() {
    let app = TestApp::start().await;
    let person = app.user_with("anna@example.ru", PASSWORD, &json!({"name": "Анна"})).await;
    let pairwise = |host: &'static str| {
        move |metadata: &mut kabinet_core::client::ClientMetadata| {
            metadata.subject_type = SubjectType::Pairwise;
            metadata.redirect_uris = vec![format!("https://{host}/cb")];
        }
    };
    let one = app.client(Profile::Web, pairwise("one.test")).await;
    let same = app.client(Profile::Web, pairwise("one.test")).await;
    let two = app.client(Profile::Web, pairwise("two.test")).await;
    let mut browser = app.browser();
    let mut subjects = Vec::new();
    for rp in [&one, &same, &two] {
        let tokens = rp
            .sign_in_with(&app, &mut browser, &person, &rp.ask_for("openid profile offline_access"))
            .await;
        let subject = rp.verify(&tokens.id).await["sub"].as_str().unwrap().to_owned();
        assert_ne!(subject, person.id.as_str());
        // Every place says the same.
        assert_eq!(jwt::parts(&tokens.access).1["sub"], subject);
        let info = rp.userinfo(&tokens.access).await.ok().json();
        assert_eq!((info["sub"].as_str(), info["name"].as_str()), (Some(subject.as_str()), Some("Анна")));
        for token in [&tokens.access, &tokens.refresh] {
            let seen = rp.introspect(token).await;
            assert_eq!((&seen["active"], seen["sub"].as_str()), (&json!(true), Some(subject.as_str())));
        }
        let next = Tokens::of(&rp.refresh(&tokens.refresh).await);
        assert_eq!(rp.verify(&next.id).await["sub"], subject, "the same for ever");
        // The hint means the person, in a request and at sign-out.
        let again = rp
            .authorize(&mut browser, &rp.ask().with("prompt", "none").with("id_token_hint", &tokens.id))
            .await;
        assert!(!again.code().is_empty());
        let everything = format!("{}{}{info}", jwt::parts(&tokens.id).1, jwt::parts(&tokens.access).1);
        assert!(!everything.contains(person.id.as_str()), "the person's own id is nowhere");
        subjects.push((subject, next));
    }
    assert_eq!(subjects[0].0, subjects[1].0, "one sector, one subject");
    assert_ne!(subjects[0].0, subjects[2].0);
    // Another person's hint is not this person.
    let (stranger, mut elsewhere) = (app.anyone().await, app.browser());
    let tokens = one.sign_in_with(&app, &mut elsewhere, &stranger, &one.ask()).await;
    let ask = one.ask().with("prompt", "none").with("id_token_hint", &tokens.id);
    assert_eq!(one.authorize(&mut browser, &ask).await.get("error"), "login_required");
    // A person who is disabled is gone for pairwise clients, too.
    app.set_disabled(&person, true).await;
    let (_, tokens) = &subjects[2];
    kabinet_tests::eventually("the token is dead", async || two.userinfo(&tokens.access).await.code() == 401).await;
}

#[tokio::test]
async fn a_default_max_age_is_kept() {
    let app = open().await;
    let answer = register(&app, &web(json!({"default_max_age": 100, "require_auth_time": true}))).await;
    let rp = rp_of(&app, &answer).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in_with(&app, &mut browser, &person, &rp.ask()).await;
    assert_eq!(rp.verify(&tokens.id).await["auth_time"], app.now());
    app.clock.advance(101);
    browser.get(&rp.ask().url()).await;
    assert!(browser.page.has("login-form"), "older than default_max_age");
    let longer = rp.authorize(&mut browser, &rp.ask().with("max_age", "1000")).await;
    assert!(!longer.code().is_empty(), "what the request says goes first");
}

#[tokio::test]
async fn where_registration_is_closed_nobody_registers_and_nothing_announces_it() {
    let app = TestApp::start().await;
    let facts = app.get("/.well-known/openid-configuration").await.ok().json();
    assert!(facts.get("registration_endpoint").is_none());
    let token = initial_token(&app, 5, 3600).await;
    for token in [None, Some(token.as_str()), Some("x")] {
        call(&app, Method::POST, "/oauth2/register", token, &web(json!({})))
            .await
            .refused(403, "access_denied");
    }
}

#[tokio::test]
async fn an_initial_access_token_registers_as_often_as_it_says_and_until_it_ends() {
    let app = app_with(RegistrationMode::Token, |_| ()).await;
    let anonymous = register(&app, &web(json!({}))).await;
    assert_eq!(anonymous.code(), 401);
    assert_eq!(
        anonymous.header("www-authenticate"),
        "Bearer realm=\"kabinet\"",
        "no error code without a token"
    );
    let post = async |token: &str, body: Value| call(&app, Method::POST, "/oauth2/register", Some(token), &body).await;
    let two = initial_token(&app, 2, 3600).await;
    for bad in ["x", "", &two[1..], &two.replace("kbn_ia_", "kbn_at_")] {
        let answer = post(bad, web(json!({}))).await;
        answer.refused(401, "invalid_token");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    // What is refused spends nothing.
    post(&two, json!({})).await.refused(400, "invalid_redirect_uri");
    let answers = futures_util::future::join_all((0..8).map(|_| post(&two, web(json!({}))))).await;
    assert_eq!(answers.iter().filter(|answer| answer.code() == 201).count(), 2);
    post(&two, web(json!({}))).await.refused(401, "invalid_token");
    let old = initial_token(&app, 2, 60).await;
    app.clock.advance(60);
    post(&old, web(json!({}))).await.refused(401, "invalid_token");
    // It opens nothing else.
    for path in ["/oauth2/userinfo", "/oauth2/register/x"] {
        assert_eq!(call(&app, Method::GET, path, Some(&two), &Value::Null).await.code(), 401);
    }
}

#[tokio::test]
async fn a_network_registers_a_few_clients_an_hour_and_bad_requests_count_nothing() {
    let app = app_with(RegistrationMode::Open, |config| config.registration.per_hour = 3).await;
    for _ in 0..10 {
        register(&app, &json!({})).await.refused(400, "invalid_redirect_uri");
    }
    for _ in 0..3 {
        assert_eq!(register(&app, &web(json!({}))).await.code(), 201);
    }
    register(&app, &web(json!({}))).await.refused(503, "temporarily_unavailable");
    let token = initial_token(&app, 1, 3600).await;
    let by_token = call(&app, Method::POST, "/oauth2/register", Some(&token), &web(json!({}))).await;
    assert_eq!(by_token.code(), 201, "who was given a token is nobody unknown");
    app.clock.advance(3601);
    assert_eq!(register(&app, &web(json!({}))).await.code(), 201);
}

#[tokio::test]
async fn clients_that_nobody_used_go_after_a_week_and_others_stay() {
    let app = open().await;
    let unused = register(&app, &web(json!({}))).await;
    let used = register(&app, &web(json!({}))).await;
    let token = initial_token(&app, 1, 3600).await;
    let by_token = call(&app, Method::POST, "/oauth2/register", Some(&token), &web(json!({}))).await;
    let by_hand = app.client(Profile::Web, |_| ()).await;
    let rp = rp_of(&app, &used).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    rp.sign_in_with(&app, &mut browser, &person, &rp.ask()).await;
    let provider = app.provider().await;
    app.clock.advance(7 * 86_400 - 1);
    assert_eq!(provider.sweep_registrations().await.unwrap(), 0);
    app.clock.advance(2);
    assert_eq!(provider.sweep_registrations().await.unwrap(), 1);
    app.clock.advance(86_400);
    assert_eq!(provider.sweep_registrations().await.unwrap(), 0);
    let is_there =
        async |id: &str| kabinet_store::client::by_id(app.store.db(), &ClientId::from(id)).await.unwrap().is_some();
    assert!(!is_there(text(&unused.json(), "client_id")).await);
    for kept in [text(&used.json(), "client_id"), text(&by_token.json(), "client_id"), by_hand.id.as_str()] {
        assert!(is_there(kept).await);
    }
    let id = text(&unused.json(), "client_id").to_owned();
    let gone = format!(
        "/oauth2/authorize?client_id={id}&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Frp.test%2Fcb"
    );
    kabinet_tests::eventually("the node hears of it", async || app.get(&gone).await.code() == 400).await;
}

/// V38
#[tokio::test]
async fn nobody_raises_themselves_by_registration() {
    let app = open().await;
    let privileges = json!({
        "first_party": true, "admin_role": "owner", "brand": "edo", "profile": "machine", "resources": ["https://api.test/"],
        "default_resource": "https://api.test/", "required_claims": [], "login_methods": ["password"], "disabled": false,
        "scope": "openid kabinet:admin docs:write org", "client_id": "chosen", "client_secret": "chosen", "secrets": [],
        "access_token_format": "opaque", "id": "chosen", "created_at": 1, "held": [],
    });
    let plain = register(&app, &web(json!({"scope": "openid"}))).await;
    let raised = register(&app, &web(privileges.clone())).await;
    assert_eq!(raised.code(), 201, "{}", raised.body);
    let (one, two) = (rp_of(&app, &plain).await, rp_of(&app, &raised).await);
    assert_eq!(one.metadata, two.metadata);
    assert_ne!(two.id.as_str(), "chosen");
    let said = raised.json();
    let (path, token) = management(&said);
    let mut body = web(privileges);
    body["client_id"] = said["client_id"].clone();
    body.as_object_mut().unwrap().remove("client_secret");
    let changed = call(&app, Method::PUT, &path, Some(&token), &body).await;
    assert_eq!(changed.code(), 200, "{}", changed.body);
    assert_eq!(rp_of(&app, &changed).await.metadata, one.metadata);
    for grant in ["client_credentials", "urn:ietf:params:oauth:grant-type:device_code", "password", "implicit"] {
        register(&app, &web(json!({"grant_types": ["authorization_code", grant]})))
            .await
            .refused(400, "invalid_client_metadata");
    }
}

#[tokio::test]
async fn requests_that_are_no_registration_are_told_so() {
    let app = open().await;
    let post = async |kind: &str, body: &str| {
        app.call(Method::POST, "/oauth2/register", &[("content-type", kind)], body).await
    };
    for (kind, body) in [
        ("application/x-www-form-urlencoded", "redirect_uris=x"),
        ("text/plain", "{\"redirect_uris\":[\"https://rp.test/cb\"]}"),
        ("application/json", ""),
        ("application/json", "[]"),
        ("application/json", "{"),
        (
            "application/json",
            "{\"redirect_uris\":[\"https://rp.test/cb\"],\"redirect_uris\":[\"https://evil.test/cb\"]}",
        ),
        ("application/json", &format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500))),
    ] {
        post(kind, body).await.refused(400, "invalid_client_metadata");
    }
    assert_eq!(post("application/json", &"x".repeat(70_000)).await.code(), 413);
    assert_eq!(post("application/json; charset=utf-8", &web(json!({})).to_string()).await.code(), 201);
    let said = register(&app, &web(json!({}))).await.json();
    let (path, token) = management(&said);
    for spoilt in [
        web(json!({})),
        web(json!({"client_id": "other"})),
        web(json!({"client_id": said["client_id"], "client_secret": "other"})),
        web(json!({"client_id": said["client_id"], "registration_access_token": token})),
        web(json!({"client_id": said["client_id"], "client_id_issued_at": 1})),
    ] {
        call(&app, Method::PUT, &path, Some(&token), &spoilt)
            .await
            .refused(400, "invalid_client_metadata");
    }
    call(&app, Method::GET, &path, Some(&token), &Value::Null).await.ok();
}

/// R22, quick form: addresses that a registration makes us call.
#[tokio::test]
async fn what_a_registration_names_is_called_only_where_the_operator_allows() {
    let app = TestApp::start_with(|config| config.registration.mode = RegistrationMode::Open).await;
    let forbidden = Published::new(&json!(["https://rp.test/cb"])).await;
    let port = forbidden.url.rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let mut answers = std::collections::BTreeSet::new();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::ffff:7f00:1]:{port}/"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://10.0.0.1/".to_owned(),
        "https://0.0.0.0/".to_owned(),
    ] {
        app.clock.advance(3601);
        let answer = register(&app, &web(json!({"sector_identifier_uri": url}))).await;
        answer.refused(400, "invalid_client_metadata");
        answers.insert(answer.body);
    }
    for url in [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://rp.test/",
        "http://10.0.0.1/",
        "https://u:p@rp.test/",
        // Another spelling than a browser's is refused before anything is asked.
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
    ] {
        register(&app, &web(json!({"sector_identifier_uri": url})))
            .await
            .refused(400, "invalid_client_metadata");
    }
    assert_eq!(forbidden.calls(), 0);
    assert_eq!(answers.len(), 1, "the answer tells nothing of what is there: {answers:?}");
}
