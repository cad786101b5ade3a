//! Listening: the public router on `listen`, the admin router on `admin_listen`, and the end of both.
//!
//! The end, within two seconds of the signal and without losing a request:
//! 1. readiness goes; the public listener takes in who already waits and closes;
//! 2. every HTTP/1 answer says `Connection: close`, so that busy clients leave between two requests instead of having one
//!    cut off, and who has just connected is heard;
//! 3. idle connections close, running requests end;
//! 4. the admin listener closes, jobs end.
//!
//! A connection has ten seconds for its first request; between requests it may rest for as long as reverse proxies keep
//! theirs.

mod certificate;
mod door;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::Version;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum_server::tls_openssl::OpenSSLAcceptor;
use axum_server::{Handle, Server};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use crate::App;
use crate::config::Config;
use crate::shutdown::Shutdown;

pub use certificate::Certificate;

use door::{Door, Peer};

/// Until the first request of a connection is there.
const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// Between two requests of a connection, and for the head of the later ones.
const REST: Duration = Duration::from_secs(75);
/// The head of a request at most, in bytes.
const HEAD: u32 = 64 * 1024;
/// How long connections are asked to leave before they are closed.
const ASK_TO_LEAVE: Duration = Duration::from_millis(400);
/// How long running requests may take after that.
const DRAIN: Duration = Duration::from_millis(1400);
/// How often it is looked whether the last connection has left.
const LOOK: Duration = Duration::from_millis(10);

/// Sockets that are bound and not yet served.
pub struct Bound {
    public: TcpListener,
    admin: TcpListener,
    certificate: Option<Certificate>,
}

impl Bound {
    /// Binds both addresses and reads the certificate. Port 0 takes a free one.
    ///
    /// # Errors
    /// Names the key whose address or file cannot be used.
    pub async fn new(config: &Config) -> anyhow::Result<Self> {
        let certificate = Certificate::load(&config.tls)?;
        let public = bind("listen", config.listen).await?;
        let admin = bind("admin_listen", config.admin_listen).await?;
        Ok(Self { public, admin, certificate })
    }

    /// The addresses in fact: public and admin.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.public.local_addr()?, self.admin.local_addr()?))
    }

    /// Serves until the shutdown of the app's jobs begins, then drains.
    ///
    /// # Errors
    /// When a listener fails before that.
    pub async fn serve(self, app: App) -> anyhow::Result<()> {
        let (public_address, admin_address) = self.addresses()?;
        let shutdown = app.jobs.shutdown().clone();
        let router = app.router.layer(from_fn_with_state(shutdown.clone(), ask_to_leave));
        let (public, admin) = (Handle::new(), Handle::new());
        let is_tls = self.certificate.is_some();
        let follow = self.certificate.clone().map(|certificate| tokio::spawn(certificate.follow()));
        let door = Door::new(self.public, shutdown.clone());
        let all_in = door.empty();
        let mut public_task = spawn(door, router, self.certificate, public.clone());
        // Health is answered until the very end.
        let mut admin_task = spawn(Door::new(self.admin, Shutdown::default()), app.admin, None, admin.clone());
        info!(listen = %public_address, tls = is_tls, "listening");
        info!(listen = %admin_address, "listening for health and metrics");
        notify(&[sd_notify::NotifyState::Ready]);
        tokio::select! {
            () = shutdown.begun() => {}
            ended = &mut public_task => return Err(failure("listen", ended)),
            ended = &mut admin_task => return Err(failure("admin_listen", ended)),
        }
        notify(&[sd_notify::NotifyState::Stopping]);
        drain(&public, public_task, &all_in).await;
        admin.graceful_shutdown(Some(Duration::from_millis(50)));
        let _ = admin_task.await;
        if let Some(follow) = follow {
            follow.abort();
        }
        app.jobs.end().await;
        info!("ended");
        Ok(())
    }
}

async fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    // Sets SO_REUSEADDR, so that a restart need not wait for connections of the last process.
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{key}: cannot listen on {address}"))
}

type Serving = JoinHandle<io::Result<()>>;

fn spawn(door: Door, router: Router, certificate: Option<Certificate>, handle: Handle<Peer>) -> Serving {
    let mut server = Server::<Peer>::from_listener(door)
        .handle(handle)
        .first_request_timeout(FIRST_REQUEST)
        .accept_error_handler(|peer, why| debug!(peer = ?peer, error = %why, "a connection was not accepted"));
    let builder = server.http_builder();
    builder.http1().header_read_timeout(REST).max_buf_size(HEAD as usize);
    builder.http2().max_header_list_size(HEAD).keep_alive_interval(REST);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    match certificate {
        Some(certificate) => {
            let acceptor = OpenSSLAcceptor::new(certificate.acceptor());
            tokio::spawn(async move { server.acceptor(acceptor).serve(service).await })
        }
        None => tokio::spawn(async move { server.serve(service).await }),
    }
}

fn failure(key: &str, ended: Result<io::Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(Err(why)) => anyhow!(why).context(format!("{key}: stopped listening")),
        _ => anyhow!("{key}: stopped listening"),
    }
}

async fn drain(public: &Handle<Peer>, task: Serving, all_in: &Shutdown) {
    let connections = public.connection_count();
    info!(connections, "draining");
    let all_left = async {
        all_in.begun().await;
        while public.connection_count() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    let _ = tokio::time::timeout(ASK_TO_LEAVE, all_left).await;
    public.graceful_shutdown(Some(DRAIN));
    let _ = task.await;
    let lost = public.connection_count();
    if lost > 0 {
        warn!(connections = lost, "connections were closed before their requests ended");
    }
}

/// Adds `Connection: close` to HTTP/1 answers once the end has begun.
async fn ask_to_leave(State(shutdown): State<Shutdown>, request: Request, next: Next) -> Response {
    let is_http1 = request.version() <= Version::HTTP_11;
    let mut response = next.run(request).await;
    if is_http1 && shutdown.has_begun() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Tells systemd (Type=notify); without it nothing happens.
fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(state) {
        warn!(error = %why, "the service manager was not told");
    }
}

#[cfg(test)]
mod tests;
