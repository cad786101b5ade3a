//! Tricks with paths: a route under another spelling is not there, or asks for the same (V33).

use kabinet_tests::Answer;
use kabinet_web::Access;

use crate::table::{ROUTES, example};
use crate::world::{FORM, World};

/// Other spellings of a path.
fn spellings(path: &str) -> Vec<String> {
    let cut = path.rfind('/').unwrap_or(0);
    let (head, tail) = path.split_at(cut);
    let (head, tail) = (head, tail.trim_start_matches('/'));
    let mut all = vec![
        format!("{path};x"),
        format!("{path};jsessionid=1"),
        format!("{head};x/{tail}"),
        format!("/{path}"),
        format!("//{path}"),
        path.replacen('/', "//", 2),
        format!("{head}//{tail}"),
        format!("{head}%2f{tail}"),
        format!("{head}%2F{tail}"),
        format!("{head}/%2e/{tail}"),
        format!("{head}/./{tail}"),
        format!("/x/..{path}"),
        format!("/assets/..{path}"),
        format!("/assets/%2e%2e{path}"),
        format!("{path}/"),
        format!("{path}//"),
        format!("{path}/."),
        format!("{path}."),
        format!("{path}%20"),
        format!("{path}%00"),
        format!("{path}%0a"),
        format!("{path}.json"),
        format!("{path}/x"),
        format!("{path}\\"),
        path.to_uppercase(),
        path.replace("account", "%61ccount")
            .replace("oauth2", "o%61uth2")
            .replace("login", "l%6fgin"),
    ];
    all.retain(|one| one != path && one.parse::<http::Uri>().is_ok_and(|uri| uri.path() != path));
    all
}

/// Whether an answer gives away nothing that the route's own refusal would not.
fn is_closed(answer: &Answer, access: Access) -> bool {
    match answer.code() {
        400 | 401 | 404 | 405 | 413 | 415 => true,
        303 => access == Access::Person && answer.location().starts_with("/login?flow=") || access != Access::Person,
        _ => false,
    }
}

#[tokio::test]
async fn a_stranger_gets_in_nowhere_under_another_spelling() {
    let world = World::new().await;
    let before = world.state().await;
    for (method, path, access) in ROUTES {
        let canonical = world.call((method, &example(path)), None, &[("content-type", FORM)], "").await;
        for spelling in spellings(&example(path)) {
            let answer = world.call((method, &spelling), None, &[("content-type", FORM)], "").await;
            let same = answer.code() == canonical.code() && matches!(access, Access::Anyone | Access::Browser);
            assert!(is_closed(&answer, access) || same, "{method} {spelling}: {}", answer.code());
        }
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn a_person_s_pages_under_another_spelling_are_not_there_or_ask_the_same() {
    let world = World::new().await;
    let before = world.state().await;
    for (method, path, _) in ROUTES.iter().filter(|(.., access)| *access == Access::Person) {
        for spelling in spellings(path) {
            let answer = world
                .call((method, &spelling), Some(&world.browser), &[("content-type", FORM)], "end-others=1")
                .await;
            let digits: String = answer.body.chars().filter(char::is_ascii_digit).collect();
            if answer.code() == 200 {
                assert!(digits.contains(&world.person.contact[2..]), "{method} {spelling} is another page");
                assert_eq!(
                    answer.header("cross-origin-opener-policy"),
                    "same-origin",
                    "{method} {spelling} is less guarded"
                );
            } else {
                assert!(matches!(answer.code(), 303 | 400 | 404 | 405), "{method} {spelling}: {}", answer.code());
            }
        }
    }
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn nothing_outside_the_assets_can_be_read_through_them() {
    let world = World::new().await;
    let names = [
        "..%2f..%2fCargo.toml",
        "%2e%2e/%2e%2e/etc/passwd",
        "..",
        "%2e%2e",
        "",
        ".",
        "kabinet.css%00.js",
        "KABINET.CSS",
        "..%5c..%5cCargo.toml",
        "/etc/passwd",
        "kabinet.css/..",
        "fonts/../kabinet.css",
    ];
    for folder in ["/assets/", "/legal/"] {
        for name in names {
            let answer = world.call(("GET", &format!("{folder}{name}")), None, &[], "").await;
            assert_eq!(answer.code(), 404, "{folder}{name}");
        }
    }
}

#[tokio::test]
async fn the_admin_listener_s_paths_are_not_on_the_public_one() {
    let world = World::new().await;
    for path in ["/health/live", "/health/ready", "/metrics", "/admin", "/api/admin/v1/clients", "/debug", "/.env"] {
        for who in [None, Some(&world.browser)] {
            assert_eq!(world.call(("GET", path), who, &[], "").await.code(), 404, "{path}");
        }
    }
}
