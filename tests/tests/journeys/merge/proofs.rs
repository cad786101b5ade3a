//! Each proof missing, stale, of another browser, or used before.

use super::*;

/// Posts the button for an attempt whose page the browser need not show.
async fn press(browser: &mut Browser, form: &[(String, String)]) {
    browser.post("/account/merge", form).await;
}

#[tokio::test]
async fn without_the_account_that_stays_nothing_begins() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &staying).await;
    browser.get("/account/merge").await;
    browser.submit("merge-start", &[], "begin").await;
    let form = browser.page.clone();
    for wrong in [with_password_of(&staying, &other), other.clone()] {
        browser.page = form.clone();
        browser.fill_in(&wrong, &[]).await;
        assert!(
            browser.page.has("login-form") && browser.page.path() == "/account/merge",
            "{}",
            browser.page.text()
        );
    }
}

#[tokio::test]
async fn a_sign_in_of_before_to_the_other_account_is_no_proof_of_it() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &other).await;
    app.sign_in(&mut browser, &staying).await;
    begin(&mut browser, &staying).await;
    let id = attempt(&app).await;
    browser.get(&format!("/account/merge?id={id}")).await;
    assert!(browser.page.has("merge-sign-in") && !browser.page.has("merge"), "{}", browser.page.text());
    let mut form = browser.filled("merge-form", &[], "cancel");
    form.retain(|(name, _)| name != "cancel");
    form.push(("merge".to_owned(), "merge".to_owned()));
    press(&mut browser, &form).await;
    assert_ne!(browser.page.at, "/account/methods?done=merged", "{}", browser.page.text());
    // Nor is one beside the attempt, in the same browser.
    browser.get("/login?another=1").await;
    browser.fill_in(&other, &[]).await;
    press(&mut browser, &form).await;
    assert_ne!(browser.page.at, "/account/methods?done=merged", "{}", browser.page.text());
    app.sign_in(&mut app.browser(), &other).await;
}

/// The one attempt there is.
async fn attempt(app: &TestApp) -> String {
    let ids = column(app, "SELECT id FROM merge_attempts").await;
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids[0].clone()
}

#[tokio::test]
async fn the_account_that_stays_is_not_merged_into_itself() {
    let app = TestApp::start().await;
    let (staying, _) = twins(&app).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &staying).await;
    begin(&mut browser, &staying).await;
    browser.fill_in(&staying, &[]).await;
    assert_eq!(
        (browser.page.status, browser.page.error().as_str()),
        (409, "merge-same"),
        "{}",
        browser.page.text()
    );
    assert!(!browser.page.has("merge") && browser.page.has("merge-sign-in"));
}

#[tokio::test]
async fn both_proofs_last_five_minutes() {
    let app = TestApp::start().await;
    for (wait, is_merged) in [(300, true), (301, false)] {
        let (staying, other) = twins(&app).await;
        let mut browser = app.browser();
        prove_both(&app, &mut browser, (&staying, &other)).await;
        app.clock.advance(wait);
        browser.submit("merge-form", &[], "merge").await;
        let done = if is_merged { "merged" } else { "merge-expired" };
        assert_eq!(browser.page.at, format!("/account/methods?done={done}"), "{wait}");
    }
}

#[tokio::test]
async fn the_sign_in_to_the_other_account_cannot_come_too_late() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &staying).await;
    begin(&mut browser, &staying).await;
    app.clock.advance(301);
    browser.fill_in(&other, &[]).await;
    assert_eq!(browser.page.at, "/account/methods?done=merge-expired", "{}", browser.page.text());
    assert_eq!(browser.page.error(), "merge-expired");
}

#[tokio::test]
async fn neither_half_counts_in_another_browser() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut own = app.browser();
    app.sign_in(&mut own, &staying).await;
    begin(&mut own, &staying).await;
    // Somebody lures the owner of the other account to the sign-in of the attempt.
    let address = own.page.at.clone();
    let mut lured = app.browser();
    lured.get(&address).await;
    lured.fill_in(&other, &[]).await;
    assert!(!lured.page.has("merge"), "{}", lured.page.text());
    let id = attempt(&app).await;
    for browser in [&mut own, &mut lured] {
        browser.get(&format!("/account/merge?id={id}")).await;
        assert!(!browser.page.has("merge"), "{}", browser.page.text());
    }
    app.sign_in(&mut app.browser(), &other).await;
}

#[tokio::test]
async fn an_attempt_merges_once() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    prove_both(&app, &mut browser, (&staying, &other)).await;
    let (mut first, mut second) = (browser.clone(), browser.clone());
    tokio::join!(first.submit("merge-form", &[], "merge"), second.submit("merge-form", &[], "merge"));
    let ends = [first.page.at.as_str(), second.page.at.as_str()];
    let merged = ends.iter().filter(|at| **at == "/account/methods?done=merged").count();
    assert_eq!(merged, 1, "{ends:?}");
    assert_eq!(merged_records(&app).await.len(), 1);
    browser.submit("merge-form", &[], "merge").await;
    assert_eq!(browser.page.at, "/account/methods?done=merge-expired", "{}", browser.page.text());
}

#[tokio::test]
async fn the_buttons_need_the_token_of_the_page() {
    let app = TestApp::start().await;
    let (staying, other) = twins(&app).await;
    let mut browser = app.browser();
    prove_both(&app, &mut browser, (&staying, &other)).await;
    browser.submit("merge-form", &[("form-token", "1.x")], "merge").await;
    assert!(browser.page.has("merge"), "{}", browser.page.text());
    let form = browser.filled("merge-form", &[], "merge");
    browser.post_from_elsewhere("/account/merge", &form).await;
    app.sign_in(&mut app.browser(), &other).await;
}

#[tokio::test]
async fn an_ended_session_of_either_side_merges_nothing() {
    let app = TestApp::start().await;
    for side in 0..2 {
        let (staying, other) = twins(&app).await;
        let mut browser = app.browser();
        prove_both(&app, &mut browser, (&staying, &other)).await;
        let ended = if side == 0 { &staying } else { &other };
        let mut elsewhere = app.browser();
        app.sign_in(&mut elsewhere, ended).await;
        elsewhere.get("/account/sessions").await;
        elsewhere.submit("sessions-form", &[], "end-others").await;
        browser.submit("merge-form", &[], "merge").await;
        assert_ne!(browser.page.at, "/account/methods?done=merged", "{side}: {}", browser.page.text());
        app.sign_in(&mut app.browser(), &other).await;
    }
}
