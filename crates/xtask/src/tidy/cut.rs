//! The cut: `core ← {fetch, store} ← {oidc, identity} ← web ← kabinet`, `gost ← identity`.

use serde_json::Value;

/// Which of our crates each crate may depend on. A crate that is not listed here is a finding.
const INSIDE: &[(&str, &[&str])] = &[
    ("kabinet-core", &[]),
    ("kabinet-gost", &[]),
    ("kabinet-fetch", &["kabinet-core"]),
    ("kabinet-store", &["kabinet-core"]),
    ("kabinet-oidc", &["kabinet-core", "kabinet-fetch", "kabinet-store"]),
    ("kabinet-identity", &["kabinet-core", "kabinet-fetch", "kabinet-store", "kabinet-gost"]),
    (
        "kabinet-web",
        &["kabinet-core", "kabinet-fetch", "kabinet-store", "kabinet-oidc", "kabinet-identity"],
    ),
    ("kabinet", LIBRARIES),
    ("kabinet-standins", &["kabinet-core", "kabinet-gost"]),
    // The demo makes its clients and its account as the command line does, and its products call through `fetch`.
    (
        "kabinet-demo",
        &["kabinet", "kabinet-core", "kabinet-fetch", "kabinet-identity", "kabinet-standins", "kabinet-store"],
    ),
    ("kabinet-tests", EVERYTHING),
    ("kabinet-fuzz", &["kabinet-core", "kabinet-gost", "kabinet-oidc"]),
    ("xtask", &[]),
];
/// What the tests of a crate may depend on beside that.
const FOR_TESTS: &[(&str, &[&str])] = &[
    // The stand-ins for gateways and mail servers are tried with the drivers that speak to the real ones.
    ("kabinet-standins", &["kabinet-fetch"]),
    // Its examples are what `bench` measures beside other implementations.
    ("xtask", &["kabinet-gost"]),
];
const LIBRARIES: &[&str] = &[
    "kabinet-core",
    "kabinet-gost",
    "kabinet-fetch",
    "kabinet-store",
    "kabinet-oidc",
    "kabinet-identity",
    "kabinet-web",
];
const EVERYTHING: &[&str] = &[
    "kabinet",
    "kabinet-standins",
    "kabinet-core",
    "kabinet-gost",
    "kabinet-fetch",
    "kabinet-store",
    "kabinet-oidc",
    "kabinet-identity",
    "kabinet-web",
];

/// Outside crates that only these crates may name.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("sqlx", &["kabinet-store", "kabinet-tests"]),
    ("redis", &["kabinet-store", "kabinet-tests"]),
    ("reqwest", &["kabinet-fetch", "kabinet-tests"]),
    ("lettre", &["kabinet-fetch"]),
    ("axum", &["kabinet-web", "kabinet", "kabinet-demo", "kabinet-standins", "kabinet-tests"]),
    ("oxide-auth", &["kabinet-oidc"]),
    ("josekit", &["kabinet-oidc", "kabinet-tests", "kabinet-fuzz"]),
];

/// Findings in the output of `cargo metadata --no-deps` and the top manifest.
pub fn check(metadata: &Value, manifest: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let version = workspace_version(manifest);
    if version.is_none() {
        findings.push("Cargo.toml: [workspace.package] has no version".to_owned());
    }
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = text(package, "name");
        if version.is_some_and(|version| version != text(package, "version")) {
            findings.push(format!("{name}: its version is not the workspace's"));
        }
        let dependencies: Vec<&str> = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| !is_for_tests(name, one))
            .map(|one| text(one, "name"))
            .collect();
        findings.extend(check_package(name, &dependencies));
    }
    findings
}

fn is_for_tests(name: &str, dependency: &Value) -> bool {
    let listed = FOR_TESTS.iter().find(|(crate_name, _)| *crate_name == name);
    let is_listed = listed.is_some_and(|(_, for_tests)| for_tests.contains(&text(dependency, "name")));
    text(dependency, "kind") == "dev" && is_listed
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn workspace_version(manifest: &str) -> Option<&str> {
    let (_, section) = manifest.split_once("[workspace.package]")?;
    let section = section.split("\n[").next()?;
    let line = section.lines().find(|line| line.starts_with("version"))?;
    line.split('"').nth(1)
}

fn check_package(name: &str, dependencies: &[&str]) -> Vec<String> {
    let Some((_, allowed)) = INSIDE.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![format!("{name}: a new crate needs its place in the cut (crates/xtask/src/tidy/cut.rs)")];
    };
    let is_ours = |one: &str| INSIDE.iter().any(|(crate_name, _)| *crate_name == one);
    let against_the_cut = dependencies.iter().filter(|one| is_ours(one) && !allowed.contains(one));
    let not_for_it = dependencies
        .iter()
        .filter(|one| OUTSIDE.iter().any(|(outside, users)| outside == *one && !users.contains(&name)));
    against_the_cut
        .map(|one| format!("{name}: may not depend on {one}, see the cut in docs/ARCHITECTURE.md"))
        .chain(not_for_it.map(|one| format!("{name}: may not name the crate {one}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_and_the_people_do_not_see_each_other() {
        assert_eq!(check_package("kabinet-oidc", &["kabinet-identity", "serde"]).len(), 1);
        assert_eq!(check_package("kabinet-identity", &["kabinet-oidc"]).len(), 1);
        assert!(check_package("kabinet-web", &["kabinet-oidc", "kabinet-identity", "axum"]).is_empty());
    }

    #[test]
    fn only_the_store_names_the_database_drivers() {
        assert!(check_package("kabinet-store", &["sqlx", "redis"]).is_empty());
        assert_eq!(check_package("kabinet-web", &["sqlx", "redis", "reqwest"]).len(), 3);
    }

    #[test]
    fn what_is_for_tests_may_not_be_built_in() {
        let with = |kind: &str| {
            let fetch = serde_json::json!({"name": "kabinet-fetch", "kind": kind});
            let package = serde_json::json!({"name": "kabinet-standins", "version": "1", "dependencies": [fetch]});
            check(&serde_json::json!({"packages": [package]}), "[workspace.package]\nversion = \"1\"\n").len()
        };
        assert_eq!((with("dev"), with("build")), (0, 1));
    }

    #[test]
    fn a_crate_without_a_place_is_a_finding() {
        assert_eq!(check_package("kabinet-extra", &[]).len(), 1);
    }

    #[test]
    fn every_crate_has_the_version_of_the_workspace() {
        let metadata = serde_json::json!({"packages": [{"name": "xtask", "version": "0.2.0", "dependencies": []}]});
        let manifest = "[workspace.package]\nversion = \"0.1.0\"\n\n[workspace.dependencies]\n";
        assert_eq!(check(&metadata, manifest), ["xtask: its version is not the workspace's"]);
        assert_eq!(check(&metadata, "[workspace]\n").len(), 1);
    }
}
