//! Every page in both languages, with and without errors: its markup is sound and its ids are there.

use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::document::{Documents, Kind};
use kabinet_core::scope::Scope;
use kabinet_core::time::Timestamp;
use kabinet_identity::Work;

mod brands;
mod certificate;
mod documents;
mod invitations;
mod organisations;
mod recovery;
mod tokens;

use super::*;
use crate::brand::{Brands, Words};
use crate::i18n::{Language, Locale};

/// Text that breaks out of careless markup.
const HOSTILE: &str = "\"'><script>alert(1)</script>&amp;";
const NOW: Timestamp = Timestamp(1_795_380_420);

/// A rendered page and the ids it must have.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) html: String,
    ids: &'static [&'static str],
}

fn sample(name: &'static str, page: &impl Template, ids: &'static [&'static str]) -> Sample {
    Sample { name, html: render(page), ids }
}

/// What surrounds the sample pages.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) brands: &'a Brands,
    pub(crate) brand: &'a str,
    pub(crate) client: Option<&'a str>,
    pub(crate) language: Language,
    pub(crate) flow: &'a str,
}

impl<'a> Scene<'a> {
    fn chrome(self, here: &str) -> Chrome<'a> {
        Chrome {
            locale: Locale::from(self.language),
            brand: self.brands.find(Some(self.brand)),
            nonce: "bm9uY2U".to_owned(),
            form_token: "token".to_owned(),
            flow: Some(self.flow.to_owned()),
            here: here.to_owned(),
            client_name: self.client.map(str::to_owned),
            client_texts: Vec::new(),
            client_logo: None,
            year: 2026,
            work: None,
        }
    }
}

fn phone() -> Contact {
    Contact::parse(ContactKind::Phone, "+79055401234").unwrap()
}

fn email() -> Contact {
    Contact::parse(ContactKind::Email, "ivanova@example.test").unwrap()
}

fn entry_pages(scene: Scene<'_>) -> Vec<Sample> {
    let methods = || vec![Method::Certificate, Method::Esia, Method::Telegram];
    let upstream = Method::Upstream { name: "vk".to_owned(), title: Words::new("VK ID", "VK ID") };
    let all = Offers { password: true, register: true, recover: true, code: true };
    let login = |identifier, value: &str, errors| SignIn {
        chrome: scene.chrome("/login?flow=abc"),
        identifier,
        value: value.to_owned(),
        remember: false,
        errors,
        notice: None,
        disown: None,
        is_merged: false,
        methods: Vec::new(),
        offers: Offers { password: true, register: true, ..Offers::default() },
        place: FormPlace::default(),
    };
    let register = |identifier, value: &str, errors| Registration {
        chrome: scene.chrome("/register"),
        password: true,
        identifier,
        value: value.to_owned(),
        pd_consent: false,
        password_min: 10,
        errors,
        methods: Vec::new(),
    };
    let full = SignIn {
        methods: methods(),
        offers: all,
        ..login(ContactKind::Phone, "", Errors::none())
    };
    let wrong = SignIn {
        remember: true,
        notice: Some(Message::of("reauthenticate")),
        methods: vec![upstream, Method::Password],
        ..login(ContactKind::Email, "ivanova@example.test", Errors::whole(Message::of("login-wrong")))
    };
    let working = SignIn {
        chrome: Chrome {
            work: Some(Work {
                sealed: HOSTILE.to_owned(),
                nonce: "bm9uY2U".to_owned(),
                bits: 18,
                wait: 10,
            }),
            ..scene.chrome("/login?flow=abc")
        },
        ..login(
            ContactKind::Email,
            "ivanova@example.test",
            Errors::whole(Message::of("work-wait").with("seconds", 10)),
        )
    };
    let missing = Errors::field("phone", Message::of("phone-invalid"))
        .and("password", Message::of("password-short").with("min", 10))
        .and("pd-consent", Message::of("consent-missing").with("place", "register"));
    let with_tiles = Registration {
        methods: vec![Method::Certificate, Method::Esia],
        ..register(ContactKind::Email, "", Errors::none())
    };
    vec![
        sample("login-work", &working, &["login-form", "work-answer", "work-status", "error"]),
        sample(
            "login",
            &login(ContactKind::Phone, "", Errors::none()),
            &["login-form", "phone", "password", "remember", "submit", "toggle-identifier", "go-register"],
        ),
        sample(
            "login-full",
            &full,
            &["login-form", "method-certificate", "method-esia", "method-telegram", "method-code", "go-recover"],
        ),
        sample(
            "login-wrong",
            &wrong,
            &["login-form", "email", "password", "error", "method-vk", "method-password"],
        ),
        sample(
            "login-hostile",
            &login(ContactKind::Phone, HOSTILE, Errors::field("phone", Message::of("phone-invalid"))),
            &["phone", "phone-error"],
        ),
        sample(
            "register",
            &register(ContactKind::Phone, "", Errors::none()),
            &["register-form", "phone", "password", "pd-consent", "submit", "toggle-identifier", "go-login"],
        ),
        sample(
            "register-wrong",
            &register(ContactKind::Phone, "+7 (910", missing),
            &["error", "phone-error", "password-error", "pd-consent-error"],
        ),
        sample("register-email", &with_tiles, &["email", "method-certificate", "method-esia"]),
    ]
}

fn code_pages(scene: Scene<'_>) -> Vec<Sample> {
    let code = |contact, purpose, errors| CodeEntry {
        chrome: scene.chrome("/register/confirm?flow=abc"),
        purpose,
        start: "/register",
        action: "/register/confirm".to_owned(),
        contact,
        wait: 58,
        life_minutes: 5,
        errors,
        notice: None,
        hidden: vec![("attempt", HOSTILE.to_owned())],
    };
    let wrong = Errors::field("code", Message::of("code-wrong").with("left", 4));
    let resent = CodeEntry {
        wait: 0,
        notice: Some(Message::of("code-resent")),
        ..code(email(), CodePurpose::Prove, Errors::none())
    };
    let confirmed = |kind| Confirmed {
        chrome: scene.chrome("/register/done"),
        kind,
        href: "/oauth2/authorize?a=1&b=2".to_owned(),
    };
    vec![
        sample(
            "code",
            &code(phone(), CodePurpose::Register, Errors::none()),
            &["code-form", "code", "submit", "resend", "back"],
        ),
        sample("code-wrong", &code(phone(), CodePurpose::Register, wrong), &["error", "code-error"]),
        sample("code-email", &resent, &["code-form", "code", "submit", "resend"]),
        sample("confirmed-phone", &confirmed(ContactKind::Phone), &["continue"]),
        sample("confirmed-email", &confirmed(ContactKind::Email), &["continue"]),
    ]
}

fn request_pages(scene: Scene<'_>) -> Vec<Sample> {
    let account = |value: &str, name: &str, contact: &str| AccountChoice {
        value: value.to_owned(),
        name: name.to_owned(),
        contact: contact.to_owned(),
    };
    let choose = |errors| ChooseAccount {
        chrome: scene.chrome("/choose"),
        accounts: vec![
            account("1", "Мария Иванова", "+7 (905) 540-12-34"),
            account("2", "ivanova@example.test", ""),
            account(HOSTILE, HOSTILE, HOSTILE),
        ],
        is_full: true,
        another_href: "/login?flow=abc&another=1".to_owned(),
        notice: Some(Message::of("choose-done")),
        errors,
    };
    let consent = |client_name: &str, host: &str, scope: &str| Consent {
        chrome: scene.chrome("/consent"),
        client_name: client_name.to_owned(),
        session: "a1".to_owned(),
        shown: "stamp".to_owned(),
        redirect_host: host.to_owned(),
        scope: Scope::parse(scope).unwrap(),
        account: "Мария Иванова".to_owned(),
        another_href: "/choose?flow=abc".to_owned(),
        errors: Errors::none(),
    };
    let stale = Errors::whole(Message::of("form-stale"));
    let logout = |errors| LogoutConfirm {
        chrome: scene.chrome("/logout"),
        action: "/logout".to_owned(),
        account: Some("Мария Иванова".to_owned()),
        stay_href: "/account".to_owned(),
        hidden: vec![("state", HOSTILE.to_owned())],
        errors,
    };
    let signed_out = |back: Option<&str>| SignedOut {
        chrome: scene.chrome("/logout"),
        back_href: back.map(str::to_owned),
        notice: None,
        frames: Vec::new(),
        leave: None,
        then: None,
    };
    let leaving = SignedOut {
        frames: vec!["https://rp.example/out?iss=https%3A%2F%2Fid.example&sid=a".to_owned()],
        then: Some(format!("https://rp.example/bye?state={HOSTILE}")),
        ..signed_out(None)
    };
    vec![
        sample(
            "choose",
            &choose(Errors::none()),
            &["choose-form", "account-1", "account-3", "sign-out-3", "choose-another"],
        ),
        sample("choose-stale", &choose(stale.clone()), &["error"]),
        sample(
            "consent",
            &consent("Ромашка", "romashka.example", "openid profile email offline_access"),
            &["consent-form", "allow", "deny", "redirect-host", "choose-another"],
        ),
        sample(
            "consent-forged",
            &consent("Аstral \u{202e}ОДЭ", "xn--80ak6aa92e.com", "openid docs:read"),
            &["lookalike"],
        ),
        sample("logout", &logout(Errors::none()), &["logout-confirm", "submit", "stay"]),
        sample("logout-stale", &logout(stale), &["error"]),
        sample("signed-out", &signed_out(None), &["signed-out", "go-login"]),
        sample("signed-out-back", &signed_out(Some("https://rp.example/")), &["back"]),
        sample("signed-out-leaving", &leaving, &["signed-out", "continue"]),
    ]
}

fn account_pages(scene: Scene<'_>) -> Vec<Sample> {
    let row = |kind, contact, verified_at| ContactRow { kind, contact, verified_at };
    let person = || Person {
        id: "019a9d1e-7c1b-7000-8000-0123456789ab".to_owned(),
        name: "Мария Иванова".to_owned(),
        contacts: vec![row(ContactKind::Phone, Some(phone()), Some(NOW)), row(ContactKind::Email, None, None)],
        since: NOW.plus(-90_000_000),
    };
    let session = |id: &str, device: Option<&str>, current| SessionRow {
        id: id.to_owned(),
        device: device.map(str::to_owned),
        network: "192.0.2.15".to_owned(),
        started: NOW.plus(-90_000),
        seen: NOW,
        current,
    };
    let many = || {
        vec![
            session("a1", Some("Chrome · Windows"), true),
            session("b2", Some("Safari · iPhone"), false),
            session("c3", None, false),
        ]
    };
    // The person's own pages belong to no request.
    let chrome = |here: &str| Chrome { flow: None, ..scene.chrome(here) };
    let home = |sessions, notice| AccountHome {
        chrome: chrome("/account"),
        person: person(),
        sessions,
        token_minutes: 5,
        notice,
    };
    let ended = Some(Message::of("sessions-ended").with("count", 3));
    let unconfirmed = Person {
        contacts: vec![row(ContactKind::Email, Some(email()), None)],
        ..person()
    };
    vec![
        sample(
            "account",
            &home(many(), None),
            &["account-name", "sub", "sessions-form", "end-session-b2", "end-others", "sign-out"],
        ),
        sample("account-alone", &home(vec![session("a1", None, true)], ended), &["sessions"]),
        sample(
            "account-contacts",
            &AccountContacts {
                chrome: chrome("/account/contacts"),
                person: unconfirmed,
                notice: None,
            },
            &["contact-email"],
        ),
        sample(
            "account-sessions",
            &AccountSessions {
                chrome: chrome("/account/sessions"),
                person: person(),
                sessions: many(),
                token_minutes: 5,
                notice: None,
            },
            &["end-session-c3", "end-others"],
        ),
    ]
}

fn notices(scene: Scene<'_>) -> Vec<Sample> {
    let documents = Documents::default();
    let document = |kind, is_former| DocumentPage {
        chrome: scene.chrome("/legal/agreement"),
        document: documents.in_force(kind, None).unwrap(),
        is_former,
    };
    let unknown = ErrorPage::new(
        scene.chrome("/oauth2/authorize?x=1"),
        Message::of("client-unknown").with("id", "7f3a"),
        "7f3a",
    )
    .with_code("invalid_client");
    let expired = Message::of("request-expired").with("product", "Астрал.ЭДО");
    let expired = ErrorPage::new(scene.chrome("/login"), expired, "7f3a").with_product("https://rp.example/?a=1&b=2");
    let fields = vec![("state".to_owned(), HOSTILE.to_owned()), ("code".to_owned(), "kbn_ac_x".to_owned())];
    vec![
        sample("error", &unknown, &["error", "request-id", "back"]),
        sample("error-expired", &expired, &["error", "back"]),
        sample("not-found", &ErrorPage::not_found(scene.chrome("/nowhere"), "7f3a"), &["error"]),
        sample("agreement", &document(Kind::Agreement, true), &["document", "former"]),
        sample("pd-consent", &document(Kind::PdConsent, false), &["document"]),
        sample("pd-policy", &document(Kind::PdPolicy, false), &["document"]),
        sample(
            "form-post",
            &FormPost {
                chrome: scene.chrome("/login"),
                action: "https://rp.example/cb".to_owned(),
                fields,
            },
            &["form-post", "submit"],
        ),
    ]
}

/// Every page.
pub(crate) fn gallery(scene: Scene<'_>) -> Vec<Sample> {
    [
        entry_pages(scene),
        code_pages(scene),
        certificate::pages(scene),
        recovery::pages(scene),
        documents::pages(scene),
        documents::account_pages(scene),
        organisations::pages(scene),
        invitations::pages(scene),
        tokens::pages(scene),
        request_pages(scene),
        account_pages(scene),
        notices(scene),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A start tag or an end tag.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    is_end: bool,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The tags of our own output: attributes are quoted, `<` and `>` in text are escaped.
fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    for part in html.split('<').skip(1) {
        let (inside, _) = part.split_once('>').unwrap();
        let (name, mut rest) = inside.split_once([' ', '\n']).unwrap_or((inside, ""));
        let mut attributes = Vec::new();
        while let Some((key, after)) = rest.trim_start().split_once(['=', ' ']) {
            let is_valued = rest.trim_start()[key.len()..].starts_with("=\"");
            let (value, after) = if is_valued {
                after[1..].split_once('"').unwrap()
            } else {
                ("", after)
            };
            attributes.push((key.to_owned(), value.to_owned()));
            rest = after;
        }
        let last = rest.trim();
        if !last.is_empty() && last != "/" {
            attributes.push((last.to_owned(), String::new()));
        }
        let name = name.trim_end_matches('/');
        found.push(Tag {
            name: name.trim_start_matches('/').to_owned(),
            attributes,
            is_end: name.starts_with('/'),
        });
    }
    found
}

fn check_balance(name: &str, tags: &[Tag], html: &str) {
    const VOID: [&str; 7] = ["!doctype", "meta", "link", "input", "br", "path", "circle"];
    let mut open: Vec<&str> = Vec::new();
    for tag in tags.iter().filter(|tag| !VOID.contains(&tag.name.as_str()) && tag.name != "rect") {
        if tag.is_end {
            assert_eq!(open.pop(), Some(tag.name.as_str()), "{name}\n{html}");
        } else {
            open.push(&tag.name);
        }
    }
    assert!(open.is_empty(), "{name}: {open:?}");
}

fn check_page(sample: &Sample) {
    let Sample { name, html, ids } = sample;
    let tags = tags(html);
    check_balance(name, &tags, html);
    let mut seen: Vec<&str> = tags.iter().filter_map(|tag| tag.get("id")).collect();
    for id in *ids {
        assert!(seen.contains(id), "{name} lacks #{id}");
    }
    for tag in &tags {
        for (key, value) in &tag.attributes {
            assert!(key != "style" && !key.starts_with("on"), "{name}: the policy forbids {key}");
            if ["for", "aria-labelledby", "aria-describedby"].contains(&key.as_str()) {
                assert!(value.split(' ').all(|id| seen.contains(&id)), "{name}: {key}={value} leads nowhere");
            }
        }
        let is_field = ["input", "button"].contains(&tag.name.as_str()) && tag.get("type") != Some("hidden");
        // Radio buttons share a name, and so do the buttons of several accounts.
        let is_shared = |name| ["account", "client", "organisation", "sign-out"].contains(&name);
        if is_field && tag.get("name").is_some_and(|name| !is_shared(name)) {
            assert_eq!(tag.get("name"), tag.get("id"), "{name}");
        }
        if tag.name == "script" && !tag.is_end {
            assert_eq!(tag.get("nonce"), Some("bm9uY2U"), "{name}");
        }
        if tag.name == "form" && !tag.is_end {
            assert_eq!(tag.get("method"), Some("post"), "{name}");
        }
    }
    let forms = tags
        .iter()
        .filter(|tag| tag.name == "form" && !tag.is_end && tag.get("id") != Some("form-post"))
        .count();
    assert_eq!(html.matches("name=\"form-token\" value=\"token\"").count(), forms, "{name}");
    assert!(tags.iter().filter(|tag| tag.get("autofocus").is_some()).count() <= 1, "{name}");
    seen.sort_unstable();
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{name} has an id twice");
    assert!(!html.contains("<script>alert"), "{name} lets text become markup");
}

#[test]
fn every_page_is_sound_and_keeps_its_ids_in_both_languages_and_every_brand() {
    let brands = Brands::built_in();
    for language in Language::ALL {
        for brand in brands.iter() {
            for client in [None, Some(HOSTILE)] {
                let scene = Scene {
                    brands: &brands,
                    brand: &brand.name,
                    client,
                    language,
                    flow: HOSTILE,
                };
                gallery(scene).iter().for_each(check_page);
            }
        }
    }
}

fn page(brand: &str, client: Option<&str>, name: &str) -> String {
    let brands = Brands::built_in();
    let scene = Scene {
        brands: &brands,
        brand,
        client,
        language: Language::Ru,
        flow: "f&1",
    };
    gallery(scene).into_iter().find(|sample| sample.name == name).unwrap().html
}

#[test]
fn the_title_names_the_product_in_its_own_grammar() {
    assert!(page("default", None, "login").contains("<h1>Вход в Личный кабинет</h1>"));
    assert!(page("astral-edo", Some("edo"), "login").contains("<title>Вход в Астрал.ЭДО</title>"));
    assert!(page("1c-etp", None, "login").contains("<h1>Вход в 1С-ЭТП</h1>"));
    assert!(page("default", Some("Ромашка"), "login").contains("Чтобы продолжить в «Ромашка»"));
    assert!(page("astral-edo", None, "confirmed-phone").contains("Перейти в Астрал.ЭДО</a>"));
    assert!(page("default", None, "login-wrong").contains("<title>Ошибка: Вход в Личный кабинет</title>"));
}

#[test]
fn what_a_deployment_does_not_offer_is_not_on_the_page() {
    let bare = page("default", None, "login");
    for absent in ["go-recover", "method-", "или авторизуйтесь через"] {
        assert!(!bare.contains(absent), "{absent}");
    }
    assert!(bare.contains("href=\"/register?flow=f%261&#38;by=phone\""));
}

#[test]
fn a_number_is_shown_in_full_at_registration_only() {
    assert!(page("default", None, "code").contains("+7 (905) 540-12-34"));
    assert!(!page("default", None, "code-email").contains("ivanova@"));
}

#[test]
fn the_consent_is_separate_from_the_agreement_and_never_ticked_for_the_person() {
    let html = page("default", None, "register");
    assert!(!html.contains("checked"));
    assert!(html.contains("href=\"/legal/pd-consent?lang=ru\"") || html.contains("/legal/pd-consent?lang&#61;ru"));
    assert!(html.contains("Нажимая кнопку «Создать аккаунт», я соглашаюсь с условиями <a"));
}

#[test]
fn the_first_named_submit_button_of_a_code_form_confirms() {
    let html = page("default", None, "code");
    assert!(html.find("id=\"submit\"").unwrap() < html.find("id=\"resend\"").unwrap());
    assert!(html.contains("disabled>Отправить повторно через 58</button>"));
    assert!(page("default", None, "code-email").contains(">Отправить повторно</button>"));
}

#[test]
fn a_form_post_answer_holds_nothing_but_the_answer() {
    let html = page("default", None, "form-post");
    assert!(!html.contains("form-token") && !html.contains("name=\"flow\""));
    assert!(html.contains("&#62;&#60;script&#62;") || html.contains("&gt;&lt;script&gt;"));
}

#[test]
fn a_foreign_name_loses_what_could_disguise_it() {
    assert_eq!(chrome::plain_name(" Аs\u{202e}tral\u{0}\n "), "Аstral");
    assert_eq!(chrome::plain_name(&"я".repeat(300)).chars().count(), 81);
    assert!(page("default", None, "consent-forged").contains("id=\"lookalike\""));
    assert!(!page("default", None, "consent").contains("id=\"lookalike\""));
}

#[test]
fn the_language_switch_keeps_the_rest_of_the_address() {
    assert_eq!(with_query("/login?flow=a%26b&lang=ru", "lang", "en"), "/login?flow=a%26b&lang=en");
    assert_eq!(with_query("/login", "lang", "en"), "/login?lang=en");
}
