//! The command line of kabinet.
//!
//! Exit codes: 0 done, 1 failed, 2 used wrongly. What was asked for goes to standard output, everything else to standard
//! error. With `--json` standard output holds one JSON object and nothing else. Secrets are printed once, where they
//! are made, and never taken as an argument.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
