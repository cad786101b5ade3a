//! The headers of every page, whatever its status (ASVS V3.4), and cookies that no script can read. That one cookie is there
//! to be read, and that one page may be framed, is the matter of `protocol/session_management.rs`.

use kabinet_tests::Answer;

use crate::table::{ROUTES, example, paths_of};
use crate::world::{FORM, World};

fn is_page(answer: &Answer) -> bool {
    answer.header("content-type").starts_with("text/html")
}

fn check(what: &str, answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("x-frame-options"), "DENY", "{what}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{what}");
    assert!(answer.header("strict-transport-security").contains("max-age=31536000"), "{what}");
    assert!(!answer.header("x-request-id").is_empty(), "{what}");
    assert!(answer.header("server").is_empty() && answer.header("x-powered-by").is_empty(), "{what}");
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    for cookie in answer.every("set-cookie") {
        assert!(
            cookie.starts_with("__Host-") && cookie.contains("; HttpOnly") && cookie.contains("; Secure"),
            "{what}: {cookie}"
        );
        assert!(
            cookie.contains("; SameSite=Lax") && cookie.contains("; Path=/") && !cookie.contains("Domain"),
            "{what}: {cookie}"
        );
    }
    if is_page(answer) {
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
        check_markup(what, answer, policy);
    }
}

fn check_markup(what: &str, answer: &Answer, policy: &str) {
    let page = kabinet_tests::Html::parse(&answer.body);
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .unwrap_or_default();
    let scripts = page.attributes("script", "nonce");
    assert_eq!(scripts.len(), page.count("script"), "{what}: a script without a nonce");
    assert!(scripts.iter().all(|known| known == nonce), "{what}");
    for tag in ["button", "a", "form", "body", "input", "img", "link"] {
        for handler in ["onclick", "onload", "onsubmit", "onerror", "style"] {
            assert!(page.attributes(tag, handler).is_empty(), "{what}: {handler} on <{tag}>");
        }
    }
    for (tag, attribute) in [("script", "src"), ("link", "href"), ("img", "src")] {
        for url in page.attributes(tag, attribute) {
            assert!(
                url.starts_with('/') && !url.starts_with("//") || url.starts_with("data:"),
                "{what}: {url} is somebody else's"
            );
        }
    }
}

#[tokio::test]
async fn every_answer_of_every_route_has_its_headers() {
    let world = World::new().await;
    let mut pages = 0;
    for (method, path, _) in ROUTES {
        for who in [None, Some(&world.browser)] {
            let bodies =
                [("", ""), (FORM, ""), (FORM, "flow=x"), (FORM, "form-token=x&id=x"), ("application/json", "{}")];
            for (kind, body) in bodies {
                let headers: &[(&str, &str)] = if kind.is_empty() { &[] } else { &[("content-type", kind)] };
                let answer = world.call((method, &example(path)), who, headers, body).await;
                check(&format!("{method} {path} ({}) with {kind} {body}", answer.code()), &answer);
                pages += usize::from(is_page(&answer));
            }
        }
    }
    assert!(pages > 40, "{pages} pages were looked at");
}

#[tokio::test]
async fn refusals_have_their_headers_too() {
    let world = World::new().await;
    let long = "a=".to_owned() + &"x".repeat(300_000);
    for (path, _) in paths_of("POST") {
        let answer = world.call(("POST", &path), Some(&world.browser), &[("content-type", FORM)], &long).await;
        assert_eq!(answer.code(), 413, "{path}");
        check(&format!("413 of {path}"), &answer);
        let answer = world.call(("POST", &path), None, &[("content-type", "text/plain")], "x").await;
        check(&format!("{} of {path}", answer.code()), &answer);
    }
    for path in [
        "/nowhere",
        "/account/nowhere",
        "/assets/nowhere",
        "/legal/nowhere",
        "/oauth2/authorize",
        "/login?flow=x",
    ] {
        let answer = world.call(("GET", path), Some(&world.browser), &[], "").await;
        assert!((400..500).contains(&answer.code()), "{path}: {}", answer.code());
        check(&format!("{} of {path}", answer.code()), &answer);
    }
    for (path, _) in paths_of("GET") {
        let answer = world.call(("DELETE", &path), None, &[], "").await;
        check(&format!("405 of {path}"), &answer);
    }
}

#[tokio::test]
async fn pages_behind_the_sign_in_are_isolated_and_those_on_the_way_are_not() {
    let world = World::new().await;
    for path in ["/account", "/account/contacts", "/account/sessions"] {
        let answer = world.call(("GET", path), Some(&world.browser), &[], "").await.ok();
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
    }
    // A product may sign people in in a popup.
    for path in ["/login", "/register"] {
        let answer = world.call(("GET", path), None, &[], "").await.ok();
        assert_eq!(answer.header("cross-origin-opener-policy"), "", "{path}");
    }
}

#[tokio::test]
async fn each_answer_has_a_nonce_and_a_request_id_of_its_own() {
    let world = World::new().await;
    let one = world.call(("GET", "/login"), None, &[], "").await.ok();
    let two = world.call(("GET", "/login"), None, &[], "").await.ok();
    for name in ["content-security-policy", "x-request-id"] {
        assert_ne!(one.header(name), two.header(name), "{name}");
    }
}
