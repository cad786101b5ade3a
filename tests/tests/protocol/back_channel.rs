//! Back-Channel Logout 1.0: who is told of what, and the queue behind it. Relying parties are real
//! listeners that verify what they get by the published keys.

use std::time::Instant;

use kabinet_core::audit::Origin;
use kabinet_core::client::{Alg, ClientMetadata, Profile};
use kabinet_core::id::SessionId;
use kabinet_identity::Ending;
use kabinet_store::logout::{self, State};
use kabinet_tests::{BackChannel, Browser, Person, Reply, Rp, TestApp, Tokens, eventually, jwt};
use serde_json::{Value, json};

const BYE: &str = "https://rp.test/bye";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

async fn start() -> TestApp {
    TestApp::start_with(BackChannel::allow).await
}
/// A client that listens.
async fn listener(app: &TestApp) -> (Rp, BackChannel) {
    listener_with(app, |_| ()).await
}
async fn listener_with(app: &TestApp, change: impl FnOnce(&mut ClientMetadata)) -> (Rp, BackChannel) {
    let channel = BackChannel::open().await;
    let rp = app
        .client(Profile::Web, |metadata| {
            metadata.backchannel_logout_uri = Some(channel.uri.clone());
            metadata.post_logout_redirect_uris = vec![BYE.to_owned()];
            change(metadata);
        })
        .await;
    (rp, channel)
}

/// Takes the node's jobs away, so that nothing is told but by the test's own hand.
fn without_jobs(app: &mut TestApp) {
    app.node.jobs = kabinet::Jobs::default();
}

async fn sign_out(browser: &mut Browser, tokens: &Tokens) {
    let form = [("id_token_hint", tokens.id.as_str()), ("post_logout_redirect_uri", BYE), ("state", "s")];
    browser.get(&format!("/oauth2/logout?{}", kabinet_tests::form_body(&form))).await;
    assert_eq!(
        browser.page.left.as_deref(),
        Some("https://rp.test/bye?state=s"),
        "{}",
        browser.page.text()
    );
}

/// The claims of the one token that a listener got, verified as §2.6 demands.
async fn told(rp: &Rp, channel: &BackChannel, now: i64) -> Value {
    let calls = channel.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].path, "/back-channel?rp=1", "the query stays as it was registered");
    verified(rp, calls[0].token(), now).await
}

async fn verified(rp: &Rp, token: &str, now: i64) -> Value {
    let claims = jwt::verify(token, &rp.jwks().await).unwrap();
    let (header, _) = jwt::parts(token);
    assert_eq!(header["typ"], "logout+jwt");
    assert_eq!(header["alg"], rp.metadata.id_token_signed_response_alg.as_str());
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://id.test"), &json!(rp.id)));
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 120)));
    assert_eq!(claims["events"], json!({ EVENT: {} }));
    assert!(claims["jti"].as_str().is_some_and(|id| id.len() >= 22), "{claims}");
    assert!(claims.get("nonce").is_none(), "§2.4: a nonce must not be there");
    claims
}

/// What the queue says of a client's notices: state, attempts, reason.
async fn queue(app: &TestApp, rp: &Rp) -> Vec<(String, i64, String)> {
    let lines = logout::recent(app.store.db(), None, Some(&rp.id), 100).await.unwrap();
    lines.into_iter().map(|line| (line.state, line.attempts, line.reason)).collect()
}

async fn only_session(app: &TestApp, person: &Person) -> SessionId {
    let sessions = app.identity.sessions_of(&person.id).await.unwrap();
    assert_eq!(sessions.len(), 1);
    sessions[0].id.clone()
}

/// Ends the one session of a person as another process would.
async fn end_from_elsewhere(app: &TestApp, person: &Person) {
    let id = only_session(app, person).await;
    let visit = kabinet_identity::Visit {
        origin: Origin::default(),
        network: String::new(),
        binding: kabinet_core::secret::TokenHash::of("x"),
        flow: None,
        client: None,
        brand: kabinet_core::brand::Brands::built_in().shared(None),
        devices: Vec::new(),
        language: kabinet_core::language::Language::default(),
        country: None,
        work: None,
    };
    app.identity.end_session(&id, &person.id, Ending::SignOut, &visit).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sign_out_is_told_to_the_client_at_once() {
    let app = start().await;
    let (rp, channel) = listener(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in(&app, &mut browser, &person).await;
    let id = rp.verify(&tokens.id).await;
    sign_out(&mut browser, &tokens).await;
    let claims = told(&rp, &channel, app.now()).await;
    assert_eq!((&claims["sub"], &claims["sid"]), (&id["sub"], &id["sid"]));
    assert_eq!(queue(&app, &rp).await, [("told".to_owned(), 1, "status 200".to_owned())]);
}

#[tokio::test]
async fn a_logout_token_is_signed_as_the_client_s_id_tokens_are_and_each_has_its_own_sid() {
    let app = start().await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let mut all = Vec::new();
    for alg in Alg::ALL {
        let (rp, channel) = listener_with(&app, |metadata| metadata.id_token_signed_response_alg = alg).await;
        let tokens = rp.sign_in(&app, &mut browser, &person).await;
        all.push((rp, channel, tokens));
    }
    // One more in another session, and one that does not listen.
    let (elsewhere, quiet) = listener(&app).await;
    let mut other = app.browser();
    elsewhere.sign_in(&app, &mut other, &person).await;
    app.client(Profile::Web, |_| ()).await.sign_in(&app, &mut browser, &person).await;
    sign_out(&mut browser, &all[0].2).await;
    let mut sids = Vec::new();
    for (rp, channel, tokens) in &all {
        let claims = told(rp, channel, app.now()).await;
        assert_eq!(claims["sid"], rp.verify(&tokens.id).await["sid"]);
        sids.push(claims["sid"].to_string());
    }
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), 4, "two clients cannot compare theirs");
    assert_eq!(quiet.waiting(), 0, "another session is another matter");
}

#[tokio::test]
async fn clients_hear_of_a_session_however_it_was_ended() {
    type End = for<'a> fn(&'a TestApp, &'a Person, &'a mut Browser) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;
    let ends: [(&str, End); 6] = [
        ("on our page", |_, _, browser| {
            Box::pin(async move {
                browser.get("/logout").await;
                browser.submit("logout-confirm", &[], "submit").await;
            })
        }),
        ("in the cabinet", |_, _, browser| {
            Box::pin(async move {
                browser.get("/account").await;
                browser.submit("sign-out-form", &[], "sign-out").await;
            })
        }),
        ("from another device", |app, person, _| {
            Box::pin(async move {
                let mut here = app.browser();
                app.sign_in(&mut here, person).await;
                here.get("/account/sessions").await;
                let form = here.page.html.form("sessions-form").unwrap();
                let button = form.fields.iter().find(|one| one.name.starts_with("end-session-")).unwrap();
                here.submit("sessions-form", &[], &button.name).await;
            })
        }),
        ("all others", |app, person, _| {
            Box::pin(async move {
                let mut here = app.browser();
                app.sign_in(&mut here, person).await;
                here.get("/account/sessions").await;
                here.submit("sessions-form", &[], "end-others").await;
            })
        }),
        ("disabled", |app, person, _| Box::pin(app.set_disabled(person, true))),
        ("deleted", |app, person, _| Box::pin(app.delete_user(person))),
    ];
    let app = start().await;
    for (how, end) in ends {
        let (rp, channel) = listener(&app).await;
        let (person, mut browser) = (app.anyone().await, app.browser());
        let tokens = rp.sign_in(&app, &mut browser, &person).await;
        end(&app, &person, &mut browser).await;
        eventually(how, || async { channel.waiting() > 0 }).await;
        let claims = told(&rp, &channel, app.now()).await;
        assert_eq!(claims["sid"], rp.verify(&tokens.id).await["sid"], "{how}");
        assert_eq!(claims["sub"], person.id.as_str(), "{how}");
    }
}

#[tokio::test]
async fn a_new_password_ends_everything_and_everybody_hears_of_it() {
    let app = start().await;
    let (rp, channel) = listener(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let online = rp.sign_in(&app, &mut browser, &person).await;
    let offline = rp.sign_in_with(&app, &mut browser, &person, &rp.ask_for("openid offline_access")).await;
    let mut lost = app.browser();
    lost.get("/recover").await;
    lost.submit("recover-form", &[("phone", &person.contact)], "submit").await;
    let code = app.code_sent_to(&person.contact);
    lost.submit("code-form", &[("code", &code)], "submit").await;
    lost.submit("new-password-form", &[("new-password", "CANARY-другой пароль 77")], "submit")
        .await;
    for tokens in [&online, &offline] {
        rp.refresh(&tokens.refresh).await.refused(400, "invalid_grant");
    }
    eventually("the client hears of it", || async { channel.waiting() > 0 }).await;
    let claims = told(&rp, &channel, app.now()).await;
    assert_eq!(claims["sid"], rp.verify(&online.id).await["sid"]);
}

#[tokio::test]
async fn a_refresh_token_for_offline_use_survives_a_sign_out_and_ends_from_elsewhere() {
    let app = TestApp::start().await;
    let rp = app.client(Profile::Web, |_| ()).await;
    let person = app.anyone().await;
    for (from_elsewhere, survives) in [(false, true), (true, false)] {
        let (mut browser, mut here) = (app.browser(), app.browser());
        let tokens = rp.sign_in_with(&app, &mut browser, &person, &rp.ask_for("openid offline_access")).await;
        if from_elsewhere {
            app.sign_in(&mut here, &person).await;
            here.get("/account/sessions").await;
            here.submit("sessions-form", &[], "end-others").await;
        } else {
            browser.get("/logout").await;
            browser.submit("logout-confirm", &[], "submit").await;
        }
        assert_eq!(rp.is_active(&tokens.access).await, survives);
        assert_eq!(rp.refresh(&tokens.refresh).await.code() == 200, survives);
    }
}

#[tokio::test]
async fn a_client_that_never_had_a_refresh_token_is_still_known_when_the_session_ends_days_later() {
    let app = start().await;
    let (rp, channel) = listener_with(&app, |m| {
        m.grant_types.retain(|one| *one != kabinet_core::client::GrantType::RefreshToken)
    })
    .await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in(&app, &mut browser, &person).await;
    for _ in 0..5 {
        app.clock.advance(20 * 3600);
        browser.get("/account").await;
        kabinet_store::sweep::sweep(&app.store, kabinet_core::time::Timestamp(app.now()))
            .await
            .unwrap();
    }
    sign_out(&mut browser, &tokens).await;
    told(&rp, &channel, app.now()).await;
}

#[tokio::test]
async fn a_client_that_does_not_answer_delays_nobody() {
    let app = start().await;
    let (dead, silent) = listener(&app).await;
    let (live, channel) = listener(&app).await;
    silent.reply(Reply::Silence);
    let (person, mut browser) = (app.anyone().await, app.browser());
    dead.sign_in(&app, &mut browser, &person).await;
    let tokens = live.sign_in(&app, &mut browser, &person).await;
    let begun = Instant::now();
    sign_out(&mut browser, &tokens).await;
    // The call itself would last for five seconds.
    assert!(begun.elapsed().as_secs() < 4, "{:?}", begun.elapsed());
    told(&live, &channel, app.now()).await;
    assert_eq!(silent.waiting(), 1);
    assert_eq!(
        queue(&app, &dead).await[0].0,
        "sending",
        "its end is awaited by nobody in front of the screen"
    );
}

#[tokio::test]
async fn what_may_pass_is_told_again_by_the_ladder_and_then_given_up() {
    let mut app = start().await;
    without_jobs(&mut app);
    let provider = app.provider().await;
    let (rp, channel) = listener(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    rp.sign_in(&app, &mut browser, &person).await;
    channel.reply(Reply::Status(503));
    end_from_elsewhere(&app, &person).await;
    let mut ids = Vec::new();
    for (attempt, wait) in [10, 60, 300, 1800, 7200, 21_600, 43_200].into_iter().enumerate() {
        assert_eq!(provider.tell_due().await.unwrap(), 1, "attempt {}", attempt + 1);
        ids.push(told(&rp, &channel, app.now()).await["jti"].to_string());
        let expected = ("queued".to_owned(), i64::try_from(attempt).unwrap() + 1, "status 503".to_owned());
        assert_eq!(queue(&app, &rp).await, [expected]);
        app.clock.advance(wait - 1);
        assert_eq!(provider.tell_due().await.unwrap(), 0, "not before its time");
        app.clock.advance(1);
    }
    channel.reply(Reply::Status(429));
    assert_eq!(provider.tell_due().await.unwrap(), 1);
    ids.push(told(&rp, &channel, app.now()).await["jti"].to_string());
    assert_eq!(queue(&app, &rp).await, [("dead".to_owned(), 8, "status 429".to_owned())]);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8, "a token is minted for each attempt");
    app.clock.advance(30 * 86_400 - 100_000);
    assert_eq!(provider.tell_due().await.unwrap(), 0);
    let dead = logout::recent(app.store.db(), Some(State::Dead), None, 10).await.unwrap();
    assert_eq!(dead.len(), 1, "it stays to be seen");
}

#[tokio::test]
async fn what_a_client_refuses_is_dead_at_once_and_no_redirect_is_followed() {
    let mut app = start().await;
    without_jobs(&mut app);
    let provider = app.provider().await;
    let other = BackChannel::open().await;
    for (reply, reason) in [
        (Reply::Status(400), "status 400"),
        (Reply::Status(404), "status 404"),
        (Reply::Status(410), "status 410"),
        (Reply::Redirect(other.uri.clone()), "status 302"),
    ] {
        let (rp, channel) = listener(&app).await;
        let (person, mut browser) = (app.anyone().await, app.browser());
        rp.sign_in(&app, &mut browser, &person).await;
        channel.reply(reply);
        end_from_elsewhere(&app, &person).await;
        assert_eq!(provider.tell_due().await.unwrap(), 1);
        assert_eq!(queue(&app, &rp).await, [("dead".to_owned(), 1, reason.to_owned())]);
        app.clock.advance(86_400);
        assert_eq!((provider.tell_due().await.unwrap(), channel.waiting()), (0, 1));
    }
    assert_eq!(other.waiting(), 0);
}

#[tokio::test]
async fn nobody_listening_is_no_answer() {
    let mut app = start().await;
    without_jobs(&mut app);
    let provider = app.provider().await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (rp, _) = listener_with(&app, |m| m.backchannel_logout_uri = Some(format!("http://{gone}/"))).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    rp.sign_in(&app, &mut browser, &person).await;
    end_from_elsewhere(&app, &person).await;
    assert_eq!(provider.tell_due().await.unwrap(), 1);
    assert_eq!(queue(&app, &rp).await, [("queued".to_owned(), 1, "no connection".to_owned())]);
}

#[tokio::test]
async fn a_back_channel_that_leads_inside_is_never_called() {
    // Nothing is allowed here.
    let mut app = TestApp::start().await;
    without_jobs(&mut app);
    let provider = app.provider().await;
    let inside = BackChannel::open().await;
    let port = url::Url::parse(&inside.uri).unwrap().port().unwrap();
    let (person, mut browser) = (app.anyone().await, app.browser());
    let mut all = Vec::new();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        all.push(format!("http://{host}:{port}/"));
    }
    for host in [
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "[fd00::1]",
        "[fe80::1]",
        "localhost",
    ] {
        all.push(format!("https://{host}:{port}/"));
    }
    let mut rps = Vec::new();
    for uri in &all {
        let (rp, _) = listener_with(&app, |m| m.backchannel_logout_uri = Some(uri.clone())).await;
        rp.sign_in(&app, &mut browser, &person).await;
        rps.push(rp);
    }
    end_from_elsewhere(&app, &person).await;
    assert_eq!(provider.tell_due().await.unwrap(), all.len());
    for (rp, uri) in rps.iter().zip(&all) {
        let (state, _, reason) = queue(&app, rp).await.remove(0);
        assert_eq!(
            (state.as_str(), reason.as_str()),
            ("queued", "the address is unknown or may not be called"),
            "{uri}"
        );
    }
    assert_eq!(inside.waiting(), 0);
}

#[tokio::test]
async fn a_node_that_died_between_the_sign_out_and_the_call_owes_it_to_the_next() {
    let mut app = start().await;
    let (rp, channel) = listener(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in(&app, &mut browser, &person).await;
    without_jobs(&mut app);
    end_from_elsewhere(&app, &person).await;
    assert_eq!(queue(&app, &rp).await[0].0, "queued", "written with the end of the session");
    app.restart().await;
    eventually("the next node tells", || async { channel.waiting() > 0 }).await;
    assert_eq!(told(&rp, &channel, app.now()).await["sid"], rp.verify(&tokens.id).await["sid"]);
}

#[tokio::test]
async fn a_node_that_died_in_the_middle_of_a_call_keeps_its_lease_and_no_longer() {
    let mut app = start().await;
    without_jobs(&mut app);
    let provider = app.provider().await;
    let (rp, channel) = listener(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    rp.sign_in(&app, &mut browser, &person).await;
    end_from_elsewhere(&app, &person).await;
    let now = kabinet_core::time::Timestamp(app.now());
    let mut tx = app.store.begin().await.unwrap();
    let taken = logout::take(&mut tx, (now, now.plus(30)), 64, None).await.unwrap();
    tx.commit().await.unwrap();
    app.clock.advance(29);
    assert_eq!((provider.tell_due().await.unwrap(), channel.waiting()), (0, 0));
    app.clock.advance(1);
    assert_eq!(provider.tell_due().await.unwrap(), 1);
    told(&rp, &channel, app.now()).await;
    // The first sender wakes up: it has no say any more.
    let mut tx = app.store.begin().await.unwrap();
    assert!(!logout::again(&mut tx, &taken[0], "late", now).await.unwrap());
    assert!(!logout::settle(&mut tx, &taken[0], (State::Dead, "late"), now).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(queue(&app, &rp).await[0].0, "told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_nodes_do_no_work_twice() {
    let mut app = start().await;
    without_jobs(&mut app);
    let (one, two) = (app.provider().await, app.provider().await);
    let (person, mut browser) = (app.anyone().await, app.browser());
    let mut all = Vec::new();
    for _ in 0..20 {
        let (rp, channel) = listener(&app).await;
        rp.sign_in(&app, &mut browser, &person).await;
        all.push((rp, channel));
    }
    end_from_elsewhere(&app, &person).await;
    let (first, second) = tokio::join!(one.tell_due(), two.tell_due());
    assert_eq!(first.unwrap() + second.unwrap(), 20);
    for (rp, channel) in &all {
        told(rp, channel, app.now()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_clients_each_gets_what_it_answers_to_and_no_dead_one_delays_a_live_one() {
    let mut app = start().await;
    let elsewhere = BackChannel::open().await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let kinds = [
        (Reply::Status(200), "told"),
        (Reply::Silence, "sending"),
        (Reply::Status(500), "queued"),
        (Reply::Redirect(elsewhere.uri.clone()), "dead"),
        (Reply::Status(204), "told"),
    ];
    let mut all = Vec::new();
    for (reply, state) in kinds.iter().cycle().take(25) {
        let (rp, channel) = listener(&app).await;
        channel.reply(reply.clone());
        let tokens = rp.sign_in(&app, &mut browser, &person).await;
        all.push((rp, channel, tokens, *state));
    }
    let begun = Instant::now();
    sign_out(&mut browser, &all[0].2).await;
    assert!(begun.elapsed().as_secs() < 4, "{:?}", begun.elapsed());
    for (rp, channel, _, state) in &all {
        eventually(state, || async { queue(&app, rp).await[0].0 == *state }).await;
        assert_eq!(channel.waiting(), 1, "{state}");
    }
    // The node is killed with five calls in the air; whoever comes next owes them again, and the refused ones nothing.
    for (_, channel, ..) in &all {
        channel.reply(Reply::Status(200));
    }
    app.restart().await;
    app.clock.advance(60);
    for (rp, channel, _, state) in &all {
        let owed = 1 + usize::from(matches!(*state, "sending" | "queued"));
        eventually("the next node tells", || async { channel.waiting() == owed }).await;
        let end = if *state == "dead" { "dead" } else { "told" };
        eventually("it is noted", || async { queue(&app, rp).await[0].0 == end }).await;
    }
    assert_eq!(elsewhere.waiting(), 0, "no redirect is followed");
}

/// A person whose offline grant outlived its session, and whose account then ends.
async fn outlived(app: &TestApp, rp: &Rp, channel: &BackChannel) -> (Person, Tokens) {
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in_with(app, &mut browser, &person, &rp.ask_for("openid offline_access")).await;
    sign_out(&mut browser, &tokens).await;
    assert_eq!(channel.calls().len(), 1);
    app.clock.advance(60);
    app.set_disabled(&person, true).await;
    (person, tokens)
}

#[tokio::test]
async fn a_client_whose_grant_outlived_its_session_hears_of_the_end_of_the_account() {
    let mut app = start().await;
    without_jobs(&mut app);
    let provider = app.provider().await;
    let (rp, channel) = listener(&app).await;
    let (person, _) = outlived(&app, &rp, &channel).await;
    assert_eq!(provider.tell_due().await.unwrap(), 1);
    let claims = told(&rp, &channel, app.now()).await;
    assert_eq!(claims["sub"], person.id.as_str());
    assert!(claims.get("sid").is_none(), "every session of the person: {claims}");
    // One that needs a sid gets it.
    let (strict, channel) = listener_with(&app, |m| m.backchannel_logout_session_required = true).await;
    let (_, tokens) = outlived(&app, &strict, &channel).await;
    assert_eq!(provider.tell_due().await.unwrap(), 1);
    let claims = told(&strict, &channel, app.now()).await;
    assert_eq!(claims["sid"], jwt::parts(&tokens.id).1["sid"]);
}

#[tokio::test]
async fn a_notice_about_the_whole_person_is_dropped_once_they_have_signed_in_again() {
    let mut app = start().await;
    without_jobs(&mut app);
    let provider = app.provider().await;
    let (rp, channel) = listener(&app).await;
    let (person, _) = outlived(&app, &rp, &channel).await;
    channel.reply(Reply::Status(503));
    assert_eq!(provider.tell_due().await.unwrap(), 1);
    assert_eq!(channel.calls().len(), 1);
    app.set_disabled(&person, false).await;
    let mut browser = app.browser();
    rp.sign_in(&app, &mut browser, &person).await;
    channel.reply(Reply::Status(200));
    app.clock.advance(3600);
    assert_eq!(
        (provider.tell_due().await.unwrap(), channel.waiting()),
        (0, 0),
        "it would end the new session"
    );
    let states: Vec<_> = queue(&app, &rp).await.into_iter().map(|line| line.0).collect();
    assert_eq!(states, ["dropped", "told"]);
}

#[tokio::test]
async fn a_client_without_a_back_channel_any_more_or_disabled_is_not_called() {
    let mut app = start().await;
    without_jobs(&mut app);
    let (rp, channel) = listener(&app).await;
    let (disabled, quiet) = listener(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    rp.sign_in(&app, &mut browser, &person).await;
    disabled.sign_in(&app, &mut browser, &person).await;
    end_from_elsewhere(&app, &person).await;
    app.change_client(&rp.id, |client| client.metadata.backchannel_logout_uri = None).await;
    app.change_client(&disabled.id, |client| client.disabled = true).await;
    let provider = app.provider().await;
    assert_eq!(provider.tell_due().await.unwrap(), 2);
    assert_eq!((channel.waiting(), quiet.waiting()), (0, 0));
    for rp in [&rp, &disabled] {
        assert_eq!(queue(&app, rp).await[0].0, "dropped");
    }
}

#[tokio::test]
async fn a_logout_token_is_no_other_token() {
    let app = start().await;
    let (rp, channel) = listener(&app).await;
    let (person, mut browser) = (app.anyone().await, app.browser());
    let tokens = rp.sign_in(&app, &mut browser, &person).await;
    sign_out(&mut browser, &tokens).await;
    let calls = channel.calls();
    let token = calls[0].token();
    rp.userinfo(token).await.refused(401, "invalid_token");
    assert!(!rp.is_active(token).await);
    rp.refresh(token).await.refused(400, "invalid_grant");
    browser.get(&format!("/oauth2/logout?id_token_hint={token}")).await;
    assert_eq!(browser.page.error(), "logout-failed");
    browser.get(&rp.ask().with("id_token_hint", token).url()).await;
    assert_eq!(kabinet_tests::Callback::of(&browser.page).get("error"), "invalid_request");
}
