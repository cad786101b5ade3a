//! The built binary: run to its end, or served beside a test and spoken to over a socket.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;

/// Whatever is waited for comes within this, however slow and busy the machine is.
pub const BOUND: Duration = Duration::from_secs(300);

/// The binary: `KABINET_BIN`, or the one beside this test; built when it is missing.
#[must_use]
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        if let Some(named) = std::env::var_os("KABINET_BIN") {
            return PathBuf::from(named);
        }
        let own = std::env::current_exe().expect("this test");
        let built = own.ancestors().nth(2).expect("the folder of the build").join("kabinet");
        if !built.is_file() {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            assert!(Command::new(cargo).args(["build", "-p", "kabinet"]).status().expect("cargo").success());
        }
        built
    };
    BINARY.get_or_init(find).clone()
}

/// The binary with nothing in its environment but what is given.
#[must_use]
pub fn command(arguments: &[&str], environment: &[(&str, String)]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).env_clear().current_dir(std::env::temp_dir());
    for (key, value) in environment {
        command.env(key, value);
    }
    command
}

/// Runs it to its end.
#[must_use]
pub fn run(arguments: &[&str], environment: &[(&str, String)]) -> Output {
    command(arguments, environment).stdin(Stdio::null()).output().expect("the binary")
}

/// A port that nobody has at this moment, and that was not given to anybody else in this process. Those that the kernel
/// gives to outgoing connections are higher.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    const LOWEST: u32 = 15_000;
    const COUNT: u32 = 17_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Processes that run at once begin far from each other.
    let first = std::process::id().wrapping_mul(7_919);
    let next = || first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT + LOWEST;
    let ports = std::iter::repeat_with(next).take(COUNT as usize);
    let mut free = ports
        .filter_map(|port| u16::try_from(port).ok())
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("a free port")
}

/// Where the log of the process at this port goes: into the folder that is searched for canaries, if there is one.
#[must_use]
pub fn log(port: u16) -> Stdio {
    let Some(folder) = std::env::var_os("KABINET_TEST_LOGS").map(PathBuf::from) else {
        return Stdio::null();
    };
    std::fs::create_dir_all(&folder).expect("KABINET_TEST_LOGS can be made");
    let path = folder.join(format!("served-{}-{port}.jsonl", std::process::id()));
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("KABINET_TEST_LOGS can be written")
        .into()
}

/// A router that leads to `base`, the scheme, host and port of a process, through this client, which must follow no redirect.
pub fn forwarder(client: reqwest::Client, base: String) -> Router {
    Router::new().fallback(move |request: Request<Body>| forward(client.clone(), base.clone(), request))
}

async fn forward(client: reqwest::Client, base: String, request: Request<Body>) -> http::Response<Body> {
    let (parts, body) = request.into_parts();
    let url = format!("{base}{}", parts.uri.path_and_query().map_or("/", |path| path.as_str()));
    let body = to_bytes(body, 1 << 20).await.expect("a body in memory");
    let answer = client
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body)
        .send()
        .await
        .expect("an answer");
    let mut response = http::Response::builder().status(answer.status());
    *response.headers_mut().expect("sound headers") = answer.headers().clone();
    response
        .body(Body::from(answer.bytes().await.expect("a whole answer")))
        .expect("a sound answer")
}
