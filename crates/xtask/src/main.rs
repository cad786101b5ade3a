//! The project's own commands: `cargo xtask test | ci | tidy | bench | pictures | help`.
//!
//! `test` is the one test command: on a bare Debian 12 it installs what is missing, starts its own PostgreSQL and
//! Redis, runs every part and closes with a table and the line `N passed, N failed`.

#![expect(clippy::print_stdout, reason = "a command-line program")]

mod bench;
mod canary;
mod fuzz;
mod guardian;
mod install;
mod needs;
mod parts;
mod pictures;
mod servers;
mod shell;
mod table;
mod tally;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test [--only PART,…] [--list]   install what is missing, run the parts, close with a table
  ci                              the same as test, as .ci/run calls it
  tidy                            the rules that no compiler checks: the cut, names, sizes
  bench [--only ROW,…] [--no-peer] [--binary PATH]
                                  measure the release binary against its budgets, beside node oidc-provider where node is
  pictures                        take the pages' pictures anew, in docs/pictures
  help                            this text
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = args.split_first().map_or(("help", &[][..]), |(first, rest)| (first.as_str(), rest));
    let outcome = match command {
        "test" | "ci" => test::run(rest),
        "tidy" => tidy::run(),
        "bench" => bench::run(rest),
        "pictures" => pictures::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(true)
        }
        other => Err(anyhow::anyhow!("unknown command {other:?}\n\n{HELP}")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
