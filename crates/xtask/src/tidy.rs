//! `cargo xtask tidy`: the rules of the project that no compiler checks.
//!
//! 1. `cut`: which crate may depend on which, and which outside crates only certain ones may name (from manifests).
//! 2. `text`: what a source file may say, told apart into code, strings and comments by `source`.
//! 3. `tree`: what may stand at the top, and what no file may contain.
//!
//! Each check takes text and returns findings, so each has its tests on small strings.

mod cut;
mod source;
mod text;
mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// Prints every finding; true when there is none.
pub fn run() -> Result<bool> {
    let root = shell::root();
    let metadata = shell::output(shell::cargo().args(["metadata", "--no-deps", "--format-version", "1"]))
        .context("cargo metadata failed")?;
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?;
    let files = files(&root);
    let mut findings = cut::check(&serde_json::from_str(&metadata)?, &manifest);
    findings.extend(tree::check_top(&files));
    let mut read = 0;
    for file in &files {
        // A file that is no text has nothing to say.
        let Ok(text) = std::fs::read_to_string(root.join(file)) else {
            continue;
        };
        read += 1;
        findings.extend(tree::check_file(file, &text));
        if file.ends_with(".rs") {
            findings.extend(text::check(file, &text));
        }
        if file.starts_with("crates/") && file.ends_with("/Cargo.toml") && !inherits_lints(&text) {
            findings.push(format!("{file}: needs [lints] workspace = true"));
        }
    }
    findings.iter().for_each(|finding| println!("{finding}"));
    println!("tidy: {read} files, {} findings", findings.len());
    Ok(findings.is_empty())
}

fn inherits_lints(manifest: &str) -> bool {
    manifest
        .split_once("[lints]")
        .is_some_and(|(_, rest)| rest.trim_start().starts_with("workspace = true"))
}

/// Every file that git tracks or would track, relative to the top; without git every file outside build output.
fn files(root: &Path) -> Vec<String> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let mut files = match shell::output(Command::new("git").current_dir(root).args(list)) {
        Some(names) => names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        None => {
            let mut found = Vec::new();
            walk(root, &PathBuf::new(), &mut found);
            found
        }
    };
    files.retain(|file| root.join(file).is_file());
    files.sort();
    files.dedup();
    files
}

fn walk(root: &Path, below: &Path, found: &mut Vec<String>) {
    let entries = std::fs::read_dir(root.join(below)).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let path = below.join(&name);
        if entry.path().is_dir() {
            if !["target", "node_modules", ".git"].iter().any(|skipped| name == *skipped) {
                walk(root, &path, found);
            }
        } else {
            found.push(path.to_string_lossy().into_owned());
        }
    }
}
