//! `cargo xtask test`: prepare the machine, start the servers, run the parts, close with a table.

use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::guardian::Guardian;
use crate::needs::Need;
use crate::parts::{Outcome, PARTS, Part, Scene};
use crate::{install, servers, shell, table};

/// Runs the chosen parts; true when every one passed.
pub fn run(args: &[String]) -> Result<bool> {
    if args.iter().any(|arg| arg == "--list") {
        for part in PARTS {
            println!("{:<10} {}", part.name, part.title());
        }
        return Ok(true);
    }
    let parts = chosen(args)?;
    let by_hand = install::meet(&needs_of(&parts));
    let guardian = Guardian::start()?;
    let scene = prepare(&guardian, &parts)?;
    let mut done = Vec::new();
    for part in parts {
        println!("\n=== {} ===", part.title());
        let begun = Instant::now();
        let outcome = part.run(&scene);
        let seconds = begun.elapsed().as_secs_f64();
        println!("=== {}: {} in {seconds:.1} s ===", part.title(), verdict(&outcome));
        done.push((part.title(), outcome, seconds));
    }
    drop(scene);
    drop(guardian);
    Ok(close(&done, &by_hand))
}

/// The parts that `--only` names, or all.
fn chosen(args: &[String]) -> Result<Vec<&'static Part>> {
    let names = match args {
        [] => return Ok(PARTS.iter().collect()),
        [flag, list] if flag == "--only" => list.split(',').map(str::trim).collect::<Vec<_>>(),
        _ => bail!("usage: cargo xtask test [--only PART,…] [--list]"),
    };
    if let Some(unknown) = names.iter().find(|name| !PARTS.iter().any(|part| part.name == **name)) {
        bail!("no part is named {unknown:?}; `cargo xtask test --list` names them");
    }
    Ok(PARTS.iter().filter(|part| names.contains(&part.name)).collect())
}

fn needs_of(parts: &[&Part]) -> Vec<Need> {
    let mut needs = Vec::new();
    for need in parts.iter().flat_map(|part| part.needs) {
        if !needs.contains(need) {
            needs.push(*need);
        }
    }
    needs
}

/// Empties the log folder and starts the servers, as far as the parts need them.
fn prepare<'a>(guardian: &'a Guardian, parts: &[&Part]) -> Result<Scene<'a>> {
    let logs = shell::target().join("test-logs");
    if parts.iter().any(|part| part.writes_logs()) && logs.exists() {
        std::fs::remove_dir_all(&logs).with_context(|| logs.display().to_string())?;
    }
    std::fs::create_dir_all(&logs).with_context(|| logs.display().to_string())?;
    let mut variables = vec![("KABINET_TEST_LOGS", logs.display().to_string())];
    if parts.iter().any(|part| part.uses_servers()) {
        println!("\n=== servers ===");
        let started = [
            ("KABINET_TEST_POSTGRES", servers::start_postgres(guardian)),
            ("KABINET_TEST_REDIS", servers::start_redis(guardian)),
        ];
        for (name, url) in started {
            match url {
                Ok(url) => {
                    println!("{name}={url}");
                    variables.push((name, url));
                }
                Err(error) => eprintln!("xtask: {name}: {error:#}"),
            }
        }
    }
    Ok(Scene { guardian, logs, variables })
}

fn verdict(outcome: &Outcome) -> &'static str {
    if outcome.ok { "passed" } else { "FAILED" }
}

/// Prints the table and the last line; true when every part passed.
fn close(done: &[(String, Outcome, f64)], by_hand: &[String]) -> bool {
    let head = ["part", "result", "passed", "failed", "seconds", "note"].map(str::to_owned).to_vec();
    let row = |(title, outcome, seconds): &(String, Outcome, f64)| {
        vec![
            title.clone(),
            verdict(outcome).to_owned(),
            outcome.tally.passed.to_string(),
            outcome.tally.failed.to_string(),
            format!("{seconds:.1}"),
            outcome.note.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(done.iter().map(row)).collect();
    println!("\n{}", table::render(&rows));
    for command in by_hand {
        println!("to be run by hand: {command}\n");
    }
    let sum = |count: fn(&Outcome) -> u64| done.iter().map(|(_, outcome, _)| count(outcome)).sum::<u64>();
    println!(
        "{} passed, {} failed",
        sum(|outcome| outcome.tally.passed),
        sum(|outcome| outcome.tally.failed)
    );
    done.iter().all(|(_, outcome, _)| outcome.ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_chooses_every_part_that_bears_it_and_an_unknown_name_is_refused() {
        let only = |list: &str| chosen(&["--only".to_owned(), list.to_owned()]);
        assert!(only("tidy,storage").is_ok_and(|parts| parts.len() == 3));
        assert!(only("tidy,nothing").is_err());
    }
}
