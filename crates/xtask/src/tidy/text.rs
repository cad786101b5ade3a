//! What a Rust source file may say, by where it stands.

use super::source::{self, Line};

/// The longest source file, in lines.
const LONGEST: usize = 600;

/// Where a word may stand in code.
struct Rule {
    word: &'static str,
    allowed: &'static [&'static str],
    reason: &'static str,
}

/// Folders of programs that run on a developer's machine, and of tests.
const TOOLS: [&str; 4] = ["crates/xtask/", "crates/demo/", "crates/standins/", "tests/"];

const RULES: &[Rule] = &[
    Rule {
        word: "oxide_auth",
        allowed: &["crates/oidc/src/flow.rs"],
        reason: "only oidc/flow.rs names it",
    },
    Rule {
        word: "josekit",
        allowed: &["crates/oidc/src/keys.rs", "crates/oidc/src/keys/", "crates/oidc/src/tokens.rs", "tests/"],
        reason: "only oidc/keys.rs, oidc/keys/ and oidc/tokens.rs name it",
    },
    Rule {
        word: "sqlx",
        allowed: &["crates/store/", "tests/"],
        reason: "only store names it",
    },
    Rule {
        word: "reqwest",
        allowed: &["crates/fetch/", "tests/"],
        reason: "only fetch names it",
    },
    Rule {
        word: "axum",
        allowed: &["crates/web/", "crates/kabinet/", "crates/demo/", "crates/standins/", "tests/"],
        reason: "only web knows it and kabinet wires it",
    },
];

/// Only `kabinet` reads files and the environment.
const AMBIENT: [&str; 3] = ["std::fs", "std::env", "tokio::fs"];

const SQL: [&str; 4] = [
    concat!("SEL", "ECT "),
    concat!("INS", "ERT INTO "),
    concat!("DEL", "ETE FROM "),
    concat!("UPD", "ATE "),
];

/// Findings in one source file.
pub fn check(file: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let length = text.lines().count();
    if length > LONGEST {
        findings.push(format!("{file}: {length} lines, at most {LONGEST}"));
    }
    let mut in_tests = false;
    for (number, line) in source::lines(text).iter().enumerate() {
        in_tests |= line.code.trim() == "#[cfg(test)]";
        let place = Place { file, in_tests };
        findings.extend(check_line(place, line).into_iter().map(|what| format!("{file}:{}: {what}", number + 1)));
    }
    findings
}

#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a str,
    /// Below `#[cfg(test)]`, which stands at the end of a file.
    in_tests: bool,
}

impl Place<'_> {
    fn is_in(self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.file.starts_with(folder))
    }
}

fn check_line(place: Place<'_>, line: &Line) -> Vec<String> {
    let mut findings = Vec::new();
    for rule in RULES.iter().filter(|rule| has_word(&line.code, rule.word) && !place.is_in(rule.allowed)) {
        findings.push(format!("{}: {}", rule.word, rule.reason));
    }
    let is_test_file = place.in_tests || place.file.ends_with("/tests.rs") || place.file.contains("/tests/");
    // A build script is no part of the program.
    let is_build = place.file.ends_with("/build.rs");
    if !place.is_in(&TOOLS) && !place.is_in(&["crates/kabinet/"]) && !is_test_file && !is_build {
        let found = AMBIENT.iter().filter(|path| has_word(&line.code, path));
        findings.extend(found.map(|path| format!("{path}: only kabinet reads files and the environment")));
    }
    if place.is_in(&["crates/core/"]) && ["async", "await"].iter().any(|word| has_word(&line.code, word)) {
        findings.push("core never awaits".to_owned());
    }
    if !place.is_in(&["crates/store/", "crates/xtask/", "tests/"]) && line.strings.iter().any(|text| is_sql(text)) {
        findings.push("only store writes SQL".to_owned());
    }
    findings.extend(check_manners(line));
    findings
}

/// What no file may hold.
fn check_manners(line: &Line) -> Vec<String> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let found_marks = marks.iter().filter(|mark| has_word(&line.comment, mark) || has_word(&line.code, mark));
    let code: String = line.code.split_whitespace().collect();
    let attributes = [("#[ignore", "a test runs or does not exist"), ("#[allow(", "say #[expect(…, reason = …)]")];
    let found_attributes = attributes
        .iter()
        .filter(|(attribute, _)| code.contains(attribute) || code.contains(&attribute.replacen('#', "#!", 1)));
    found_marks
        .map(|mark| format!("{mark}: do it or drop it"))
        .chain(found_attributes.map(|(attribute, why)| format!("{attribute}: {why}")))
        .collect()
}

/// Whether a string literal is a statement of SQL.
fn is_sql(text: &str) -> bool {
    SQL.iter().any(|start| {
        text.match_indices(start).any(|(at, _)| {
            let begins = text[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
            begins && (!start.starts_with("UPD") || text[at..].contains(" SET ") || text[at..].contains("\nSET "))
        })
    })
}

/// Whether `word` stands in `text` and is not part of a longer name.
fn has_word(text: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oxide_auth_is_named_in_one_file_only() {
        let text = "use oxide_auth::primitives::scope::Scope;\n";
        assert!(check("crates/oidc/src/flow.rs", text).is_empty());
        assert_eq!(check("crates/oidc/src/grant.rs", text).len(), 1);
        assert!(check("crates/oidc/src/grant.rs", "// unlike oxide_auth, we\nlet my_oxide_auth_x = 1;\n").is_empty());
    }

    #[test]
    fn sql_stands_in_store_only() {
        let select = concat!("const Q: &str = \"SEL", "ECT id FROM client\";\n");
        let update = concat!("const Q: &str = r#\"\n  UPD", "ATE code\n SET used_at = $1\"#;\n");
        assert_eq!(check("crates/oidc/src/grant.rs", select).len(), 1);
        assert_eq!(check("crates/web/src/pages.rs", update).len(), 1);
        assert!(check("crates/store/src/client.rs", select).is_empty());
        assert!(check("crates/web/src/pages.rs", "let s = \"UPDATE your password\";\n").is_empty());
    }

    #[test]
    fn files_and_environment_belong_to_the_binary_and_to_tests() {
        let text = "let home = std::env::var(\"HOME\");\n";
        assert_eq!(check("crates/identity/src/session.rs", text).len(), 1);
        assert!(check("crates/kabinet/src/config.rs", text).is_empty());
        let below_tests = format!("#[cfg(test)]\nmod tests {{\n{text}}}\n");
        assert!(check("crates/identity/src/session.rs", &below_tests).is_empty());
    }

    #[test]
    fn core_never_awaits() {
        assert_eq!(check("crates/core/src/client.rs", "pub async fn load() {}\n").len(), 1);
        assert!(check("crates/core/src/client.rs", "/// asynchronous\nlet is_async = 1;\n").is_empty());
    }

    #[test]
    fn leftovers_are_found_in_comments_and_code_but_not_in_strings() {
        let left = format!("// {}: later\n", concat!("TO", "DO"));
        assert_eq!(check("crates/core/src/id.rs", &left).len(), 1);
        assert!(check("crates/core/src/id.rs", &format!("let s = \"{}\";\n", concat!("TO", "DO"))).is_empty());
        assert_eq!(check("tests/src/lib.rs", "#[ignore = \"slow\"]\nfn t() {}\n").len(), 1);
        assert_eq!(check("tests/src/lib.rs", "#![allow(dead_code)]\n").len(), 1);
    }

    #[test]
    fn a_file_has_at_most_six_hundred_lines() {
        assert!(check("crates/core/src/id.rs", &"\n".repeat(600)).is_empty());
        assert_eq!(check("crates/core/src/id.rs", &"\n".repeat(601)).len(), 1);
    }
}
