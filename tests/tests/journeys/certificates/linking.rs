//! Which account a certificate belongs to.

use super::*;

#[tokio::test]
async fn a_certificate_that_nobody_linked_signs_nobody_in_whatever_it_says() {
    let app = start().await;
    // The certificate has this address: an equal value is no proof.
    app.user("anna.testova@example.test", kabinet_tests::PASSWORD).await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    assert_eq!(browser.page.path(), "/login/certificate/unlinked");
    assert!(browser.session().is_empty());
    let text = browser.page.text();
    assert!(text.contains("Тестова Анна Петровна"), "{text}");
    assert!(!text.contains("anna.testova"), "{text}");
    browser.get("/account").await;
    assert!(browser.page.has("login-form"), "{}", browser.page.text());
}

#[tokio::test]
async fn linking_on_the_way_in_signs_in_and_leads_back_to_the_product() {
    let app = start().await;
    let (person, rp) = (app.anyone().await, product(&app).await);
    let mut browser = app.browser();
    let ask = rp.ask();
    browser.get(&ask.url()).await;
    browser.click("method-certificate").await;
    sign(&app, &mut browser, HEAD).await;
    browser.click("go-link").await;
    assert!(browser.page.text().contains("Директоров"), "{}", browser.page.text());
    let stranger = Person {
        password: "не тот пароль".to_owned(), ..person.clone()
    };
    browser.fill_in(&stranger, &[]).await;
    assert!(browser.page.has("login-form") && browser.session().is_empty(), "{}", browser.page.text());
    browser.fill_in(&person, &[]).await;
    let callback = kabinet_tests::Callback::of(&browser.page);
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    let claims = rp.verify(&tokens.id).await;
    assert_eq!(claims["sub"], person.id.as_str());
    assert_eq!((&claims["amr"], &claims["acr"]), (&serde_json::json!(["pwd", "cert"]), &"2".into()));
    let told = app.messages();
    assert!(
        told.iter().any(|message| message["to"] == person.contact.as_str()
            && message["purpose"] == "notice"
            && message["text"].as_str().unwrap().contains("привязан сертификат")),
        "{told:?}"
    );
    let ask = rp.ask_for("openid org orgs");
    let tokens = Tokens::of(&rp.redeem(rp.authorize(&mut browser, &ask).await.code(), &ask).await);
    let claims = rp.userinfo(&tokens.access).await.json();
    assert_eq!(claims["org"]["inn"], "9800000038");
    assert_eq!(
        (&claims["org"]["proof"], &claims["org"]["relation"], &claims["org"]["proof_time"]),
        (&"certificate".into(), &"head".into(), &app.now().into())
    );
}

#[tokio::test]
async fn one_persons_certificate_belongs_to_one_account() {
    let app = start().await;
    linked(&app, ANNA).await;
    let other = app.anyone().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &other).await;
    browser.get("/account/methods").await;
    browser.submit("link-certificate", &[], "link").await;
    sign(&app, &mut browser, ANNA).await;
    browser.fill_in(&other, &[]).await;
    assert_eq!(browser.page.status, 409, "{}", browser.page.text());
    assert!(browser.get("/account/methods").await.has("no-certificates"));
}

#[tokio::test]
async fn the_account_links_with_both_proofs_and_unlinks_with_its_own() {
    let app = start().await;
    let (person, other) = (app.anyone().await, app.anyone().await);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    browser.get("/account/methods").await;
    assert!(
        browser.page.has("has-password") && browser.page.has("no-certificates"),
        "{}",
        browser.page.text()
    );
    browser.submit("link-certificate", &[], "link").await;
    assert_eq!(browser.page.path(), "/account/methods/certificate");
    sign(&app, &mut browser, ANNA).await;
    // A sign-in a moment ago is no fresh proof, and neither is another account's password.
    assert!(browser.page.has("login-form"), "{}", browser.page.text());
    browser.fill_in(&other, &[]).await;
    assert_eq!(browser.page.status, 403, "{}", browser.page.text());
    browser.fill_in(&person, &[]).await;
    assert_eq!(browser.page.path(), "/account/methods", "{}", browser.page.text());
    assert!(browser.page.text().contains("Тестова Анна Петровна"));

    browser.submit("link-certificate", &[], "link").await;
    sign(&app, &mut browser, OTHER).await;
    browser.fill_in(&person, &[]).await;
    let forms: Vec<String> = browser
        .page
        .html
        .ids()
        .into_iter()
        .filter(|id| id.starts_with("unlink-certificate"))
        .collect();
    assert_eq!(forms.len(), 2, "{forms:?}");
    assert_eq!(forms[0], "unlink-certificate");
    browser.submit(&forms[1], &[], "unlink").await;
    assert!(browser.page.has("login-form"), "{}", browser.page.text());
    browser.fill_in(&other, &[]).await;
    assert_eq!(browser.page.status, 403);
    browser.fill_in(&person, &[]).await;
    assert!(
        !browser.page.has(&forms[1]) && browser.page.has("unlink-certificate"),
        "{}",
        browser.page.text()
    );
    browser.submit("unlink-certificate", &[], "unlink").await;
    browser.fill_in(&person, &[]).await;
    assert!(browser.page.has("no-certificates"), "{}", browser.page.text());
    browser.submit("sign-out-form", &[], "sign-out").await;
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    assert!(browser.page.has("unlinked"), "{}", browser.page.text());
}

#[tokio::test]
async fn what_is_carried_to_the_next_page_serves_one_browser_for_a_quarter_of_an_hour() {
    let app = start().await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    let href = browser.page.html.attribute("go-link", "href").unwrap();
    let mut other = app.browser();
    other.get("/login").await;
    assert_eq!(other.get(&href).await.status, 400);
    browser.get(&href).await;
    let late = browser.filled("login-form", &[], "submit");
    assert!(late.iter().any(|(name, _)| name == "signer"));
    app.clock.advance(15 * 60);
    browser.fill_in(&person, &[]).await;
    assert_eq!(browser.page.status, 400, "{}", browser.page.text());
    assert!(browser.session().is_empty());
}

#[tokio::test]
async fn a_contact_of_the_account_hears_of_it_when_a_certificate_leaves() {
    let app = start().await;
    let (person, mut browser) = linked(&app, ANNA).await;
    app.sign_in(&mut browser, &person).await;
    browser.get("/account/methods").await;
    browser.submit("unlink-certificate", &[], "unlink").await;
    browser.fill_in(&person, &[]).await;
    let told = app.messages();
    assert!(told.last().unwrap()["text"].as_str().unwrap().contains("сертификат отвязан"), "{told:?}");
}
