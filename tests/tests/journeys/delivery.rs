//! Codes on their way: a person registers on the pages, and the code comes over a real socket from a stand-in for the
//! gateway or the mail server.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use kabinet::config::{Config, Gateway, GatewayName, Hidden, SmtpSecurity};
use kabinet_core::ambient::Clock;
use kabinet_core::brand::{Brand, Brands};
use kabinet_core::client::Profile;
use kabinet_core::language::Words;
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_standins::sms_gateway::{Behaviour, Control, Form, KEY, LOGIN, SENDER, router};
use kabinet_standins::smtp::{self, Catcher, Tls};
use kabinet_store::message::State;
use kabinet_tests::{Browser, PASSWORD, Rp, TestApp, eventually};

use super::registration::{begin, fill};

const PHONE: &str = "+79161234567";
const EMAIL: &str = "delivery@example.test";

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(1_780_000_000)
    }
}

/// The stand-in for every gateway on a socket of its own.
async fn gateways() -> (Control, String) {
    let (router, control) = router(Arc::new(Noon));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(socket, router).await });
    (control, base)
}

fn hidden(text: &str) -> Option<Hidden> {
    Some(Hidden(Secret::from(text)))
}

/// Messages leave by these gateways, each at its place of the stand-in.
fn send_by(config: &mut Config, base: &str, names: &[GatewayName]) {
    config.delivery.outbox = None;
    config.outbound.allow = vec!["127.0.0.1".parse().unwrap()];
    config.delivery.sms = names.to_vec();
    for name in names {
        let account = Gateway {
            login: Some(LOGIN.to_owned()),
            key: hidden(KEY),
            sender: Some(SENDER.to_owned()),
            url: Some(format!("{base}{}", form(*name).path())),
            ..Gateway::default()
        };
        let delivery = &mut config.delivery;
        match name {
            GatewayName::SmsRu => delivery.smsru = account,
            GatewayName::Smsc => delivery.smsc = account,
            GatewayName::SmsAero => delivery.smsaero = account,
            GatewayName::Exolve => delivery.exolve = account,
            GatewayName::Gateway => delivery.gateway = account,
        }
    }
    let template = &mut config.delivery.template;
    template.fields = ["to={to_plus}", "text={text}", "id={id}", "sender={sender}"].map(str::to_owned).into();
    template.accepted = ["/status=ok", "!/error"].map(str::to_owned).into();
    "/id".clone_into(&mut template.id);
}

fn form(name: GatewayName) -> Form {
    match name {
        GatewayName::SmsRu => Form::SmsRu,
        GatewayName::Smsc => Form::Smsc,
        GatewayName::SmsAero => Form::SmsAero,
        GatewayName::Exolve => Form::Exolve,
        GatewayName::Gateway => Form::Generic,
    }
}

/// Waits until what is due has left, by this hand or by the node's own job.
async fn all_is_sent(app: &TestApp) {
    eventually("the queue is empty", async || {
        app.identity.deliver_due().await.unwrap();
        app.identity.delivery_log(None, Some(State::Queued), 1).await.unwrap().is_empty()
            && app.identity.delivery_log(None, Some(State::Sending), 1).await.unwrap().is_empty()
    })
    .await;
}

async fn confirm(browser: &mut Browser, code: &str) {
    browser.submit("code-form", &[("code", code)], "submit").await;
    assert!(browser.page.has("continue"), "{}", browser.page.text());
}

/// The code in the last line of an SMS, `@host #code`.
fn code_in(text: &str) -> String {
    let (said, last) = text.rsplit_once('\n').unwrap();
    let code = last.strip_prefix("@id.test #").unwrap();
    assert!(said.contains(code) && code.len() == 6, "{text}");
    code.to_owned()
}

#[tokio::test]
async fn a_code_arrives_through_each_gateway_in_its_own_form() {
    for name in [
        GatewayName::SmsRu,
        GatewayName::Smsc,
        GatewayName::SmsAero,
        GatewayName::Exolve,
        GatewayName::Gateway,
    ] {
        let (control, base) = gateways().await;
        let app = TestApp::start_with(|config| send_by(config, &base, &[name])).await;
        let mut browser = begin(&app, PHONE).await;
        let taken = control.taken();
        assert_eq!((taken.len(), taken[0].to.as_str()), (1, &PHONE[1..]), "{name:?}");
        confirm(&mut browser, &code_in(&taken[0].text)).await;
        let log = app.identity.delivery_log(None, None, 5).await.unwrap();
        assert_eq!((log[0].state.as_str(), log[0].route.as_str()), ("sent", name.as_str()));
        assert_eq!(log[0].cost > 0, app.identity.spent_today().await.unwrap() > 0);
    }
}

/// A call-back to an address of ours, as the gateway's own robot makes it.
async fn call_back(app: &TestApp, address: &str, (kind, body): (&str, String)) -> kabinet_tests::Answer {
    let request = http::Request::post(address).header("content-type", kind);
    app.send(request.body(axum::body::Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn what_a_gateway_reports_stands_in_the_log_and_nobody_else_can_say_it() {
    for (name, answer) in [
        (GatewayName::SmsRu, "100"),
        (GatewayName::Smsc, "OK"),
        (GatewayName::SmsAero, "OK"),
        (GatewayName::Exolve, "OK"),
    ] {
        for arrived in [true, false] {
            let (control, base) = gateways().await;
            let app = TestApp::start_with(|config| send_by(config, &base, &[name])).await;
            begin(&app, PHONE).await;
            let report = control.taken()[0].callback(arrived).unwrap();
            let [(route, secret)] = app.identity.callbacks().try_into().unwrap();
            assert_eq!(route, name.as_str());
            let state = async || app.identity.delivery_log(None, None, 5).await.unwrap()[0].state.clone();
            let spoilt = format!("{}{}", if secret.starts_with('A') { 'B' } else { 'A' }, &secret[1..]);
            for wrong in ["", "x", &spoilt, &secret.to_lowercase()] {
                let answer = call_back(&app, &format!("/delivery/{route}/{wrong}"), report.clone()).await;
                assert_eq!(answer.code(), 404, "{wrong}");
            }
            let elsewhere = call_back(&app, &format!("/delivery/smtp/{secret}"), report.clone()).await;
            assert_eq!((elsewhere.code(), state().await.as_str()), (404, "sent"));
            let address = format!("/delivery/{route}/{secret}");
            let noise = call_back(&app, &address, ("application/json", "[".repeat(100))).await;
            assert!(matches!(noise.code(), 200 | 400), "{name:?}: {}", noise.code());
            assert_eq!(state().await, "sent");
            let taken = call_back(&app, &address, report.clone()).await;
            assert_eq!((taken.code(), taken.body.as_str()), (200, answer), "{name:?}");
            let end = if arrived { "delivered" } else { "failed" };
            assert_eq!(state().await, end, "{name:?}");
            // A second call, and one that says the opposite, are acknowledged and change nothing.
            for again in [arrived, !arrived] {
                let report = control.taken()[0].callback(again).unwrap();
                assert_eq!(call_back(&app, &address, report).await.code(), 200);
            }
            assert_eq!(state().await, end, "{name:?}");
        }
    }
}

#[tokio::test]
async fn a_gateway_that_refuses_is_followed_by_the_next_with_the_same_code() {
    let (control, base) = gateways().await;
    let both = [GatewayName::SmsRu, GatewayName::Smsc];
    let app = TestApp::start_with(|config| send_by(config, &base, &both)).await;
    control.then(Behaviour::TooMany);
    let mut browser = begin(&app, PHONE).await;
    let taken = control.taken();
    assert_eq!((control.requests(), taken.len(), taken[0].form), (2, 1, Form::Smsc));
    confirm(&mut browser, &code_in(&taken[0].text)).await;
}

#[tokio::test]
async fn while_the_gateway_is_dead_pages_answer_and_the_code_comes_after() {
    let (control, base) = gateways().await;
    let dead = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    };
    // Nobody listens there; the account is at the same gateway's other address once it is back.
    let app = TestApp::start_with(|config| {
        send_by(config, &base, &[GatewayName::SmsRu]);
        config.delivery.smsru.url = Some(format!("http://{dead}{}", Form::SmsRu.path()));
    })
    .await;
    let mut browser = begin(&app, PHONE).await;
    browser.get("/login").await;
    assert_eq!(browser.page.status, 200);
    assert!(control.taken().is_empty());
    let (router, back) = router(Arc::new(Noon));
    let socket = tokio::net::TcpListener::bind(dead).await.unwrap();
    tokio::spawn(async move { axum::serve(socket, router).await });
    app.clock.advance(60);
    all_is_sent(&app).await;
    let code = code_in(&back.taken()[0].text);
    let log = app.identity.delivery_log(None, None, 5).await.unwrap();
    assert_eq!((log.len(), log[0].state.as_str(), code.len()), (1, "sent", 6));
}

#[tokio::test]
async fn a_restart_loses_no_code() {
    let (control, base) = gateways().await;
    let mut app = TestApp::start_with(|config| send_by(config, &base, &[GatewayName::SmsRu])).await;
    control.until_changed(Behaviour::TooMany);
    let mut browser = begin(&app, PHONE).await;
    assert!(control.taken().is_empty());
    app.restart().await;
    control.until_changed(Behaviour::Take);
    app.clock.advance(60);
    all_is_sent(&app).await;
    browser.use_node(&app.node);
    confirm(&mut browser, &code_in(&control.taken()[0].text)).await;
}

#[tokio::test]
async fn a_number_that_every_gateway_refuses_is_told_on_the_page_and_costs_nothing() {
    let (control, base) = gateways().await;
    let app = TestApp::start_with(|config| send_by(config, &base, &[GatewayName::SmsRu])).await;
    control.until_changed(Behaviour::Refuse("202".to_owned()));
    let mut browser = begin(&app, PHONE).await;
    let at = browser.page.at.clone();
    browser.get(&at).await;
    assert!(
        browser
            .page
            .text()
            .contains("Не удалось отправить код. Попробуйте позже или выберите email.")
    );
    assert_eq!(app.identity.spent_today().await.unwrap(), 0);
}

/// A mail server with STARTTLS and a login, and a provider that sends through it and signs.
async fn by_mail(folder: &Path) -> (Catcher, TestApp) {
    let catcher = Catcher::start(SocketAddr::from(([127, 0, 0, 1], 0)), Tls::Start, Some(("kabinet", "CANARY-smtp")))
        .await
        .unwrap();
    let (ca, key) = (folder.join("ca.pem"), folder.join("dkim.pem"));
    std::fs::write(&ca, catcher.ca()).unwrap();
    let pair = josekit::jwk::alg::ed::EdKeyPair::generate(josekit::jwk::alg::ed::EdCurve::Ed25519).unwrap();
    std::fs::write(&key, pair.to_pem_private_key()).unwrap();
    let address = catcher.address();
    let app = TestApp::start_with(|config| {
        config.delivery.outbox = None;
        config.outbound.ca = Some(ca.clone());
        let smtp = &mut config.delivery.smtp;
        smtp.host = Some("localhost".to_owned());
        smtp.port = address.port();
        smtp.security = SmtpSecurity::StartTls;
        smtp.login = Some("kabinet".to_owned());
        smtp.password = hidden("CANARY-smtp");
        smtp.from = Some("Личный кабинет <no-reply@id.test>".to_owned());
        smtp.dkim_selector = Some("kabinet".to_owned());
        smtp.dkim_key = Some(key.clone());
    })
    .await;
    (catcher, app)
}

#[tokio::test]
async fn a_code_arrives_by_mail_over_starttls_signed_and_in_russian() {
    let folder = tempfile::tempdir().unwrap();
    let (catcher, app) = by_mail(folder.path()).await;
    let mut browser = begin(&app, EMAIL).await;
    let caught = catcher.caught();
    assert_eq!((caught.len(), caught[0].to.as_slice()), (1, &[EMAIL.to_owned()][..]));
    assert!(caught[0].over_tls && caught[0].login.as_deref() == Some("kabinet"));
    let head = String::from_utf8_lossy(&caught[0].raw).split("\r\n\r\n").next().unwrap().to_owned();
    assert!(
        head.contains("DKIM-Signature:") && head.contains("d=id.test") && head.contains("Auto-Submitted:"),
        "{head}"
    );
    let parts = caught[0].parts();
    let kinds: Vec<_> = parts.iter().map(|part| part.kind.as_str()).collect();
    assert_eq!(kinds, ["text/plain", "text/html"], "the plainest comes first: {head}");
    let (body, html) = (&parts[0].text, &parts[1].text);
    let code: String = body.split("Код ").nth(1).unwrap().chars().take(6).collect();
    assert!(body.contains("чтобы создать аккаунт") && !head.contains(&code), "{body}");
    assert!(html.contains(&code) && html.contains("чтобы создать аккаунт"), "{html}");
    confirm(&mut browser, &code).await;
}

/// The registration page of a product, with the form filled in and sent.
async fn begin_at(app: &TestApp, rp: &Rp, contact: &str) {
    let mut browser = app.browser();
    browser.get(&rp.ask().with("prompt", "create").url()).await;
    fill(&mut browser, contact, PASSWORD).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
    all_is_sent(app).await;
}

async fn branded(app: &TestApp, brand: &str) -> Rp {
    app.client(Profile::Web, |client| client.brand = Some(brand.to_owned())).await
}

#[tokio::test]
async fn an_sms_names_the_product_whose_page_the_person_is_on() {
    let (control, base) = gateways().await;
    let app = TestApp::start_with(|config| send_by(config, &base, &[GatewayName::SmsRu])).await;
    for (brand, name, phone) in [("astral-edo", "Астрал.ЭДО", PHONE), ("1c-etp", "1С-ЭТП", "+79161234568")]
    {
        let rp = branded(&app, brand).await;
        begin_at(&app, &rp, phone).await;
        let taken = control.taken();
        let text = &taken.last().unwrap().text;
        assert!(text.contains(&format!("войти в {name}. ")), "{text}");
    }
    begin(&app, "+79161234569").await;
    let taken = control.taken();
    assert!(taken[2].text.contains("войти в Личный кабинет"), "{}", taken[2].text);
}

#[tokio::test]
async fn a_letter_comes_in_the_name_and_colours_of_the_product_and_its_words_are_only_words() {
    let folder = tempfile::tempdir().unwrap();
    let (catcher, mut app) = by_mail(folder.path()).await;
    let brand = Brand {
        name: "own".to_owned(),
        colour: "#0a5c36".to_owned(),
        title: Words::new("Ромашку <b>&", "Romashka"),
        heading: Words::new("<img src=x> Ромашка", "Romashka"),
        support: Some("help@romashka.test".to_owned()),
        ..Brand::clone(Brands::built_in().find(None))
    };
    app.save_brand(&brand).await;
    app.restart().await;
    let rp = branded(&app, "own").await;
    begin_at(&app, &rp, EMAIL).await;
    let caught = catcher.caught();
    let parts = caught[0].parts();
    let (text, html) = (&parts[0].text, parts[1].text.replace("src=x", ""));
    assert!(text.contains("войти в Ромашку <b>&. "), "{text}");
    assert!(html.contains("#0a5c36") && html.contains("help@romashka.test"), "{html}");
    for outside in ["<b>", "<img", "http", "src=", "href="] {
        assert!(!html.contains(outside), "{outside}: {html}");
    }
}

#[tokio::test]
async fn a_mail_server_that_defers_gets_the_same_letter_again() {
    let folder = tempfile::tempdir().unwrap();
    let (catcher, app) = by_mail(folder.path()).await;
    catcher.then(smtp::Behaviour::Letter(451));
    begin(&app, EMAIL).await;
    assert!(catcher.caught().is_empty());
    app.clock.advance(2);
    all_is_sent(&app).await;
    assert_eq!(catcher.caught().len(), 1);
    let log = app.identity.delivery_log(None, None, 5).await.unwrap();
    assert_eq!((log[0].state.as_str(), log[0].attempts), ("sent", 2));
}
