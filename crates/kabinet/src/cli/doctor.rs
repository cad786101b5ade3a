//! `kabinet doctor`: one line a finding, `ok`, `warn` or `fail`, a name and a sentence. Exit 1 when something failed.

mod brands;
mod checks;
mod esia;
mod keys;
mod trust;

use std::process::ExitCode;

use kabinet::config::{ConfigError, Loaded};
use serde_json::{Value, json};

use super::Output;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Ok,
    /// Works, but is not as it should be.
    Warn,
    /// Must be mended.
    Fail,
}

impl Grade {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

struct Finding {
    grade: Grade,
    name: &'static str,
    sentence: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, name: &'static str, sentence: impl Into<String>) {
        self.0.push(Finding { grade: Grade::Ok, name, sentence: sentence.into() });
    }

    fn warn(&mut self, name: &'static str, sentence: impl Into<String>) {
        self.0.push(Finding { grade: Grade::Warn, name, sentence: sentence.into() });
    }

    fn fail(&mut self, name: &'static str, sentence: impl Into<String>) {
        self.0.push(Finding { grade: Grade::Fail, name, sentence: sentence.into() });
    }
}

/// Examines the installation as far as it can be read.
pub(crate) async fn run(loaded: Result<Loaded, ConfigError>, output: Output) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    match loaded {
        Err(ConfigError(problems)) => problems.into_iter().for_each(|problem| findings.fail("config", problem)),
        Ok(loaded) => checks::all(&loaded, &mut findings).await,
    }
    let findings = findings.0;
    let object = |one: &Finding| json!({"status": one.grade.as_str(), "name": one.name, "message": one.sentence});
    let is_sound = findings.iter().all(|one| one.grade != Grade::Fail);
    let list: Vec<Value> = findings.iter().map(object).collect();
    output.answer(&json!({"ok": is_sound, "checks": list}), || {
        findings
            .iter()
            .map(|one| format!("{:4}  {:11}  {}\n", one.grade.as_str(), one.name, one.sentence))
            .collect()
    })?;
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
