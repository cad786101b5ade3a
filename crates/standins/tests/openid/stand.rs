//! A provider on a socket, a clock that stands still, and the openidconnect crate over the product's own client.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use kabinet_core::ambient::{Clock, Entropy};
use kabinet_core::time::Timestamp;
use kabinet_fetch::{Fetch, Options, Request};
use openidconnect::core::{CoreClient, CoreProviderMetadata};
use openidconnect::{
    AsyncHttpClient, ClientId, ClientSecret, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IssuerUrl, RedirectUrl,
};
use tokio::net::TcpListener;

pub const NOW: i64 = 1_795_392_000;
pub const BACK: &str = "https://id.example.ru/login/partner/callback";

pub struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp(NOW)
    }
}

/// Never gives the same twice.
#[derive(Default)]
pub struct Counting(std::sync::atomic::AtomicU64);

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let next = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

pub fn ambient() -> (Arc<dyn Clock>, Arc<dyn Entropy>) {
    (Arc::new(Noon), Arc::new(Counting::default()))
}

/// A socket, and the address that a provider on it has.
pub async fn socket() -> (TcpListener, String) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", socket.local_addr().unwrap());
    (socket, issuer)
}

pub fn serve(socket: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(socket, router).await });
}

/// The product's client, with enough patience for any machine.
pub fn fetch() -> Fetch {
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    let patience = std::time::Duration::from_secs(120);
    Fetch::new(Options {
        allow,
        timeout: patience,
        connect_timeout: patience,
        ..Options::default()
    })
    .unwrap()
}

pub type Party =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// The crate, after discovery.
pub async fn party(http: &Http, issuer: &str, (id, secret): (&str, &str)) -> Party {
    let issuer = IssuerUrl::new(issuer.to_owned()).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, http).await.unwrap();
    CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(id.to_owned()),
        Some(ClientSecret::new(secret.to_owned())),
    )
    .set_redirect_uri(RedirectUrl::new(BACK.to_owned()).unwrap())
}

/// The time for the crate.
pub fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(NOW, 0).unwrap()
}

/// A parameter of the address that a browser was sent to.
pub fn brought(address: &str, name: &str) -> Option<String> {
    let url: url::Url = address.parse().unwrap();
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// The product's client in the shape that the crate expects.
pub struct Http(pub Fetch);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = kabinet_fetch::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Self::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let mut ours = Request::new(parts.method, parts.uri.to_string().parse().unwrap());
            ours.headers = parts.headers;
            ours.body = body.into();
            let answer = self.0.request(ours).await?;
            let mut response = HttpResponse::new(answer.body.to_vec());
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}
