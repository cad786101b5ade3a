//! The client that calls the network.
//!
//! Two connection pools: `inside` connects to listed addresses only, over http or https and never through a proxy;
//! `outside` speaks https only, unless plain http was allowed. Which one a URL takes is decided anew for each hop. A pool is made at its first use:
//! reading the system's certificate authorities takes longer than everything else in the start of a node.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, header};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Client, ClientBuilder, Proxy};
use tokio::sync::OnceCell;
use url::{Host, Url};

use crate::address::{is_listed, is_public};
use crate::{BadOptions, Error, Options, Request, Response};

pub(crate) struct Live {
    options: Arc<Options>,
    inside: OnceCell<Client>,
    outside: OnceCell<Client>,
}

#[derive(Clone, Copy)]
enum Pool {
    Inside,
    Outside,
}

impl Live {
    pub(crate) fn new(options: Options) -> Result<Self, BadOptions> {
        if options.ca.is_some() && !authorities(&options).is_ok_and(|found| !found.is_empty()) {
            return Err(BadOptions::Ca);
        }
        if options
            .proxy
            .as_ref()
            .is_some_and(|url| !matches!(url.scheme(), "http" | "https") || !url.has_host())
        {
            return Err(BadOptions::Proxy);
        }
        Ok(Self {
            options: Arc::new(options),
            inside: OnceCell::new(),
            outside: OnceCell::new(),
        })
    }

    pub(crate) async fn request(&self, request: Request) -> Result<Response, Error> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        // A pool is made at its first use, which reads every certificate authority: no part of what a call may take. Beside a
        // proxy a look-up decides which one it is; that has the deadline.
        if self.options.proxy.is_none()
            && let Ok(pool) = self.pool_for(&request.url).await
        {
            self.client(pool).await?;
        }
        let answer = tokio::time::timeout(self.options.timeout, self.follow(request)).await;
        let answer = answer.unwrap_or(Err(Error::TimedOut));
        match &answer {
            Ok(answer) => tracing::debug!(host, status = answer.status.as_u16(), "outgoing call answered"),
            Err(why) => tracing::info!(host, reason = ?why, "outgoing call failed"),
        }
        answer
    }

    async fn follow(&self, mut request: Request) -> Result<Response, Error> {
        loop {
            let response = self.send(&request).await?;
            let repeatable = matches!(request.method, Method::GET | Method::HEAD);
            if !response.status().is_redirection() || request.follow == 0 || !repeatable {
                return read(response, request.max_body.unwrap_or(self.options.max_body)).await;
            }
            let target = target(&request.url, response.headers())?;
            if target.origin() != request.url.origin() {
                request.headers = HeaderMap::new();
            }
            request.url = target;
            request.follow -= 1;
        }
    }

    /// Sends one hop and gives its answer with the body still to be read.
    async fn send(&self, request: &Request) -> Result<reqwest::Response, Error> {
        // RFC 3986 §3.2.1: credentials in a URL end up in logs; nothing of ours uses them.
        if !request.url.username().is_empty() || request.url.password().is_some() {
            return Err(Error::Refused);
        }
        let client = self.client(self.pool_for(&request.url).await?).await?;
        let mut call = client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone());
        if !request.body.is_empty() {
            call = call.body(request.body.clone());
        }
        call.send().await.map_err(|why| coarse(&why))
    }

    async fn client(&self, pool: Pool) -> Result<&Client, Error> {
        let cell = match pool {
            Pool::Inside => &self.inside,
            Pool::Outside => &self.outside,
        };
        let options = Arc::clone(&self.options);
        let make = async move || {
            let built = tokio::task::spawn_blocking(move || build(&options, pool))
                .await
                .map_err(|_| Error::Unreachable)?;
            built.map_err(|why| {
                tracing::error!(%why, "outgoing calls are impossible: the TLS library cannot be used");
                Error::Unreachable
            })
        };
        cell.get_or_try_init(make).await
    }

    async fn pool_for(&self, url: &Url) -> Result<Pool, Error> {
        let is_enough = match url.scheme() {
            "https" => true,
            "http" => self.options.plain_http,
            _ => return Err(Error::Refused),
        };
        let address = match url.host().ok_or(Error::Refused)? {
            Host::Ipv4(v4) => IpAddr::V4(v4),
            Host::Ipv6(v6) => IpAddr::V6(v6),
            // The resolver of the pool drops what that pool may not connect to.
            Host::Domain(_) if !is_enough => return Ok(Pool::Inside),
            Host::Domain(_) if self.options.proxy.is_none() => return Ok(Pool::Outside),
            Host::Domain(name) => return self.pool_beside_proxy(name).await,
        };
        match (is_listed(address, &self.options.allow), is_public(address) && is_enough) {
            (true, _) => Ok(Pool::Inside),
            (false, true) => Ok(Pool::Outside),
            (false, false) => Err(Error::Refused),
        }
    }

    async fn pool_beside_proxy(&self, name: &str) -> Result<Pool, Error> {
        let Ok(found) = tokio::net::lookup_host((name, 0)).await else {
            return Ok(Pool::Outside);
        };
        let found: Vec<IpAddr> = found.map(|socket| socket.ip()).collect();
        if found.iter().all(|address| is_listed(*address, &self.options.allow)) {
            return Ok(Pool::Inside);
        }
        if found.iter().all(|address| is_public(*address)) {
            Ok(Pool::Outside)
        } else {
            Err(Error::Refused)
        }
    }
}

fn authorities(options: &Options) -> reqwest::Result<Vec<Certificate>> {
    options.ca.as_deref().map_or(Ok(Vec::new()), Certificate::from_pem_bundle)
}

fn build(options: &Options, pool: Pool) -> reqwest::Result<Client> {
    let resolver = |scope| Resolver { allow: options.allow.as_slice().into(), scope };
    let builder = builder(options)?;
    match (pool, &options.proxy) {
        (Pool::Inside, _) => builder.dns_resolver(resolver(Scope::Listed)),
        (Pool::Outside, None) => builder.https_only(!options.plain_http).dns_resolver(resolver(Scope::ListedAndPublic)),
        (Pool::Outside, Some(url)) => builder
            .https_only(!options.plain_http)
            .proxy(Proxy::all(url.clone())?)
            .dns_resolver(resolver(Scope::Proxy)),
    }
    .build()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the guarded client that everything else calls through"
)]
fn builder(options: &Options) -> reqwest::Result<ClientBuilder> {
    Ok(Client::builder()
        .user_agent(concat!("kabinet/", env!("CARGO_PKG_VERSION")))
        .tls_backend_native()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .tls_certs_merge(authorities(options)?)
        .connect_timeout(options.connect_timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .http1_only())
}

/// Where a redirect leads; never from https to anything else.
fn target(from: &Url, headers: &HeaderMap) -> Result<Url, Error> {
    let location = headers
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or(Error::Malformed)?;
    let to = from.join(location).map_err(|_| Error::Malformed)?;
    if from.scheme() == "https" && to.scheme() != "https" {
        Err(Error::Refused)
    } else {
        Ok(to)
    }
}

async fn read(mut response: reqwest::Response, limit: usize) -> Result<Response, Error> {
    if response
        .content_length()
        .is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit))
    {
        return Err(Error::TooLarge);
    }
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|why| coarse(&why))? {
        if body.len() + chunk.len() > limit {
            return Err(Error::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body: Bytes::from(body) })
}

/// Tells apart what was never asked from what may have been: a time-out of the connection is no time-out of the answer.
fn coarse(why: &reqwest::Error) -> Error {
    if why.is_dns() || why.is_builder() {
        Error::Refused
    } else if why.is_connect() {
        Error::Unreachable
    } else if why.is_timeout() {
        Error::TimedOut
    } else {
        Error::Broken
    }
}

/// What a pool may connect to.
#[derive(Clone, Copy)]
enum Scope {
    Listed,
    ListedAndPublic,
    /// The proxy alone, whose address the operator gave.
    Proxy,
}

/// Resolves a name and drops the addresses that may not be called.
struct Resolver {
    allow: Arc<[IpNet]>,
    scope: Scope,
}

#[derive(Debug, thiserror::Error)]
#[error("the name has no address that may be called")]
struct NoAddress;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (allow, scope) = (Arc::clone(&self.allow), self.scope);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| NoAddress)?;
            let kept = permitted(found, &allow, scope);
            if kept.is_empty() {
                Err(NoAddress.into())
            } else {
                Ok(Box::new(kept.into_iter()) as Addrs)
            }
        })
    }
}

fn permitted(found: impl Iterator<Item = SocketAddr>, allow: &[IpNet], scope: Scope) -> Vec<SocketAddr> {
    let may = |address: IpAddr| match scope {
        Scope::Listed => is_listed(address, allow),
        Scope::ListedAndPublic => is_listed(address, allow) || is_public(address),
        Scope::Proxy => true,
    };
    found.filter(|socket| may(socket.ip())).collect()
}

#[cfg(test)]
mod tests;
