//! The relying parties' own site: one HTTPS server that publishes what they register (keys, request objects, sectors) and takes
//! note of every call, with the TLS that it came over.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::middleware::AddExtension;
use axum::response::{IntoResponse, Response};
use axum_server::accept::Accept;
use axum_server::tls_openssl::{OpenSSLAcceptor, OpenSSLConfig};
use http::{StatusCode, Uri};
use tokio::net::TcpStream;
use tower::Layer;

/// What a connection was secured by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Secured {
    /// `TLSv1.3` and so on.
    pub(crate) version: String,
    /// The cipher suite by its name in OpenSSL.
    pub(crate) cipher: String,
}

/// A call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The query.
    pub(crate) query: String,
    /// The body.
    pub(crate) body: String,
    /// What the connection was secured by.
    pub(crate) secured: Secured,
}

#[derive(Default)]
struct Places {
    published: HashMap<String, Bytes>,
    calls: HashMap<String, Vec<Call>>,
}

/// The site.
pub(crate) struct Party {
    /// `https://localhost:PORT`
    pub(crate) origin: String,
    places: Arc<Mutex<Places>>,
}

impl Party {
    /// Begins to serve, with the certificate in this folder. On a thread of its own: the provider waits but a few seconds.
    pub(crate) fn open(dir: &Path) -> Self {
        let tls = OpenSSLConfig::from_pem_chain_file(dir.join("tls.pem"), dir.join("tls.key")).unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let places = Arc::<Mutex<Places>>::default();
        let router = Router::new().fallback(take).with_state(places.clone());
        let serve = async move {
            let server = axum_server::from_tcp(listener).unwrap().acceptor(Noting(OpenSSLAcceptor::new(tls)));
            server.serve(router.into_make_service()).await
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::spawn(move || runtime.block_on(serve));
        Self { origin, places }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers GET on a path with this text from now on; the URL.
    pub(crate) fn publish(&self, path: &str, text: &str) -> String {
        self.publish_bytes(path, Bytes::copy_from_slice(text.as_bytes()))
    }

    /// The same with whatever bytes.
    pub(crate) fn publish_bytes(&self, path: &str, bytes: Bytes) -> String {
        self.places().published.insert(path.to_owned(), bytes);
        format!("{}{path}", self.origin)
    }

    /// The calls of a path since the last time that this was asked.
    pub(crate) fn calls(&self, path: &str) -> Vec<Call> {
        self.places().calls.remove(path).unwrap_or_default()
    }
}

async fn take(
    State(places): State<Arc<Mutex<Places>>>,
    Extension(secured): Extension<Secured>,
    uri: Uri,
    body: Bytes,
) -> Response {
    let mut places = places.lock().unwrap_or_else(PoisonError::into_inner);
    let call = Call {
        query: uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
        secured,
    };
    places.calls.entry(uri.path().to_owned()).or_default().push(call);
    match places.published.get(uri.path()) {
        Some(text) => ([("content-type", "application/json")], text.clone()).into_response(),
        None => StatusCode::OK.into_response(),
    }
}

/// Takes connections in and tells their handlers what secures them.
#[derive(Clone)]
struct Noting(OpenSSLAcceptor);

type Secure<S> = <OpenSSLAcceptor as Accept<TcpStream, S>>::Stream;
type Service<S> = AddExtension<<OpenSSLAcceptor as Accept<TcpStream, S>>::Service, Secured>;

impl<S: Send + 'static> Accept<TcpStream, S> for Noting {
    type Stream = Secure<S>;
    type Service = Service<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Secure<S>, Service<S>)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepted = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let secured = Secured {
                version: stream.ssl().version_str().to_owned(),
                cipher: stream.ssl().current_cipher().map_or("", |cipher| cipher.name()).to_owned(),
            };
            Ok((stream, Extension(secured).layer(service)))
        })
    }
}
