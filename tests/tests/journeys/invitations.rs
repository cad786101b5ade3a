//! Invitations: who invites, what arrives, and where the code leads.

mod api;

use http::Method;
use kabinet::config::Config;
use kabinet_core::client::{ClientMetadata, Profile};
use kabinet_core::method::MethodName;
use kabinet_core::scope::Scope;
use kabinet_store::audit;
use kabinet_tests::{Answer, Browser, PASSWORD, Person, Rp, TestApp, Tokens};
use serde_json::{Value, json};

const HERE: &str = "/api/invitations/v1";
const PHONE: &str = "+79161234567";
const EMAIL: &str = "novy@example.com";
const INN: &str = "7707083893";

/// A service that may invite, and its token.
struct Inviter {
    rp: Rp,
    token: String,
}

async fn inviter(app: &TestApp) -> Inviter {
    let rp = app
        .client(Profile::Machine, |metadata| {
            metadata.client_name = "Кадры".to_owned();
            metadata.scope = Scope::parse("kabinet:invite").unwrap();
        })
        .await;
    let token = token(&rp).await;
    Inviter { rp, token }
}

async fn token(rp: &Rp) -> String {
    let form = [("grant_type", "client_credentials"), ("scope", "kabinet:invite")];
    Tokens::of(&rp.token(&form).await).access
}

async fn call(app: &TestApp, token: &str, (method, path): (Method, &str), body: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    app.call(method, path, &headers, body).await
}

impl Inviter {
    async fn ask(&self, app: &TestApp, request: &Value) -> Answer {
        call(app, &self.token, (Method::POST, HERE), &request.to_string()).await
    }

    async fn invite(&self, app: &TestApp, request: Value) -> String {
        let answer = self.ask(app, &request).await;
        assert_eq!(answer.code(), 201, "{}", answer.body);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn state(&self, app: &TestApp, id: &str) -> String {
        let answer = call(app, &self.token, (Method::GET, &format!("{HERE}/{id}")), "").await.ok();
        answer.member("state")
    }
}

/// A product that people sign in to, where they see their organisations.
async fn product(app: &TestApp, change: impl FnOnce(&mut ClientMetadata)) -> Rp {
    let shows = |metadata: &mut ClientMetadata| {
        metadata.client_name = "Учёт".to_owned();
        metadata.client_uri = Some("https://rp.test/".to_owned());
        metadata.scope = Scope::parse("openid phone email org orgs").unwrap();
        change(metadata);
    };
    app.client(Profile::Web, shows).await
}

fn organisation() -> Value {
    json!({"inn": INN, "kpp": "773601001", "name": "ООО «Ромашка»"})
}

/// Enters a code and the contact that it was sent to.
async fn enter(browser: &mut Browser, code: &str, contact: &str) {
    browser.get("/code").await;
    browser.submit("code-form", &[("code", code)], "submit").await;
    browser.submit("code-form", &[("contact", contact)], "submit").await;
}

async fn register(browser: &mut Browser) {
    browser
        .submit("register-form", &[("password", PASSWORD), ("pd-consent", "on")], "submit")
        .await;
}

/// A code of the same length that is another.
fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1])
}

fn assert_refused(browser: &Browser) {
    let page = &browser.page;
    assert_eq!((page.status, page.error().as_str()), (422, "invitation-wrong"), "{}", page.text());
}

async fn count(app: &TestApp, event: &str) -> i64 {
    audit::count(app.store.db(), event).await.unwrap()
}

async fn claims(rp: &Rp, browser: &mut Browser) -> Value {
    let ask = rp.ask_for("openid phone email org orgs");
    let callback = rp.authorize(browser, &ask).await;
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    rp.userinfo(&tokens.access).await.json()
}

#[tokio::test]
async fn whoever_is_invited_by_phone_registers_without_a_second_code_and_joins_the_organisation() {
    let app = TestApp::start().await;
    let (service, rp) = (inviter(&app).await, product(&app, |_| ()).await);
    let request = json!({
        "phone": "8 916 123-45-67", "organisation": organisation(), "partner_code": "П-1", "client_id": rp.id,
    });
    let answer = service.ask(&app, &request).await;
    let said = answer.json();
    assert_eq!(
        (answer.code(), &said["phone"], &said["state"], &said["language"]),
        (201, &json!(PHONE), &json!("pending"), &json!("ru")),
        "{said}"
    );
    assert_eq!(
        (&said["organisation"], &said["expires_at"]),
        (&organisation(), &json!(app.now() + 48 * 3600))
    );
    let id = said["id"].as_str().unwrap();
    assert_eq!(
        (answer.header("location"), answer.header("cache-control")),
        (format!("{HERE}/{id}").as_str(), "no-store")
    );
    let code = app.code_sent_to(PHONE);
    assert!(code.len() == 8 && !answer.body.contains(&code), "{said}");
    let sent = app.messages().pop().unwrap();
    let text = sent["text"].as_str().unwrap();
    assert_eq!((&sent["purpose"], &sent["channel"]), (&json!("invite"), &json!("sms")));
    for part in [
        &code,
        "«Кадры» приглашает вас",
        "«ООО „Ромашка“»",
        "https://id.test/code",
        "Никому его не сообщайте",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.ends_with(&format!("\n@id.test #{code}")), "{text}");

    let mut browser = app.browser();
    browser.get("/code").await;
    let grouped = format!(" {}-{} ", &code[..4], &code[4..]);
    browser.submit("code-form", &[("code", &grouped)], "submit").await;
    assert!(browser.page.status == 200 && browser.page.has("contact"), "{}", browser.page.text());
    browser.submit("code-form", &[("contact", "+7 (916) 123-45-67")], "submit").await;
    // The action in full, and nothing in the address that a history keeps.
    let page = browser.page.text();
    for part in [
        "«Кадры» приглашает вас в организацию",
        "Ромашка",
        INN,
        "+7 (916) 123-45-67",
        "Телефон будет подтверждён",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        !browser.page.at.contains(&code) && !browser.page.at.contains("916"),
        "{}",
        browser.page.at
    );
    browser.submit("register-form", &[("password", "short")], "submit").await;
    assert!(
        browser.page.has("pd-consent-error") && browser.page.status == 422,
        "{}",
        browser.page.text()
    );
    browser
        .submit("register-form", &[("password", "short"), ("pd-consent", "on")], "submit")
        .await;
    assert!(browser.page.has("password-error"), "{}", browser.page.text());
    register(&mut browser).await;
    assert!(browser.page.text().contains("Приглашение принято"), "{}", browser.page.text());
    assert_eq!(browser.page.html.attribute("continue", "href").as_deref(), Some("https://rp.test/"));
    let here = browser.page.at.clone();
    let given = claims(&rp, &mut browser).await;
    assert_eq!((&given["phone_number"], &given["phone_number_verified"]), (&json!(PHONE), &json!(true)));
    let one = &given["orgs"][0];
    assert_eq!(
        (&one["inn"], &one["proof"], &one["relation"]),
        (&json!(INN), &json!("invitation"), &json!("employee")),
        "{given}"
    );
    // One message in all: no second code was asked for.
    assert_eq!(app.messages().len(), 1);
    assert_eq!(service.state(&app, id).await, "accepted");
    for event in ["invitation.created", "invitation.accepted", "user.registered", "contact.confirmed"] {
        assert_eq!(count(&app, event).await, 1, "{event}");
    }
    // The page says the same to its owner alone, and the code opens nothing any more.
    let mut other = app.browser();
    other.get(&here).await;
    assert_eq!(other.page.error(), "invitation-over");
    browser.get(&here).await;
    assert!(browser.page.text().contains("Приглашение принято"), "{}", browser.page.text());
    let mut other = app.browser();
    enter(&mut other, &code, PHONE).await;
    assert_refused(&other);
    // Whoever was invited may leave.
    browser.get("/account/organisations").await;
    let remove = format!("remove-{}", one["id"].as_str().unwrap());
    browser.submit("organisations-form", &[], &remove).await;
    assert!(!browser.page.text().contains("Ромашка"), "{}", browser.page.text());
}

#[tokio::test]
async fn whoever_is_invited_by_e_mail_registers_where_registration_is_closed_and_goes_on_to_the_product() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    let rp = product(&app, |metadata| {
        metadata.registration_methods = Some(Vec::new());
        metadata.initiate_login_uri = Some("https://rp.test/begin".to_owned());
    })
    .await;
    service.invite(&app, json!({"email": EMAIL, "client_id": rp.id, "language": "en"})).await;
    let sent = app.messages().pop().unwrap();
    let text = sent["text"].as_str().unwrap();
    assert!(text.contains("“Кадры” invites you to") && text.contains("https://id.test/code"), "{text}");
    // The person comes from the product, whose sign-in page leads to the code.
    let mut browser = app.browser();
    let ask = rp.ask_for("openid email");
    browser.get(&ask.url()).await;
    assert!(!browser.page.has("go-register"), "{}", browser.page.text());
    browser.click("method-code").await;
    browser.submit("code-form", &[("code", &app.code_sent_to(EMAIL))], "submit").await;
    browser.submit("code-form", &[("contact", EMAIL)], "submit").await;
    register(&mut browser).await;
    browser.click("continue").await;
    let tokens = Tokens::of(&rp.redeem(kabinet_tests::Callback::of(&browser.page).code(), &ask).await);
    assert_eq!(rp.userinfo(&tokens.access).await.json()["email"], EMAIL);
    // A code that lived for days is no second factor.
    assert_eq!(rp.verify(&tokens.id).await["amr"], json!(["pwd"]));
}

#[tokio::test]
async fn people_who_register_by_other_ways_alone_are_not_let_past_them() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    let rp = product(&app, |metadata| {
        metadata.registration_methods = Some(vec![MethodName::parse("certificate").unwrap()]);
    })
    .await;
    service.invite(&app, json!({"phone": PHONE, "client_id": rp.id})).await;
    let mut browser = app.browser();
    enter(&mut browser, &app.code_sent_to(PHONE), PHONE).await;
    assert!(
        browser.page.status == 403 && !browser.page.has("register-form"),
        "{}",
        browser.page.text()
    );
    assert_eq!(count(&app, "user.registered").await, 0);
}

#[tokio::test]
async fn whoever_has_an_account_signs_in_first_and_then_joins() {
    let app = TestApp::start().await;
    let (service, rp, person) = (inviter(&app).await, product(&app, |_| ()).await, app.user(PHONE, PASSWORD).await);
    let id = service
        .invite(&app, json!({"phone": PHONE, "organisation": organisation(), "client_id": rp.id}))
        .await;
    // The same words to whoever has an account: the inviter and the message tell nothing.
    assert!(app.messages().pop().unwrap()["text"].as_str().unwrap().contains("приглашает вас"));
    // Somebody else is signed in there: the code alone gives them nothing.
    let (stranger, mut browser) = (app.anyone().await, app.browser());
    app.sign_in(&mut browser, &stranger).await;
    enter(&mut browser, &app.code_sent_to(PHONE), PHONE).await;
    assert!(
        browser.page.has("go-login") && !browser.page.has("register-form"),
        "{}",
        browser.page.text()
    );
    let forged = [("entered", entered(&browser)), ("accept", "accept".to_owned())];
    let token = form_token(browser.clone()).await;
    let mut forger = browser.clone();
    let body: Vec<(&str, String)> = forged.into_iter().chain([("form-token", token)]).collect();
    forger.post("/code/invitation", &body).await;
    assert!(forger.page.has("go-login"), "{}", forger.page.text());
    assert_eq!(service.state(&app, &id).await, "pending");
    browser.click("go-login").await;
    browser.fill_in(&person, &[]).await;
    assert!(browser.page.has("invitation-form"), "{}", browser.page.text());
    browser.submit("invitation-form", &[], "accept").await;
    assert!(browser.page.text().contains("Приглашение принято"), "{}", browser.page.text());
    let mut own = app.browser();
    let tokens = rp.sign_in_with(&app, &mut own, &person, &rp.ask_for("openid orgs")).await;
    assert_eq!(rp.userinfo(&tokens.access).await.json()["orgs"][0]["proof"], "invitation");
    assert_eq!(
        (service.state(&app, &id).await.as_str(), count(&app, "user.registered").await),
        ("accepted", 0)
    );
}

/// The ticket in the address of the page.
fn entered(browser: &Browser) -> String {
    let (_, query) = browser.page.at.split_once("entered=").unwrap();
    query.split('&').next().unwrap().to_owned()
}

async fn form_token(mut browser: Browser) -> String {
    browser.get("/code").await;
    let form = browser.page.html.form("code-form").unwrap();
    form.fields.into_iter().find(|one| one.name == "form-token").unwrap().value
}

#[tokio::test]
async fn five_wrong_codes_end_an_invitation_and_no_answer_tells_who_is_invited() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    let id = service.invite(&app, json!({"phone": PHONE})).await;
    let code = app.code_sent_to(PHONE);
    let mut answers = Vec::new();
    let mut browser = app.browser();
    for contact in [PHONE, "+79167654321", EMAIL] {
        enter(&mut browser, &wrong(&code), contact).await;
        assert_refused(&browser);
        let said = browser.page.html.text_by_id("code-error").unwrap_or_default();
        answers.push(said);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    // A right code spends no try, however often it is entered.
    for _ in 0..6 {
        enter(&mut browser, &code, PHONE).await;
        assert!(browser.page.has("register-form"), "{}", browser.page.text());
    }
    let mut others: Vec<Browser> = (0..4_u8).map(|n| elsewhere(&app, n)).collect();
    for other in &mut others {
        enter(other, &wrong(&code), PHONE).await;
        assert_refused(other);
    }
    assert_eq!(service.state(&app, &id).await, "spent");
    let mut late = elsewhere(&app, 9);
    enter(&mut late, &code, PHONE).await;
    assert_refused(&late);
    // Whoever entered it in time goes on; a new invitation has tries of its own.
    service.invite(&app, json!({"phone": PHONE})).await;
    enter(&mut late, &app.code_sent_to(PHONE), PHONE).await;
    assert!(late.page.has("register-form"), "{}", late.page.text());
}

/// A browser in another network.
fn elsewhere(app: &TestApp, n: u8) -> Browser {
    let mut browser = app.browser();
    browser.ip = [198, 51, n, 7].into();
    browser
}

#[tokio::test]
async fn many_guesses_at_once_get_no_more_than_five() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    let id = service.invite(&app, json!({"phone": PHONE})).await;
    let code = app.code_sent_to(PHONE);
    let guesses = (0..12_u8).map(|n| {
        let (mut browser, code) = (elsewhere(&app, n), wrong(&code));
        async move { enter(&mut browser, &code, PHONE).await }
    });
    futures_util::future::join_all(guesses).await;
    assert_eq!(service.state(&app, &id).await, "spent");
    let mut browser = app.browser();
    enter(&mut browser, &code, PHONE).await;
    assert_refused(&browser);
}

#[tokio::test]
async fn a_network_has_ten_wrong_codes_whatever_contacts_they_name() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    service.invite(&app, json!({"phone": PHONE})).await;
    let code = app.code_sent_to(PHONE);
    let mut browser = app.browser();
    for n in 0..10 {
        enter(&mut browser, "00000000", &format!("+7916765432{n}")).await;
        assert_refused(&browser);
    }
    enter(&mut browser, &code, PHONE).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (429, "user-code-many"));
    let mut other = elsewhere(&app, 1);
    enter(&mut other, &code, PHONE).await;
    assert!(other.page.has("register-form"), "{}", other.page.text());
}

#[tokio::test]
async fn what_is_over_withdrawn_or_somebody_else_s_opens_nothing() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    let mut browser = app.browser();
    // Another contact's code.
    service.invite(&app, json!({"phone": PHONE})).await;
    let first = app.code_sent_to(PHONE);
    service.invite(&app, json!({"email": EMAIL})).await;
    enter(&mut browser, &first, EMAIL).await;
    assert_refused(&browser);
    // A ticket of another browser's.
    enter(&mut browser, &first, PHONE).await;
    let (here, mut other) = (browser.page.at.clone(), app.browser());
    other.get(&here).await;
    assert_eq!((other.page.status, other.page.error().as_str()), (409, "invitation-over"));
    // A new one takes the place of the one before, and of its ticket.
    let id = service.invite(&app, json!({"phone": PHONE})).await;
    register(&mut browser).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (409, "invitation-over"));
    let second = app.code_sent_to(PHONE);
    if second != first {
        enter(&mut browser, &first, PHONE).await;
        assert_refused(&browser);
    }
    // Withdrawn while somebody thinks of a password.
    enter(&mut browser, &second, PHONE).await;
    let path = format!("{HERE}/{id}");
    for _ in 0..2 {
        assert_eq!(call(&app, &service.token, (Method::DELETE, &path), "").await.code(), 204);
    }
    register(&mut browser).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (409, "invitation-over"));
    enter(&mut browser, &second, PHONE).await;
    assert_refused(&browser);
    assert_eq!(service.state(&app, &id).await, "withdrawn");
    assert_eq!(count(&app, "invitation.withdrawn").await, 2);
    // Expired.
    let last = app.code_sent_to(EMAIL);
    app.clock.advance(48 * 3600);
    enter(&mut browser, &last, EMAIL).await;
    assert_refused(&browser);
    assert_eq!(count(&app, "user.registered").await, 0);
}

#[tokio::test]
async fn a_ticket_that_was_given_in_time_stays_good_for_half_an_hour() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    service.invite(&app, json!({"phone": PHONE})).await;
    service.invite(&app, json!({"email": EMAIL})).await;
    app.clock.advance(48 * 3600 - 60);
    let (mut soon, mut late) = (app.browser(), app.browser());
    enter(&mut soon, &app.code_sent_to(PHONE), PHONE).await;
    enter(&mut late, &app.code_sent_to(EMAIL), EMAIL).await;
    app.clock.advance(1700);
    register(&mut soon).await;
    assert!(soon.page.text().contains("Приглашение принято"), "{}", soon.page.text());
    app.clock.advance(101);
    // Without the flow, which has ended by then, too.
    late.get(&format!("/code/invitation?entered={}", entered(&late))).await;
    assert_eq!((late.page.status, late.page.error().as_str()), (409, "invitation-over"));
}

#[tokio::test]
async fn an_invitation_that_two_browsers_accept_at_once_makes_one_account() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    service.invite(&app, json!({"phone": PHONE, "organisation": organisation()})).await;
    let code = app.code_sent_to(PHONE);
    let browsers = (0..3_u8).map(|n| {
        let (mut browser, code) = (elsewhere(&app, n), code.clone());
        async move {
            enter(&mut browser, &code, PHONE).await;
            browser
        }
    });
    let mut browsers = futures_util::future::join_all(browsers).await;
    futures_util::future::join_all(browsers.iter_mut().map(register)).await;
    let done = browsers.iter().filter(|one| one.page.text().contains("Приглашение принято")).count();
    assert_eq!(
        (done, count(&app, "invitation.accepted").await, count(&app, "user.registered").await),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn a_code_of_one_kind_is_nothing_in_the_place_of_another() {
    let app = TestApp::start().await;
    let (service, device) = (inviter(&app).await, app.client(Profile::Device, |_| ()).await);
    service.invite(&app, json!({"phone": PHONE})).await;
    let code = app.code_sent_to(PHONE);
    let begun = device.post("/oauth2/device_authorization", &[("scope", "openid")]).await.ok();
    let mut browser = app.browser();
    // A device's code beside a contact goes to the device's page, which wants a sign-in; it is no invitation.
    browser.get("/code").await;
    browser.submit("code-form", &[("code", &code)], "submit").await;
    let form = [("code", begun.member("user_code").as_str()), ("contact", PHONE)].map(|(n, v)| (n, v.to_owned()));
    let mut device_way = browser.clone();
    device_way
        .submit("code-form", &form.each_ref().map(|(n, v)| (*n, v.as_str())), "submit")
        .await;
    assert_eq!(device_way.page.path(), "/login", "{}", device_way.page.text());
    // What was sealed for one page is nothing at the other.
    enter(&mut browser, &code, PHONE).await;
    let ticket = entered(&browser);
    let mut swapped = browser.clone();
    swapped.get(&format!("/code/device?entered={ticket}")).await;
    assert!(swapped.page.path() == "/code" && swapped.page.has("code-form"), "{}", swapped.page.at);
    let way = device_way.page.hops.iter().map(|hop| hop.header("location"));
    let back = way.filter_map(|at| at.split_once("/code/device?entered=")).next().unwrap().1.to_owned();
    device_way.get(&format!("/code/invitation?entered={back}")).await;
    assert_eq!((device_way.page.status, device_way.page.error().as_str()), (409, "invitation-over"));
    // A code of a confirmation is no invitation, and the reverse.
    let mut registering = app.browser();
    registering.get("/register").await;
    crate::registration::fill(&mut registering, "+79161112233", PASSWORD).await;
    registering.submit("code-form", &[("code", &code)], "submit").await;
    assert_eq!(registering.page.error(), "code-wrong", "{}", registering.page.text());
    let confirmation = app.code_sent_to("+79161112233");
    enter(&mut browser, &confirmation, "+79161112233").await;
    assert_refused(&browser);
}

#[tokio::test]
async fn the_way_back_of_somebody_who_is_invited_asks_what_is_missing() {
    let app = TestApp::start().await;
    let service = inviter(&app).await;
    let person: Person = app.user(PHONE, PASSWORD).await;
    service.invite(&app, json!({"phone": PHONE})).await;
    app.clock.advance(1);
    app.publish(kabinet_core::document::Kind::Agreement, "2").await;
    let mut browser = app.browser();
    enter(&mut browser, &app.code_sent_to(PHONE), PHONE).await;
    browser.click("go-login").await;
    browser.fill_in(&person, &[]).await;
    assert_eq!(browser.page.path(), "/complete", "{}", browser.page.text());
    let boxes: &[(&str, &str)] = if browser.page.has("pd-consent") {
        &[("pd-consent", "on")]
    } else {
        &[]
    };
    browser.submit("complete-form", boxes, "submit").await;
    browser.submit("invitation-form", &[], "accept").await;
    assert!(browser.page.text().contains("Приглашение принято"), "{}", browser.page.text());
    assert_eq!(browser.page.html.attribute("continue", "href").as_deref(), Some("/account"));
}
