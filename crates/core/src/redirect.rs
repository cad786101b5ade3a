//! Redirect URIs: which may be registered, and which a request may name.
//!
//! A URI is kept and compared as the exact string that was registered (RFC 9700 §2.1): parsing normalises, and two
//! parsers that normalise differently are how codes leak. The one exception is the port of a loopback redirect of a
//! native app (RFC 8252 §7.3). Parsing is used only to refuse a registration.

use url::{Host, Url};

/// Why a URI cannot be registered; the text is for the developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRedirect {
    /// Not an absolute URI.
    #[error("is not an absolute URI")]
    NotAbsolute,
    /// RFC 6749 §3.1.2: a redirect URI must not have a fragment.
    #[error("must not have a fragment (RFC 6749 section 3.1.2)")]
    Fragment,
    /// A user name or password in the authority.
    #[error("must not hold a user name or password")]
    Userinfo,
    /// `http` to anything but a loopback address.
    #[error("must use https; http is for loopback addresses only (RFC 8252 section 7.3)")]
    Http,
    /// A scheme that a browser runs or that names a local thing, or one without a dot.
    #[error(
        "has a scheme that is not allowed; a private scheme needs a dot, as in com.example.app (RFC 8252 section 7.1)"
    )]
    Scheme,
    /// A host that two readers of the URI do not find alike.
    #[error("must name its host after // and as a browser shows it, such as //example.com, //127.0.0.1, //[::1]")]
    Host,
    /// A control character, a space, a backslash or a non-ASCII character.
    #[error("holds a character that a URI may not hold")]
    Character,
    /// Longer than 2048 bytes.
    #[error("is longer than 2048 bytes")]
    TooLong,
}

/// Whether private-use schemes (`com.example.app:/cb`) may be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateSchemes {
    /// For native apps.
    Allowed,
    /// For everything that lives in a browser.
    Refused,
}

/// Checks a URI that is to be registered as a redirect or post-logout redirect URI.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_registration(uri: &str, schemes: PrivateSchemes) -> Result<(), BadRedirect> {
    if uri.len() > 2048 {
        return Err(BadRedirect::TooLong);
    }
    if !uri
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'^'))
    {
        return Err(BadRedirect::Character);
    }
    let url = Url::parse(uri).map_err(|_| BadRedirect::NotAbsolute)?;
    if uri.contains('#') {
        return Err(BadRedirect::Fragment);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadRedirect::Userinfo);
    }
    if matches!(url.scheme(), "http" | "https") {
        if !has_plain_host(&url) {
            return Err(BadRedirect::Character);
        }
        if !is_host_as_written(uri, &url) {
            return Err(BadRedirect::Host);
        }
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err(BadRedirect::Http),
        // RFC 8252 §7.1: a private-use scheme is a reversed domain name, so it has a dot.
        scheme if schemes == PrivateSchemes::Allowed && scheme.contains('.') => Ok(()),
        _ => Err(BadRedirect::Scheme),
    }
}

/// Whether the host is a name that can be one or an address: the URL standard lets `;`, `,` and `*` into names, and in a header
/// of ours they would begin another policy.
fn has_plain_host(url: &Url) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    match url.host() {
        Some(Host::Domain(name)) => name.len() <= 253 && name.bytes().all(is_plain),
        Some(_) => true,
        None => false,
    }
}

/// Whether RFC 3986 and the URL standard find the same host. A browser takes `https:rp.example`, `https:///rp.example`,
/// `http://127.1` and `http://%6cocalhost` for more than RFC 3986 does, and the first of them, in a `Location` of ours, for a
/// path of our own.
fn is_host_as_written(uri: &str, url: &Url) -> bool {
    let rest = uri.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let (Some(authority), Some(host)) = (authority, url.host_str()) else {
        return false;
    };
    let Some((name, port)) = authority.split_at_checked(host.len()) else {
        return false;
    };
    let is_port = |digits: &str| digits.parse().ok() == url.port_or_known_default();
    name.eq_ignore_ascii_case(host) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether loopback redirects may vary their port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopbackPort {
    /// Native apps listen where the system gave them a port (RFC 8252 §7.3).
    Any,
    /// As registered.
    Exact,
}

/// The registered URI that `asked` stands for, or `None`. What is returned is `asked` itself: byte-equal to a
/// registered string, or to one but for the port of a loopback address.
#[must_use]
pub fn find<'a>(registered: &[String], asked: &'a str, port: LoopbackPort) -> Option<&'a str> {
    // RFC 9700 §2.1: exact string matching, loopback ports of native apps aside.
    let found = registered.iter().any(|uri| uri == asked)
        || (port == LoopbackPort::Any && registered.iter().any(|uri| equal_but_port(uri, asked)));
    found.then_some(asked)
}

/// `http://127.0.0.1[:port]rest` and `http://[::1][:port]rest` with the same `rest`.
fn equal_but_port(registered: &str, asked: &str) -> bool {
    let split = |uri: &str| -> Option<(&'static str, String)> {
        ["http://127.0.0.1", "http://[::1]"].into_iter().find_map(|base| {
            let rest = uri.strip_prefix(base)?;
            let rest = match rest.strip_prefix(':') {
                Some(after) => {
                    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
                    after[..digits].parse::<u16>().ok()?;
                    &after[digits..]
                }
                None => rest,
            };
            (rest.is_empty() || rest.starts_with('/') || rest.starts_with('?')).then(|| (base, rest.to_owned()))
        })
    };
    split(registered).is_some_and(|known| split(asked) == Some(known))
}

/// The origin (`scheme://host[:port]`) of a URI, as a browser sends it in `Origin`; `None` for private schemes.
#[must_use]
pub fn origin_of(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(has_plain_host)?;
    let origin = url.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTERED: &str = "https://rp.example/cb";

    #[test]
    fn nothing_but_the_registered_bytes_is_found() {
        let registered = [REGISTERED.to_owned()];
        assert_eq!(find(&registered, REGISTERED, LoopbackPort::Any), Some(REGISTERED));
        for near in [
            "https://rp.example/cb/",
            "https://rp.example/CB",
            "https://RP.example/cb",
            "HTTPS://rp.example/cb",
            "https://rp.example/cb?x=1",
            "https://rp.example/cb#",
            "https://rp.example/./cb",
            "https://rp.example/a/../cb",
            "https://rp.example/%63b",
            "https://rp.example/cb%2e",
            "https://rp.example:443/cb",
            "https://rp.example:8443/cb",
            "https://user@rp.example/cb",
            "https://rp.example.evil.test/cb",
            "https://evil.test/https://rp.example/cb",
            "https://rp.example\\@evil.test/cb",
            "https://rp.example/cb\t",
            " https://rp.example/cb",
            "https://rp.example//cb",
            "https://sub.rp.example/cb",
            "https://rp.example/cb;x",
            "http://rp.example/cb",
            "//rp.example/cb",
            "",
            "https://rp.example/cb%00",
            "https://rp.example%2fcb",
            "https://rp.examp\u{131}e/cb",
            "https://rp.example/cb&",
        ] {
            assert_eq!(find(&registered, near, LoopbackPort::Any), None, "{near}");
        }
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        let registered = ["http://127.0.0.1/cb".to_owned(), "http://[::1]:8080/cb".to_owned()];
        for good in ["http://127.0.0.1:5123/cb", "http://127.0.0.1/cb", "http://[::1]:1/cb", "http://[::1]/cb"] {
            assert!(find(&registered, good, LoopbackPort::Any).is_some(), "{good}");
        }
        assert!(find(&registered, "http://127.0.0.1:5123/cb", LoopbackPort::Exact).is_none());
        for bad in [
            "http://localhost:5123/cb",
            "http://127.0.0.1:5123/other",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:80@evil.test/cb",
            "http://127.0.0.1.evil.test/cb",
            "https://127.0.0.1:5123/cb",
            "http://127.0.0.2/cb",
            "http://127.0.0.1:1a/cb",
        ] {
            assert!(find(&registered, bad, LoopbackPort::Any).is_none(), "{bad}");
        }
    }

    #[test]
    fn dangerous_uris_cannot_be_registered() {
        use PrivateSchemes::{Allowed, Refused};
        for (uri, schemes, why) in [
            ("javascript:alert(1)", Allowed, BadRedirect::Scheme),
            ("JaVaScRiPt:alert(1)", Allowed, BadRedirect::Scheme),
            ("data:text/html,x", Allowed, BadRedirect::Scheme),
            ("vbscript:x", Allowed, BadRedirect::Scheme),
            ("file:///etc/passwd", Allowed, BadRedirect::Scheme),
            ("myapp:/cb", Allowed, BadRedirect::Scheme),
            ("com.example.app:/cb", Refused, BadRedirect::Scheme),
            ("http://rp.example/cb", Allowed, BadRedirect::Http),
            ("https://rp.example/cb#x", Refused, BadRedirect::Fragment),
            ("https://rp.example/cb#", Refused, BadRedirect::Fragment),
            ("https://a:b@rp.example/cb", Refused, BadRedirect::Userinfo),
            ("/cb", Refused, BadRedirect::NotAbsolute),
            ("https://rp.example/c b", Refused, BadRedirect::Character),
            ("https://rp.example/\u{442}", Refused, BadRedirect::Character),
            ("https://rp.example\\cb", Refused, BadRedirect::Character),
            ("https:rp.example/cb", Refused, BadRedirect::Host),
            ("https:/rp.example/cb", Refused, BadRedirect::Host),
            ("https:///rp.example/cb", Refused, BadRedirect::Host),
            ("https://rp.example:/cb", Refused, BadRedirect::Host),
            ("https://%72p.example/cb", Refused, BadRedirect::Host),
            ("http://127.1/cb", Refused, BadRedirect::Host),
            ("http://0x7f.0.0.1/cb", Refused, BadRedirect::Host),
            ("http://2130706433/cb", Refused, BadRedirect::Host),
            ("http://[0:0:0:0:0:0:0:1]/cb", Refused, BadRedirect::Host),
        ] {
            assert_eq!(check_registration(uri, schemes), Err(why), "{uri}");
        }
        for good in [
            "https://RP.example:8443/cb?a=b",
            "https://rp.example:443",
            "http://127.0.0.1:9/cb",
            "http://localhost/cb",
            "http://[::1]/cb",
        ] {
            assert_eq!(check_registration(good, Refused), Ok(()), "{good}");
        }
        assert_eq!(check_registration("com.example.app:/cb", Allowed), Ok(()));
    }
}
