//! Sign-out and `/account`: sessions end at once, and with them what hangs on them.

use kabinet_core::client::Profile;
use kabinet_tests::{Browser, TestApp, Tokens};

/// The names of the buttons that end one session.
fn buttons(browser: &Browser) -> Vec<String> {
    let form = browser.page.html.form("sessions-form");
    form.into_iter()
        .flat_map(|form| form.fields)
        .map(|field| field.name)
        .filter(|name| name.starts_with("end-session-"))
        .collect()
}

#[tokio::test]
async fn signing_out_ends_the_session_here_and_its_tokens_but_not_those_given_for_offline_use() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let online = rp.sign_in(&app, &mut browser, &person).await;
    let offline = rp.sign_in_with(&app, &mut browser, &person, &rp.ask_for("openid offline_access")).await;
    let old = browser.clone();
    browser.get("/account").await;
    browser.submit("sign-out-form", &[], "sign-out").await;
    assert!(browser.page.has("signed-out"), "{}", browser.page.text());
    assert!(browser.session().is_empty());
    let mut thief = old;
    thief.get("/account").await;
    assert_eq!(thief.page.path(), "/login", "the old cookie still signs in");
    assert!(!rp.is_active(&online.access).await);
    rp.refresh(&online.refresh).await.refused(400, "invalid_grant");
    assert!(rp.is_active(&offline.access).await);
    assert_eq!(rp.refresh(&offline.refresh).await.code(), 200);
}

#[tokio::test]
async fn a_session_ended_from_another_device_is_over_with_its_tokens_on_every_node() {
    let app = TestApp::start().await;
    let other_node = app.another_node().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut here, mut there) = (app.anyone().await, app.browser(), app.browser());
    let online = rp.sign_in(&app, &mut there, &person).await;
    let offline = rp.sign_in_with(&app, &mut there, &person, &rp.ask_for("openid offline_access")).await;
    app.sign_in(&mut here, &person).await;
    here.get("/account/sessions").await;
    let ends = buttons(&here);
    assert_eq!(ends.len(), 1, "the own session has no such button: {ends:?}");
    here.submit("sessions-form", &[], &ends[0]).await;
    assert!(here.page.text().contains("Сеанс завершён"), "{}", here.page.text());
    there.get("/account").await;
    assert_eq!(there.page.path(), "/login");
    assert!(!rp.is_active(&online.access).await);
    rp.refresh(&online.refresh).await.refused(400, "invalid_grant");
    assert!(!rp.is_active(&offline.access).await, "ended from elsewhere, with all that came of it");
    rp.refresh(&offline.refresh).await.refused(400, "invalid_grant");
    let mut remote = rp.clone();
    remote.use_node(&other_node);
    kabinet_tests::eventually("the other node hears of it", || async { !remote.is_active(&online.access).await }).await;
    here.get("/account").await;
    assert_eq!(here.page.path(), "/account", "the own session goes on");
}

#[tokio::test]
async fn all_others_can_be_ended_at_once() {
    let app = TestApp::start().await;
    let person = app.anyone().await;
    let mut browsers: Vec<Browser> = (0..4).map(|_| app.browser()).collect();
    for browser in &mut browsers {
        app.sign_in(browser, &person).await;
    }
    browsers[0].get("/account/sessions").await;
    browsers[0].submit("sessions-form", &[], "end-others").await;
    for (i, browser) in browsers.iter_mut().enumerate() {
        browser.get("/account").await;
        assert_eq!(browser.page.path(), if i == 0 { "/account" } else { "/login" });
    }
}

#[tokio::test]
async fn a_session_of_another_person_cannot_be_ended() {
    let app = TestApp::start().await;
    let (mine, other) = (app.anyone().await, app.anyone().await);
    let (mut attacker, mut victim, mut second) = (app.browser(), app.browser(), app.browser());
    app.sign_in(&mut attacker, &mine).await;
    app.sign_in(&mut victim, &other).await;
    app.sign_in(&mut second, &other).await;
    victim.get("/account/sessions").await;
    let foreign = buttons(&victim).remove(0);
    attacker.get("/account/sessions").await;
    let token = attacker
        .page
        .html
        .form("sign-out-form")
        .unwrap()
        .fields
        .into_iter()
        .find(|one| one.name == "form-token")
        .unwrap();
    attacker
        .post("/account/sessions", &[("form-token", token.value.as_str()), (&foreign, "1")])
        .await;
    second.get("/account").await;
    assert_eq!(second.page.path(), "/account", "somebody else's session was ended");
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_after_its_longest_life() {
    let app = TestApp::start().await;
    let person = app.anyone().await;
    let mut idle = app.browser();
    app.sign_in(&mut idle, &person).await;
    app.clock.advance(24 * 3600);
    idle.get("/account").await;
    assert_eq!(idle.page.path(), "/login");
    let mut busy = app.browser();
    app.sign_in(&mut busy, &person).await;
    for hour in 0..7 * 24 {
        busy.get("/account").await;
        assert_eq!(busy.page.path(), "/account", "after {hour} hours");
        app.clock.advance(3600);
    }
    busy.get("/account").await;
    assert_eq!(busy.page.path(), "/login", "a session lives for longer than a week");
}

#[tokio::test]
async fn a_refresh_without_offline_access_ends_with_the_idle_session_too() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in(&app, &mut browser, &person).await;
    let tokens = Tokens::of(&rp.refresh(&tokens.refresh).await);
    app.clock.advance(24 * 3600 + 1);
    rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn only_remember_me_survives_the_closing_of_the_browser() {
    let app = TestApp::start().await;
    let person = app.anyone().await;
    for (remember, path) in [("", "/login"), ("on", "/account")] {
        let mut browser = app.browser();
        browser.get("/login").await;
        app.fill_in_with(&mut browser, &person, &[("remember", remember)]).await;
        browser.close();
        browser.get("/account").await;
        assert_eq!(browser.page.path(), path, "remember = {remember:?}");
    }
}
