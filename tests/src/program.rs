//! The built binary: run to its end, or served beside a test and spoken to over a socket.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::Request;

/// Whatever is waited for comes within this.
pub const BOUND: Duration = Duration::from_secs(20);

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

/// A port that nobody has at this moment.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
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
