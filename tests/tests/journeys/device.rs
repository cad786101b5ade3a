//! «У меня есть код» and the device grant (RFC 8628), with the measures of RFC 10027.

use kabinet_core::client::{GrantType, Profile};
use kabinet_core::document::Kind;
use kabinet_tests::{Answer, Browser, Person, Rp, TestApp, Tokens};
use serde_json::Value;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a device got.
struct Codes {
    device: String,
    user: String,
    complete: String,
}

async fn television(app: &TestApp) -> Rp {
    app.client(Profile::Device, |metadata| metadata.client_name = "Терминал".to_owned()).await
}

async fn ask(rp: &Rp, more: &[(&str, &str)]) -> Answer {
    rp.post("/oauth2/device_authorization", more).await
}

async fn begin(rp: &Rp) -> Codes {
    begin_with(rp, &[("scope", "openid profile")]).await
}

async fn begin_with(rp: &Rp, more: &[(&str, &str)]) -> Codes {
    let answer = ask(rp, more).await.ok();
    let facts = answer.json();
    let of = |name: &str| facts[name].as_str().unwrap().to_owned();
    assert_eq!(
        (&facts["expires_in"], &facts["interval"]),
        (&Value::from(600), &Value::from(5)),
        "{facts}"
    );
    assert_eq!(of("verification_uri"), "https://id.test/code");
    assert_eq!(answer.header("cache-control"), "no-store");
    Codes {
        device: of("device_code"),
        user: of("user_code"),
        complete: of("verification_uri_complete"),
    }
}

async fn poll(rp: &Rp, codes: &Codes) -> Answer {
    rp.token(&[("grant_type", GRANT), ("device_code", &codes.device)]).await
}

/// Enters a code in a browser that somebody is signed in to, or signs in to on the way.
async fn enter(browser: &mut Browser, code: &str) {
    browser.get("/code").await;
    browser.submit("code-form", &[("code", code)], "submit").await;
}

/// A browser in the network of the devices.
fn beside(app: &TestApp) -> Browser {
    let mut browser = app.browser();
    browser.ip = [127, 0, 0, 1].into();
    browser
}

async fn signed_in(app: &TestApp) -> (Person, Browser) {
    let (person, mut browser) = (app.anyone().await, beside(app));
    app.sign_in(&mut browser, &person).await;
    (person, browser)
}

#[tokio::test]
async fn a_device_gets_in_by_the_code_that_it_shows_and_refreshes() {
    let app = TestApp::start().await;
    let (rp, person, mut browser) = (television(&app).await, app.anyone().await, beside(&app));
    let codes = begin_with(&rp, &[("scope", "openid profile offline_access")]).await;
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    // In small letters and without the dash, before anybody is signed in.
    enter(&mut browser, &codes.user.to_lowercase().replace('-', " ")).await;
    browser.fill_in(&person, &[]).await;
    assert!(browser.page.text().contains("«Терминал»"), "{}", browser.page.text());
    assert!(
        browser.page.text().contains(&codes.user) && browser.page.has("device-from"),
        "{}",
        browser.page.text()
    );
    // Nothing in an address that a history or a log keeps.
    assert!(!browser.page.at.contains(&codes.user) && !browser.page.at.contains(&codes.user.replace('-', "")));
    browser.submit("consent-form", &[], "allow").await;
    assert!(browser.page.text().contains("Вход разрешён"), "{}", browser.page.text());
    let tokens = Tokens::of(&poll(&rp, &codes).await);
    let claims = rp.verify(&tokens.id).await;
    assert_eq!(
        (claims["sub"].as_str(), &claims["amr"]),
        (Some(person.id.as_str()), &serde_json::json!(["pwd"]))
    );
    let again = Tokens::of(&rp.refresh(&tokens.refresh).await);
    assert_eq!(rp.userinfo(&again.access).await.ok().json()["sub"], person.id.as_str());
    let is_told = |message: &Value| message["text"].as_str().is_some_and(|text| text.contains("на другом устройстве"));
    assert!(app.messages().iter().any(|message| message["purpose"] == "notice" && is_told(message)));
}

#[tokio::test]
async fn a_device_that_is_refused_hears_so_and_the_word_is_final() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let (_, mut browser) = signed_in(&app).await;
    let codes = begin(&rp).await;
    enter(&mut browser, &codes.user).await;
    let mut late = browser.clone();
    browser.submit("consent-form", &[], "deny").await;
    assert!(browser.page.text().contains("Вход отклонён"), "{}", browser.page.text());
    late.submit("consent-form", &[], "allow").await;
    assert!(late.page.has("code-form"), "{}", late.page.text());
    poll(&rp, &codes).await.refused(400, "access_denied");
    poll(&rp, &codes).await.refused(400, "access_denied");
}

#[tokio::test]
async fn who_polls_early_is_slowed_down_and_what_is_decided_is_answered_at_once() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let (_, mut browser) = signed_in(&app).await;
    let codes = begin(&rp).await;
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    poll(&rp, &codes).await.refused(400, "slow_down");
    app.clock.advance(5);
    poll(&rp, &codes).await.refused(400, "slow_down");
    app.clock.advance(15);
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    enter(&mut browser, &codes.user).await;
    browser.submit("consent-form", &[], "allow").await;
    Tokens::of(&poll(&rp, &codes).await);
}

#[tokio::test]
async fn a_second_redemption_ends_what_the_first_one_brought() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let (_, mut browser) = signed_in(&app).await;
    let codes = begin(&rp).await;
    enter(&mut browser, &codes.user).await;
    browser.submit("consent-form", &[], "allow").await;
    let (one, other) = tokio::join!(poll(&rp, &codes), poll(&rp, &codes));
    assert_eq!(
        [one.code(), other.code()].iter().filter(|code| **code == 200).count(),
        1,
        "of two at once one gets in"
    );
    let first = if one.code() == 200 { one } else { other };
    let tokens = Tokens::of(&first);
    poll(&rp, &codes).await.refused(400, "invalid_grant");
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    rp.userinfo(&tokens.access).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn another_person_does_not_find_a_code_that_somebody_has_entered() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let codes = begin(&rp).await;
    let ((_, mut first), (_, mut second)) = (signed_in(&app).await, signed_in(&app).await);
    enter(&mut first, &codes.user).await;
    assert!(first.page.has("consent-form"), "{}", first.page.text());
    enter(&mut second, &codes.user).await;
    assert_eq!(
        second.page.html.attribute("code", "aria-invalid").as_deref(),
        Some("true"),
        "{}",
        second.page.text()
    );
    first.submit("consent-form", &[], "allow").await;
    Tokens::of(&poll(&rp, &codes).await);
}

#[tokio::test]
async fn wrong_codes_are_counted_and_what_cannot_be_a_code_is_not_looked_up() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let codes = begin(&rp).await;
    let (_, mut browser) = signed_in(&app).await;
    for typed in ["", "1234", "BCDF-GHJA", "ю".repeat(4000).as_str(), "<script>"] {
        enter(&mut browser, typed).await;
        assert_eq!((browser.page.status, browser.page.has("code-error")), (422, true), "{typed}");
    }
    for _ in 0..5 {
        enter(&mut browser, "ZZZZ-ZZZZ").await;
        assert_eq!(browser.page.status, 422, "{}", browser.page.text());
    }
    // The right one comes too late for this session, and is nobody's yet.
    enter(&mut browser, &codes.user).await;
    assert_eq!(browser.page.status, 429, "{}", browser.page.text());
    let (_, mut other) = signed_in(&app).await;
    enter(&mut other, &codes.user).await;
    assert!(other.page.has("consent-form"), "{}", other.page.text());
}

#[tokio::test]
async fn codes_end_and_a_device_learns_it() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let (_, mut browser) = signed_in(&app).await;
    let codes = begin(&rp).await;
    enter(&mut browser, &codes.user).await;
    app.clock.advance(601);
    browser.submit("consent-form", &[], "allow").await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    poll(&rp, &codes).await.refused(400, "expired_token");
    poll(&rp, &codes).await.refused(400, "expired_token");
}

#[tokio::test]
async fn a_code_from_a_picture_is_shown_to_be_compared_and_nothing_goes_on_by_itself() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let codes = begin(&rp).await;
    let (_, mut browser) = signed_in(&app).await;
    browser.get(codes.complete.trim_start_matches("https://id.test")).await;
    assert!(browser.page.has("compare") && browser.page.has("code-form"), "{}", browser.page.text());
    assert!(!browser.page.at.contains("user_code"), "{}", browser.page.at);
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    browser.submit("code-form", &[], "submit").await;
    browser.submit("consent-form", &[], "allow").await;
    Tokens::of(&poll(&rp, &codes).await);
}

#[tokio::test]
async fn a_page_of_another_site_decides_nothing() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let codes = begin(&rp).await;
    let (_, mut browser) = signed_in(&app).await;
    enter(&mut browser, &codes.user).await;
    let form = browser.filled("consent-form", &[], "allow");
    browser.post_from_elsewhere("/code/device", &form).await;
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    // What was sealed for one browser is worth nothing in another, whoever is signed in there.
    let (_, mut other) = signed_in(&app).await;
    other.post("/code/device", &form).await;
    assert!(other.page.has("code-form"), "{}", other.page.text());
    app.clock.advance(5);
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    // A password that nobody asks for is no token of the form.
    let forged: Vec<(String, String)> = form.into_iter().filter(|(name, _)| name != "form-token").collect();
    for button in ["allow", "deny"] {
        let mut forged = forged.clone();
        forged.retain(|(name, _)| name != "allow");
        forged.extend([(button.to_owned(), button.to_owned()), ("password".to_owned(), "x".to_owned())]);
        browser.post("/code/device", &forged).await;
        assert!(browser.page.has("consent-form"), "{}", browser.page.text());
    }
    app.clock.advance(5);
    poll(&rp, &codes).await.refused(400, "authorization_pending");
}

#[tokio::test]
async fn legal_texts_that_are_new_come_before_a_device_and_not_before_a_refusal() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let (_, mut browser) = signed_in(&app).await;
    app.clock.advance(1);
    app.publish(Kind::Agreement, "2").await;
    let refused = begin(&rp).await;
    enter(&mut browser, &refused.user).await;
    browser.submit("consent-form", &[], "deny").await;
    poll(&rp, &refused).await.refused(400, "access_denied");
    let codes = begin(&rp).await;
    enter(&mut browser, &codes.user).await;
    browser.submit("consent-form", &[], "allow").await;
    assert_eq!(browser.page.path(), "/complete", "{}", browser.page.text());
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    let boxes: &[(&str, &str)] = if browser.page.has("pd-consent") {
        &[("pd-consent", "on")]
    } else {
        &[]
    };
    browser.submit("complete-form", boxes, "submit").await;
    browser.submit("consent-form", &[], "allow").await;
    Tokens::of(&poll(&rp, &codes).await);
}

#[tokio::test]
async fn whoever_sends_a_code_from_another_network_does_not_get_in_without_the_password() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let codes = begin(&rp).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    enter(&mut browser, &codes.user).await;
    assert!(
        browser.page.has("elsewhere") && browser.page.text().contains("127.0.0.1"),
        "{}",
        browser.page.text()
    );
    browser.submit("consent-form", &[], "allow").await;
    assert!(browser.page.has("login-form"), "{}", browser.page.text());
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    // Somebody else's password is no proof of this account.
    let stranger = app.anyone().await;
    let mut mistaken = browser.clone();
    mistaken.fill_in(&stranger, &[]).await;
    assert!(mistaken.page.has("login-form"), "{}", mistaken.page.text());
    browser.fill_in(&person, &[]).await;
    assert!(browser.page.text().contains("Вход разрешён"), "{}", browser.page.text());
    Tokens::of(&poll(&rp, &codes).await);
}

#[tokio::test]
async fn an_account_without_a_password_allows_a_device_elsewhere_by_a_code_of_its_own() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let codes = begin(&rp).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    crate::api_tokens::forget_password(&app).await;
    enter(&mut browser, &codes.user).await;
    browser.submit("consent-form", &[], "allow").await;
    assert_eq!(browser.page.path(), "/code/device/confirm", "{}", browser.page.text());
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    let code = app.code_sent_to(&person.contact);
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let mut mistaken = browser.clone();
    mistaken.submit("code-form", &[("code", wrong)], "submit").await;
    assert!(mistaken.page.has("code-error"), "{}", mistaken.page.text());
    poll(&rp, &codes).await.refused(400, "slow_down");
    // The code is of no use in another browser.
    let mut stranger = app.browser();
    stranger.get(&browser.page.at).await;
    assert!(
        !stranger.page.has("code-form") || stranger.page.path() == "/code",
        "{}",
        stranger.page.text()
    );
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert!(browser.page.text().contains("Вход разрешён"), "{}", browser.page.text());
    browser.get(&mistaken.page.at).await;
    assert_eq!(browser.page.path(), "/code", "a code is spent");
}

#[tokio::test]
async fn what_a_device_may_not_ask_for_is_refused_before_a_code_is_made() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    ask(&rp, &[("scope", "openid kabinet:admin")]).await.refused(400, "invalid_scope");
    ask(&rp, &[("scope", "open\"id")]).await.refused(400, "invalid_scope");
    ask(&rp, &[("resource", "https://api.test")]).await.refused(400, "invalid_target");
    ask(&rp, &[("scope", "openid"), ("scope", "profile")])
        .await
        .refused(400, "invalid_request");
    let web = app.client(Profile::Web, |_| ()).await;
    ask(&web, &[]).await.refused(400, "unauthorized_client");
    web.token(&[("grant_type", GRANT), ("device_code", "kbn_dc_x")])
        .await
        .refused(400, "unauthorized_client");
    rp.token(&[("grant_type", GRANT)]).await.refused(400, "invalid_request");
    rp.token(&[("grant_type", GRANT), ("device_code", "kbn_dc_x")])
        .await
        .refused(400, "invalid_grant");
    // One client's code is nothing to another.
    let (codes, other) = (begin(&rp).await, television(&app).await);
    poll(&other, &codes).await.refused(400, "invalid_grant");
    poll(&rp, &codes).await.refused(400, "authorization_pending");
}

#[tokio::test]
async fn a_client_that_loses_the_grant_or_is_disabled_gets_nothing() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let (_, mut browser) = signed_in(&app).await;
    let (allowed, waiting) = (begin(&rp).await, begin(&rp).await);
    enter(&mut browser, &allowed.user).await;
    browser.submit("consent-form", &[], "allow").await;
    let grants =
        |types: Vec<GrantType>| move |client: &mut kabinet_core::client::Client| client.metadata.grant_types = types;
    app.change_client(&rp.id, grants(vec![GrantType::RefreshToken])).await;
    kabinet_tests::eventually("the node hears of it", async || ask(&rp, &[]).await.code() == 400).await;
    poll(&rp, &allowed).await.refused(400, "unauthorized_client");
    enter(&mut browser, &waiting.user).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
}

#[tokio::test]
async fn signing_out_or_taking_the_access_back_ends_what_a_device_got() {
    let app = TestApp::start().await;
    let rp = television(&app).await;
    let (_, mut browser) = signed_in(&app).await;
    let (lasting, short, unredeemed) = (
        begin_with(&rp, &[("scope", "openid offline_access")]).await,
        begin(&rp).await,
        begin(&rp).await,
    );
    let mut tokens = Vec::new();
    for codes in [&lasting, &short] {
        enter(&mut browser, &codes.user).await;
        browser.submit("consent-form", &[], "allow").await;
        tokens.push(Tokens::of(&poll(&rp, codes).await));
    }
    enter(&mut browser, &unredeemed.user).await;
    browser.submit("consent-form", &[], "allow").await;
    browser.get("/account").await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    // What was allowed and not fetched dies with the session, as a code does; what shall outlive it does.
    poll(&rp, &unredeemed).await.refused(400, "invalid_grant");
    let [long, brief] = tokens.try_into().unwrap_or_else(|_| panic!("two"));
    rp.refresh(&brief.refresh).await.refused(400, "invalid_grant");
    let long = Tokens::of(&rp.refresh(&long.refresh).await);
    assert_eq!(rp.userinfo(&long.access).await.code(), 200);
}

#[tokio::test]
async fn another_node_answers_polls_and_hears_the_decision() {
    let app = TestApp::start().await;
    let mut rp = television(&app).await;
    let (_, mut browser) = signed_in(&app).await;
    let codes = begin(&rp).await;
    let other = app.another_node().await;
    rp.use_node(&other);
    poll(&rp, &codes).await.refused(400, "authorization_pending");
    enter(&mut browser, &codes.user).await;
    browser.submit("consent-form", &[], "allow").await;
    kabinet_tests::eventually("the other node hears of the decision", async || poll(&rp, &codes).await.code() == 200)
        .await;
}
