//! Telegram by what a bot's token signs: the stand-in makes the proofs; each belongs to one attempt and is taken once.

use std::sync::Arc;

use kabinet::Ambient;
use kabinet::config::{Hidden, Telegram, Upstream};
use kabinet_core::ambient::Clock;
use kabinet_core::audit::Origin;
use kabinet_core::brand::Brands;
use kabinet_core::language::Language;
use kabinet_core::linking::Purpose;
use kabinet_core::secret::{Secret, TokenHash};
use kabinet_core::time::Timestamp;
use kabinet_identity::method::upstream::UpstreamError;
use kabinet_identity::method::upstream::openid::Preset;
use kabinet_identity::{Allowed, FederationError, Going, UpstreamLogin, Visit};
use kabinet_standins::telegram::{self, Bot, Control, Fault, Reading};
use kabinet_standins::upstream::Choice;
use kabinet_tests::{START, TestApp, query_of};
use url::Url;

const NAME: &str = "telegram";
const BOT: i64 = 7_000_000_001;
const LEGACY: i64 = 7_000_000_002;
const VERA: i64 = 987_654_321;
const ALLOWED: Allowed = Allowed { signs_in: true, registers: true };

type Fields = Vec<(String, String)>;
type Outcome = Result<UpstreamLogin, FederationError>;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(START)
    }
}

/// The service on a socket, and its address.
async fn service() -> (Control, String) {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", socket.local_addr().unwrap());
    let (router, control) = telegram::router(&address, Arc::new(Still), Ambient::real().entropy).unwrap();
    control
        .register(Bot::new(BOT, "CANARY-secret", "https://id.test/login/telegram/callback"))
        .unwrap();
    control.register(Bot::legacy(LEGACY, "id.test")).unwrap();
    tokio::spawn(async move { axum::serve(socket, router).await });
    (control, address)
}

fn token(bot: &Bot) -> Option<Hidden> {
    Some(Hidden(Secret::from(bot.token())))
}

async fn with(telegram: Telegram) -> TestApp {
    TestApp::start_with(|config| config.telegram = telegram).await
}

/// Somebody's browser.
fn visit(binding: &str) -> Visit {
    Visit {
        country: None,
        origin: Origin::default(),
        network: "198.51.100.0/24".to_owned(),
        binding: TokenHash::of(binding),
        flow: None,
        client: None,
        brand: Brands::built_in().shared(None),
        devices: Vec::new(),
        language: Language::default(),
        work: None,
    }
}

fn going() -> Going {
    Going {
        purpose: Purpose::SignIn,
        flow: String::new(),
        remember: false,
    }
}

async fn begin(app: &TestApp) -> Url {
    app.identity.begin_upstream(NAME, going(), &visit("b")).await.unwrap()
}

async fn expect(app: &TestApp) -> String {
    app.identity.expect_upstream(NAME, "", &visit("b")).await.unwrap()
}

fn value(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

/// The state of an attempt that the widget's window was opened for.
async fn begin_widget(app: &TestApp) -> String {
    let back: Url = value(&begin(app).await, "return_to").parse().unwrap();
    value(&back, "state")
}

async fn bring(app: &TestApp, state: &str, mut fields: Fields) -> Outcome {
    fields.push(("state".to_owned(), state.to_owned()));
    let back = app.identity.take_return(NAME, &fields, &visit("b")).await?;
    app.identity.finish_upstream(back, &fields, ALLOWED, &visit("b")).await
}

async fn bring_data(app: &TestApp, data: &str) -> Outcome {
    bring(app, &expect(app).await, vec![("init_data".to_owned(), data.to_owned())]).await
}

fn is_unlinked(outcome: &Outcome) -> bool {
    matches!(outcome, Ok(UpstreamLogin::Unlinked(_)))
}

fn code(outcome: Outcome) -> &'static str {
    outcome.unwrap_err().code()
}

#[tokio::test]
async fn the_widgets_window_leads_back_and_its_proof_is_taken_once() {
    let (service, address) = service().await;
    let bot = Bot::legacy(LEGACY, "id.test");
    let base_url = address.parse().unwrap();
    let app = with(Telegram {
        widget: true,
        bot_token: token(&bot),
        base_url,
        ..Telegram::default()
    })
    .await;

    let window = begin(&app).await;
    assert!(
        window
            .as_str()
            .starts_with(&format!("{address}/auth?bot_id={LEGACY}&origin=https%3A%2F%2Fid.test&"))
    );
    let left = service.answer(window.as_str(), Choice::Allow("")).unwrap();
    assert!(left.starts_with("https://id.test/login/telegram/widget?state="), "{left}");
    assert!(left.contains("#tgAuthResult="), "{left}");

    let proof = service.widget(LEGACY, VERA).unwrap();
    let state = begin_widget(&app).await;
    assert!(is_unlinked(&bring(&app, &state, proof.clone()).await));
    // Neither the attempt nor the proof serves again, whatever the order of the fields.
    assert_eq!(code(bring(&app, &state, proof.clone()).await), "upstream-state");
    let again: Fields = proof.into_iter().rev().collect();
    assert_eq!(code(bring(&app, &begin_widget(&app).await, again).await), "upstream-stale");

    for (fault, expected) in [
        (Fault::Old, "upstream-stale"),
        (Fault::Forged, "upstream-untrusted"),
        (Fault::Extra, "upstream-untrusted"),
        (Fault::Twice, "upstream-untrusted"),
    ] {
        service.faults().for_next(1, fault);
        let proof = service.widget(LEGACY, VERA + 1).unwrap();
        assert_eq!(code(bring(&app, &begin_widget(&app).await, proof).await), expected, "{fault:?}");
    }
    let denied = vec![("error".to_owned(), "access_denied".to_owned())];
    assert_eq!(code(bring(&app, &begin_widget(&app).await, denied).await), "upstream-cancelled");
    assert_eq!(code(bring(&app, &begin_widget(&app).await, Vec::new()).await), "upstream-stale");
    // Mini Apps are off.
    service
        .register(Bot { key: bot.key.clone(), ..Bot::new(9, "s", "https://id.test/") })
        .unwrap();
    let data = service.init_data(9, VERA, Reading::default()).unwrap();
    assert_eq!(code(bring_data(&app, &data).await), "upstream-stale");
}

#[tokio::test]
async fn another_browser_cannot_bring_back_what_this_one_went_for() {
    let (service, address) = service().await;
    let bot = Bot::legacy(LEGACY, "id.test");
    let base_url = address.parse().unwrap();
    let app = with(Telegram {
        widget: true,
        bot_token: token(&bot),
        base_url,
        ..Telegram::default()
    })
    .await;
    let mut fields = service.widget(LEGACY, VERA).unwrap();
    fields.push(("state".to_owned(), begin_widget(&app).await));
    let refused = app.identity.take_return(NAME, &fields, &visit("another")).await;
    assert_eq!(refused.unwrap_err().code(), "upstream-state");
    let back = app.identity.take_return(NAME, &fields, &visit("b")).await.unwrap();
    assert!(is_unlinked(&app.identity.finish_upstream(back, &fields, ALLOWED, &visit("b")).await));
}

#[tokio::test]
async fn who_linked_the_openid_service_is_known_to_a_mini_app_and_the_other_way_round() {
    let (service, address) = service().await;
    let bot = Bot::new(BOT, "CANARY-secret", "https://id.test/login/telegram/callback");
    let app = TestApp::start_with(|config| {
        config.outbound.allow = vec!["127.0.0.0/8".parse().unwrap()];
        config.telegram = Telegram {
            mini_app: true,
            bot_token: token(&bot),
            ..Telegram::default()
        };
        let openid = Upstream {
            preset: Preset::Telegram,
            issuer: Some(address),
            client_id: Some(BOT.to_string()),
            client_secret: Some(Hidden(Secret::from("CANARY-secret"))),
            ..Upstream::default()
        };
        config.upstream.insert(NAME.to_owned(), openid);
    })
    .await;
    let openid = async |user: &str| {
        let left = service.answer(begin(&app).await.as_str(), Choice::Allow(user)).unwrap();
        let fields: Fields = query_of(&left).0;
        let back = app.identity.take_return(NAME, &fields, &visit("b")).await?;
        app.identity.finish_upstream(back, &fields, ALLOWED, &visit("b")).await
    };
    let mini_app = async |user: i64| {
        // Another moment makes another proof.
        service.faults().skew(-user % 100);
        let data = service.init_data(BOT, user, Reading::default()).unwrap();
        service.faults().heal();
        bring_data(&app, &data).await
    };
    // Where a browser was sent there, whatever form the proof has.
    let linkable = async |user: i64| {
        let state = value(&begin(&app).await, "state");
        let data = service.init_data(BOT, user, Reading::default()).unwrap();
        bring(&app, &state, vec![("init_data".to_owned(), data)]).await
    };
    let link = async |outcome: Outcome, user| {
        let Ok(UpstreamLogin::Unlinked(id)) = outcome else {
            panic!("{outcome:?}")
        };
        let guest = app.identity.guest(NAME, &id, &visit("b")).await.unwrap().unwrap();
        app.identity.link_upstream(user, &guest, &visit("b")).await.unwrap();
    };
    let owner = |outcome: Outcome| match outcome {
        Ok(UpstreamLogin::Proven(proof)) => proof.user_id,
        other => panic!("{other:?}"),
    };

    let (vera, lyosha) = (app.anyone().await, app.anyone().await);
    link(openid("987654321").await, &vera.id).await;
    assert_eq!(owner(mini_app(VERA).await), vera.id);
    assert_eq!(owner(openid("987654321").await), vera.id, "the mini app has not taken the place of `sub`");
    assert_eq!(code(mini_app(VERA + 1).await), "upstream-unknown", "nobody went there");
    link(linkable(VERA + 1).await, &lyosha.id).await;
    assert_eq!(owner(openid("987654322").await), lyosha.id);
    assert_eq!(owner(openid("987654322").await), lyosha.id);
}

#[tokio::test]
async fn a_mini_app_is_believed_by_the_token_or_by_telegrams_own_signature() {
    let (service, _) = service().await;
    let bot = Bot::new(BOT, "CANARY-secret", "https://id.test/");
    let settings = |bots: Vec<String>| Telegram {
        mini_app: true,
        bots,
        ed25519_keys: vec![service.web_app_key().unwrap()],
        ..Telegram::default()
    };
    let by_token = with(Telegram { bot_token: token(&bot), ..settings(Vec::new()) }).await;
    let by_signature = with(settings(vec![BOT.to_string()])).await;
    let by_another = with(settings(vec![LEGACY.to_string()])).await;
    let data = service.init_data(BOT, VERA, Reading::WithoutSignature).unwrap();
    for app in [&by_token, &by_signature] {
        assert_eq!(code(bring_data(app, &data).await), "upstream-unknown");
        assert_eq!(code(bring_data(app, &data).await), "upstream-stale", "the same proof again");
    }
    assert_eq!(code(bring_data(&by_another, &data).await), "upstream-untrusted");
    service.faults().set(Fault::Forged);
    let forged = service.init_data(BOT, VERA, Reading::WithSignature).unwrap();
    assert_eq!(code(bring_data(&by_token, &forged).await), "upstream-untrusted");
    let nothing = by_token.identity.begin_upstream(NAME, going(), &visit("b")).await.unwrap_err();
    assert!(matches!(nothing, FederationError::Upstream(UpstreamError::Misconfigured { .. })));
}

#[tokio::test]
async fn the_page_that_telegram_leads_back_to_goes_on_to_the_callback() {
    let (service, _) = service().await;
    let bot = Bot::new(BOT, "CANARY-secret", "https://id.test/");
    let off = TestApp::start().await;
    for path in ["/login/telegram/widget?state=s", "/login/telegram/mini-app"] {
        assert_eq!(off.get(path).await.status, 404, "{path}");
    }
    let app = with(Telegram {
        mini_app: true,
        bot_token: token(&bot),
        ..Telegram::default()
    })
    .await;
    let mut browser = app.browser();
    browser.get("/login/telegram/widget?state=a%22b").await;
    let shown = |browser: &kabinet_tests::Browser, name: &str| browser.page.html.attribute("telegram-return", name);
    assert_eq!(shown(&browser, "data-state").unwrap(), "a\"b");
    assert_eq!(shown(&browser, "data-callback").unwrap(), "/login/telegram/callback");
    let strange = app.get("/login/telegram/widget?state=s&first_name=я&hash=00").await;
    assert_eq!(
        (strange.code(), strange.header("location")),
        (303, "/login/telegram/callback?state=s&first_name=%D1%8F&hash=00")
    );
    let fields = app.get("/login/telegram/widget?state=s&id=5&hash=00").await;
    assert_eq!(
        (fields.code(), fields.header("location")),
        (303, "/login/telegram/callback?state=s&id=5&hash=00")
    );

    assert!(!browser.page.has("telegram-go"), "the browser was sent there by itself");

    browser.get("/login/telegram/mini-app").await;
    assert!(
        browser.page.has("telegram-go"),
        "anybody can make a link to this page: {}",
        browser.page.source()
    );
    let state = shown(&browser, "data-state").unwrap();
    let data = service.init_data(BOT, VERA, Reading::default()).unwrap();
    // It is this browser's attempt and no other's.
    assert_eq!(
        code(bring(&app, &state, vec![("init_data".to_owned(), data.clone())]).await),
        "upstream-state"
    );
    // Somebody else's proof in a link that was sent to this browser: nothing is offered that would link it.
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("state", &state).append_pair("init_data", &data);
    browser.get(&format!("/login/telegram/callback?{}", query.finish())).await;
    assert_eq!((browser.page.error().as_str(), browser.page.status), ("upstream-unknown", 403));
    assert!(browser.session().is_empty() && !browser.page.has("go-link"), "{}", browser.page.text());
}
