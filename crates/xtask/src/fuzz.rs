//! The part `fuzz`: one instrumented build of `tests/fuzz`, then every target for [`SECONDS`] from its corpus,
//! [`AT_ONCE`] at a time.
//!
//! The build is what `cargo fuzz` makes of the stable toolchain, for the crates of this workspace alone: a wrapper around
//! their `rustc` adds the sanitizer and the counters, so that what they depend on is the same as in every other part and
//! need not be built again. Those libraries are not instrumented: the fuzzer does not explore them, their memory is still
//! checked where they call what everybody calls (`malloc`, `memcpy`).
//!
//! What a target finds fails the part, with the input in the log and in `target/fuzz/found`. The seed is fixed, but how far ten
//! seconds reach depends on the machine. For longer: run the printed command with another `-max_total_time`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::parts::{Outcome, Scene, cargo, limited};
use crate::shell;
use crate::tally::Tally;

/// For each target.
const SECONDS: u32 = 10;
/// Targets that run side by side: each keeps one core busy.
const AT_ONCE: usize = 2;
/// Builds a crate of the workspace; what else cargo asks of it is answered as ever. Without any optimisation the targets
/// are too slow to find anything; what the profile says comes later and holds. `RUSTC_BOOTSTRAP` lets the stable compiler
/// take the sanitizer; set for all of cargo it would have dependencies built anew, whose build scripts ask for it.
const WRAPPER: &str = "#!/bin/sh
rustc=$1
shift
case \" $* \" in
*' --crate-name kabinet_'*) ;;
*) exec \"$rustc\" \"$@\" ;;
esac
RUSTC_BOOTSTRAP=1 exec \"$rustc\" -Copt-level=1 -Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer \\
    -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \\
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \"$@\"
";

pub fn run(scene: &Scene<'_>) -> Result<Outcome> {
    let mut build = cargo(&["build", "--workspace", "--bin", "kabinet-fuzz", "--features", "kabinet-fuzz/libfuzzer"]);
    build.env("RUSTC_WORKSPACE_WRAPPER", wrapper()?);
    if !limited(scene, &build, |_| ())? {
        return Ok(Outcome::could_not_run("the targets do not build"));
    }
    let binary = shell::target().join("debug/kabinet-fuzz");
    let mut tally = Tally::default();
    let mut notes = Vec::new();
    let names = targets()?;
    for pair in names.chunks(AT_ONCE) {
        let executed = std::thread::scope(|scope| {
            let running: Vec<_> = pair.iter().map(|name| scope.spawn(|| run_target(scene, &binary, name))).collect();
            running
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|_| bail!("a target's thread panicked")))
                .collect::<Vec<_>>()
        });
        for (name, executed) in pair.iter().zip(executed) {
            match executed? {
                Some(count) => {
                    tally.passed += 1;
                    notes.push(format!("{name} {count}"));
                }
                None => {
                    tally.failed += 1;
                    notes.push(format!("{name} FAILED"));
                }
            }
        }
    }
    let ok = tally.failed == 0 && tally.passed > 0;
    Ok(Outcome { ok, tally, note: format!("executed: {}", notes.join(", ")) })
}

/// The program of [`WRAPPER`].
fn wrapper() -> Result<PathBuf> {
    let folder = shell::target().join("fuzz");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("rustc");
    // Cargo builds anew when it is newer.
    if std::fs::read_to_string(&file).ok().as_deref() != Some(WRAPPER) {
        std::fs::write(&file, WRAPPER)?;
        std::fs::set_permissions(&file, Permissions::from_mode(0o755))?;
    }
    Ok(file)
}

fn corpus() -> PathBuf {
    shell::root().join("tests/fuzz/corpus")
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Each target has a folder in the corpus; the binary checks that none is missing.
fn targets() -> Result<Vec<String>> {
    let name = |folder: &PathBuf| folder.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(files(&corpus())?.iter().filter_map(name).collect())
}

/// How many inputs a target took; `None` when it found something or did not even take its corpus.
fn run_target(scene: &Scene<'_>, binary: &Path, name: &str) -> Result<Option<u64>> {
    let fresh = |kind: &str| -> Result<PathBuf> {
        let folder = shell::target().join("fuzz").join(kind).join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let (found, grown, given) = (fresh("found")?, fresh("corpus")?, corpus().join(name));
    // What it says stands on standard error.
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" 2>&1", "fuzz"]).arg(binary);
    command.arg(format!("-max_total_time={SECONDS}")).args([
        "-seed=1",
        "-timeout=300",
        "-rss_limit_mb=4096",
        "-verbosity=0",
        "-print_final_stats=1",
        "-print_funcs=0",
    ]);
    command.arg(format!("-dict={}", shell::root().join("tests/fuzz/dictionary").display()));
    command.arg(format!("-artifact_prefix={}/", found.display())).arg(&grown).arg(&given);
    command.current_dir(shell::root()).env("KABINET_FUZZ", name);
    // Keys and tables are made once and kept.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    let mut executed = 0;
    let ok = limited(scene, &command, |line| executed = executed.max(executed_in(line)))?;
    for input in files(&found)? {
        println!(
            "fuzz: {name} failed on {}: \"{}\"",
            input.display(),
            std::fs::read(&input)?.escape_ascii()
        );
    }
    let given = files(&given)?.len() as u64;
    Ok((ok && given > 0 && executed >= given).then_some(executed))
}

/// The number in the closing line of the fuzzer's statistics.
fn executed_in(line: &str) -> u64 {
    let count = line.strip_prefix("stat::number_of_executed_units:");
    count.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_read_off_the_closing_statistics_alone() {
        assert_eq!(executed_in("stat::number_of_executed_units: 131072"), 131_072);
        assert_eq!(executed_in("stat::average_exec_per_sec:     13107"), 0);
    }

    #[test]
    fn every_target_has_something_to_start_from() {
        for name in targets().unwrap() {
            assert!(files(&corpus().join(&name)).unwrap().len() >= 10, "{name}");
        }
    }
}
