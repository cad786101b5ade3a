//! A program that signs.
//!
//! It is started anew for each signature, without a shell, with `bare` or `detached` as its last argument. What is to be signed
//! comes on its standard input; the signature goes to its standard output, as `signer::read` takes it. It has ended with 0 in
//! time, or there is no signature. It sees no variable of kabinet's own: the master key is among them.

use std::process::Stdio;
use std::time::Duration;

use kabinet_identity::method::esia::signer::{self, Job, Signature, Signer, SignerError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process;

/// The longest output that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

pub(super) struct Command {
    line: Vec<String>,
    patience: Duration,
}

impl Command {
    pub(super) fn new(line: &[String], patience: Duration) -> Self {
        Self { line: line.to_vec(), patience }
    }

    async fn ask(&self, job: Job<'_>) -> Result<Vec<u8>, SignerError> {
        match tokio::time::timeout(self.patience, self.run(job)).await {
            Ok(Ok(output)) => signer::read(&output, job.form),
            Ok(Err(what)) => Err(SignerError::Unavailable(what)),
            Err(_) => {
                let seconds = self.patience.as_secs();
                Err(SignerError::Unavailable(format!("esia.signer_command did not end within {seconds} s")))
            }
        }
    }

    async fn run(&self, job: Job<'_>) -> Result<Vec<u8>, String> {
        let [program, arguments @ ..] = self.line.as_slice() else {
            return Err("esia.signer_command is empty".to_owned());
        };
        let mut command = process::Command::new(program);
        command
            .args(arguments)
            .arg(job.form.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let ours = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("KABINET_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        let mut child = command
            .spawn()
            .map_err(|why| format!("esia.signer_command cannot be run: {}", why.kind()))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let write = async {
            if let Some(mut input) = input {
                // One that has read enough may close its input.
                let _ = input.write_all(job.message).await;
            }
        };
        let read = async {
            let mut found = Vec::new();
            if let Some(output) = output {
                output.take(LONGEST).read_to_end(&mut found).await.map_err(|why| why.kind().to_string())?;
            }
            Ok::<_, String>(found)
        };
        let ((), found) = tokio::join!(write, read);
        let status = child.wait().await.map_err(|why| why.kind().to_string())?;
        if status.success() {
            found
        } else {
            Err(format!("esia.signer_command ended with {status}"))
        }
    }
}

impl Signer for Command {
    fn sign<'a>(&'a self, job: Job<'a>) -> Signature<'a> {
        Box::pin(self.ask(job))
    }
}

#[cfg(test)]
mod tests {
    use kabinet_core::time::Timestamp;
    use kabinet_identity::method::esia::signer::Form;

    use super::*;
    use crate::Ambient;

    async fn run(script: &str, patience: Duration) -> Result<Vec<u8>, SignerError> {
        let line = ["/bin/sh", "-c", script, "sign"].map(str::to_owned);
        let ambient = Ambient::real();
        let job = Job {
            message: b"text",
            form: Form::Bare,
            now: Timestamp(0),
            entropy: &*ambient.entropy,
        };
        Command::new(&line, patience).sign(job).await
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_program_reads_what_it_signs_and_writes_the_signature() {
        let hex = "printf '%s' $(cat)$(printf '%0124d' 0) | tr tex '123'";
        assert_eq!(run(hex, LONG).await.unwrap()[..3], [0x12, 0x31, 0]);
        assert_eq!(run("printf '%064d' 0", LONG).await.unwrap(), [b'0'; 64]);
        // The form is the last argument, and what is not read does no harm.
        assert_eq!(run("test \"$1\" = bare && printf '%064d' 0", LONG).await.unwrap(), [b'0'; 64]);
    }

    #[tokio::test]
    async fn a_program_that_fails_or_hangs_gives_no_signature() {
        for (script, said) in [("printf '%064d' 0; exit 3", "exit status: 3"), ("exec 1>&-; kill -9 $$", "signal: 9")] {
            match run(script, LONG).await {
                Err(SignerError::Unavailable(sentence)) => assert!(sentence.contains(said), "{sentence}"),
                other => panic!("{script}: {other:?}"),
            }
        }
        assert!(matches!(run("cat", LONG).await, Err(SignerError::Unfit(_))));
        let hangs = run("exec sleep 600", Duration::from_millis(1)).await;
        assert!(matches!(hangs, Err(SignerError::Unavailable(sentence)) if sentence.contains("did not end")));
        let ambient = Ambient::real();
        let job = Job {
            message: b"text",
            form: Form::Bare,
            now: Timestamp(0),
            entropy: &*ambient.entropy,
        };
        let none = Command::new(&["/nonexistent/sign".to_owned()], LONG).sign(job).await;
        assert!(matches!(none, Err(SignerError::Unavailable(_))));
    }
}
