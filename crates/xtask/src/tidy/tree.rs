//! The tree: what stands at the top, and what no file of the project may contain.

/// The fixed top level. Licence files, the lock file and dot-files may stand beside it.
const TOP: [&str; 8] = ["Cargo.toml", "Cargo.lock", "README.md", "crates", "config", "deploy", "docs", "tests"];

/// Folders of somebody's machine; written in two halves so that this file does not contain them.
const MACHINE_PATHS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];

/// Findings in the list of all files.
pub fn check_top(files: &[String]) -> Vec<String> {
    let mut tops: Vec<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    tops.dedup();
    let stray = tops
        .iter()
        .filter(|top| !(TOP.contains(top) || top.starts_with("LICENSE-") || top.starts_with('.')));
    let mut findings: Vec<String> =
        stray.map(|top| format!("{top}: the top level is fixed: {}", TOP.join(", "))).collect();
    let is_there = |top: &&str| tops.contains(top);
    findings.extend(TOP.iter().filter(|top| !is_there(top)).map(|top| format!("{top}: missing at the top")));
    findings
}

/// Findings in the text of one file.
pub fn check_file(file: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let found = MACHINE_PATHS.iter().filter(|path| names_path(line, path));
        findings.extend(found.map(|path| format!("{file}:{}: {path}… is a path of one machine", number + 1)));
    }
    // A lock file that names hosts installs from nowhere else.
    if file.ends_with("package-lock.json") && text.contains("\"resolved\": \"http") {
        findings.push(format!("{file}: make it with --omit-lockfile-registry-resolved"));
    }
    findings
}

/// Whether the path begins here, and not in the middle of a longer path or an address.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "/._-}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_fixed_names_licences_and_dot_files_stand_at_the_top() {
        let mut files: Vec<String> = TOP.map(|top| format!("{top}/x")).to_vec();
        files.extend(["LICENSE-MIT", ".ci/run"].map(str::to_owned));
        assert!(check_top(&files).is_empty());
        files.push("scripts/build.sh".to_owned());
        assert_eq!(check_top(&files).len(), 1);
    }

    #[test]
    fn a_machine_path_is_found_and_an_address_that_looks_like_one_is_not() {
        let path = format!("cd {}project", MACHINE_PATHS[1]);
        assert_eq!(check_file("README.md", &path).len(), 1);
        let address = format!("https://example.test{}x", MACHINE_PATHS[1]);
        assert!(check_file("README.md", &address).is_empty());
    }

    #[test]
    fn a_package_lock_names_no_host() {
        let lock = "{\"resolved\": \"https://mirror.test/a.tgz\"}";
        assert_eq!(check_file("tests/e2e/package-lock.json", lock).len(), 1);
    }
}
