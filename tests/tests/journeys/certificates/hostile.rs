//! What somebody might try who has a certificate, a password or a session of somebody else's.

use kabinet_core::certificate::Linked;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::time::Timestamp;
use kabinet_gost::verify::Require;
use kabinet_store::{certificate, user};
use kabinet_tests::signature::reissue;

use super::*;

const EMAIL: &str = "anna@example.test";
/// The field СНИЛС (1.2.643.100.3) and the extension subjectSignTool (1.2.643.100.111), and fields that nobody knows.
const SNILS: [&[u8]; 2] = [b"\x06\x05\x2a\x85\x03\x64\x03\x12\x0b", b"\x06\x05\x2a\x85\x03\x64\x63\x12\x0b"];
const TOOL: [&[u8]; 2] = [b"\x06\x05\x2a\x85\x03\x64\x6f", b"\x06\x05\x2a\x85\x03\x64\x7b"];
/// The extensions cRLDistributionPoints and authorityInfoAccess.
const LISTS: [&[u8]; 2] = [b"\x06\x03\x55\x1d\x1f", b"\x06\x03\x55\x1d\x63"];
const RESPONDERS: [&[u8]; 2] =
    [b"\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x01", b"\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x63"];

/// A certificate of this key with other bytes in it, valid for some years more.
fn next(app: &TestApp, holder: Holder, years: &[u8; 2], changes: &[[&[u8]; 2]]) -> Vec<u8> {
    let end = [years, &b"0101000000Z"[..]].concat();
    let mut changes: Vec<(&[u8], &[u8])> = changes.iter().map(|[old, new]| (*old, *new)).collect();
    changes.push((b"440101000000Z", &end));
    reissue(holder, &changes, &*app.ambient.entropy)
}

/// Signs under another certificate than the fixture's.
async fn sign_under(app: &TestApp, browser: &mut Browser, (holder, certificate): (Holder, &[u8])) {
    let asked = challenge(browser).await;
    let signature = holder.sign_under(certificate, &asked.text, &*app.ambient.entropy);
    browser
        .submit("certificate-form", &[("challenge", &asked.id), ("signature", &signature)], "submit")
        .await;
}

async fn certificates(app: &TestApp, person: &Person) -> Vec<Linked> {
    certificate::of_user(app.store.db(), &person.id).await.unwrap()
}

fn told(app: &TestApp, person: &Person) -> Vec<String> {
    let messages = app.messages();
    let notices = messages
        .iter()
        .filter(|message| message["to"] == person.contact.as_str() && message["purpose"] == "notice");
    notices.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

/// Makes an account by certificate, without a password, and leaves its browser at the list of its certificates.
async fn registered(app: &TestApp, holder: Holder) -> Browser {
    let mut browser = app.browser();
    browser.get("/register/certificate").await;
    sign(app, &mut browser, holder).await;
    browser.submit("register-form", &[("email", EMAIL), ("pd-consent", "on")], "submit").await;
    browser.submit("code-form", &[("code", &app.code_sent_to(EMAIL))], "submit").await;
    browser.get("/account/methods").await;
    assert!(browser.page.has("no-password"), "{}", browser.page.text());
    browser
}

#[tokio::test]
async fn a_number_that_a_renewed_certificate_left_out_still_contradicts_another_persons() {
    let app = start_trusting().await;
    let (person, mut browser) = linked(&app, ANNA).await;
    let renewed = next(&app, ANNA, b"45", &[SNILS]);
    browser.get("/login/certificate").await;
    sign_under(&app, &mut browser, (ANNA, &renewed)).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    assert_eq!(certificates(&app, &person).await[0].holder.snils.as_deref(), Some("99000000153"));
    // The same ИНН beside another person's СНИЛС.
    let other = next(&app, ANNA, b"46", &[[b"99000000153", b"99000000254"]]);
    let mut stranger = app.browser();
    stranger.get("/login/certificate").await;
    sign_under(&app, &mut stranger, (ANNA, &other)).await;
    assert_eq!(refusal(&stranger), "ambiguous", "{}", stranger.page.text());
    assert!(stranger.session().is_empty());
}

#[tokio::test]
async fn a_newer_certificate_that_is_linked_with_the_password_is_told_to_the_contacts_too() {
    let app = start().await;
    let (person, _) = linked(&app, ANNA).await;
    let renewed = next(&app, ANNA, b"45", &[]);
    let mut thief = app.browser();
    app.sign_in(&mut thief, &person).await;
    let before = told(&app, &person).len();
    thief.get("/account/methods/certificate").await;
    sign_under(&app, &mut thief, (ANNA, &renewed)).await;
    thief.fill_in(&person, &[]).await;
    assert_eq!(thief.page.path(), "/account/methods", "{}", thief.page.text());
    let told = told(&app, &person);
    assert_eq!(told.len(), before + 1, "{told:?}");
    assert!(told[before].contains("новым сертификатом"), "{told:?}");
}

#[tokio::test]
async fn a_weaker_certificate_takes_no_place_by_being_linked_and_vouches_for_no_organisation() {
    let app = TestApp::start_with(|config| {
        config.certificate.revocation = Revocation::Off;
        config.certificate.second_proof = SecondProof::Never;
        config.certificate.require = Require::Any;
    })
    .await;
    app.trust_fixtures().await;
    let (person, mut browser) = linked(&app, ANNA).await;
    let weaker = next(&app, ANNA, b"45", &[TOOL]);
    app.sign_in(&mut browser, &person).await;
    browser.get("/account/methods/certificate").await;
    sign_under(&app, &mut browser, (ANNA, &weaker)).await;
    browser.fill_in(&person, &[]).await;
    assert_eq!(browser.page.status, 409, "{}", browser.page.text());
    assert!(certificates(&app, &person).await[0].holder.certificate.is_qualified);

    let head = next(&app, HEAD, b"45", &[TOOL]);
    let other = app.anyone().await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign_under(&app, &mut browser, (HEAD, &head)).await;
    browser.click("go-link").await;
    browser.fill_in(&other, &[]).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    assert!(!certificates(&app, &other).await[0].holder.certificate.is_qualified);
    let organisations = browser.get("/account/organisations").await.text();
    assert!(!organisations.contains("9800000038"), "{organisations}");
}

#[tokio::test]
async fn a_code_that_links_or_unlinks_dies_with_the_session_that_asked_for_it() {
    let app = start().await;
    let mut browser = registered(&app, ANNA).await;
    let contact = Contact::parse(ContactKind::Email, EMAIL).unwrap();
    let person = Person {
        id: user::by_contact(app.store.db(), &contact).await.unwrap().unwrap().id,
        kind: ContactKind::Email,
        contact: EMAIL.to_owned(),
        password: String::new(),
    };
    browser.submit("link-certificate", &[], "link").await;
    sign(&app, &mut browser, OTHER).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    let mut thief = browser.clone();
    browser.get("/account").await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    thief.submit("code-form", &[("code", &app.code_sent_to(EMAIL))], "submit").await;
    assert_eq!(certificates(&app, &person).await.len(), 1, "{}", thief.page.text());

    // The same where the account was disabled.
    app.clock.advance(61);
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    browser.get("/account/methods").await;
    browser.submit("link-certificate", &[], "link").await;
    sign(&app, &mut browser, OTHER).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    app.set_disabled(&person, true).await;
    browser.submit("code-form", &[("code", &app.code_sent_to(EMAIL))], "submit").await;
    assert!(browser.page.status < 500, "{}", browser.page.text());
    assert_eq!(certificates(&app, &person).await.len(), 1);
}

#[tokio::test]
async fn a_code_that_went_to_a_contact_which_the_account_has_lost_signs_nobody_in() {
    let app = start().await;
    let (person, _) = linked(&app, ANNA).await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    let contact = Contact::parse(person.kind, &person.contact).unwrap();
    let mut tx = app.store.begin().await.unwrap();
    assert!(user::remove_contact(&mut tx, &person.id, &contact, Timestamp(app.now())).await.unwrap());
    tx.commit().await.unwrap();
    browser
        .submit("code-form", &[("code", &app.code_sent_to(&person.contact))], "submit")
        .await;
    assert!(browser.session().is_empty(), "{}", browser.page.text());
}

#[tokio::test]
async fn one_signature_links_once() {
    let app = start().await;
    let (person, other) = (app.anyone().await, app.anyone().await);
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    let href = browser.page.html.attribute("go-link", "href").unwrap();
    browser.get(&href).await;
    let mut twice = browser.clone();
    browser.fill_in(&person, &[]).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    // Whoever presses the button twice sees what the first press did.
    twice.fill_in(&person, &[]).await;
    assert_eq!(twice.page.path(), "/account", "{}", twice.page.text());
    browser.get("/account/methods").await;
    browser.submit("unlink-certificate", &[], "unlink").await;
    browser.fill_in(&person, &[]).await;
    assert!(browser.page.has("no-certificates"), "{}", browser.page.text());
    for person in [&person, &other] {
        browser.get(&href).await;
        browser.fill_in(person, &[]).await;
        assert_eq!(browser.page.status, 400, "{}", browser.page.text());
        assert!(certificates(&app, person).await.is_empty());
    }
}

#[tokio::test]
async fn of_two_accounts_that_link_one_certificate_at_once_one_gets_it() {
    let app = start().await;
    let mut ready = Vec::new();
    for _ in 0..4 {
        let (person, mut browser) = (app.anyone().await, app.browser());
        browser.get("/login/certificate").await;
        sign(&app, &mut browser, ANNA).await;
        browser.click("go-link").await;
        ready.push((person, browser));
    }
    let people: Vec<Person> = ready.iter().map(|(person, _)| person.clone()).collect();
    let tasks = ready.into_iter().map(|(person, mut browser)| {
        tokio::spawn(async move {
            browser.fill_in(&person, &[]).await;
            browser.page.status
        })
    });
    let mut refused = 0;
    for status in tasks.collect::<Vec<_>>() {
        let status = status.await.unwrap();
        assert!(matches!(status, 200 | 409), "{status}");
        refused += usize::from(status == 409);
    }
    assert_eq!(refused, 3);
    let mut linked = 0;
    for person in &people {
        linked += certificates(&app, person).await.len();
    }
    assert_eq!(linked, 1);
}

#[tokio::test]
async fn of_the_same_signature_sent_many_times_at_once_one_signs_in() {
    let app = start_trusting().await;
    let (_, mut browser) = linked(&app, ANNA).await;
    browser.get("/login/certificate").await;
    let asked = challenge(&browser).await;
    let signature = ANNA.sign(&asked.text, &*app.ambient.entropy);
    let tasks = (0..4).map(|_| {
        let (mut browser, id, signature) = (browser.clone(), asked.id.clone(), signature.clone());
        tokio::spawn(async move {
            let fields = [("challenge", id.as_str()), ("signature", signature.as_str())];
            browser.submit("certificate-form", &fields, "submit").await;
            (browser.session(), refusal(&browser))
        })
    });
    let mut sessions = 0;
    for done in tasks.collect::<Vec<_>>() {
        let (session, refusal) = done.await.unwrap();
        assert!(session.is_empty() != refusal.is_empty(), "{refusal}");
        assert!(refusal.is_empty() || refusal == "challenge-used", "{refusal}");
        sessions += usize::from(refusal.is_empty());
    }
    assert_eq!(sessions, 1);
}

#[tokio::test]
async fn a_certificate_that_nobody_could_say_was_not_revoked_signs_in_as_one_factor() {
    let app = TestApp::start_with(|config| {
        config.certificate.revocation = Revocation::Preferred;
        config.certificate.second_proof = SecondProof::Never;
    })
    .await;
    app.trust_fixtures().await;
    // Without addresses, so that nobody is asked for lists.
    let silent = next(&app, ANNA, b"45", &[LISTS, RESPONDERS]);
    let (person, rp) = (app.anyone().await, product(&app).await);
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign_under(&app, &mut browser, (ANNA, &silent)).await;
    browser.click("go-link").await;
    browser.fill_in(&person, &[]).await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    browser.submit("sign-out-form", &[], "sign-out").await;
    let ask = rp.ask();
    browser.get(&ask.url()).await;
    browser.click("method-certificate").await;
    sign_under(&app, &mut browser, (ANNA, &silent)).await;
    let callback = kabinet_tests::Callback::of(&browser.page);
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    let claims = rp.verify(&tokens.id).await;
    assert_eq!((&claims["amr"], &claims["acr"]), (&serde_json::json!(["cert"]), &Value::from("1")));
}

/// The same form with another value in a field.
fn with(body: &[(String, String)], field: &str, value: &str) -> Vec<(String, String)> {
    let others = body.iter().filter(|(name, _)| name != field).cloned();
    others.chain([(field.to_owned(), value.to_owned())]).collect()
}

#[tokio::test]
async fn no_field_makes_the_server_fail() {
    let app = start().await;
    let (person, browser) = linked(&app, ANNA).await;
    let mut page = browser.clone();
    page.get("/login/certificate").await;
    let form = page.filled("certificate-form", &[("challenge", "no-such"), ("signature", "AAAA")], "submit");
    let mut home = browser.clone();
    app.sign_in(&mut home, &person).await;
    home.get("/account/methods").await;
    let unlinking = home.filled("unlink-certificate", &[], "unlink");
    let long = "x".repeat(50_000);
    for strange in ["", "\0", "\u{202e}<b>\r\n", long.as_str()] {
        for field in ["challenge", "purpose", "flow", "signer", "id"] {
            let body = [with(&form, field, strange), vec![("code".to_owned(), "123456".to_owned())]].concat();
            for path in [
                "/login/certificate",
                "/login/certificate/challenge",
                "/login/certificate/confirm",
                "/login/certificate/link",
                "/register/certificate",
                "/register/certificate/details",
            ] {
                let mut sender = page.clone();
                sender.post(path, &body).await;
                assert!(sender.page.status < 500, "{path} {field}={strange:.20?}: {}", sender.page.text());
                assert!(sender.session().is_empty());
            }
        }
        let mut sender = home.clone();
        sender.post("/account/methods", &with(&unlinking, "certificate", strange)).await;
        assert!(sender.page.status < 500, "{strange:.20?}: {}", sender.page.text());
        if sender.page.has("login-form") {
            sender.fill_in(&person, &[]).await;
            assert!(sender.page.status < 500, "{strange:.20?}: {}", sender.page.text());
        }
    }
    assert_eq!(certificates(&app, &person).await.len(), 1);
}

#[tokio::test]
async fn the_code_of_a_sign_in_serves_on_its_own_page_alone() {
    let app = start().await;
    let (person, _) = linked(&app, ANNA).await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    let code = app.code_sent_to(&person.contact);
    let body = browser.filled("code-form", &[("code", &code)], "submit");
    for path in ["/register/confirm", "/recover/confirm"] {
        let mut elsewhere = browser.clone();
        elsewhere.post(path, &body).await;
        assert!(elsewhere.session().is_empty(), "{path}: {}", elsewhere.page.text());
        assert!(!elsewhere.page.has("new-password-form"), "{path}: {}", elsewhere.page.text());
    }
    let mut thief = app.browser();
    thief.get("/login/certificate").await;
    let token = thief.filled("certificate-form", &[], "submit");
    let token = token.into_iter().find(|(name, _)| name == "form-token").unwrap().1;
    thief.post("/login/certificate/confirm", &with(&body, "form-token", &token)).await;
    assert!(thief.session().is_empty(), "{}", thief.page.text());
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert_eq!(browser.page.path(), "/account", "what others tried has not spent it");
}

#[tokio::test]
async fn nobody_unlinks_the_certificate_of_somebody_else() {
    let app = start().await;
    let (person, _) = linked(&app, ANNA).await;
    let (other, mut browser) = linked(&app, OTHER).await;
    let theirs = certificates(&app, &person).await.remove(0).id.to_string();
    app.sign_in(&mut browser, &other).await;
    browser.get("/account/methods").await;
    let body = with(&browser.filled("unlink-certificate", &[], "unlink"), "certificate", &theirs);
    browser.post("/account/methods", &body).await;
    browser.fill_in(&other, &[]).await;
    assert_eq!(browser.page.path(), "/account/methods", "{}", browser.page.text());
    for person in [&person, &other] {
        assert_eq!(certificates(&app, person).await.len(), 1);
    }
}
