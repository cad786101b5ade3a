//! The texts that the products' guides quote, word for word, on the pages that a person sees. They are the contract
//! with users: a changed letter must be a decision.
//!
//! Not here: what the program on the person's computer shows (R63, R64), and texts of the guides about what products do
//! (R1–R9, R11–R13) or how their pictures are read. Where the guides have a picture (R29, R30) pages have its word.

use kabinet::config::{Config, Upstream};
use kabinet_core::client::Profile;
use kabinet_tests::{Browser, PASSWORD, TestApp};

use crate::registration;

const PHONE: &str = "+79055401234";
const EMAIL: &str = "anna@example.com";
const PLEDGE: &str = "я соглашаюсь с условиями Пользовательского соглашения";

fn assert_says(browser: &Browser, page: &str, texts: &[&str]) {
    let seen = browser.page.text();
    let missing: Vec<_> = texts.iter().filter(|text| !seen.contains(**text)).collect();
    assert!(missing.is_empty(), "{page} lacks {missing:?}: {seen}");
}

/// The sign-in page that a client of this brand leads to.
async fn branded(app: &TestApp, brand: &str) -> Browser {
    let rp = app.client(Profile::Web, |metadata| metadata.brand = Some(brand.to_owned())).await;
    let mut browser = app.browser();
    browser.get(&rp.ask().url()).await;
    browser
}

#[tokio::test]
async fn the_sign_in_page_says_what_the_guides_quote() {
    let app = TestApp::start().await;
    let mut browser = app.browser();
    browser.get("/login").await;
    // R17, R20, R23, R24, R25, R32
    let words = ["Вход в Личный кабинет", "Телефон *", "По email", "Пароль", "Войти"];
    assert_says(&browser, "sign-in", &words);
    assert_says(&browser, "sign-in", &["Нет аккаунта? Регистрация", "Забыли пароль?"]);
    // R22
    assert_eq!(browser.page.html.attribute("phone", "placeholder").unwrap(), "+7 (");
    browser.click("toggle-identifier").await;
    assert_says(&browser, "sign-in by e-mail", &["Email *", "По телефону"]); // R21
}

#[tokio::test]
async fn the_brands_say_what_their_guides_quote() {
    let app = TestApp::start().await;
    // R14, R15, R16, R19
    for (brand, title, mark) in [("astral-edo", "Вход в Астрал.ЭДО", "@СТРАЛ"), ("1c-etp", "Вход в 1С-ЭТП", "АСТРАЛ")]
    {
        let browser = branded(&app, brand).await;
        assert_says(
            &browser,
            brand,
            &[title, mark, "Входит в группу компаний 1С", "АО «Калуга Астрал», ", "Помощь"],
        );
    }
}

#[tokio::test]
async fn registration_says_what_the_guides_quote() {
    let app = TestApp::start().await;
    for (contact, heading, done, shown) in [
        (PHONE, "Подтвердите телефон", "Телефон подтвержден!", "+7 (905) 540-12-34"),
        (EMAIL, "Подтвердите email", "Email подтвержден!", EMAIL),
    ] {
        let mut browser = app.browser();
        browser.get("/register").await;
        // R34, R36, R37, R40
        let pledge = format!("Нажимая кнопку «Создать аккаунт», {PLEDGE}");
        assert_says(
            &browser,
            "registration",
            &["Регистрация", "Создать аккаунт", "Уже создан? Войти", &pledge],
        );
        registration::fill(&mut browser, contact, PASSWORD).await;
        // R35, R41 to R46, R52 to R54
        let sent = format!("Код подтверждения отправлен на {shown}");
        let texts = ["← Вернуться к началу регистрации", heading, &sent, "Код подтверждения", "Подтвердить"];
        assert_says(&browser, "code", &texts);
        assert_says(&browser, "code", &["Не получили код? Отправить повторно через 60"]);
        app.clock.advance(2);
        // A reload goes on counting where the server is.
        let here = browser.page.at.clone();
        browser.get(&here).await;
        assert_says(&browser, "code after a reload", &["Отправить повторно через 58"]);
        let code = app.code_sent_to(contact);
        browser.submit("code-form", &[("code", &code)], "submit").await;
        // R48, R49, R55
        let onward = ["Теперь Вы можете перейти в Личный кабинет", "Перейти в Личный кабинет"];
        assert_says(&browser, "confirmed", &[done, onward[0], onward[1]]);
        assert_says(
            &browser,
            "confirmed",
            &["Регистрация завершена. Будет осуществлен переход в Личный кабинет."],
        );
    }
}

#[tokio::test]
async fn the_pages_of_a_certificate_say_what_the_guides_quote() {
    let page = "https://toolbox.example.test/";
    let app = TestApp::start_with(|config| config.certificate.toolbox_page = Some(page.parse().unwrap())).await;
    app.trust_fixtures().await;
    let mut browser = app.browser();
    browser.get("/login").await;
    assert_says(&browser, "sign-in", &["или авторизуйтесь через", "Сертификат"]); // R27, R28
    browser.click("method-certificate").await;
    // R57, R58: each state is a section of the page that its script shows.
    let absent = "Для входа с помощью электронной подписи необходимо установить и включить Astral.Toolbox.";
    assert_says(&browser, "certificate", &["Отсутствует соединение с Astral.Toolbox", absent, "Обновить"]);
    // R59
    assert_says(&browser, "certificate", &["перейдите по ссылке Astral.Toolbox"]);
    assert!(browser.page.html.attributes("a", "href").contains(&page.to_owned()));
    // R61, R62
    let words = ["или авторизуйтесь через", "Email / Тел", "Выберите необходимый сертификат:", "Войти"];
    assert_says(&browser, "certificate", &words);
    // R65
    let provider = "Проверьте, установлено ли на компьютере СКЗИ ViPNet CSP или СКЗИ КриптоПро CSP";
    let registered = "Также проверьте, зарегистрирован ли криптопровайдер.";
    assert_says(&browser, "certificate", &["Не установлен криптопровайдер", provider, registered]);
    browser.get("/register").await;
    assert_says(&browser, "registration", &["или зарегистрируйтесь через", "Сертификат"]); // R38
}

/// Providers that nobody visits here: what counts is what their tiles say.
fn with_providers(config: &mut Config) {
    for (name, registers) in [("esia", true), ("telegram", false)] {
        let upstream = Upstream {
            issuer: Some("https://provider.example.test".to_owned()),
            client_id: Some("kabinet".to_owned()),
            registers,
            ..Upstream::default()
        };
        config.upstream.insert(name.to_owned(), upstream);
    }
}

/// The ways that a page shows, in its order.
fn ways(browser: &Browser) -> Vec<String> {
    let ids = browser.page.html.attributes("a", "id");
    ids.into_iter().filter(|id| id.starts_with("method-")).collect()
}

#[tokio::test]
async fn the_ways_to_sign_in_and_to_register_are_those_that_the_guides_name_in_their_order() {
    let app = TestApp::start_with(with_providers).await;
    app.trust_fixtures().await;
    let mut browser = app.browser();
    browser.get("/login").await;
    // R10: by e-mail or phone, by certificate, through Госуслуги, through Telegram
    assert_eq!(ways(&browser), ["method-certificate", "method-esia", "method-telegram", "method-code"]);
    // R27 to R31
    let words = ["или авторизуйтесь через", "Сертификат", "Госуслуги", "Telegram", "У меня есть код"];
    assert_says(&browser, "sign-in", &words);
    browser.get("/register").await;
    // R38: nobody registers through Telegram.
    assert_eq!(ways(&browser), ["method-certificate", "method-esia"]);
    assert_says(&browser, "registration", &["или зарегистрируйтесь через", "Сертификат", "Госуслуги"]);
}
