//! Each route called by those who may not.

use kabinet_core::client::Profile;
use kabinet_core::picture::Picture;
use kabinet_core::time::Timestamp;
use kabinet_tests::{TestApp, Tokens, basic, form_body};
use kabinet_web::Access;

use crate::table::{ROUTES, example};
use crate::world::{FORM, World};

/// A body that would be sound if the caller might call.
fn body(path: &str, token: &str) -> String {
    match path {
        "/oauth2/token" => form_body(&[("grant_type", "client_credentials")]),
        "/oauth2/userinfo" => String::new(),
        _ => form_body(&[("token", token)]),
    }
}

#[tokio::test]
async fn what_belongs_to_a_person_leads_a_stranger_to_the_sign_in_and_shows_nothing() {
    let world = World::new().await;
    let before = world.state().await;
    for (method, path, _) in ROUTES.iter().filter(|(.., access)| *access == Access::Person) {
        let answer = world
            .call((method, &example(path)), None, &[("content-type", FORM)], "end-others=1")
            .await;
        assert_eq!(answer.code(), 303, "{method} {path}");
        assert!(answer.location().starts_with("/login?flow="), "{method} {path}: {}", answer.location());
        assert!(answer.body.is_empty());
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn a_made_up_or_spoilt_session_is_no_session() {
    let world = World::new().await;
    let mut spoilt = world.browser.clone();
    let (name, value) = spoilt
        .jar
        .iter()
        .find(|(name, _)| name.contains("session"))
        .map(|(n, v)| (n.clone(), v.value.clone()))
        .unwrap();
    let shortened = value[..value.len() - 1].to_owned();
    let mut forged = vec![
        shortened,
        format!("{value}A"),
        value.to_uppercase(),
        value.replace("kbn_sid_", "kbn_rt_"),
        String::new(),
    ];
    forged.push(format!("kbn_sid_{}", "A".repeat(43)));
    for forged in forged {
        spoilt.jar.get_mut(&name).unwrap().value = forged.clone();
        for (method, path, _) in ROUTES.iter().filter(|(.., access)| *access == Access::Person) {
            let answer = world.call((method, &example(path)), Some(&spoilt), &[("content-type", FORM)], "").await;
            assert!(answer.location().starts_with("/login"), "{forged} opens {method} {path}");
        }
    }
}

#[tokio::test]
async fn a_person_sees_and_changes_only_what_is_theirs() {
    let world = World::new().await;
    let shown = ROUTES.iter().filter(|(method, _, access)| *method == "GET" && *access == Access::Person);
    // The page of a code shows nothing without one that was sent.
    for (_, path, _) in shown.filter(|(_, path, _)| !path.ends_with("/confirm")) {
        let answer = world.call(("GET", path), Some(&world.other), &[], "").await.ok();
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        assert!(
            !answer.body.contains(world.person.id.as_str()) && !answer.body.contains(&world.person.contact),
            "{path}"
        );
        assert!(!digits(&answer.body).contains(&digits(&world.person.contact)[1..]), "{path}");
    }
    let mut other = world.other.clone();
    other.get("/account/sessions").await;
    let token = other
        .page
        .html
        .form("sign-out-form")
        .unwrap()
        .fields
        .into_iter()
        .find(|one| one.name == "form-token")
        .unwrap()
        .value;
    let sessions =
        kabinet_store::session::by_user(world.app.store.db(), &world.person.id, world.app.ambient.clock.now())
            .await
            .unwrap();
    let before = world.state().await;
    let button = format!("end-session-{}", sessions[0].id);
    world
        .post("/account/sessions", Some(&other), &[("form-token", token.as_str()), (&button, "1")])
        .await;
    assert_eq!(world.state().await, before, "somebody else's session was ended");
}

#[tokio::test]
async fn client_endpoints_want_the_client_s_own_credentials_and_a_session_is_none() {
    let world = World::new().await;
    let mut browser = world.browser.clone();
    let tokens: Tokens = world.ours.sign_in(&world.app, &mut browser, &world.person).await;
    let before = world.state().await;
    let (id, secret) = (world.ours.id.as_str(), world.ours.secret.as_deref().unwrap());
    let credentials = [
        String::new(),
        "Basic".to_owned(),
        "Basic !!!".to_owned(),
        basic(id, "CANARY-wrong"),
        basic(id, ""),
        basic("nobody", secret),
        basic(world.theirs.id.as_str(), secret),
        format!("Bearer {}", tokens.access),
        format!("Bearer {secret}"),
    ];
    for (method, path, _) in ROUTES
        .iter()
        .filter(|(.., access)| matches!(access, Access::Client | Access::ConfidentialClient))
    {
        for authorization in &credentials {
            for who in [None, Some(&browser)] {
                let mut headers = vec![("content-type", FORM)];
                if !authorization.is_empty() {
                    headers.push(("authorization", authorization.as_str()));
                }
                let answer = world.call((method, path), who, &headers, &body(path, &tokens.refresh)).await;
                answer.refused(401, "invalid_client");
            }
        }
    }
    // A wrong secret of a known client is counted; nothing else happened.
    let (after, uncounted) = (world.state().await, |state: &str| {
        let lines = state.lines().skip_while(|line| !line.starts_with("throttles:")).skip(1);
        let rest = lines.skip_while(|line| line.starts_with("  ")).map(str::to_owned);
        let head = state.lines().take_while(|line| !line.starts_with("throttles:")).map(str::to_owned);
        head.chain(rest).collect::<Vec<_>>()
    });
    assert!(uncounted(&after) == uncounted(&before), "more than the throttles changed");
    assert!(world.ours.is_active(&tokens.access).await);
}

#[tokio::test]
async fn a_public_client_may_not_introspect_and_another_client_s_token_cannot_be_revoked() {
    let world = World::new().await;
    let public = world.app.client(Profile::Spa, |_| ()).await;
    let mut browser = world.browser.clone();
    let tokens = world.ours.sign_in(&world.app, &mut browser, &world.person).await;
    let before = world.state().await;
    public
        .post("/oauth2/introspect", &[("token", &tokens.access)])
        .await
        .refused(401, "invalid_client");
    assert_eq!(world.theirs.introspect(&tokens.access).await, serde_json::json!({"active": false}));
    for token in [&tokens.refresh, &tokens.access] {
        world.theirs.revoke(token).await.refused(400, "invalid_grant");
        public.revoke(token).await.refused(400, "invalid_grant");
    }
    assert_eq!(world.state().await, before);
    assert!(world.ours.is_active(&tokens.access).await);
}

#[tokio::test]
async fn bearer_endpoints_want_an_access_token_of_ours_and_nothing_else_will_do() {
    let world = World::new().await;
    let mut browser = world.browser.clone();
    let ask = world.ours.ask_for("openid offline_access");
    let tokens = world.ours.sign_in_with(&world.app, &mut browser, &world.person, &ask).await;
    let machine = world.app.client(Profile::Machine, |_| ()).await;
    let service = Tokens::of(&machine.token(&[("grant_type", "client_credentials")]).await);
    let spoilt = format!("{}x", tokens.access);
    let wrong = [
        "",
        "x",
        &tokens.refresh,
        &tokens.id,
        &spoilt,
        &service.access,
        world.ours.secret.as_deref().unwrap(),
    ];
    for (method, path, _) in ROUTES.iter().filter(|(.., access)| *access == Access::Bearer) {
        for token in wrong {
            let answer = world
                .call((method, path), Some(&browser), &[("authorization", &format!("Bearer {token}"))], "")
                .await;
            assert!(matches!(answer.code(), 401 | 403), "{method} {path} with {token:.12}…: {}", answer.body);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
            assert!(!answer.body.contains(world.person.id.as_str()));
        }
        let answer = world.call((method, path), Some(&browser), &[], "").await;
        assert_eq!(answer.code(), 401, "{method} {path}: a session is no token");
        let answer = world
            .call((method, &format!("{path}?access_token={}", tokens.access)), None, &[], "")
            .await;
        assert_eq!(answer.code(), 401, "{method} {path}: a token in the URL");
        let answer = world
            .call((method, path), None, &[("authorization", &format!("Bearer {}", tokens.access))], "")
            .await;
        assert_eq!(answer.code(), 200, "{method} {path}: {}", answer.body);
    }
}

#[tokio::test]
async fn registration_is_closed_unless_opened_and_its_management_wants_its_own_token() {
    let world = World::new().await;
    let mut browser = world.browser.clone();
    let tokens = world.ours.sign_in(&world.app, &mut browser, &world.person).await;
    let before = world.state().await;
    let body = "{\"redirect_uris\":[\"https://evil.test/cb\"]}";
    let is_about = |access: &Access| matches!(access, Access::Registrant | Access::Registration);
    for (method, path, access) in ROUTES.iter().filter(|(.., access)| is_about(access)) {
        for id in [world.ours.id.as_str(), "none"] {
            let path = path.replace("{client_id}", id);
            for token in ["", "x", &tokens.access, world.ours.secret.as_deref().unwrap()] {
                let authorization = format!("Bearer {token}");
                let headers = [("content-type", "application/json"), ("authorization", authorization.as_str())];
                let answer = world.call((method, &path), Some(&browser), &headers, body).await;
                let closed = if *access == Access::Registrant { 403 } else { 401 };
                assert_eq!(answer.code(), closed, "{method} {path} with {token:.12}…: {}", answer.body);
            }
        }
    }
    assert_eq!(world.state().await, before);
}

/// The path of a picture that some client has.
async fn logo(app: &TestApp) -> String {
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\0\0\0\0";
    let (picture, client) = (Picture::of(head.to_vec()).unwrap(), app.client(Profile::Web, |_| ()).await.id);
    let mut tx = app.store.begin().await.unwrap();
    kabinet_store::logo::keep(&mut tx, &client, "https://rp.test/logo", &picture, Timestamp(app.now()))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    format!("/logos/{}", picture.hash())
}

#[tokio::test]
async fn the_paths_that_are_everybody_s_answer_everybody() {
    let world = World::new().await;
    let logo = logo(&world.app).await;
    let before = world.state().await;
    for (method, path, _) in ROUTES.iter().filter(|(.., access)| *access == Access::Anyone) {
        for who in [None, Some(&world.browser)] {
            let mut page = world.app.browser();
            page.get("/login").await;
            let style = page
                .page
                .html
                .attributes("link", "href")
                .into_iter()
                .find(|url| url.ends_with(".css"))
                .unwrap();
            let path = if path.contains("{file}") {
                style
            } else {
                example(path).replace("/logos/none", &logo)
            };
            let answer = world.call((method, &path), who, &[("authorization", "Bearer x")], "").await;
            assert_eq!(answer.code(), if path == "/" { 303 } else { 200 }, "{method} {path}");
        }
    }
    assert_eq!(world.state().await, before);
}
