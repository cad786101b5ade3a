//! F01: redirect, post-logout and origin URIs. Input: a URI that is to be registered, and on the next line one that is asked for.
//!
//! Promised: what may be registered is read alike by RFC 3986 (appendix B, by hand here) and by the URL standard: scheme, host,
//! port, no user, no fragment. What is found is the registered text byte for byte, the port of a loopback address of a native
//! app aside; nothing near it is. An origin is that of the URI. What is answered goes to the registered text with parameters
//! behind it, and to no other host.

use kabinet_core::client::{ClientMetadata, Profile};
use kabinet_core::redirect::{LoopbackPort, PrivateSchemes, check_registration, find, origin_of};
use kabinet_oidc::respond::{Destination, ResponseMode};
use url::Url;

/// What follows a registered URI, or stands in it, in attempts to slip by.
const NEAR: [&str; 14] =
    ["/", "#", "?", "&", ".", "%00", "%2e", "/..", "@evil.test", ":443", "\t", " ", "\\", "/%2e%2e/"];

pub(crate) fn run(data: &[u8]) {
    let Some(text) = crate::text(data) else { return };
    let (uri, asked) = text.split_once('\n').unwrap_or((text, text));
    let is_good = check_registration(uri, PrivateSchemes::Allowed).is_ok();
    if check_registration(uri, PrivateSchemes::Refused).is_ok() {
        assert!(is_good, "native apps may register less");
        assert!(uri.to_ascii_lowercase().starts_with("http"), "a private scheme for everybody");
    }
    finds(uri, asked);
    clients_find(uri, asked);
    if is_good {
        reads_alike(uri);
        finds(uri, uri);
        for near in NEAR {
            finds(uri, &format!("{uri}{near}"));
            let inside = uri.len() / 2;
            finds(uri, &format!("{}{near}{}", &uri[..inside], &uri[inside..]));
        }
        finds(uri, &uri.to_ascii_uppercase());
        goes_there(uri);
    }
}

/// RFC 3986, appendix B.
#[derive(Debug, PartialEq)]
struct Parts<'a> {
    scheme: &'a str,
    authority: Option<&'a str>,
    /// Path and query.
    rest: &'a str,
    fragment: Option<&'a str>,
}

fn parts(uri: &str) -> Option<Parts<'_>> {
    let (uri, fragment) = match uri.split_once('#') {
        Some((uri, fragment)) => (uri, Some(fragment)),
        None => (uri, None),
    };
    let (scheme, hierarchy) = uri.split_once(':')?;
    let (authority, rest) = match hierarchy.strip_prefix("//") {
        Some(rest) => {
            let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            (Some(authority), rest)
        }
        None => (None, hierarchy),
    };
    Some(Parts { scheme, authority, rest, fragment })
}

/// Host and port of an authority without a user.
fn host(authority: &str) -> (String, Option<u16>) {
    let end = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[end..].find(':') {
        Some(colon) => (&authority[..end + colon], authority[end + colon + 1..].parse().ok()),
        None => (authority, None),
    };
    (host.to_ascii_lowercase(), port)
}

fn reads_alike(uri: &str) {
    let url = Url::parse(uri).expect("registered without being a URL");
    let parts = parts(uri).expect("registered without a scheme");
    assert!(parts.scheme.eq_ignore_ascii_case(url.scheme()));
    assert_eq!((parts.fragment, url.fragment()), (None, None));
    assert!(url.username().is_empty() && url.password().is_none());
    if !matches!(url.scheme(), "http" | "https") {
        assert!(url.scheme().contains('.') && origin_of(uri).is_none());
        return;
    }
    let authority = parts.authority.expect("a host that only one of two readers finds");
    assert!(!authority.contains('@'));
    let (name, port) = host(authority);
    let default = if url.scheme() == "https" { 443 } else { 80 };
    assert_eq!(
        (Some(name.as_str()), Some(port.unwrap_or(default))),
        (url.host_str(), url.port_or_known_default())
    );
    assert!(url.scheme() == "https" || matches!(&*name, "localhost" | "[::1]") || name.starts_with("127."));
    let origin = match port.filter(|port| *port != default) {
        Some(port) => format!("{}://{name}:{port}", url.scheme()),
        None => format!("{}://{name}", url.scheme()),
    };
    assert_eq!(origin_of(uri).as_deref(), Some(origin.as_str()));
    assert_eq!(origin_of(&origin).as_deref(), Some(origin.as_str()));
}

/// Whether they differ in the port of a loopback address alone.
fn is_loopback_twin(registered: &str, asked: &str) -> bool {
    let address = |authority: &str| {
        let (name, port) = host(authority);
        let behind = &authority[name.len()..];
        let is_port = port.is_some() && behind[1..].bytes().all(|byte| byte.is_ascii_digit());
        (behind.is_empty() || is_port).then_some(name)
    };
    let (Some(one), Some(other)) = (parts(registered), parts(asked)) else {
        return false;
    };
    let (Some(here), Some(there)) = (one.authority.and_then(address), other.authority.and_then(address)) else {
        return false;
    };
    one.scheme == "http"
        && other.scheme == "http"
        && here == there
        && matches!(&*here, "127.0.0.1" | "[::1]")
        && (one.rest, one.fragment) == (other.rest, other.fragment)
}

fn finds(registered: &str, asked: &str) {
    let list = [registered.to_owned()];
    let exact = find(&list, asked, LoopbackPort::Exact);
    assert_eq!(exact, (registered == asked).then_some(asked));
    let native = find(&list, asked, LoopbackPort::Any);
    // No fragment is ever registered.
    if !registered.contains('#') {
        let is_one = registered == asked || is_loopback_twin(registered, asked);
        assert_eq!(native, is_one.then_some(asked), "{registered} {asked}");
    }
}

/// Clients find what the rule finds.
fn clients_find(registered: &str, asked: &str) {
    let list = [registered.to_owned()];
    let exact = find(&list, asked, LoopbackPort::Exact);
    let native = find(&list, asked, LoopbackPort::Any);
    for (profile, found) in [(Profile::Web, exact), (Profile::Spa, exact), (Profile::Native, native)] {
        let mut client = ClientMetadata::of_profile(profile, "Проба");
        client.redirect_uris = list.to_vec();
        client.post_logout_redirect_uris = list.to_vec();
        assert_eq!((client.find_redirect(asked), client.find_post_logout(asked)), (found, found));
    }
}

/// A code goes where the client registered.
fn goes_there(uri: &str) {
    for mode in [ResponseMode::Query, ResponseMode::Fragment] {
        let to = Destination {
            redirect_uri: uri.to_owned(),
            mode,
            state: Some("a&b#c=d".to_owned()),
        };
        let params = vec![("code", "x".to_owned())];
        let answer = to.answer(params, "https://id.example").url();
        assert!(answer.starts_with(uri));
        let (asked, went) = (Url::parse(uri).expect("a URL"), Url::parse(&answer).expect("a URL"));
        let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port());
        assert_eq!(place(&asked), place(&went));
        let behind = match mode {
            ResponseMode::Fragment => went.fragment().unwrap_or_default(),
            _ => went.query().unwrap_or_default(),
        };
        let tail = [("code", "x"), ("state", "a&b#c=d"), ("iss", "https://id.example")];
        let read: Vec<(String, String)> = form_urlencoded::parse(behind.as_bytes()).into_owned().collect();
        let last: Vec<(&str, &str)> = read
            .iter()
            .rev()
            .take(3)
            .rev()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(last, tail);
    }
}
