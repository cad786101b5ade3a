//! The program `kabinet-esia-standin`, run as its how-to says.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kabinet-esia-standin");
const EXAMPLE: &str = include_str!("../../../docs/reference/esia-standin.toml");

/// A directory that goes at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("esia-standin-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.current_dir(&self.0).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.program(arguments).output().unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    fn start(folder: &Folder) -> Self {
        let mut child = folder
            .program(&["serve", "--config", "esia.toml"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self {
            child,
            ready: serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}")),
        }
    }

    /// The answer, head and body.
    fn get(&self, part: &str, path: &str) -> String {
        let address = self.ready[part].as_str().unwrap().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_example_runs_with_a_made_key_and_keeps_its_own_keys() {
    let folder = Folder::new();
    assert!(folder.run(&["client", ".", "TESTIS01"]).status.success());
    folder.write("esia.toml", EXAMPLE);
    let certificate = {
        let running = Running::start(&folder);
        assert_eq!(running.ready["issuer"], "http://esia-portal1.test.gosuslugi.ru/");
        assert!(running.get("esia", "/").starts_with("HTTP/1.1 200"));
        let refused = running.get("esia", "/aas/oauth2/v2/ac?client_id=TESTIS01");
        assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("ESIA-007014"), "{refused}");
        assert!(running.get("control", "/log").contains("client_secret is absent or empty"));
        assert!(running.get("esia", "/log").starts_with("HTTP/1.1 404"), "the control is not for browsers");
        assert!(running.get("esia", "/public/GOST_STANDIN.cer").starts_with("HTTP/1.1 200"));
        std::fs::read(running.ready["certificates"][0].as_str().map(|file| folder.0.join(file)).unwrap()).unwrap()
    };
    let again = Running::start(&folder);
    let file = again.ready["certificates"][0].as_str().map(|file| folder.0.join(file)).unwrap();
    assert_eq!(std::fs::read(file).unwrap(), certificate);
    assert!(!folder.run(&["client", ".", "TESTIS01"]).status.success(), "a key is never written over");
}

#[test]
fn a_wrong_file_is_refused_with_its_reason() {
    let folder = Folder::new();
    for (text, why) in [
        ("lisen = \"127.0.0.1:0\"", "unknown field `lisen`"),
        ("listen = \"0.0.0.0:0\"", "only --listen says otherwise"),
        ("control = \"0.0.0.0:0\"", "the control listens on loopback only"),
        ("[[system]]\nmnemonic = \"A\"\nscopes = [\"all\"]", "A: there is no scope all"),
        (
            "[[system]]\nmnemonic = \"A\"\nredirect_uris = [\"http://example.com/\"]",
            "no address with https",
        ),
        ("[[system]]\nmnemonic = \"A\"\ncertificates = [{ file = \"none.crt\" }]", "none.crt"),
        (
            "[[system]]\nmnemonic = \"A\"\ncertificates = [{ file = \"esia.toml\" }]",
            "X.509 of version 3",
        ),
    ] {
        folder.write("esia.toml", text);
        let output = folder.run(&["serve", "--config", "esia.toml"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{text}: {said}");
        assert!(output.stdout.is_empty());
    }
    assert!(!folder.run(&["client", ".", "../A"]).status.success());
}
