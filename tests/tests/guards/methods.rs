//! GET and HEAD change nothing; other methods are not there.

use crate::table::{ROUTES, example, paths_of};
use crate::world::World;

/// A GET that issues a code because the person is signed in: that is what the protocol's endpoint is for.
const ISSUES: [&str; 2] = ["/oauth2/authorize", "/oauth2/resume"];

#[tokio::test]
async fn get_and_head_change_nothing_whoever_sends_them_and_whatever_they_carry() {
    let world = World::new().await;
    let mut page = world.browser.clone();
    page.get(&world.theirs.ask().url()).await;
    let flow = page.page.at.split("flow=").nth(1).unwrap().to_owned();
    let sessions =
        kabinet_store::session::by_user(world.app.store.db(), &world.person.id, world.app.ambient.clock.now())
            .await
            .unwrap();
    let token = page
        .page
        .html
        .form("consent-form")
        .unwrap()
        .fields
        .into_iter()
        .find(|one| one.name == "form-token")
        .unwrap()
        .value;
    let form = format!(
        "form-token={token}&allow=allow&account={id}&end-others=1&end-session-{id}=1&submit=1&code=000000&resend=1&sign-out=1\
         &phone={phone}&password=CANARY-x&_method=POST",
        id = sessions[0].id,
        phone = world.person.contact.replace('+', "%2B"),
    );
    let before = world.state().await;
    for (path, _) in paths_of("GET") {
        for method in ["GET", "HEAD"] {
            for who in [None, Some(&world.browser), Some(&world.other)] {
                for query in [
                    String::new(),
                    format!("?{form}"),
                    format!("?flow={flow}&{form}"),
                    "?lang=en&done=x&id=x&by=phone".to_owned(),
                ] {
                    let override_method = [("x-http-method-override", "POST")];
                    let answer = world.call((method, &format!("{path}{query}")), who, &override_method, "").await;
                    assert!(answer.code() < 500, "{method} {path}{query}: {}", answer.code());
                    assert!(method == "GET" || answer.body.is_empty(), "HEAD {path} has a body");
                }
            }
        }
        assert_eq!(world.state().await, before, "GET or HEAD {path} changes something");
    }
}

#[tokio::test]
async fn a_get_of_the_authorization_endpoint_issues_a_code_and_nothing_else() {
    let world = World::new().await;
    assert!(
        ISSUES
            .iter()
            .all(|path| ROUTES.iter().any(|(method, known, _)| *method == "GET" && known == path))
    );
    let before = world.state().await;
    world.call(("GET", &world.ours.ask().url()), Some(&world.browser), &[], "").await;
    let after = world.state().await;
    let table = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let changed: Vec<String> = tables(&before)
        .zip(tables(&after))
        .filter(|(a, b)| a != b)
        .map(|(_, after)| table(&after))
        .collect();
    assert_eq!(changed, ["audit", "grants"]);
}

/// The state split into its tables.
fn tables(state: &str) -> impl Iterator<Item = String> {
    let mut tables: Vec<String> = Vec::new();
    for line in state.lines() {
        if line.starts_with(' ') {
            tables.last_mut().unwrap().push_str(line);
        } else {
            tables.push(line.to_owned());
        }
    }
    tables.into_iter()
}

#[tokio::test]
async fn other_methods_are_refused_everywhere_and_change_nothing() {
    let world = World::new().await;
    let before = world.state().await;
    for (path, _) in paths_of("GET").into_iter().chain(paths_of("POST")) {
        for method in ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "OPTIONS"] {
            if ROUTES.iter().any(|(known, of, _)| *known == method && example(of) == path) {
                continue;
            }
            let answer = world.call((method, &path), Some(&world.browser), &[], "").await;
            let preflight = method == "OPTIONS" && matches!(answer.code(), 200 | 204);
            assert!(matches!(answer.code(), 404 | 405) || preflight, "{method} {path}: {}", answer.code());
            assert!(!answer.body.contains(&world.person.contact[2..]));
        }
    }
    assert_eq!(world.state().await, before);
}
