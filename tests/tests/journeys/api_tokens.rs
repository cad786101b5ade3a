//! «Токены API» in the cabinet: made with a fresh proof, shown once, taken back, ended with the account.

use kabinet_core::client::{ClientMetadata, GrantType, Profile};
use kabinet_core::scope::Scope;
use kabinet_tests::{Answer, Browser, Person, Rp, TestApp, Tokens};
use serde_json::Value;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const PAGE: &str = "/account/tokens";

async fn taker(app: &TestApp, name: &str) -> Rp {
    let change = |m: &mut ClientMetadata| {
        m.client_name = name.to_owned();
        m.grant_types.push(GrantType::TokenExchange);
        m.scope = Scope::parse("openid profile email").unwrap();
    };
    app.client(Profile::Native, change).await
}

async fn exchange(rp: &Rp, token: &str) -> Answer {
    let kind = "urn:kabinet:token-type:api-token";
    rp.token(&[("grant_type", GRANT), ("subject_token", token), ("subject_token_type", kind)])
        .await
}

async fn signed_in(app: &TestApp) -> (Person, Browser) {
    let (person, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &person).await;
    (person, browser)
}

/// Sends the form of a new token with these scopes ticked; what else is given goes over what stands in it.
async fn send(browser: &mut Browser, scopes: &[&str], values: &[(&str, &str)]) {
    browser.get(PAGE).await;
    let mut body = browser.filled("token-form", &[], "submit");
    body.retain(|(name, _)| !values.iter().any(|(given, _)| given == name));
    body.extend(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    body.extend(scopes.iter().map(|scope| (format!("scope-{scope}"), "on".to_owned())));
    browser.post(PAGE, &body).await;
}

/// Makes a token by form and password.
async fn make(browser: &mut Browser, person: &Person, name: &str) -> String {
    send(browser, &["openid", "profile"], &[("token-name", name)]).await;
    browser.fill_in(person, &[]).await;
    shown(browser)
}

/// The token that the page shows.
fn shown(browser: &Browser) -> String {
    assert!(browser.page.has("api-token"), "{}: {}", browser.page.at, browser.page.text());
    let text = browser.page.text();
    let at = text.find("kbn_pat_").expect("a token on the page");
    text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn notices(app: &TestApp, word: &str) -> usize {
    let says = |message: &&Value| message["purpose"] == "notice" && message["text"].as_str().unwrap().contains(word);
    app.messages().iter().filter(says).count()
}

#[tokio::test]
async fn a_person_makes_a_token_with_a_fresh_proof_and_sees_it_once() {
    let app = TestApp::start().await;
    let rp = taker(&app, "Обмен").await;
    let (person, mut browser) = signed_in(&app).await;
    browser.get(PAGE).await;
    assert!(browser.page.has("no-tokens"), "{}", browser.page.text());
    send(&mut browser, &["openid", "profile"], &[("token-name", "Сервер бухгалтерии")]).await;
    // Who only has the open browser gets no further.
    assert!(browser.page.has("login-form") && browser.page.text().contains("«Сервер бухгалтерии»"));
    let wrong = Person {
        password: "не-тот-пароль-вовсе-7".to_owned(),
        ..person.clone()
    };
    browser.fill_in(&wrong, &[]).await;
    assert!(browser.page.has("login-form") && browser.page.has("error"), "{}", browser.page.text());
    assert!(app.identity.api_tokens_of(&person.id).await.unwrap().is_empty());
    browser.fill_in(&person, &[]).await;
    let token = shown(&browser);
    assert!(kabinet_core::api_token::is_sound(&token), "{token}");
    assert!(!browser.page.at.contains("kbn_pat_"));
    assert_eq!(notices(&app, "создан токен API"), 1);
    let given = Tokens::of(&exchange(&rp, &token).await);
    assert_eq!(rp.userinfo(&given.access).await.ok().json()["sub"], person.id.as_str());
    browser.click("continue").await;
    assert!(browser.page.text().contains("Сервер бухгалтерии") && !browser.page.source().contains("kbn_pat_"));
    assert!(browser.page.text().contains("127.0.0.1"), "the last use: {}", browser.page.text());
    let kept = app.identity.api_tokens_of(&person.id).await.unwrap().remove(0);
    assert_eq!(
        (kept.expires_at.0, kept.scope.to_string().as_str()),
        (app.now() + 180 * 86_400, "openid profile")
    );
}

#[tokio::test]
async fn another_persons_password_proves_nothing() {
    let app = TestApp::start().await;
    taker(&app, "Обмен").await;
    let (person, mut browser) = signed_in(&app).await;
    let other = app.anyone().await;
    send(&mut browser, &["openid"], &[("token-name", "Чужой")]).await;
    browser.fill_in(&other, &[]).await;
    assert_eq!(browser.page.status, 403, "{}", browser.page.text());
    for someone in [&person, &other] {
        assert!(app.identity.api_tokens_of(&someone.id).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_account_without_a_password_proves_itself_by_a_code() {
    let app = TestApp::start().await;
    let rp = taker(&app, "Обмен").await;
    let (person, mut browser) = signed_in(&app).await;
    forget_password(&app).await;
    send(&mut browser, &["openid"], &[("token-name", "По коду")]).await;
    assert_eq!(browser.page.path(), "/account/tokens/confirm", "{}", browser.page.text());
    let code = app.code_sent_to(&person.contact);
    let mut stranger = app.browser();
    stranger.get(&browser.page.at).await;
    assert_eq!(stranger.page.path(), "/login");
    let wrong = if code == "000000" { "111111" } else { "000000" };
    browser.submit("code-form", &[("code", wrong)], "submit").await;
    assert!(browser.page.has("code-error"), "{}", browser.page.text());
    browser.submit("code-form", &[("code", &code)], "submit").await;
    let token = shown(&browser);
    drop(Tokens::of(&exchange(&rp, &token).await));
}

/// Everybody's.
pub(crate) async fn forget_password(app: &TestApp) {
    use sqlx::Connection;
    const FORGET: &str = "DELETE FROM credentials";
    let url = app.config.store.url.expose();
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query(FORGET).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::query(FORGET).execute(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_a_token_is_refused_at_its_field_and_what_was_typed_stays() {
    let app = TestApp::start().await;
    let rp = taker(&app, "Обмен").await;
    let (person, mut browser) = signed_in(&app).await;
    let machine = app.client(Profile::Machine, |_| ()).await;
    let long = "я".repeat(101);
    let many = (0..21).map(|n| format!("10.0.0.{n}")).collect::<Vec<_>>().join(",");
    let cases: [(&[&str], &str, &str, &str); 15] = [
        (&["openid"], "token-name", "", "token-name"),
        (&["openid"], "token-name", &long, "token-name"),
        (&["openid"], "token-name", "a\u{202e}b", "token-name"),
        (&[], "days", "30", "scope"),
        (&["kabinet:admin"], "days", "30", "scope"),
        (&["offline_access"], "days", "30", "scope"),
        (&["openid", "stock"], "days", "30", "scope"),
        (&["openid"], "days", "0", "days"),
        (&["openid"], "days", "366", "days"),
        (&["openid"], "days", "-1", "days"),
        (&["openid"], "days", "99999999999999999999", "days"),
        (&["openid"], "networks", "example.com", "networks"),
        (&["openid"], "networks", &many, "networks"),
        (&["openid"], "client", machine.id.as_str(), "client"),
        (&["openid"], "organisation", "somebody-elses", "organisation"),
    ];
    for (scopes, name, value, field) in cases {
        let mut values = vec![("token-name", "Имя"), (name, value)];
        if name == "token-name" {
            values.remove(0);
        }
        send(&mut browser, scopes, &values).await;
        let code = browser.page.html.attribute("error", "data-error").unwrap_or_default();
        assert_eq!(browser.page.status, 422, "{name}={value}: {}", browser.page.text());
        assert!(code.contains(field.trim_start_matches("token-")), "{name}={value}: {code}");
        if name != "token-name" {
            assert_eq!(browser.page.html.attribute("token-name", "value").as_deref(), Some("Имя"));
        }
    }
    assert!(app.identity.api_tokens_of(&person.id).await.unwrap().is_empty());
    // The hidden fields of the proof are read with the same care.
    send(&mut browser, &["openid"], &[("token-name", "Имя"), ("client", rp.id.as_str())]).await;
    let mut body = browser.filled("login-form", &[("password", person.password.as_str())], "submit");
    for (name, value) in &mut body {
        if name == "scope" {
            "openid kabinet:admin".clone_into(value);
        }
    }
    browser.post(PAGE, &body).await;
    assert_eq!(browser.page.status, 422);
    assert!(app.identity.api_tokens_of(&person.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_token_is_revoked_by_its_owner_alone() {
    let app = TestApp::start().await;
    let rp = taker(&app, "Обмен").await;
    let (person, mut browser) = signed_in(&app).await;
    let (first, second) = (make(&mut browser, &person, "Первый").await, make(&mut browser, &person, "Второй").await);
    let given = Tokens::of(&exchange(&rp, &first).await);
    let tokens = app.identity.api_tokens_of(&person.id).await.unwrap();
    let id = tokens.iter().find(|token| token.name == "Первый").unwrap().id.clone();
    let button = format!("revoke-{id}");
    // Somebody else's button does nothing.
    let (other, mut theirs) = signed_in(&app).await;
    make(&mut theirs, &other, "Третий").await;
    theirs.get(PAGE).await;
    let mut body = theirs.filled("tokens-form", &[], "");
    body.push((button.clone(), id.to_string()));
    theirs.post(PAGE, &body).await;
    drop(exchange(&rp, &first).await.ok());
    browser.get(PAGE).await;
    browser.submit("tokens-form", &[], &button).await;
    assert!(browser.page.text().contains("Токен отозван") && !browser.page.text().contains("Первый"));
    rp.userinfo(&given.access).await.refused(401, "invalid_token");
    exchange(&rp, &first).await.refused(400, "invalid_request");
    drop(exchange(&rp, &second).await.ok());
}

#[tokio::test]
async fn a_person_has_only_so_many() {
    let app = TestApp::start_with(|config| config.api_tokens.per_person = 1).await;
    taker(&app, "Обмен").await;
    let (person, mut browser) = signed_in(&app).await;
    make(&mut browser, &person, "Первый").await;
    send(&mut browser, &["openid"], &[("token-name", "Второй")]).await;
    browser.fill_in(&person, &[]).await;
    assert_eq!((browser.page.status, browser.page.error()), (422, "api-tokens-many".to_owned()));
}

#[tokio::test]
async fn a_new_password_by_recovery_ends_every_token() {
    let app = TestApp::start().await;
    let rp = taker(&app, "Обмен").await;
    let (person, mut browser) = signed_in(&app).await;
    let token = make(&mut browser, &person, "Старый").await;
    let mut lost = app.browser();
    lost.get(&format!("/recover?by={}", person.kind.as_str())).await;
    lost.submit("recover-form", &[(person.kind.as_str(), &person.contact)], "submit").await;
    lost.submit("code-form", &[("code", &app.code_sent_to(&person.contact))], "submit").await;
    lost.submit("new-password-form", &[("new-password", "совсем-другой-пароль-9")], "submit")
        .await;
    exchange(&rp, &token).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn its_owner_is_told_a_week_before_the_end_and_once() {
    let app = TestApp::start().await;
    taker(&app, "Обмен").await;
    let (person, mut browser) = signed_in(&app).await;
    make(&mut browser, &person, "Надолго").await;
    send(&mut browser, &["openid"], &[("token-name", "На три дня"), ("days", "3")]).await;
    browser.fill_in(&person, &[]).await;
    let brands = kabinet_core::brand::Brands::built_in();
    let remind = async || app.identity.remind_of_api_tokens(brands.find(None)).await.unwrap();
    assert_eq!(remind().await, 0);
    // The node's own job may be the first to see that it is time.
    app.clock.advance(173 * 86_400 + 1);
    remind().await;
    assert_eq!(remind().await, 0);
    kabinet_tests::eventually("the notice", async || notices(&app, "срок токена API истекает") > 0).await;
    assert_eq!(notices(&app, "срок токена API истекает"), 1);
}

#[tokio::test]
async fn without_a_product_that_takes_tokens_none_is_made() {
    let app = TestApp::start().await;
    let (_, mut browser) = signed_in(&app).await;
    browser.get(PAGE).await;
    assert!(browser.page.has("no-token-clients") && !browser.page.has("token-form"));
}
