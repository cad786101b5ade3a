//! Guessing, spraying, exhaustion and enumeration (R18–R21), counted in hashes, statements and refusals instead of time.

use std::net::IpAddr;

use futures_util::future::join_all;
use kabinet_tests::{Browser, PASSWORD, Person, TestApp};

use crate::budgets::Counted;
use crate::registration;

const WRONG: &str = "CANARY-неверный пароль";

/// A browser in a network of its own.
fn from(app: &TestApp, network: u8) -> Browser {
    let mut browser = app.browser();
    browser.ip = IpAddr::from([10, 7, network, 1]);
    browser
}

async fn attempt(browser: &mut Browser, contact: &str, password: &str) -> u16 {
    let field = if contact.contains('@') { "email" } else { "phone" };
    browser.get(&format!("/login?another=1&by={field}")).await;
    browser.submit("login-form", &[(field, contact), ("password", password)], "submit").await;
    browser.page.status
}

/// A page without what is new in each answer, and without the contact that was typed.
fn bones(browser: &Browser, contact: &str) -> String {
    let mut source = browser.page.source().to_owned();
    let policy = browser.page.answer.as_ref().unwrap().header("content-security-policy");
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .unwrap()
        .to_owned();
    let mut passing = vec![nonce];
    for id in ["login-form", "register-form", "recover-form", "code-form"] {
        let fields = browser.page.html.form(id).map(|form| form.fields).unwrap_or_default();
        let hidden = fields.into_iter().filter(|field| field.kind == "hidden" && !field.value.is_empty());
        passing.extend(hidden.map(|field| field.value));
    }
    let digits = contact.strip_prefix("+7").unwrap_or_default();
    if digits.len() == 10 {
        passing.push(format!("+7 ({}) {}-{}-{}", &digits[..3], &digits[3..6], &digits[6..8], &digits[8..]));
        passing.push(format!("+7 {} •••-••-{}", &digits[..3], &digits[8..]));
    }
    passing.push(contact.to_owned());
    passing.push(contact.replace('+', "&#43;"));
    for value in passing {
        source = source.replace(&value, "…");
    }
    source
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_sign_ins_costs_as_many_hashes_as_are_answered_and_tokens_are_given_meanwhile() {
    let app = TestApp::start_with(|config| {
        config.hashing.permits = Some(2);
        config.hashing.queue = 8;
        // Slow machines must not make those wait too long that have a place.
        config.hashing.wait = kabinet::config::Seconds(60);
    })
    .await;
    let counted = Counted::of(&app).await;
    let machine = app.client(kabinet_core::client::Profile::Machine, |_| ()).await;
    let long = "п".repeat(512);
    let mut flood = Vec::new();
    for i in 0..200_u8 {
        let mut browser = from(&app, i);
        browser.use_node(&counted.node);
        browser.get("/login?by=email").await;
        let password = match i % 4 {
            0 => "x".repeat(10_000),
            1 => long.clone(),
            _ => WRONG.to_owned(),
        };
        let address = format!("u{i}@example.com");
        let body = browser.filled("login-form", &[("email", &address), ("password", &password)], "submit");
        flood.push((browser, body));
    }
    let before = counted.identity.hashes();
    let sent = flood
        .iter_mut()
        .map(|(browser, body)| async { browser.post("/login", body).await.status });
    let (statuses, token) = tokio::join!(join_all(sent), machine.token(&[("grant_type", "client_credentials")]));
    let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert_eq!(count(400), 50, "over-long passwords are refused before anything");
    assert_eq!(count(400) + count(422) + count(503), 200, "{statuses:?}");
    assert!(count(422) >= 2, "whoever had a permit was answered: {statuses:?}");
    assert_eq!(counted.identity.hashes() - before, count(422) as u64);
    assert_eq!(token.code(), 200, "{}", token.body);
    println!("a flood of 150: {} hashed, {} told to come later", count(422), count(503));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_guesses_under_every_spelling_from_fifty_networks_with_restarts_are_one_account_s() {
    let mut app = TestApp::start_with(|config| config.hashing.permits = Some(2)).await;
    let person = app.user("+79161234567", PASSWORD).await;
    let mut own = app.browser();
    app.sign_in(&mut own, &person).await;
    let spellings = ["+79161234567", "89161234567", "8 (916) 123-45-67", "9161234567", "007 916 123 45 67"];
    let mut compared = 0;
    for round in 0..4_u8 {
        if round == 2 {
            app.restart().await;
        }
        let mut guesses: Vec<Browser> = (0..50).map(|i| from(&app, i)).collect();
        let work = guesses.iter_mut().enumerate().map(|(i, browser)| async move {
            let mut compared = 0;
            for _ in 0..5 {
                let last = (i, compared) == (49, 0) && round == 3;
                let password = if last { PASSWORD } else { WRONG };
                let status = attempt(browser, spellings[i % spellings.len()], password).await;
                assert!(matches!(status, 422 | 429), "{status}: {}", browser.page.text());
                compared += usize::from(status == 422);
            }
            compared
        });
        compared += join_all(work).await.into_iter().sum::<usize>();
    }
    assert!((10..=12).contains(&compared), "{compared} of a thousand guesses were compared");
    own.use_node(&app.node);
    assert_eq!(attempt(&mut own, "+79161234567", PASSWORD).await, 200);
    assert_eq!(own.page.path(), "/account", "the owner on a known device");
    app.clock.advance(120);
    let mut later = from(&app, 200);
    assert_eq!(attempt(&mut later, "+79161234567", PASSWORD).await, 200, "time unlocks");
}

#[tokio::test]
async fn an_address_is_one_counter_in_any_case_and_form_of_its_domain_and_dots_make_another_address() {
    let app = TestApp::start().await;
    app.user("ivan.petrov@почта.рф", PASSWORD).await;
    let spellings = ["ivan.petrov@почта.рф", "Ivan.Petrov@ПОЧТА.рф", " ivan.petrov@xn--80a1acny.xn--p1ai "];
    for i in 0..10 {
        assert_eq!(attempt(&mut from(&app, i), spellings[usize::from(i) % 3], WRONG).await, 422);
    }
    for spelling in spellings {
        assert_eq!(attempt(&mut from(&app, 20), spelling, PASSWORD).await, 429, "{spelling}");
    }
    assert_eq!(attempt(&mut from(&app, 20), "ivanpetrov@почта.рф", WRONG).await, 422);
}

#[tokio::test]
async fn an_account_behind_a_hard_wait_is_got_back_by_a_code_and_its_new_password_signs_in() {
    let app = TestApp::start().await;
    app.user("ivan@example.com", PASSWORD).await;
    for i in 0..12 {
        attempt(&mut from(&app, i), "ivan@example.com", WRONG).await;
    }
    let mut owner = from(&app, 50);
    assert_eq!(attempt(&mut owner, "ivan@example.com", PASSWORD).await, 429);
    owner.get("/recover?by=email").await;
    owner.submit("recover-form", &[("email", "ivan@example.com")], "submit").await;
    let code = app.code_sent_to("ivan@example.com");
    owner.submit("code-form", &[("code", &code)], "submit").await;
    let new = "CANARY-новый пароль 2";
    owner.submit("new-password-form", &[("new-password", new)], "submit").await;
    // Strangers go on meanwhile.
    for i in 0..12 {
        attempt(&mut from(&app, 60 + i), "ivan@example.com", WRONG).await;
    }
    assert_eq!(attempt(&mut owner, "ivan@example.com", new).await, 200, "{}", owner.page.text());
    assert_eq!(owner.page.path(), "/account");
}

#[tokio::test]
async fn an_administrator_ends_every_wait_of_one_account_and_of_no_other() {
    let app = TestApp::start().await;
    let (ours, theirs) = (app.user("ivan@example.com", PASSWORD).await, app.user("petr@example.com", PASSWORD).await);
    for contact in [&ours.contact, &theirs.contact] {
        for i in 0..12 {
            attempt(&mut from(&app, i % 3), contact, WRONG).await;
        }
        assert_eq!(attempt(&mut from(&app, 1), contact, PASSWORD).await, 429);
    }
    let origin = kabinet_core::audit::Origin::default();
    assert!(app.identity.unlock(&ours.id, &origin).await.unwrap());
    assert!(!app.identity.unlock(&"nobody".into(), &origin).await.unwrap());
    for network in [0, 1, 2, 9] {
        assert_eq!(attempt(&mut from(&app, network), &ours.contact, PASSWORD).await, 200);
        assert_eq!(attempt(&mut from(&app, network), &theirs.contact, PASSWORD).await, 429);
    }
    assert_eq!(kabinet_store::audit::count(app.store.db(), "user.unlocked").await.unwrap(), 1);
}

#[tokio::test]
async fn one_password_tried_on_many_accounts_stops_its_network_and_nobody_elsewhere_and_no_known_device() {
    let app = TestApp::start().await;
    let honest = app.anyone().await;
    let mut known = from(&app, 1);
    app.sign_in(&mut known, &honest).await;
    let mut people = Vec::new();
    for i in 0..100 {
        people.push(app.user(&format!("u{i}@example.com"), PASSWORD).await);
    }
    let mut sprayer = from(&app, 1);
    let mut statuses = Vec::new();
    for person in &people {
        statuses.push(attempt(&mut sprayer, &person.contact, WRONG).await);
    }
    let compared = statuses.iter().filter(|status| **status == 422).count();
    assert_eq!((compared, statuses[60..].iter().all(|status| *status == 429)), (60, true), "{statuses:?}");
    assert_eq!(attempt(&mut known, &honest.contact, PASSWORD).await, 200, "behind the same address");
    assert_eq!(attempt(&mut from(&app, 2), &people[0].contact, PASSWORD).await, 200, "elsewhere");
}

#[tokio::test]
async fn two_hundred_people_behind_one_address_sign_in_although_some_mistype() {
    let app = TestApp::start().await;
    let person = app.user("ivan@example.com", PASSWORD).await;
    let mut refused = 0;
    for i in 0..200 {
        let mut browser = from(&app, 1);
        if i % 10 == 0 {
            let typo = format!("typo{i}@example.com");
            assert_eq!(attempt(&mut browser, &typo, WRONG).await, 422);
        }
        refused += usize::from(attempt(&mut browser, &person.contact, PASSWORD).await != 200);
        app.clock.advance(1);
    }
    assert_eq!(refused, 0);
}

/// Who somebody may ask about.
async fn three(app: &TestApp) -> [String; 3] {
    let known = app.anyone().await;
    let disabled = app.anyone().await;
    app.set_disabled(&disabled, true).await;
    [known.contact, disabled.contact, "+79160000000".to_owned()]
}

#[tokio::test]
async fn signing_in_registering_and_recovering_cost_and_say_the_same_whoever_there_is() {
    let app = TestApp::start().await;
    let counted = Counted::of(&app).await;
    let contacts = three(&app).await;
    for (start, form) in [("/login", "login-form"), ("/register", "register-form"), ("/recover", "recover-form")] {
        let mut seen = Vec::new();
        for (i, contact) in contacts.iter().enumerate() {
            let mut browser = from(&app, u8::try_from(i).unwrap());
            browser.use_node(&counted.node);
            browser.get(start).await;
            let mut fields = vec![("phone", contact.as_str())];
            match form {
                "login-form" => fields.push(("password", WRONG)),
                "register-form" => fields.extend([("password", PASSWORD), ("pd-consent", "on")]),
                _ => {}
            }
            let before = counted.identity.hashes();
            let (statements, status) =
                counted.count(async { browser.submit(form, &fields, "submit").await.status }).await;
            let hashes = counted.identity.hashes() - before;
            let headers: Vec<String> = browser
                .page
                .hops
                .iter()
                .flat_map(|hop| hop.headers.keys().map(ToString::to_string))
                .collect();
            let text = bones(&browser, contact);
            seen.push((statements, hashes, status, browser.page.path().to_owned(), headers, text));
        }
        println!("{start}: {} statements, {} hashes", seen[0].0, seen[0].1);
        for other in &seen[1..] {
            assert_eq!((&seen[0].0, &seen[0].1, &seen[0].2), (&other.0, &other.1, &other.2), "{start}");
            assert_eq!((&seen[0].3, &seen[0].4), (&other.3, &other.4), "{start}");
            assert_eq!(seen[0].5, other.5, "{start}");
        }
    }
}

#[tokio::test]
async fn a_wait_says_the_same_for_an_account_that_is_there_and_one_that_is_not() {
    let app = TestApp::start().await;
    let mut pages = Vec::new();
    for contact in three(&app).await {
        let mut browser = from(&app, 1);
        for i in 0..10 {
            attempt(&mut from(&app, 10 + i), &contact, WRONG).await;
        }
        assert_eq!(attempt(&mut browser, &contact, PASSWORD).await, 429);
        pages.push((
            bones(&browser, &contact),
            browser.page.answer.as_ref().unwrap().header("retry-after").to_owned(),
        ));
    }
    assert!(pages.iter().all(|page| *page == pages[0]));
}

#[tokio::test]
async fn a_run_of_numbers_of_one_range_is_stopped_and_another_range_still_gets_codes() {
    let app = TestApp::start().await;
    let ask = async |network: u8, number: String| {
        let mut browser = from(&app, network);
        browser.get("/register").await;
        registration::fill(&mut browser, &number, PASSWORD).await;
        browser
    };
    let mut refused = None;
    for i in 0..30 {
        let browser = ask(i, format!("+7916123{i:04}")).await;
        if browser.page.status == 429 {
            refused = Some((i, browser));
            break;
        }
    }
    let (sent, browser) = refused.expect("the range is closed");
    assert_eq!((sent, app.messages().len()), (20, 20));
    assert!(browser.page.text().contains("Коды запрашивали слишком часто"), "{}", browser.page.text());
    assert_eq!(browser.page.error(), "code-limit", "one text for every gate");
    let other = ask(99, "+79161240001".to_owned()).await;
    assert!(other.page.has("code-form"), "{}", other.page.text());
    // A person who holds an account there and signs in from a known device gets it back all the same.
    let Person { contact, .. } = app.user("+79161239999", PASSWORD).await;
    let person = app.user("+79161239998", PASSWORD).await;
    let mut own = from(&app, 100);
    app.sign_in(&mut own, &person).await;
    for (browser, number, reached) in [(own, &person.contact, true), (from(&app, 101), &contact, false)] {
        let mut browser = browser;
        browser.get("/recover").await;
        browser.submit("recover-form", &[("phone", number)], "submit").await;
        assert_eq!(browser.page.has("code-form"), reached, "{number}: {}", browser.page.text());
    }
}
