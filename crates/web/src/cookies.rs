//! The provider's own cookies.
//!
//! With an https issuer each is `__Host-` (RFC 6265bis §4.1.3.2): Secure, of this host alone, path `/`. An http issuer is on
//! loopback, where cookies of all ports share one jar, so the port stands in the name. All are SameSite=Lax, and
//! HttpOnly but for the browser's state, which the page of session management reads: a keyed digest, worth nothing.

use cookie::{Cookie, SameSite};
use http::HeaderMap;
use http::header::COOKIE;
use kabinet_core::secret::Secret;

/// How many accounts one browser holds.
const ACCOUNTS: usize = 5;
/// How long the binding lives, seconds: a year.
const BINDING_LIFE: i64 = 365 * 86_400;

/// The names of the cookies for this issuer.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    secure: bool,
    session: String,
    binding: String,
    language: String,
    devices: String,
    state: String,
}

impl Names {
    pub(crate) fn of(issuer: &str) -> Self {
        let secure = issuer.starts_with("https:");
        let port = url::Url::parse(issuer).ok().and_then(|url| url.port_or_known_default()).unwrap_or(80);
        let name = |what: &str| {
            if secure {
                format!("__Host-kabinet-{what}")
            } else {
                format!("kabinet-{what}-{port}")
            }
        };
        Self {
            secure,
            session: name("session"),
            binding: name("browser"),
            language: name("language"),
            devices: name("devices"),
            state: name("state"),
        }
    }

    /// The values of the session cookie, the last signed in first.
    pub(crate) fn sessions(&self, headers: &HeaderMap) -> Vec<Secret> {
        let value = read(headers, &self.session).unwrap_or_default();
        value
            .split('.')
            .filter(|part| !part.is_empty() && part.len() < 100)
            .take(ACCOUNTS)
            .map(Secret::from)
            .collect()
    }

    /// The value that forms and flows are bound to.
    pub(crate) fn binding(&self, headers: &HeaderMap) -> Option<String> {
        read(headers, &self.binding).filter(|value| (20..=100).contains(&value.len()))
    }

    pub(crate) fn language(&self, headers: &HeaderMap) -> Option<String> {
        read(headers, &self.language)
    }

    /// The marks of the accounts that signed in here, the last one first.
    pub(crate) fn devices(&self, headers: &HeaderMap) -> Vec<String> {
        let value = read(headers, &self.devices).unwrap_or_default();
        value
            .split('.')
            .filter(|part| part.len() == 43)
            .take(ACCOUNTS)
            .map(str::to_owned)
            .collect()
    }

    pub(crate) fn set_devices(&self, marks: &[String]) -> String {
        self.set(
            &self.devices,
            marks.iter().take(ACCOUNTS).cloned().collect::<Vec<_>>().join("."),
            Some(BINDING_LIFE),
        )
    }

    /// The session cookie for these accounts; without any it is taken away. `life`: seconds, `None` until the browser
    /// closes.
    pub(crate) fn set_sessions(&self, values: &[Secret], life: Option<i64>) -> String {
        let joined = values.iter().take(ACCOUNTS).map(Secret::expose).collect::<Vec<_>>().join(".");
        let life = if values.is_empty() { Some(0) } else { life };
        self.set(&self.session, joined, life)
    }

    pub(crate) fn set_binding(&self, value: &str) -> String {
        self.set(&self.binding, value.to_owned(), Some(BINDING_LIFE))
    }

    pub(crate) fn set_language(&self, value: &str) -> String {
        self.set(&self.language, value.to_owned(), Some(BINDING_LIFE))
    }

    /// The name of the browser's state, for the script that reads it.
    pub(crate) fn state_name(&self) -> &str {
        &self.state
    }

    pub(crate) fn state(&self, headers: &HeaderMap) -> Option<String> {
        read(headers, &self.state)
    }

    pub(crate) fn set_state(&self, value: &str) -> String {
        let cookie = Cookie::build((self.state.clone(), value.to_owned()));
        cookie.path("/").same_site(SameSite::Lax).secure(self.secure).build().to_string()
    }

    fn set(&self, name: &str, value: String, life: Option<i64>) -> String {
        let mut cookie = Cookie::build((name.to_owned(), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure);
        if let Some(seconds) = life {
            cookie = cookie.max_age(cookie::time::Duration::seconds(seconds));
        }
        cookie.build().to_string()
    }
}

fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut pairs = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_https_issuer_gets_host_cookies_and_a_loopback_one_its_port() {
        let names = Names::of("https://id.example");
        let set = names.set_sessions(&[Secret::from("a"), Secret::from("b")], None);
        assert_eq!(set, "__Host-kabinet-session=a.b; HttpOnly; SameSite=Lax; Secure; Path=/");
        let names = Names::of("http://localhost:8080");
        assert_eq!(
            names.set_sessions(&[], None),
            "kabinet-session-8080=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"
        );
    }

    #[test]
    fn only_the_own_name_is_read_and_five_accounts_at_most() {
        let names = Names::of("http://localhost:8080");
        let mut headers = HeaderMap::new();
        headers.insert(
            COOKIE,
            "kabinet-session-80801=x; kabinet-session-8080=1.2.3.4.5.6; other=y".parse().unwrap(),
        );
        assert_eq!(
            names.sessions(&headers).iter().map(Secret::expose).collect::<Vec<_>>(),
            ["1", "2", "3", "4", "5"]
        );
    }
}
