//! Who is asking: one value per request, made from its headers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::extract::{ConnectInfo, FromRequestParts};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, ORIGIN, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method, Uri};
use ipnet::IpNet;
use kabinet_core::ambient::random;
use kabinet_core::audit::Origin;
use kabinet_core::authn::Session;
use kabinet_core::brand::{Brand, Brands};
use kabinet_core::client::Client;
use kabinet_core::country::CountryCode;
use kabinet_core::id::ClientId;
use kabinet_core::secret::{Secret, TokenHash};
use kabinet_identity::Visit as Person;
use kabinet_oidc::Caller;
use kabinet_oidc::dpop::Presented;
use kabinet_oidc::sealed::Flow;

use crate::form::Form;
use crate::i18n::{Language, Locale};
use crate::layers::RequestId;
use crate::site::Site;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) site: Site,
    /// Shown on error pages and in the log.
    pub(crate) request_id: String,
    /// Path and query as asked.
    pub(crate) here: String,
    pub(crate) method: Method,
    /// The values of the session cookie.
    pub(crate) session_values: Vec<Secret>,
    /// The browser's binding value; a new one when it had none.
    pub(crate) binding: String,
    /// Whether the binding must be set.
    pub(crate) binding_is_new: bool,
    /// The nonce of this answer's Content-Security-Policy.
    pub(crate) nonce: String,
    /// `Authorization`, as sent.
    pub(crate) authorization: Option<String>,
    /// Proofs of possession, as sent.
    pub(crate) dpop: Presented,
    /// `Origin`, as sent.
    pub(crate) origin: Option<String>,
    /// The brands as they are now: one request sees one state of them.
    pub(crate) brands: Arc<Brands>,
    /// The client whose request this belongs to, once that is known: whatever is shown from then on looks like it.
    client: OnceLock<Arc<Client>>,
    /// The device marks of the accounts that signed in here.
    pub(crate) devices: Vec<String>,
    /// The browser's state for session management, as its cookie has it.
    pub(crate) state: Option<String>,
    explicit_language: Option<String>,
    cookie_language: Option<String>,
    accept_language: Option<String>,
    sec_fetch_site: Option<String>,
    country: Option<CountryCode>,
    ip: IpAddr,
    agent: String,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Site")
    }
}

impl FromRequestParts<Site> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts, site))
    }
}

impl Visit {
    pub(crate) fn of(parts: &Parts, site: &Site) -> Self {
        let headers = &parts.headers;
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &http::HeaderValue| value.to_str().ok())
                .map(str::to_owned)
        };
        let binding = site.cookies.binding(headers);
        let (fresh, nonce) = split(&random(&*site.entropy));
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip());
        Self {
            request_id: parts.extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone()),
            // One slash: two would make the language links lead to another host.
            here: format!("/{}", parts.uri.path_and_query().map_or("", |path| path.as_str()).trim_start_matches('/')),
            method: parts.method.clone(),
            session_values: site.cookies.sessions(headers),
            binding_is_new: binding.is_none(),
            binding: binding.unwrap_or(fresh),
            nonce,
            authorization: text(AUTHORIZATION),
            dpop: Presented::of(headers.get_all("dpop").iter().map(http::HeaderValue::as_bytes)),
            origin: text(ORIGIN),
            brands: site.provider.brands(),
            client: OnceLock::new(),
            devices: site.cookies.devices(headers),
            state: site.cookies.state(headers),
            explicit_language: query_value(&parts.uri, "lang"),
            cookie_language: site.cookies.language(headers),
            accept_language: text(ACCEPT_LANGUAGE),
            sec_fetch_site: text(http::HeaderName::from_static("sec-fetch-site")),
            country: country_of(peer, headers, site),
            ip: client_ip(peer, headers, &site.config.trusted_proxies),
            agent: text(USER_AGENT)
                .unwrap_or_default()
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect(),
            site: site.clone(),
        }
    }

    /// Notes whose request this belongs to; pages then look like that client, error pages, too. Read from memory.
    pub(crate) async fn belongs_to(&self, id: &ClientId) -> kabinet_oidc::Result<()> {
        if let Some(client) = self.site.provider.client(id).await? {
            self.client.get_or_init(|| client);
        }
        Ok(())
    }

    /// The client whose request this belongs to, as far as that is known.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.client.get().map(Arc::as_ref)
    }

    /// That client's brand.
    pub(crate) fn brand(&self) -> &Brand {
        self.brands.find(self.client().and_then(|client| client.metadata.brand.as_deref()))
    }

    /// The hash of the binding, which flows and codes are tied to.
    pub(crate) fn binding_hash(&self) -> TokenHash {
        TokenHash::of(&self.binding)
    }

    /// The language of the pages: the switch, the request, the cookie, the browser, in this order.
    pub(crate) fn locale(&self, ui_locales: Option<&str>) -> Locale {
        let chosen = [self.explicit_language.as_deref(), self.cookie_language.as_deref(), ui_locales];
        Locale::from(Language::choose(&chosen, self.accept_language.as_deref()))
    }

    /// The language that the person chose just now, to be remembered.
    pub(crate) fn chosen_language(&self) -> Option<&'static str> {
        self.explicit_language.as_deref().and_then(Language::of_tag).map(Language::code)
    }

    /// For the audit trail.
    pub(crate) fn audit(&self) -> Origin {
        Origin {
            actor: "person",
            ip: self.ip.to_string(),
            agent: self.agent.clone(),
            request: self.request_id.clone(),
        }
    }

    /// The network that attempts and kept requests are counted by.
    pub(crate) fn network(&self) -> String {
        network_of(self.ip)
    }

    /// The country that the visitor is in, as a trusted proxy says.
    pub(crate) const fn country(&self) -> Option<CountryCode> {
        self.country
    }

    /// For the protocol's own endpoints.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            origin: self.audit(),
            network: self.network(),
            dpop: self.dpop.clone(),
        }
    }

    /// For the login methods.
    pub(crate) fn person(&self, flow: Option<&Flow>) -> Person {
        let ui_locales = flow.and_then(Flow::request).and_then(|request| request.ui_locales.as_deref());
        Person {
            origin: self.audit(),
            network: self.network(),
            binding: self.binding_hash(),
            flow: flow.map(|flow| flow.id.clone()),
            client: flow.and_then(Flow::request).map(|request| request.client_id.as_str().into()),
            brand: self.brands.shared(self.client().and_then(|client| client.metadata.brand.as_deref())),
            devices: self.devices.clone(),
            language: self.locale(ui_locales).language(),
            country: self.country,
            work: None,
        }
    }

    /// The same for a form whose page may ask for work.
    pub(crate) fn worker(&self, flow: &Flow, form: &Form) -> Person {
        Person { work: Some(form.solution()), ..self.person(Some(flow)) }
    }

    /// The live sessions of this browser.
    pub(crate) async fn sessions(&self) -> Result<Vec<Session>, kabinet_identity::Error> {
        if self.session_values.is_empty() {
            return Ok(Vec::new());
        }
        self.site.identity.sessions(&self.session_values).await
    }

    /// Whether a form was certainly sent by a page of another site. Without these headers the form token decides.
    pub(crate) fn is_foreign(&self) -> bool {
        match self.sec_fetch_site.as_deref() {
            Some("same-origin" | "none") => false,
            Some(_) => true,
            // A page with no-referrer sends the origin as null.
            None => self
                .origin
                .as_deref()
                .is_some_and(|origin| origin != "null" && origin != self.site.config.issuer),
        }
    }
}

/// One draw for both: 24 bytes for a binding, 16 for a nonce, each in base64url.
fn split(random: &[u8; 40]) -> (String, String) {
    let (binding, nonce) = random.split_at(24);
    (URL_SAFE_NO_PAD.encode(binding), URL_SAFE_NO_PAD.encode(nonce))
}

fn query_value(uri: &Uri, name: &str) -> Option<String> {
    form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The address that the request came from: the peer, or behind trusted proxies the last address that is none of them.
fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    // A listener on [::] sees IPv4 peers as mapped addresses.
    let peer = peer.to_canonical();
    let is_proxy = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    if !is_proxy(&peer) {
        return peer;
    }
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut last = peer;
    for hop in hops.iter().rev() {
        // What cannot be read is not believed, and neither is anything before it.
        let Ok(ip) = hop.parse::<IpAddr>() else { return last };
        let ip = ip.to_canonical();
        last = ip;
        if !is_proxy(&ip) {
            return ip;
        }
    }
    last
}

/// The country that a trusted proxy names, else the one that the operator believes in.
fn country_of(peer: IpAddr, headers: &HeaderMap, site: &Site) -> Option<CountryCode> {
    let config = &site.config;
    let is_proxy = config.trusted_proxies.iter().any(|net| net.contains(&peer.to_canonical()));
    let told = config.country_header.as_ref().filter(|_| is_proxy).and_then(|name| headers.get(name));
    told.and_then(|value| value.to_str().ok()?.parse().ok()).or(config.country)
}

/// The network that attempts are counted by: /24 or /64.
fn network_of(ip: IpAddr) -> String {
    let bits = if ip.is_ipv4() { 24 } else { 64 };
    IpNet::new(ip, bits).map_or_else(|_| ip.to_string(), |net| net.trunc().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_peers_only() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let ip = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            client_ip(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(ip("203.0.113.9", "198.51.100.1"), "203.0.113.9");
        assert_eq!(ip("10.0.0.1", "198.51.100.1"), "198.51.100.1");
        assert_eq!(ip("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2"), "198.51.100.1");
        assert_eq!(ip("10.0.0.1", "1.1.1.1, junk"), "10.0.0.1");
    }

    #[test]
    fn attempts_are_counted_by_network() {
        assert_eq!(network_of("203.0.113.9".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(network_of("2001:db8:1:2:3::4".parse().unwrap()), "2001:db8:1:2::/64");
    }
}
