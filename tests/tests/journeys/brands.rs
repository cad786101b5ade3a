//! Brands as data: a product's words, colours, ways in and footer on every page of its sign-in, changed without a restart;
//! what the client or its brand does not allow is not there and not taken.

use kabinet_core::brand::{Brand, Brands, Texts};
use kabinet_core::client::{ClientMetadata, Profile};
use kabinet_core::contact::ContactKind;
use kabinet_core::language::Words;
use kabinet_core::method::MethodName;
use kabinet_tests::{Browser, Callback, PASSWORD, Page, Rp, TestApp, Tokens, eventually};

use super::program::{environment, run, run_sql};
use super::registration;

const PHONE: &str = "+79161234567";
const EMAIL: &str = "anna@example.com";

/// A brand like none that is built in.
fn doki() -> Brand {
    Brand {
        name: "doki".to_owned(),
        colour: "#0a5c36".to_owned(),
        colour_dark: None,
        year: Some(2021),
        help_url: Some("https://help.example/doki?a=1&b=2".to_owned()),
        support: Some("8 (800) 700-86-68".to_owned()),
        title: Words::new("Доки", "Doki"),
        heading: Words::new("ДОКИ", "DOKI"),
        tagline: Words::new("Документы без бумаги", "Documents without paper"),
        entity: Words::new("АО «Калуга Астрал»", "Kaluga Astral JSC"),
        texts: Texts {
            // R74 and R39
            register_prompt: Some(Words::new("Еще нет аккаунта?", "No account?")),
            register_link: Some(Words::new("Создать аккаунт", "Create account")),
            register_agreement: Some(Words::new(
                "Нажимая кнопку «Создать аккаунт», Вы соглашаетесь с условиями <agreement>«Лицензионного соглашения»</agreement> \
                 и даете согласие на обработку персональных данных",
                "By pressing “Create account” you accept the <agreement>Licence agreement</agreement>",
            )),
            login_title: Some(Words::new("Добро пожаловать в {product}", "Welcome to {product}")),
            ..Texts::default()
        },
        ..Brands::built_in().find(None).clone()
    }
}

/// A provider that has this brand, and a client of it.
async fn with(brand: &Brand, change: impl FnOnce(&mut ClientMetadata)) -> (TestApp, Rp) {
    let mut app = TestApp::start().await;
    app.save_brand(brand).await;
    app.restart().await;
    let rp = of(&app, &brand.name, change).await;
    (app, rp)
}

async fn of(app: &TestApp, brand: &str, change: impl FnOnce(&mut ClientMetadata)) -> Rp {
    app.client(Profile::Web, |metadata| {
        metadata.brand = Some(brand.to_owned());
        metadata.client_uri = Some("https://product.test/".to_owned());
        change(metadata);
    })
    .await
}

async fn at_sign_in(app: &TestApp, rp: &Rp) -> Browser {
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    browser
}

fn assert_says(page: &Page, texts: &[&str]) {
    let seen = page.text();
    let missing: Vec<_> = texts.iter().filter(|text| !seen.contains(**text)).collect();
    assert!(missing.is_empty(), "{} lacks {missing:?}: {seen}", page.at);
}

/// Whether the page is one of [`doki`]'s.
fn assert_doki(page: &Page) {
    assert_says(
        page,
        &["ДОКИ", "Документы без бумаги", "АО «Калуга Астрал», 2021", "Помощь", "8 (800) 700-86-68"],
    );
    let links = page.html.attributes("a", "href");
    assert!(links.iter().any(|link| link == "tel:88007008668"), "{links:?}");
    assert!(links.iter().any(|link| link == "https://help.example/doki?a=1&b=2"), "{links:?}");
    assert!(style_of(page).starts_with("/assets/brand-doki-"), "{}", page.at);
    assert!(page.text().contains("Доки"), "the title names no product: {}", page.at);
}

fn style_of(page: &Page) -> String {
    let sheets = page.html.attributes("link", "href");
    sheets.into_iter().find(|path| path.contains("/brand-")).expect("a brand's style sheet")
}

#[tokio::test]
async fn the_two_demonstration_brands_differ_in_what_their_guides_quote() {
    let app = TestApp::start().await;
    // R26, R40
    let pledges = ["Нажимая кнопку «Войти», я соглашаюсь", "Нажимая кнопку «Создать аккаунт», я соглашаюсь"];
    let rest = "с условиями Пользовательского соглашения и выражаю согласие на обработку персональных данных в соответствии с \
                Политикой обработки персональных данных";
    for (brand, is_one_line) in [("1c-etp", true), ("astral-edo", false)] {
        let rp = of(&app, brand, |_| ()).await;
        let mut browser = at_sign_in(&app, &rp).await;
        assert_says(&browser.page, &["Нет аккаунта? Регистрация", "Телефон *", "По email"]);
        assert_eq!(browser.page.text().contains(&format!("{} {rest}", pledges[0])), is_one_line, "{brand}");
        browser.click("go-register").await;
        assert_eq!(browser.page.text().contains(&format!("{} {rest}", pledges[1])), is_one_line, "{brand}");
        assert!(browser.page.text().contains(pledges[1]), "{brand}");
        // The one line stands beside the separate consent (156-ФЗ), never in its place.
        let form = browser.page.html.form("register-form").unwrap();
        assert!(form.fields.iter().any(|field| field.name == "pd-consent" && !field.checked), "{brand}");
    }
}

#[tokio::test]
async fn a_saved_brand_is_on_every_page_from_sign_in_to_sign_out() {
    let (app, rp) = with(&doki(), |metadata| metadata.first_party = false).await;
    let ask = rp.ask();
    let mut browser = app.browser();
    browser.get(&ask.url()).await;
    assert_doki(&browser.page);
    assert_says(&browser.page, &["Добро пожаловать в Доки", "Еще нет аккаунта? Создать аккаунт"]);
    assert!(browser.page.source().contains("<title>Добро пожаловать в Доки</title>"));
    browser.click("go-recover").await;
    assert_doki(&browser.page);
    browser.click("back").await;
    browser.click("go-register").await;
    assert_doki(&browser.page);
    let licence = "Нажимая кнопку «Создать аккаунт», Вы соглашаетесь с условиями «Лицензионного соглашения» и даете согласие на \
                   обработку персональных данных";
    assert_says(&browser.page, &[licence, "Регистрация"]);
    registration::fill(&mut browser, PHONE, PASSWORD).await;
    assert!(browser.page.has("code-form"));
    assert_doki(&browser.page);
    browser.submit("code-form", &[("code", &app.code_sent_to(PHONE))], "submit").await;
    assert_doki(&browser.page);
    assert_says(&browser.page, &["Теперь Вы можете перейти в Доки", "Перейти в Доки"]);
    browser.click("continue").await;
    assert!(browser.page.has("consent-form"));
    assert_doki(&browser.page);
    browser.submit("consent-form", &[], "allow").await;
    let tokens = Tokens::of(&rp.redeem(Callback::of(&browser.page).code(), &ask).await);
    // A hint proves the client. Of somebody else's session it is asked about first.
    let sign_out = format!("/oauth2/logout?id_token_hint={}", tokens.id);
    let mut other = app.browser();
    app.sign_in(&mut other, &app.anyone().await).await;
    other.get(&sign_out).await;
    assert!(other.page.has("logout-confirm"));
    assert_doki(&other.page);
    browser.get(&sign_out).await;
    assert!(browser.page.has("signed-out"));
    assert_doki(&browser.page);
    assert_says(&browser.page, &["Вернуться в Доки"]);
}

#[tokio::test]
async fn errors_of_a_request_look_like_its_client_and_lead_back_there() {
    let (app, rp) = with(&doki(), |_| ()).await;
    let mut browser = app.browser();
    browser.get(&rp.ask().with("redirect_uri", "https://evil.test/").url()).await;
    assert_eq!(browser.page.error(), "redirect_uri");
    assert_doki(&browser.page);
    assert_eq!(browser.page.html.attribute("back", "href").unwrap(), "https://product.test/");

    let mut browser = at_sign_in(&app, &rp).await;
    let here = browser.page.at.clone();
    app.clock.advance(3600);
    browser.get(&here).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (400, "request-expired"));
    assert_says(&browser.page, &["Время входа истекло. Вернитесь в Доки и начните снова."]);
    assert_doki(&browser.page);
    // Nobody's request is nobody's brand.
    browser.get("/login?flow=nonsense").await;
    assert_eq!(browser.page.error(), "error-request");
    assert!(style_of(&browser.page).starts_with("/assets/brand-default-"));
    browser.get("/oauth2/authorize?client_id=nobody&response_type=code").await;
    assert_eq!(browser.page.error(), "unknown_client");
    assert!(style_of(&browser.page).starts_with("/assets/brand-default-"));
}

#[tokio::test]
async fn a_form_that_posts_itself_has_the_look_of_the_product_that_it_leads_to() {
    let (app, rp) = with(&doki(), |_| ()).await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    browser.get(&rp.ask().with("response_mode", "form_post").url()).await;
    assert!(browser.page.has("form-post"), "{}", browser.page.text());
    assert!(style_of(&browser.page).starts_with("/assets/brand-doki-"));
}

#[tokio::test]
async fn where_registration_is_closed_it_is_not_offered_and_a_post_makes_nothing() {
    let mut app = TestApp::start().await;
    app.save_brand(&Brand { registration_methods: Vec::new(), ..doki() }).await;
    app.restart().await;
    let by_client = of(&app, "astral-edo", |client| client.registration_methods = Some(Vec::new())).await;
    let by_brand = of(&app, "doki", |_| ()).await;
    for rp in [&by_client, &by_brand] {
        let mut browser = at_sign_in(&app, rp).await;
        assert!(
            browser.page.has("login-form") && !browser.page.has("go-register"),
            "{}",
            browser.page.text()
        );
        let flow = browser.page.html.form("login-form").unwrap();
        let kept = |name: &str| flow.fields.iter().find(|field| field.name == name).unwrap().value.clone();
        let post = [
            ("flow", kept("flow")),
            ("form-token", kept("form-token")),
            ("phone", PHONE.to_owned()),
            ("password", PASSWORD.to_owned()),
            ("pd-consent", "on".to_owned()),
        ];
        browser.post("/register", &post).await;
        assert_eq!((browser.page.status, browser.page.error().as_str()), (403, "registration-closed"));
        assert_says(&browser.page, &["Регистрация закрыта."]);
        // The way back leads to the form, with the request.
        browser.click("back").await;
        assert!(browser.page.has("login-form") && browser.page.at.contains("flow="));
        browser.get(&rp.ask().with("prompt", "create").url()).await;
        assert_eq!((browser.page.status, browser.page.error().as_str()), (403, "registration-closed"));
    }
    assert!(app.messages().is_empty());
    // A client's own list stands before that of its brand.
    let opened = of(&app, "doki", |client| client.registration_methods = Some(vec![MethodName::Password])).await;
    let mut browser = at_sign_in(&app, &opened).await;
    browser.click("go-register").await;
    registration::fill(&mut browser, PHONE, PASSWORD).await;
    assert!(browser.page.has("code-form"), "{}", browser.page.text());
}

#[tokio::test]
async fn a_contact_that_a_brand_does_not_ask_for_is_neither_shown_nor_taken() {
    let brand = Brand { identifiers: vec![ContactKind::Email], ..doki() };
    let (app, rp) = with(&brand, |_| ()).await;
    let by_phone = app.user(PHONE, PASSWORD).await;
    let by_email = app.user(EMAIL, PASSWORD).await;
    for ask in [rp.ask(), rp.ask().with("login_hint", PHONE)] {
        let mut browser = app.browser();
        browser.get(&ask.url()).await;
        let flow = browser.page.at.split_once("flow=").unwrap().1.to_owned();
        for page in ["/login", "/register", "/recover"] {
            browser.get(&format!("{page}?flow={flow}&by=phone")).await;
            assert!(
                browser.page.html.has("email") && !browser.page.html.has("phone"),
                "{}",
                browser.page.text()
            );
            assert!(!browser.page.has("toggle-identifier"));
            let form = ["login-form", "register-form", "recover-form"]
                .into_iter()
                .find(|form| browser.page.has(form));
            let mut filled = browser.filled(form.unwrap(), &[], "submit");
            filled.retain(|(name, _)| name != "email" && name != "password");
            for (name, value) in [("phone", by_phone.contact.as_str()), ("password", PASSWORD), ("pd-consent", "on")] {
                filled.push((name.to_owned(), value.to_owned()));
            }
            browser.post(page, &filled).await;
            assert_eq!((browser.page.status, browser.page.error().as_str()), (422, "only-email"), "{page}");
            assert!(browser.page.html.has("email"), "the form asks for what is taken");
        }
    }
    assert!(app.messages().is_empty(), "no code is sent");
    let mut browser = app.browser();
    let callback = rp.come_back(&app, &mut browser, &by_email, &rp.ask()).await;
    assert!(!callback.code().is_empty());
}

#[tokio::test]
async fn a_brand_may_ask_for_an_address_first_and_keep_the_phone_behind_the_link() {
    let brand = Brand {
        identifiers: vec![ContactKind::Email, ContactKind::Phone],
        ..doki()
    };
    let (app, rp) = with(&brand, |_| ()).await;
    let mut browser = at_sign_in(&app, &rp).await;
    assert_says(&browser.page, &["Email *", "По телефону"]);
    browser.click("toggle-identifier").await;
    assert_says(&browser.page, &["Телефон *", "По email"]);
    // A hint says more than the brand's habit.
    browser.get(&rp.ask().with("login_hint", PHONE).url()).await;
    assert_eq!(browser.page.html.attribute("phone", "value").unwrap(), "+7 (916) 123-45-67");
}

#[tokio::test]
async fn a_client_whose_people_may_not_use_a_password_gets_nobody_in_by_one() {
    let app = TestApp::start().await;
    let person = app.anyone().await;
    let open = of(&app, "astral-edo", |_| ()).await;
    let closed = of(&app, "astral-edo", |client| client.login_methods = Some(vec![MethodName::Esia])).await;
    let mut browser = at_sign_in(&app, &closed).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (403, "login-closed"));
    let flow = browser.page.at.split_once("flow=").unwrap().1.to_owned();
    // A form token is the browser's, whatever page it came with.
    browser.get(&open.ask().url()).await;
    let mut filled = browser.filled("login-form", &[("phone", &person.contact), ("password", PASSWORD)], "submit");
    for (name, value) in &mut filled {
        if name == "flow" {
            value.clone_from(&flow);
        }
    }
    browser.post("/login", &filled).await;
    assert_eq!((browser.page.status, browser.page.error().as_str()), (403, "login-closed"));
    browser.get("/account").await;
    assert_eq!(browser.page.path(), "/login", "nobody is signed in");
}

#[tokio::test]
async fn every_node_shows_a_changed_brand_within_a_second_under_a_new_address_of_its_colours() {
    let app = TestApp::start().await;
    let other = app.another_node().await;
    let rp = of(&app, "doki", |_| ()).await;
    let mut browsers = [app.browser(), app.browser()];
    browsers[1].use_node(&other);
    browsers[0].get(&rp.ask().url()).await;
    // The brand does not exist yet: the default one, with the client named.
    assert!(style_of(&browsers[0].page).starts_with("/assets/brand-default-"));
    assert_says(&browsers[0].page, &["Чтобы продолжить в «Проба»"]);
    let mut sheets = Vec::new();
    for (version, colour) in ["#0a5c36", "#7a1f1f"].into_iter().enumerate() {
        let heading = format!("ДОКИ {version}");
        let brand = Brand {
            colour: colour.to_owned(),
            heading: Words::new(&heading, "DOKI"),
            ..doki()
        };
        app.save_brand(&brand).await;
        for browser in &mut browsers {
            let shown = tokio::sync::Mutex::new(&mut *browser);
            eventually("the new brand is shown", || async {
                shown.lock().await.get(&rp.ask().url()).await.text().contains(&heading)
            })
            .await;
        }
        assert_eq!(style_of(&browsers[0].page), style_of(&browsers[1].page));
        let sheet = style_of(&browsers[0].page);
        let answer = app.get(&sheet).await;
        assert!(answer.code() == 200 && answer.body.contains(colour), "{}", answer.body);
        assert!(answer.header("cache-control").contains("immutable"));
        sheets.push(sheet);
    }
    assert_ne!(sheets[0], sheets[1]);
    assert_eq!(app.get(&sheets[0]).await.code(), 404, "an old address never answers with something newer");
}

#[tokio::test]
async fn a_row_that_is_not_fit_for_a_page_is_left_out_and_the_node_starts() {
    let mut app = TestApp::start().await;
    let hostile = Brand {
        name: "astral-edo".to_owned(),
        colour: "red}body{display:none".to_owned(),
        mark: "\"/><script>alert(1)</script>".to_owned(),
        ..doki()
    };
    app.save_brand(&hostile).await;
    app.save_brand(&doki()).await;
    run_sql(
        &app,
        "INSERT INTO brands (name, data, version, updated_at) VALUES ('later', '{\"of\":\"another release\"}', 1, 1)",
    )
    .await;
    app.restart().await;
    let rp = of(&app, "astral-edo", |_| ()).await;
    let browser = at_sign_in(&app, &rp).await;
    assert_says(&browser.page, &["@СТРАЛ", "Вход в Астрал.ЭДО"]);
    assert!(!browser.page.source().contains("<script>alert"));
    assert!(!app.get(&style_of(&browser.page)).await.body.contains("display"));
    let rp = of(&app, "doki", |_| ()).await;
    assert_doki(&at_sign_in(&app, &rp).await.page);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examination_names_brands_that_are_missing_or_cannot_be_used_and_clients_without_a_way_in() {
    let app = TestApp::start().await;
    let environment = environment(&app);
    let brands = || {
        let report: serde_json::Value =
            serde_json::from_slice(&run(&["doctor", "--json"], &environment).stdout).unwrap();
        let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == "brands");
        checks
            .map(|check| format!("{} {}", check["status"], check["message"]))
            .collect::<Vec<_>>()
    };
    app.save_brand(&doki()).await;
    of(&app, "doki", |_| ()).await;
    let found = brands();
    assert!(found.len() == 1 && found[0].starts_with("\"ok\""), "{found:?}");
    of(&app, "gone", |_| ()).await;
    of(&app, "doki", |client| client.login_methods = Some(vec![MethodName::Esia])).await;
    app.save_brand(&Brand { colour: "red".to_owned(), ..doki() }).await;
    let found = brands();
    let names = |part: &str| found.iter().any(|line| line.starts_with("\"warn\"") && line.contains(part));
    assert!(
        names("doki cannot be used") && names("the brand gone") && names("login_methods of "),
        "{found:?}"
    );
}
