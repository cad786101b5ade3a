//! A browser without scripts: a cookie jar, pages, forms by id. It follows redirects of the provider and stops where one
//! leads away.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Method, Request};
use kabinet_core::ambient::Clock;
use kabinet_identity::Identity;
use tower::ServiceExt;

use crate::answer::{Answer, form_body};
use crate::app::Person;
use crate::html::Html;

/// More redirects than this are a loop.
const HOPS: usize = 10;

/// What is in the jar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The value.
    pub value: String,
    /// When it ends, unix seconds; `None`: with the browser.
    pub until: Option<i64>,
}

/// A browser of one person.
#[derive(Clone)]
pub struct Browser {
    /// The cookies by name; tests may look and tamper.
    pub jar: BTreeMap<String, Kept>,
    /// What is shown.
    pub page: Page,
    /// The address that it comes from.
    pub ip: IpAddr,
    /// Whether it does the work that a page asks for, as its script would.
    pub works: bool,
    /// Further headers of every request.
    pub headers: Vec<(String, String)>,
    router: Router,
    issuer: String,
    clock: Arc<dyn Clock>,
    /// Whose post goes out after each form; a provider in another process sees to that itself.
    identity: Option<Identity>,
}

/// What a request led to.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The status of the last answer; 0 when the browser went away.
    pub status: u16,
    /// The last answer.
    pub answer: Option<Answer>,
    /// The page, read.
    pub html: Html,
    /// Path and query of the last request to the provider.
    pub at: String,
    /// Where the browser went when it left the provider.
    pub left: Option<String>,
    /// What it posted there.
    pub sent: Vec<(String, String)>,
    /// Every answer on the way, the last included.
    pub hops: Vec<Answer>,
}

impl Page {
    /// The text that a person sees.
    #[must_use]
    pub fn text(&self) -> String {
        self.answer.as_ref().map(|answer| crate::html::text_of(&answer.body)).unwrap_or_default()
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> &str {
        self.answer.as_ref().map_or("", |answer| answer.body.as_str())
    }

    /// Whether something has this id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.html.has(id)
    }

    /// The code of the error that the page shows, or an empty text.
    #[must_use]
    pub fn error(&self) -> String {
        self.html.attribute("error", "data-error").unwrap_or_default()
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.at.split('?').next().unwrap_or_default()
    }
}

impl Browser {
    /// A browser that has its own clock and looks at a provider in another process, which `router` leads to.
    #[must_use]
    pub fn over(router: Router, issuer: String, clock: Arc<dyn Clock>) -> Self {
        Self::new(router, issuer, (clock, None))
    }

    pub(crate) fn new(router: Router, issuer: String, (clock, identity): (Arc<dyn Clock>, Option<Identity>)) -> Self {
        let ip = IpAddr::from([198, 51, 100, 7]);
        Self {
            jar: BTreeMap::new(),
            page: Page::default(),
            ip,
            works: false,
            headers: Vec::new(),
            router,
            issuer,
            clock,
            identity,
        }
    }

    /// Goes to a URL of the provider: absolute, or a path.
    pub async fn get(&mut self, url: &str) -> &Page {
        let request = Outgoing {
            method: Method::GET,
            url: url.to_owned(),
            body: None,
            with_cookies: true,
        };
        self.go(request).await
    }

    /// Fills in the form with this id and presses a button (its id or name; empty: none has a name, or Enter was
    /// pressed). Fields that are not named keep what is in them; a box is ticked by `("name", "on")` and unticked by
    /// `("name", "")`.
    ///
    /// # Panics
    /// When the page has no such form, field or button.
    pub async fn submit(&mut self, form_id: &str, values: &[(&str, &str)], button: &str) -> &Page {
        let body = self.filled(form_id, values, button);
        let form = self.page.html.form(form_id).expect("was there a line ago");
        let action = if form.action.is_empty() {
            self.page.at.clone()
        } else {
            form.action
        };
        self.post(&action, &body).await
    }

    /// Fills in the sign-in form that is shown, with further fields such as `("remember", "on")`.
    ///
    /// # Panics
    /// When no sign-in form is shown.
    pub async fn fill_in(&mut self, person: &Person, more: &[(&str, &str)]) -> &Page {
        let field = person.kind.as_str();
        let form = self
            .page
            .html
            .form("login-form")
            .unwrap_or_else(|| panic!("no sign-in: {}", self.page.text()));
        if !form.fields.iter().any(|one| one.name == field) {
            self.click("toggle-identifier").await;
        }
        let fields = [&[(field, person.contact.as_str()), ("password", person.password.as_str())], more].concat();
        self.submit("login-form", &fields, "submit").await
    }

    /// What submitting a form would send, see [`submit`](Self::submit).
    ///
    /// # Panics
    /// When the page has no such form, field or button.
    #[must_use]
    pub fn filled(&self, form_id: &str, values: &[(&str, &str)], button: &str) -> Vec<(String, String)> {
        let known = || format!("{} has {:?}: {}", self.page.at, self.page.html.ids(), self.page.text());
        let form = self.page.html.form(form_id).unwrap_or_else(|| panic!("no form {form_id}; {}", known()));
        assert_eq!(form.method, "post", "{form_id}");
        for (name, _) in values {
            assert!(
                form.fields.iter().any(|field| field.name == *name),
                "no field {name} in {form_id}; {}",
                known()
            );
        }
        let pressed = |field: &crate::html::Field| !button.is_empty() && (field.id == button || field.name == button);
        let mut is_pressed = button.is_empty();
        let mut body = Vec::new();
        for field in form.fields.iter().filter(|field| field.kind != "button") {
            let given = values.iter().find(|(name, _)| *name == field.name).map(|(_, value)| (*value).to_owned());
            let value = match field.kind.as_str() {
                "submit" => {
                    let is_this = !is_pressed && pressed(field);
                    is_pressed |= is_this;
                    is_this.then(|| field.value.clone())
                }
                "checkbox" => given.map_or(field.checked, |given| !given.is_empty()).then(|| field.value.clone()),
                "radio" => given.map_or(field.checked, |given| given == field.value).then(|| field.value.clone()),
                _ => Some(given.unwrap_or_else(|| field.value.clone())),
            };
            if let Some(value) = value.filter(|_| !field.name.is_empty()) {
                body.push((field.name.clone(), value));
            }
        }
        if self.works {
            self.do_work(&mut body);
        }
        assert!(is_pressed, "no button {button} in {form_id}; {}", known());
        body
    }

    /// Fills in the answer that the page's script would find.
    fn do_work(&self, body: &mut [(String, String)]) {
        let of = |name| self.page.html.attribute("work-answer", name);
        let (Some(nonce), Some(bits)) = (of("data-nonce"), of("data-bits")) else {
            return;
        };
        let answer = kabinet_core::work::solve(&nonce, bits.parse().expect("a number of bits"));
        body.iter_mut()
            .filter(|(name, _)| name == "work-answer")
            .for_each(|(_, value)| value.clone_from(&answer));
    }

    /// Follows the link with this id.
    ///
    /// # Panics
    /// When the page has no such link.
    pub async fn click(&mut self, id: &str) -> &Page {
        let href = self.page.html.attribute(id, "href");
        let href = href.unwrap_or_else(|| panic!("no link {id}; {} has {:?}", self.page.at, self.page.html.ids()));
        self.get(&href).await
    }

    /// Posts a form from a page of the provider.
    pub async fn post<N: AsRef<str>, V: AsRef<str>>(&mut self, url: &str, body: &[(N, V)]) -> &Page {
        let body = Some(form_body(body));
        self.go(Outgoing {
            method: Method::POST,
            url: url.to_owned(),
            body,
            with_cookies: true,
        })
        .await
    }

    /// Posts a form from a page of another site: cookies are `SameSite=Lax` and stay away, also from what the answer
    /// itself asks for; a redirect by GET has them again.
    pub async fn post_from_elsewhere<N: AsRef<str>, V: AsRef<str>>(&mut self, url: &str, body: &[(N, V)]) -> &Page {
        let body = Some(form_body(body));
        self.go(Outgoing {
            method: Method::POST,
            url: url.to_owned(),
            body,
            with_cookies: false,
        })
        .await
    }

    /// Closes all windows: cookies without an end are gone.
    pub fn close(&mut self) {
        self.jar.retain(|_, kept| kept.until.is_some());
        self.page = Page::default();
    }

    /// Goes on with another node of the same provider.
    pub fn use_node(&mut self, node: &crate::Node) {
        self.router = node.router.clone();
    }

    /// The value of the session cookie, or an empty text.
    #[must_use]
    pub fn session(&self) -> String {
        let found = self.jar.iter().find(|(name, _)| name.contains("kabinet-session"));
        found.map(|(_, kept)| kept.value.clone()).unwrap_or_default()
    }

    async fn go(&mut self, first: Outgoing) -> &Page {
        let mut next = first;
        let mut page = Page::default();
        for _ in 0..HOPS {
            let Some(path) = self.path_of(&next.url) else {
                page.left = Some(next.url);
                page.sent = next
                    .body
                    .map(|body| form_urlencoded::parse(body.as_bytes()).into_owned().collect())
                    .unwrap_or_default();
                page.status = 0;
                self.page = page;
                return &self.page;
            };
            page.at.clone_from(&path);
            let answer = self.send(&next, &path).await;
            page.status = answer.code();
            page.hops.push(answer.clone());
            let location = answer.location().to_owned();
            if !answer.status.is_redirection() || location.is_empty() {
                page.html = if answer.header("content-type").starts_with("text/html") {
                    Html::parse(&answer.body)
                } else {
                    Html::default()
                };
                page.answer = Some(answer);
                self.page = page;
                return &self.page;
            }
            // 307 and 308 would repeat a form with credentials: the provider never sends them.
            assert!(matches!(answer.code(), 302 | 303), "{}", answer.code());
            next = Outgoing {
                method: Method::GET,
                url: location,
                body: None,
                with_cookies: true,
            };
        }
        panic!("a loop of redirects, lately at {}", page.at);
    }

    /// The path and query of a URL of the provider; `None` when it leads away.
    fn path_of(&self, url: &str) -> Option<String> {
        let url = url.split('#').next().unwrap_or_default();
        if url.starts_with('/') && !url.starts_with("//") {
            return Some(url.to_owned());
        }
        let rest = url.strip_prefix(&self.issuer)?;
        match rest.chars().next() {
            None => Some("/".to_owned()),
            Some('/') => Some(rest.to_owned()),
            Some('?') => Some(format!("/{rest}")),
            Some(_) => None,
        }
    }

    async fn send(&mut self, outgoing: &Outgoing, path: &str) -> Answer {
        let mut request = Request::builder()
            .method(&outgoing.method)
            .uri(path)
            .header("host", self.issuer.split("//").nth(1).unwrap_or_default());
        let now = self.clock.now().0;
        self.jar.retain(|_, kept| kept.until.is_none_or(|until| until > now));
        if outgoing.with_cookies && !self.jar.is_empty() {
            let cookies: Vec<String> = self.jar.iter().map(|(name, kept)| format!("{name}={}", kept.value)).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        if outgoing.body.is_some() {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .header("origin", "null");
            request =
                request.header("sec-fetch-site", if outgoing.with_cookies { "same-origin" } else { "cross-site" });
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request
            .body(outgoing.body.clone().map_or_else(Body::empty, Body::from))
            .expect("a sound request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from((self.ip, 40_000))));
        let answer = Answer::of(self.router.clone().oneshot(request).await.expect("infallible")).await;
        for cookie in answer.every("set-cookie") {
            self.keep(&cookie);
        }
        if let (&Method::POST, Some(identity)) = (&outgoing.method, &self.identity) {
            crate::app::settle(identity).await;
        }
        answer
    }

    /// Keeps a cookie as a browser does; one that a browser would refuse fails the test.
    fn keep(&mut self, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).expect("a cookie has a name");
        let attributes: BTreeMap<String, String> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        // RFC 6265bis §4.1.3.2
        if name.starts_with("__Host-") {
            let whole = attributes.get("path").is_some_and(|path| path == "/") && !attributes.contains_key("domain");
            assert!(attributes.contains_key("secure") && whole, "a browser refuses {cookie}");
        }
        // The browser's state is there to be read by the page of session management.
        let is_hidden = attributes.contains_key("httponly") != name.contains("kabinet-state");
        assert!(is_hidden && attributes.get("samesite").is_some_and(|same| same == "Lax"), "{cookie}");
        let life = attributes.get("max-age").map(|life| life.parse::<i64>().expect("seconds"));
        if life.is_some_and(|life| life <= 0) {
            self.jar.remove(name);
            return;
        }
        let until = life.map(|life| self.clock.now().0 + life);
        self.jar.insert(name.to_owned(), Kept { value: value.to_owned(), until });
    }
}

struct Outgoing {
    method: Method,
    url: String,
    body: Option<String>,
    with_cookies: bool,
}
