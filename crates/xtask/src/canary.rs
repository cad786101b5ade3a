//! Searches what the tests logged for anything secret.
//!
//! Tests plant secrets that begin with `CANARY-` (passwords, states, codes, names) and the servers under test write
//! their logs into one folder. No canary and no token of ours may appear there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const CANARY: &str = "CANARY-";
const TOKENS: [&str; 7] = ["kbn_rt_", "kbn_at_", "kbn_ac_", "kbn_cs_", "kbn_sid_", "kbn_ia_", "kbn_ra_"];
/// A prefix alone may be named in a message; a token has this many characters after it.
const TOKEN_LENGTH: usize = 20;

/// Every leak under `dir` as `FILE:LINE: WHAT`, and how many files were read. The secret itself is not repeated.
pub fn search(dir: &Path) -> Result<(Vec<String>, usize)> {
    let mut files = Vec::new();
    collect(dir, &mut files)?;
    files.sort();
    let mut leaks = Vec::new();
    let mut read = 0;
    for file in &files {
        let text = std::fs::read(file).with_context(|| file.display().to_string())?;
        read += usize::from(!text.is_empty());
        for (number, line) in String::from_utf8_lossy(&text).lines().enumerate() {
            leaks.extend(leak(line).map(|what| format!("{}:{}: {what}", file.display(), number + 1)));
        }
    }
    Ok((leaks, read))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// What kind of secret the line holds.
fn leak(line: &str) -> Option<&'static str> {
    if line.contains(CANARY) {
        return Some(CANARY);
    }
    TOKENS
        .into_iter()
        .find(|prefix| line.match_indices(prefix).any(|(at, _)| is_token(&line[at + prefix.len()..])))
}

fn is_token(rest: &str) -> bool {
    rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count() >= TOKEN_LENGTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_and_a_mere_prefix_is_not() {
        assert_eq!(leak("revoked kbn_rt_… of client 7"), None);
        assert_eq!(leak("kbn_rt_ kbn_rt_AAAAAAAAAAbbbbbbbbbb-_ and more"), Some("kbn_rt_"));
        assert_eq!(leak("kbn_at_AAAAAAAAAAbbbbbbbbb"), None);
        assert_eq!(leak(r#"{"state":"CANARY-state"}"#), Some("CANARY-"));
    }
}
