//! P05 and its neighbours: headers over every route and status, cookies, redirects after forms.

use http::Method;
use kabinet_core::client::Profile;
use kabinet_tests::{Answer, Page, TestApp};

use crate::world::World;

/// What every answer of the provider carries.
#[track_caller]
fn assert_guarded(answer: &Answer, what: &str) {
    for (name, value) in [
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(answer.header(name), value, "{name} of {what}");
    }
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{part} of {what}: {policy}");
    }
    assert!(
        !policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"),
        "{what}: {policy}"
    );
    assert!(
        !answer.header("permissions-policy").is_empty() && !answer.header("cross-origin-resource-policy").is_empty(),
        "{what}"
    );
    assert!(
        !answer.header("cache-control").is_empty() && !answer.header("x-request-id").is_empty(),
        "{what}"
    );
    assert!(
        answer.headers.get("server").is_none() && answer.headers.get("x-powered-by").is_none(),
        "{what}"
    );
    for word in ["panicked", "src/", ".rs:", "sqlx", "SELECT ", "stack backtrace"] {
        assert!(
            !answer.body.contains(word) || answer.header("content-type").contains("css"),
            "{what} shows {word}"
        );
    }
    if answer.header("content-type").starts_with("text/html") {
        assert!(answer.header("cache-control").contains("no-store"), "{what}");
    }
}

#[tokio::test]
async fn every_route_answers_every_method_with_all_headers() {
    let app = TestApp::start().await;
    let paths: std::collections::BTreeSet<&str> = kabinet_web::routes().iter().map(|route| route.path).collect();
    let strays = [
        "/nowhere",
        "/assets/nowhere.css",
        "/legal/nowhere",
        "/oauth2/",
        "/oauth2/nowhere",
        "//evil.test",
        "/.well-known/",
        "/%00",
        "/..%2f..%2fetc/passwd",
    ];
    for path in paths.into_iter().chain(strays) {
        let path = path.replace("{document}", "pd-consent").replace("{file}", "kabinet.css");
        for method in
            [Method::GET, Method::POST, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::PATCH]
        {
            let answer = app.call(method.clone(), &path, &[], "").await;
            assert_guarded(&answer, &format!("{method} {path} ({})", answer.code()));
            assert!(answer.code() < 500, "{method} {path}: {}", answer.code());
            if method == Method::HEAD {
                assert!(answer.body.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn styles_and_scripts_go_out_packed_to_whoever_takes_them_so() {
    let app = TestApp::start().await;
    for path in [kabinet_web::assets::script_path(), kabinet_web::assets::certificate_path()] {
        let plain = app.call(Method::GET, path, &[("accept-encoding", "br, gzip;q=0")], "").await;
        assert!(plain.headers.get("content-encoding").is_none());
        let packed = app.call(Method::HEAD, path, &[("accept-encoding", "br, gzip, zstd")], "").await;
        assert_eq!(
            (packed.header("content-encoding"), packed.header("vary")),
            ("gzip", "accept-encoding"),
            "{path}"
        );
        assert_ne!(packed.header("etag"), plain.header("etag"), "{path}");
        let length: usize = packed.header("content-length").parse().unwrap();
        assert!(length > 500 && length < plain.body.len() / 2, "{path}: {length} of {}", plain.body.len());
        assert_guarded(&packed, path);
    }
}

#[tokio::test]
async fn errors_of_every_status_carry_all_headers() {
    let world = World::new().await;
    let app = &world.app;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let big = "x=".to_owned() + &"x".repeat(70_000);
    let answers = [
        (400, app.get("/oauth2/authorize").await),
        (401, app.get("/oauth2/userinfo").await),
        (404, app.get("/nowhere").await),
        (405, app.call(Method::PUT, "/oauth2/token", &[], "").await),
        (413, app.call(Method::POST, "/oauth2/token", &form, &big).await),
        (413, app.call(Method::POST, "/login", &form, &big).await),
        (401, app.call(Method::POST, "/oauth2/token", &form, "grant_type=x").await),
        (303, app.get("/account").await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.code(), status, "{}", answer.body);
        assert_guarded(&answer, &status.to_string());
    }
}

#[tokio::test]
async fn a_plain_http_issuer_promises_no_https() {
    let app = TestApp::start_with(|config| "http://localhost:8080".clone_into(&mut config.issuer)).await;
    let answer = app.get("/login").await;
    assert!(answer.headers.get("strict-transport-security").is_none());
}

#[tokio::test]
async fn only_cabinet_pages_cut_their_opener_off() {
    let mut world = World::new().await;
    let opener = |page: &Page| page.answer.as_ref().unwrap().header("cross-origin-opener-policy").to_owned();
    for path in ["/account", "/account/contacts", "/account/sessions"] {
        assert_eq!(opener(world.browser.get(path).await), "same-origin", "{path}");
    }
    let flow = world.rp.ask().with("prompt", "login").url();
    for path in [flow.as_str(), "/login?another=1", "/register", "/logout", "/nowhere"] {
        assert_eq!(opener(world.browser.get(path).await), "", "{path}");
    }
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_run_only_marked_scripts() {
    let mut world = World::of(Profile::Web, |m| m.first_party = false).await;
    let urls = [
        world.rp.ask().url(),
        world.rp.ask().with("prompt", "login").url(),
        "/account".to_owned(),
        "/register".to_owned(),
        "/nowhere".to_owned(),
        "/logout".to_owned(),
    ];
    for url in urls {
        let page = world.browser.get(&url).await;
        let policy = page.answer.as_ref().unwrap().header("content-security-policy").to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .unwrap()
            .to_owned();
        let scripts = page.html.attributes("script", "nonce");
        assert!(
            scripts.len() == page.html.count("script") && scripts.iter().all(|one| *one == nonce),
            "{url}"
        );
        for (tag, attribute) in [("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")] {
            let outside = page.html.attributes(tag, attribute).into_iter().find(|value| value.contains("//"));
            assert_eq!(outside, None, "{url}");
        }
        assert!(
            !page.source().contains(" onclick=")
                && !page.source().contains("javascript:")
                && !page.source().contains(" style=\""),
            "{url}"
        );
        let again = world.browser.get(&url).await.answer.clone().unwrap();
        assert!(!again.header("content-security-policy").contains(&nonce), "a nonce is used once");
    }
}

#[tokio::test]
async fn only_the_page_of_a_certificate_reaches_programs_on_the_persons_computer() {
    let app = TestApp::start().await;
    app.trust_fixtures().await;
    let open = app.get("/login/certificate").await.ok().header("content-security-policy").to_owned();
    let program = "connect-src 'self' wss://127.0.0.1:9292/RegistrationOffice ws://127.0.0.1:9292/RegistrationOffice;";
    assert!(open.contains(program), "{open}");
    assert!(open.contains("' chrome-extension://iifchhfnnmpdbibifmljnfjhpififfog "), "{open}");
    for path in ["/login", "/register", "/recover", "/login/certificate/unlinked", "/nowhere", "/legal/agreement"] {
        let answer = app.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(!policy.contains("127.0.0.1") && !policy.contains("extension:"), "{path}: {policy}");
    }
    assert!(app.get("/login").await.header("content-security-policy").contains("connect-src 'self';"));
}

#[tokio::test]
async fn a_form_with_credentials_is_answered_by_303_and_nothing_else() {
    let mut world = World::signed_out(Profile::Web, |m| m.first_party = false).await;
    let ask = world.rp.ask();
    world.browser.get(&ask.url()).await;
    world.app.fill_in(&mut world.browser, &world.person).await;
    let mut hops = world.browser.page.hops.clone();
    world.browser.submit("consent-form", &[], "allow").await;
    hops.extend(world.browser.page.hops.clone());
    world.browser.get("/logout").await;
    world.browser.submit("logout-confirm", &[], "submit").await;
    hops.extend(world.browser.page.hops.clone());
    let redirects: Vec<u16> = hops.iter().map(Answer::code).filter(|code| (300..400).contains(code)).collect();
    assert!(redirects.len() >= 3 && redirects.iter().all(|code| *code == 303), "{redirects:?}");
    let post = world.app.post("/oauth2/authorize", &ask.params).await;
    assert_eq!(post.code(), 303);
}

#[tokio::test]
async fn cookies_of_an_https_issuer_are_host_cookies() {
    let mut world = World::new().await;
    world.browser.get("/login?lang=en&another=1").await;
    let names: Vec<&String> = world.browser.jar.keys().collect();
    assert!(
        names.len() >= 2 && names.iter().all(|name| name.starts_with("__Host-kabinet-")),
        "{names:?}"
    );
}

#[tokio::test]
async fn cookies_of_a_loopback_issuer_carry_its_port_and_no_prefix() {
    let app = TestApp::start_with(|config| "http://localhost:8123".clone_into(&mut config.issuer)).await;
    let person = app.anyone().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &person).await;
    assert!(
        browser.jar.keys().all(|name| name.starts_with("kabinet-") && name.ends_with("-8123")),
        "{:?}",
        browser.jar.keys()
    );
    let plain = TestApp::start_with(|config| "http://127.0.0.1".clone_into(&mut config.issuer)).await;
    let answer = plain.get("/login").await;
    assert!(
        answer
            .every("set-cookie")
            .iter()
            .all(|cookie| cookie.split('=').next().unwrap().ends_with("-80") && !cookie.contains("Secure"))
    );
}

#[tokio::test]
async fn the_session_cookie_is_new_at_every_sign_in_and_the_old_one_is_dead() {
    let mut world = World::new().await;
    let old = world.browser.clone();
    let before = world.browser.session();
    world.browser.get("/login?another=1").await;
    world.app.fill_in(&mut world.browser, &world.person).await;
    assert_ne!(world.browser.session(), before);
    let mut thief = old;
    thief.get("/account").await;
    assert_eq!(thief.page.path(), "/login", "the value before the sign-in is worth nothing");
    assert_eq!(world.browser.get("/account").await.path(), "/account");
}

#[tokio::test]
async fn a_session_that_somebody_else_chose_is_never_taken_over() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get("/login").await;
    let fixed = format!("kbn_sid_{}", "A".repeat(43));
    world.browser.jar.insert("__Host-kabinet-session".to_owned(), kept(&fixed));
    world.browser.get("/login").await;
    world.app.fill_in(&mut world.browser, &world.person).await;
    assert!(!world.browser.session().contains(&fixed));
    for strange in ["", ".", "x", "....", &"x".repeat(4_000), "a.b.c.d.e.f.g", "\u{44f}"] {
        let mut browser = world.app.browser();
        browser.jar.insert("__Host-kabinet-session".to_owned(), kept(strange));
        browser.get("/account").await;
        assert_eq!(browser.page.path(), "/login", "{strange:.10}");
    }
}

fn kept(value: &str) -> kabinet_tests::Kept {
    kabinet_tests::Kept { value: value.to_owned(), until: None }
}

#[tokio::test]
async fn the_same_form_without_its_token_does_nothing_but_show_the_step_again() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get("/login").await;
    world.browser.click("toggle-identifier").await;
    let body = world.browser.filled(
        "login-form",
        &[("email", &world.person.contact), ("password", &world.person.password)],
        "submit",
    );
    for token in ["", "x", "1.x", "99999999999.x"] {
        let mut body = body.clone();
        for (name, value) in &mut body {
            if name == "form-token" {
                token.clone_into(value);
            }
        }
        let page = world.browser.post("/login", &body).await;
        assert!(
            page.has("login-form") && page.html.attribute("email", "value").as_deref() == Some(&world.person.contact),
            "{}",
            page.text()
        );
        assert!(!page.source().contains(&world.person.password));
    }
    world.browser.post_from_elsewhere("/login", &body).await;
    assert!(world.browser.session().is_empty(), "another site cannot sign anybody in");
}

#[tokio::test]
async fn a_foreign_origin_does_nothing_even_with_a_good_token() {
    let mut world = World::signed_out(Profile::Web, |_| ()).await;
    world.browser.get("/login").await;
    world.browser.click("toggle-identifier").await;
    let body = world.browser.filled(
        "login-form",
        &[("email", &world.person.contact), ("password", &world.person.password)],
        "submit",
    );
    let cookies: Vec<String> = world.browser.jar.iter().map(|(name, kept)| format!("{name}={}", kept.value)).collect();
    let cookies = cookies.join("; ");
    let body = kabinet_tests::form_body(&body);
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (name, value) in [
        ("origin", "https://evil.test"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://id.test.evil.test"),
    ] {
        let answer = world
            .app
            .call(Method::POST, "/login", &[form, ("cookie", &cookies), (name, value)], &body)
            .await;
        assert!(
            answer.code() < 300 && answer.every("set-cookie").iter().all(|cookie| !cookie.contains("session")),
            "{name}: {value}"
        );
    }
    // Neither header: a valid form token suffices.
    let answer = world.app.call(Method::POST, "/login", &[form, ("cookie", &cookies)], &body).await;
    assert_eq!(answer.code(), 303, "{}", answer.body);
}
