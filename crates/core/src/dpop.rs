//! What a proof of possession says of a request (RFC 9449 §4.3), where neither a key nor a clock is needed to judge it.

use url::Url;

/// Whether the `htu` of a proof is the address of the endpoint: without query and fragment (§4.3, check 9), normalised as
/// RFC 3986 §6.2.2 and §6.2.3 say. `endpoint` is the address as it is published, not as the request's `Host` has it.
#[must_use]
pub fn is_target(htu: &str, endpoint: &str) -> bool {
    let (Some(asked), Some(ours)) = (normal(htu), normal(endpoint)) else {
        return false;
    };
    asked == ours
}

/// Scheme, host, port and dot segments are the parser's work; percent-encoding it leaves alone.
fn normal(text: &str) -> Option<Url> {
    // The parser passes over white space, which no URI holds.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut url = Url::parse(text).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    let path = decoded(url.path());
    url.set_path(&path);
    Some(url)
}

/// RFC 3986 §6.2.2: escapes of unreserved characters are those characters, others are written with capitals.
fn decoded(path: &str) -> String {
    let mut pieces = path.split('%');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let escape = piece.get(..2).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(byte) = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) else {
            out.push('%');
            out.push_str(piece);
            continue;
        };
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out.push_str(&piece[2..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: &str = "https://id.example/sso/oauth2/token";

    #[test]
    fn another_spelling_of_the_same_address_is_the_same() {
        for same in [
            ENDPOINT,
            "HTTPS://ID.Example/sso/oauth2/token",
            "https://id.example:443/sso/oauth2/token",
            "https://id.example/sso/oauth2/token?a=b",
            "https://id.example/sso/oauth2/token#part",
            "https://id.example/sso/x/../oauth2/./token",
            "https://id.example/sso/oauth2/%74%6fken",
        ] {
            assert!(is_target(same, ENDPOINT), "{same}");
        }
        assert!(is_target("http://localhost:8080/a%2fb", "http://localhost:8080/a%2Fb"));
    }

    #[test]
    fn every_other_address_is_another() {
        for other in [
            "",
            "x",
            "/sso/oauth2/token",
            "https:",
            "http://id.example/sso/oauth2/token",
            "https://id.example:444/sso/oauth2/token",
            "https://id.example/oauth2/token",
            "https://id.example/sso/oauth2/token/",
            "https://id.example/sso/oauth2/Token",
            "https://id.example/sso//oauth2/token",
            "https://id.example/sso/oauth2%2Ftoken",
            "https://id.example/sso/oauth2/token%",
            "https://id.example/sso/oauth2/token%zz",
            "https://user@id.example/sso/oauth2/token",
            "https://id.example.evil.example/sso/oauth2/token",
            " https://id.example/sso/oauth2/token",
            "https://id.example/sso/oauth2/to\nken",
            "https://id.example/sso/oauth2/%D1%82",
            "data:text/plain,x",
        ] {
            assert!(!is_target(other, ENDPOINT), "{other}");
        }
    }
}
