//! Whose account an identity is.

use super::*;

#[tokio::test]
async fn nobody_is_signed_in_by_an_equal_address_however_well_it_is_verified() {
    let (app, elsewhere) = start().await;
    app.user("anna@example.test", kabinet_tests::PASSWORD).await;
    elsewhere.claim("email", "anna@example.test");
    elsewhere.claim("email_verified", true);
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert_eq!(browser.page.path(), format!("/login/{NAME}/unlinked"));
    assert!(browser.session().is_empty() && !browser.page.has("go-register"));
    // The provider's word is taken for nothing here, so nobody learns of the account from it.
    assert!(!browser.page.has("alike"), "{}", browser.page.text());
    browser.get("/account").await;
    assert!(browser.page.has("login-form"));
}

#[tokio::test]
async fn an_account_with_a_contact_that_the_provider_vouches_for_is_hinted_at() {
    let (app, elsewhere) = start_with(|upstream| {
        upstream.vouches = vec![kabinet_identity::method::upstream::Vouched::Email];
    })
    .await;
    app.user("anna@example.test", kabinet_tests::PASSWORD).await;
    elsewhere.claim("email", "anna@example.test");
    for (verified, is_hinted) in [(Value::from(false), false), (Value::Null, false), (Value::from(true), true)] {
        elsewhere.claim("email_verified", verified.clone());
        if verified.is_null() {
            elsewhere.script().claims.remove("email_verified");
        }
        let mut browser = app.browser();
        browser.get("/login").await;
        go(&elsewhere, &mut browser).await;
        assert_eq!((browser.page.has("unlinked"), browser.page.has("alike")), (true, is_hinted), "{verified}");
        assert!(browser.session().is_empty());
    }
}

#[tokio::test]
async fn linking_on_the_way_in_signs_in_and_every_contact_is_told() {
    let (app, elsewhere) = start().await;
    let (person, rp) = (app.anyone().await, app.client(Profile::Web, |_| ()).await);
    let (mut browser, ask) = (app.browser(), rp.ask());
    browser.get(&ask.url()).await;
    go(&elsewhere, &mut browser).await;
    browser.click("go-link").await;
    let stranger = Person {
        password: "не тот пароль".to_owned(), ..person.clone()
    };
    browser.fill_in(&stranger, &[]).await;
    assert!(browser.page.has("login-form") && browser.session().is_empty(), "{}", browser.page.text());
    browser.fill_in(&person, &[]).await;
    let callback = kabinet_tests::Callback::of(&browser.page);
    let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
    let claims = rp.verify(&tokens.id).await;
    // A provider is no second factor of ours.
    assert_eq!((&claims["amr"], &claims["acr"]), (&json!(["pwd", "fed"]), &"1".into()));
    assert!(
        notices(&app, &person).iter().any(|text| text.contains("привязан вход")),
        "{:?}",
        notices(&app, &person)
    );
}

#[tokio::test]
async fn what_came_back_links_once() {
    let (app, elsewhere) = start().await;
    let (anna, boris) = (app.anyone().await, app.anyone().await);
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    browser.click("go-link").await;
    let mut second = browser.clone();
    browser.fill_in(&anna, &[]).await;
    assert_eq!(browser.page.path(), "/account");
    second.fill_in(&boris, &[]).await;
    assert_eq!(
        (second.page.status, second.page.error().as_str()),
        (400, "request-expired-here"),
        "{}",
        second.page.text()
    );
    // And it stays where it is: whoever comes again is Anna.
    let mut browser = app.browser();
    app.sign_in(&mut browser, &boris).await;
    browser.get("/account/methods").await;
    browser.submit(&format!("link-{NAME}"), &[], "link").await;
    come_back(&elsewhere, &mut browser).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (409, "upstream-linked-elsewhere"));
    browser.get("/account/methods").await;
    assert!(browser.page.has("no-connections"), "{}", browser.page.text());
}

#[tokio::test]
async fn somebody_signed_in_links_with_their_own_password_and_unlinks_again() {
    let (app, elsewhere) = start().await;
    let (anna, boris) = (app.anyone().await, app.anyone().await);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &anna).await;
    browser.get("/account/methods").await;
    browser.submit(&format!("link-{NAME}"), &[], "link").await;
    come_back(&elsewhere, &mut browser).await;
    assert_eq!(browser.page.path(), format!("/login/{NAME}/link"), "{}", browser.page.text());
    let form = browser.page.clone();
    browser.fill_in(&boris, &[]).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (403, "fresh-other-account"));
    browser.page = form;
    browser.fill_in(&anna, &[]).await;
    assert_eq!(browser.page.at, "/account/methods?done=upstream-linked", "{}", browser.page.text());
    assert!(browser.page.text().contains("Анна Там") && browser.page.has("unlink-head-office"));
    // Nothing happens before the password.
    browser.submit("unlink-head-office", &[], "unlink").await;
    assert!(browser.page.has("login-form"));
    let form = browser.page.clone();
    browser.get("/account/methods").await;
    assert!(browser.page.has("unlink-head-office"));
    browser.page = form;
    browser.fill_in(&anna, &[]).await;
    assert_eq!(browser.page.at, "/account/methods?done=upstream-unlinked", "{}", browser.page.text());
    assert!(browser.page.has("no-connections"));
    assert!(notices(&app, &anna).last().unwrap().contains("отвязан"));
    let mut browser = app.browser();
    browser.get("/login").await;
    go(&elsewhere, &mut browser).await;
    assert!(browser.page.has("unlinked") && browser.session().is_empty());
}

#[tokio::test]
async fn a_form_of_another_site_begins_no_linking() {
    let (app, elsewhere) = start().await;
    let anna = app.anyone().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &anna).await;
    let body = [("link", NAME)];
    browser.post("/account/methods", &body).await;
    assert_eq!(browser.page.left, None);
    browser.post_from_elsewhere("/account/methods", &body).await;
    assert_eq!(browser.page.left, None);
    // Nor does the way back of an attempt that another browser began: the identity is the attacker's.
    let mut attacker = app.browser();
    let evil = app.anyone().await;
    app.sign_in(&mut attacker, &evil).await;
    attacker.get("/account/methods").await;
    attacker.submit(&format!("link-{NAME}"), &[], "link").await;
    let back = elsewhere.sign_in(&attacker.page.left.clone().unwrap());
    browser.get(&back).await;
    assert_eq!(browser.page.error(), "upstream-state");
    browser.get("/account/methods").await;
    assert!(browser.page.has("no-connections"));
    // The attempt is not spent by that: it is still its own browser's.
    attacker.get(&back).await;
    assert_eq!(attacker.page.path(), format!("/login/{NAME}/link"), "{}", attacker.page.text());
}

#[tokio::test]
async fn an_attempt_to_link_is_for_the_account_that_began_it() {
    let (app, elsewhere) = start().await;
    let (anna, boris) = (app.anyone().await, app.anyone().await);
    let mut browser = app.browser();
    app.sign_in(&mut browser, &anna).await;
    browser.get("/account/methods").await;
    browser.submit(&format!("link-{NAME}"), &[], "link").await;
    let back = elsewhere.sign_in(&browser.page.left.clone().unwrap());
    // In the same browser somebody else is signed in when it comes back.
    browser.get("/account").await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    app.sign_in(&mut browser, &boris).await;
    browser.get(&back).await;
    browser.fill_in(&boris, &[]).await;
    assert_eq!(
        (browser.page.status, browser.page.error().as_str()),
        (403, "fresh-other-account"),
        "{}",
        browser.page.text()
    );
    browser.get("/account/methods").await;
    assert!(browser.page.has("no-connections"));
}

#[tokio::test]
async fn a_second_identity_of_the_same_provider_has_forms_of_its_own() {
    let (app, elsewhere) = start().await;
    let person = linked(&app, &elsewhere).await;
    elsewhere.claim("sub", "anna-there-again");
    let mut browser = app.browser();
    link(&elsewhere, &mut browser, &person).await;
    browser.get("/account/methods").await;
    let forms: Vec<String> = browser.page.html.ids().into_iter().filter(|id| id.starts_with("unlink-")).collect();
    assert_eq!(forms.len(), 2, "{forms:?}");
    assert!(forms.contains(&"unlink-head-office".to_owned()));
    assert!(forms.iter().any(|id| id.starts_with("unlink-head-office-")), "{forms:?}");
}

#[tokio::test]
async fn one_identity_linked_from_two_accounts_at_once_goes_to_one() {
    let (app, elsewhere) = start().await;
    let (anna, boris) = (app.anyone().await, app.anyone().await);
    let mut browsers = [app.browser(), app.browser()];
    for browser in &mut browsers {
        browser.get("/login").await;
        go(&elsewhere, browser).await;
        browser.click("go-link").await;
    }
    let [first, second] = &mut browsers;
    tokio::join!(first.fill_in(&anna, &[]), second.fill_in(&boris, &[]));
    let linked = |browser: &Browser| browser.page.path() == "/account";
    assert_ne!(linked(first), linked(second), "{} {}", first.page.text(), second.page.text());
    let other = if linked(first) { second } else { first };
    assert_eq!((other.page.status, other.page.error().as_str()), (409, "upstream-linked-elsewhere"));
    assert!(other.session().is_empty());
}
