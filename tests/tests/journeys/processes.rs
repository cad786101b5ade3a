//! The process: nothing acknowledged is lost by kill -9, SIGTERM loses no request, a change acts on a running node.

use kabinet_core::client::Profile;
use kabinet_tests::{Callback, Rp, TestApp, Tokens, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::program::{BOUND, Served, environment, run};
use super::registration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_with_success_is_there_after_kill_9() {
    let app = TestApp::start().await;
    let environment = environment(&app);
    let mut rp: Rp = app.client(Profile::Web, |metadata| metadata.first_party = false).await;
    for round in 0..3 {
        let phone = format!("+7916000000{round}");
        let served = Served::start(&environment).await;
        let mut browser = app.browser();
        browser.use_node(&served.node());
        rp.use_node(&served.node());
        let ask = rp.ask_for("openid offline_access");
        browser.get(&ask.url()).await;
        browser.click("go-register").await;
        registration::fill(&mut browser, &phone, kabinet_tests::PASSWORD).await;
        // The process has a clock and a queue of its own.
        eventually("the code is sent", async || !app.code_sent_to(&phone).is_empty()).await;
        browser.submit("code-form", &[("code", &app.code_sent_to(&phone))], "submit").await;
        assert!(browser.page.has("continue"), "{}", browser.page.text());
        browser.click("continue").await;
        browser.submit("consent-form", &[], "allow").await;
        let callback = Callback::of(&browser.page);
        let tokens = Tokens::of(&rp.redeem(callback.code(), &ask).await);
        let made = run(&["client", "create", "Проба", "--profile", "machine", "--json"], &environment);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let refreshed = Tokens::of(&rp.refresh(&tokens.refresh).await);
        served.kill();

        let served = Served::start(&environment).await;
        browser.use_node(&served.node());
        rp.use_node(&served.node());
        rp.redeem(callback.code(), &ask).await.refused(400, "invalid_grant");
        rp.refresh(&refreshed.refresh).await.refused(400, "invalid_grant");
        browser.get("/account").await;
        assert_eq!(browser.page.path(), "/account", "the session is lost");
        let silent = rp.ask_for("openid offline_access").with("prompt", "none");
        assert!(!rp.authorize(&mut browser, &silent).await.code().is_empty(), "the consent is lost");
        let mut other = app.browser();
        other.use_node(&served.node());
        other.get("/login").await;
        other
            .submit("login-form", &[("phone", &phone), ("password", kabinet_tests::PASSWORD)], "submit")
            .await;
        assert_eq!(other.page.path(), "/account", "the account is lost: {}", other.page.text());
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        let id = made["client_id"].as_str().unwrap().into();
        assert!(
            kabinet_store::client::by_id(app.store.db(), &id).await.unwrap().is_some(),
            "the client is lost"
        );
        served.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_answers_the_request_that_is_on_its_way_and_ends_within_two_seconds() {
    let app = TestApp::start().await;
    let machine = app.client(Profile::Machine, |_| ()).await;
    let mut served = Served::start(&environment(&app)).await;
    let body = "grant_type=client_credentials";
    let authorization = kabinet_tests::basic(machine.id.as_str(), machine.secret.as_deref().unwrap());
    let head = format!(
        "POST /oauth2/token HTTP/1.1\r\nhost: id.test\r\nauthorization: {authorization}\r\nexpect: 100-continue\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut connection = tokio::net::TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    // An idle connection beside it must not hold the end up.
    let _idle = tokio::net::TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    tokio::time::timeout(BOUND, connection.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "the handler waits for the body");
    served.signal("-TERM");
    eventually("it takes no new connection or says that it drains", || async {
        match reqwest::get(format!("http://127.0.0.1:{}/health/ready", served.admin)).await {
            Ok(answer) => answer.status() != 200,
            Err(_) => true,
        }
    })
    .await;
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(BOUND, connection.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("access_token"), "{answer}");
    let status = served.ended().await;
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_with_nothing_to_do_ends_it() {
    let app = TestApp::start().await;
    let mut served = Served::start(&environment(&app)).await;
    served.signal("-TERM");
    let status = served.ended().await;
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_command_line_changes_acts_on_the_running_node() {
    let app = TestApp::start().await;
    let environment = environment(&app);
    let mut machine = app.client(Profile::Machine, |_| ()).await;
    let served = Served::start(&environment).await;
    machine.use_node(&served.node());
    let ask = || machine.token(&[("grant_type", "client_credentials")]);
    assert_eq!(ask().await.code(), 200);
    let done = run(&["client", "delete", machine.id.as_str(), "--json"], &environment);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    eventually("the client is gone", || async { ask().await.code() == 401 }).await;
}

#[tokio::test]
async fn a_changed_client_acts_on_every_node() {
    let app = TestApp::start().await;
    let other = app.another_node().await;
    let here = app.client(Profile::Machine, |_| ()).await;
    let mut there = here.clone();
    there.use_node(&other);
    for rp in [&here, &there] {
        assert_eq!(rp.token(&[("grant_type", "client_credentials")]).await.code(), 200);
    }
    app.change_client(&here.id, |client| client.disabled = true).await;
    for rp in [&here, &there] {
        eventually("the change acts", || async {
            rp.token(&[("grant_type", "client_credentials")]).await.code() == 401
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_and_signs_people_in_while_its_redis_is_down() {
    let app = TestApp::start().await;
    let person = app.anyone().await;
    let mut environment = environment(&app);
    environment.retain(|(key, _)| *key != "KABINET__REDIS__URL");
    environment.push(("KABINET__REDIS__URL", format!("redis://127.0.0.1:{}/", super::program::free_port())));
    let served = Served::start(&environment).await;
    let mut browser = app.browser();
    browser.use_node(&served.node());
    app.sign_in(&mut browser, &person).await;
}
