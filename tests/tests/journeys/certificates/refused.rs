//! Signatures that prove nothing, each with a code of its own.

use super::*;

/// Sends what somebody else than the page's script made.
async fn send(browser: &mut Browser, challenge: &str, signature: &str) -> String {
    browser
        .submit("certificate-form", &[("challenge", challenge), ("signature", signature)], "submit")
        .await;
    assert!(browser.session().is_empty(), "{}", browser.page.text());
    refusal(browser)
}

#[tokio::test]
async fn every_certificate_that_is_not_good_has_its_own_answer() {
    let app = start().await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    for (holder, code) in [("expired-256", "expired"), ("plain-256", "not_qualified")] {
        let asked = challenge(&browser).await;
        let signature = Holder(holder).sign(&asked.text, &*app.ambient.entropy);
        assert_eq!(send(&mut browser, &asked.id, &signature).await, code, "{}", browser.page.text());
        assert_eq!(browser.page.status, 422);
    }
}

#[tokio::test]
async fn a_signature_serves_once_for_its_own_text() {
    let app = start_trusting().await;
    let (_, mut browser) = linked(&app, ANNA).await;
    browser.get("/login/certificate").await;
    let (first, second) = (challenge(&browser).await, challenge(&browser).await);
    let entropy = &*app.ambient.entropy;
    let signature = ANNA.sign(&first.text, entropy);
    assert_eq!(send(&mut browser, &second.id, &signature).await, "digest_mismatch");
    let another = ANNA.sign(b"a contract", entropy);
    assert_eq!(send(&mut browser, &first.id, &another).await, "digest_mismatch");
    let mut before = browser.clone();
    browser
        .submit("certificate-form", &[("challenge", &first.id), ("signature", &signature)], "submit")
        .await;
    assert_eq!(browser.page.path(), "/account", "{}", browser.page.text());
    // The same once more, in the same browser without its session.
    assert_eq!(send(&mut before, &first.id, &signature).await, "challenge-used");
}

#[tokio::test]
async fn a_challenge_belongs_to_its_browser_its_request_and_its_purpose() {
    let app = start_trusting().await;
    let (_, mut browser) = linked(&app, ANNA).await;
    let mut thief = app.browser();
    thief.get("/login/certificate").await;
    browser.get("/login/certificate").await;
    let asked = challenge(&browser).await;
    let signature = ANNA.sign(&asked.text, &*app.ambient.entropy);
    assert_eq!(send(&mut thief, &asked.id, &signature).await, "challenge-unknown");
    // Another request in the same browser.
    let mut tab = browser.clone();
    tab.get("/login/certificate").await;
    assert_eq!(send(&mut tab, &asked.id, &signature).await, "challenge-unknown");
    // Another purpose in the same browser and request.
    let flow = browser
        .filled("certificate-form", &[], "submit")
        .into_iter()
        .find(|(name, _)| name == "flow")
        .unwrap()
        .1;
    let mut other = browser.clone();
    other.get(&format!("/register/certificate?flow={flow}")).await;
    assert_eq!(send(&mut other, &asked.id, &signature).await, "challenge-unknown");
    assert_eq!(send(&mut browser.clone(), "no-such", &signature).await, "challenge-unknown");
    browser
        .submit("certificate-form", &[("challenge", &asked.id), ("signature", &signature)], "submit")
        .await;
    assert_eq!(
        browser.page.path(),
        "/account",
        "what others tried has not spent it: {}",
        browser.page.text()
    );
}

#[tokio::test]
async fn a_challenge_ends_after_five_minutes_and_after_five_tries() {
    let app = start_trusting().await;
    let (_, mut browser) = linked(&app, ANNA).await;
    browser.get("/login/certificate").await;
    let entropy = &*app.ambient.entropy;
    let late = challenge(&browser).await;
    app.clock.advance(300);
    assert_eq!(send(&mut browser, &late.id, &ANNA.sign(&late.text, entropy)).await, "challenge-expired");
    let tried = challenge(&browser).await;
    for _ in 0..5 {
        assert_eq!(send(&mut browser, &tried.id, "AAAA").await, "message_malformed");
    }
    assert_eq!(send(&mut browser, &tried.id, &ANNA.sign(&tried.text, entropy)).await, "challenge-used");
}

#[tokio::test]
async fn rubbish_and_masses_are_refused_before_they_cost_anything() {
    let app = start().await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    let asked = challenge(&browser).await;
    for (signature, code) in [("", "malformed"), ("не base64", "malformed"), ("====", "malformed")] {
        assert_eq!(send(&mut browser, &asked.id, signature).await, code, "{signature:?}");
    }
    assert_eq!(send(&mut browser, &asked.id, &"A".repeat(180_000)).await, "too_large");
    let mut body = browser.filled("certificate-form", &[], "submit");
    body.push(("more".to_owned(), "A".repeat(300_000)));
    assert_eq!(browser.clone().post("/login/certificate", &body).await.status, 413);
    // Where no signature belongs, the limit is that of every form.
    let mut elsewhere = app.browser();
    elsewhere.get("/login").await;
    let mut body = elsewhere.filled("login-form", &[], "submit");
    body.push(("more".to_owned(), "A".repeat(70_000)));
    assert_eq!(elsewhere.post("/login", &body).await.status, 413);
}

#[tokio::test]
async fn a_disabled_account_is_closed_to_its_certificate() {
    let app = start().await;
    let (person, mut browser) = linked(&app, ANNA).await;
    app.set_disabled(&person, true).await;
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    assert_eq!(
        (browser.page.status, refusal(&browser).as_str()),
        (403, "blocked"),
        "{}",
        browser.page.text()
    );
    assert!(browser.session().is_empty());
}

#[tokio::test]
async fn the_challenge_is_not_given_to_whoever_has_no_page_of_ours() {
    let app = start().await;
    let answer = app.post("/login/certificate/challenge", &[("purpose", "sign-in")]).await;
    assert_eq!(answer.code(), 422);
    assert_eq!(answer.json()["error"], "form-stale");
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    let body: Vec<(String, String)> = browser
        .filled("certificate-form", &[], "submit")
        .into_iter()
        .map(|(name, value)| {
            if name == "purpose" {
                (name, "contract".to_owned())
            } else {
                (name, value)
            }
        })
        .collect();
    browser.post("/login/certificate/challenge", &body).await;
    assert_eq!(browser.page.status, 400);
}

#[tokio::test]
async fn a_code_for_a_certificate_that_was_unlinked_meanwhile_signs_nobody_in() {
    let app = start().await;
    let (person, mut known) = linked(&app, ANNA).await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    sign(&app, &mut browser, ANNA).await;
    let code = app.code_sent_to(&person.contact);
    app.sign_in(&mut known, &person).await;
    known.get("/account/methods").await;
    known.submit("unlink-certificate", &[], "unlink").await;
    known.fill_in(&person, &[]).await;
    browser.submit("code-form", &[("code", &code)], "submit").await;
    assert!(browser.session().is_empty(), "{}", browser.page.text());
}

#[tokio::test]
async fn a_network_that_guesses_is_slowed_down() {
    let app = start().await;
    let mut browser = app.browser();
    browser.get("/login/certificate").await;
    let mut status = 0;
    for _ in 0..15 {
        let asked = Challenge::asked(&browser).await;
        let Some(id) = asked["challenge"].as_str() else {
            assert_eq!(asked["error"], "throttled");
            status = 429;
            break;
        };
        for _ in 0..5 {
            send(&mut browser.clone(), id, "AAAA").await;
        }
    }
    assert_eq!(status, 429);
}
