//! `kabinet password filter build | check`
//!
//! A filter file is made of a list that the operator has: passwords, one a line, or their SHA-1 hashes as Have I Been Pwned
//! gives them away (`HASH:COUNT`, sorted or not). No configuration and no database is needed.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use kabinet::Ambient;
use kabinet_identity::leaked::{FALSE_ALARM, Filter, Key};
use serde_json::json;

use super::{Output, moment, read_password};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Files that know leaked passwords (password.filter)
    #[command(subcommand)]
    Filter(FilterCommand),
}

#[derive(Subcommand)]
pub(crate) enum FilterCommand {
    /// Make a filter file of a list
    Build(Build),
    /// Say whether a password is in a filter file
    Check {
        /// The filter file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Read the password from standard input: one line, so that it stands in no list of processes
        #[arg(long, required = true)]
        stdin: bool,
    },
}

#[derive(Args)]
pub(crate) struct Build {
    /// The list, one password a line; - is standard input
    #[arg(long, value_name = "LIST")]
    from: PathBuf,
    /// The file to make; one that is there is replaced at once when the new one is whole
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The list holds SHA-1 hashes, HASH or HASH:COUNT, as Have I Been Pwned gives them
    #[arg(long)]
    sha1: bool,
    /// Leave out hashes that were seen less often
    #[arg(long, value_name = "COUNT", requires = "sha1")]
    min_count: Option<u64>,
}

pub(crate) fn run(command: &Command, output: Output) -> anyhow::Result<()> {
    match command {
        Command::Filter(FilterCommand::Build(build)) => make(build, output),
        Command::Filter(FilterCommand::Check { file, .. }) => check(file, output),
    }
}

fn make(build: &Build, output: Output) -> anyhow::Result<()> {
    let list: Box<dyn Read> = if build.from == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let open = File::open(&build.from);
        Box::new(open.with_context(|| format!("--from: cannot read {}", build.from.display()))?)
    };
    let list = BufReader::with_capacity(1 << 20, list);
    let (keys, left_out) = if build.sha1 {
        hashes(list, build.min_count.unwrap_or_default())?
    } else {
        passwords(list)?
    };
    let filter = Filter::of(keys, Ambient::real().clock.now()).context("--from")?;
    write(&filter, &build.out).with_context(|| format!("--out: cannot write {}", build.out.display()))?;
    let (passwords, bytes) = (filter.passwords(), filter.size());
    let answer = json!({"passwords": passwords, "left_out": left_out, "bytes": bytes, "false_alarm": FALSE_ALARM});
    output.answer(&answer, || {
        let made = format!("{passwords} passwords in {} ({bytes} bytes)", build.out.display());
        let rest = if left_out > 0 {
            format!("; {left_out} lines left out")
        } else {
            String::new()
        };
        format!("{made}{rest}.\nSet password.filter to it; a running server reads a changed file by itself.")
    })
}

/// The keys of a list of passwords, and how many lines no text field can hold.
fn passwords(list: impl BufRead) -> anyhow::Result<(Vec<Key>, u64)> {
    let (mut keys, mut left_out) = (Vec::new(), 0);
    for line in list.split(b'\n') {
        let line = line.context("--from")?;
        match std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(&line)) {
            Ok("") => {}
            Ok(password) => keys.push(Key::of(password)),
            Err(_) => left_out += 1,
        }
    }
    Ok((keys, left_out))
}

/// The keys of a list of hashes, and how many of them were seen too seldom.
fn hashes(list: impl BufRead, least: u64) -> anyhow::Result<(Vec<Key>, u64)> {
    let (mut keys, mut left_out) = (Vec::new(), 0);
    for (number, line) in list.lines().enumerate() {
        let line = line.with_context(|| format!("--from: line {}", number + 1))?;
        let line = line.trim();
        let (hash, count) = line.split_once(':').unwrap_or((line, "1"));
        match (Key::of_sha1(hash), count.parse::<u64>()) {
            _ if line.is_empty() => {}
            (Some(key), Ok(count)) if count >= least => keys.push(key),
            (Some(_), Ok(_)) => left_out += 1,
            _ => bail!("--from: line {} is no SHA-1 hash, with or without a count behind a colon", number + 1),
        }
    }
    Ok((keys, left_out))
}

/// A server that reads while this writes finds the old file or the new one.
fn write(filter: &Filter, out: &Path) -> std::io::Result<()> {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = out.with_file_name(name);
    let file = File::create(&new)?;
    filter.write(BufWriter::new(&file))?;
    file.sync_all()?;
    std::fs::rename(&new, out)
}

fn check(file: &Path, output: Output) -> anyhow::Result<()> {
    let filter = kabinet::leaked::read(file)?;
    let password = read_password(std::io::stdin().lock(), "--stdin")?;
    let found = filter.contains(Key::of(password.expose()));
    output.answer(&json!({"found": found}), || {
        let of = format!("{} of {}", file.display(), moment(filter.made_at()));
        if found {
            format!("The password is in {of}, or is one of {FALSE_ALARM} that are taken for it.")
        } else {
            format!("The password is not in {of}.")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_passwords_is_read_byte_by_byte_and_a_line_that_is_no_text_is_left_out() {
        let (keys, left_out) = passwords(&b"qwerty\r\n\n  two words \n\xff\xfe\nlast"[..]).unwrap();
        assert_eq!((keys, left_out), (["qwerty", "  two words ", "last"].map(Key::of).to_vec(), 1));
    }

    #[test]
    fn a_list_of_hashes_is_sorted_or_not_and_those_seen_seldom_are_left_out() {
        let list = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9545824\r\n\n7c4a8d09ca3762af61e59520943dc26494f8941b\n";
        assert_eq!(hashes(list.as_bytes(), 0).unwrap(), (vec![Key::of("password"), Key::of("123456")], 0));
        assert_eq!(hashes(list.as_bytes(), 2).unwrap(), (vec![Key::of("password")], 1));
        for bad in [
            "password",
            "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:",
            "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8 1",
        ] {
            let said = hashes(format!("\n{bad}\n").as_bytes(), 0).unwrap_err().to_string();
            assert!(said.contains("line 2"), "{said}");
        }
    }
}
