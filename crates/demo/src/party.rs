//! A demonstration product: a relying party in the simplest honest form, one page and five routes.
//!
//! | route | |
//! |---|---|
//! | `GET /` | who is signed in here, with the verified claims; or the way in |
//! | `GET /sign-in` | starts a sign-in and leaves for the provider |
//! | `GET /callback` | the way back: `state` of this browser, code, tokens, verified claims |
//! | `POST /refresh` | new tokens for the old refresh token |
//! | `GET /sign-out` | ends the session here and leaves for the provider's sign-out |
//!
//! The protocol is in [`protocol`], what a browser's cookie stands for in [`sessions`]. It refuses an answer whose `state`
//! was not made for this browser, whose `iss` is another (RFC 9207), and an ID token that does not verify.

pub mod protocol;
mod sessions;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use cookie::{Cookie, SameSite};
use kabinet_core::ambient::Entropy;
use kabinet_core::method::MethodName;
use kabinet_standins::look::{self, Colours};
use serde::Deserialize;
use url::Url;

use crate::providers::PARTNER;
use protocol::{Fault, Protocol, Registration, SignedIn};
use sessions::Sessions;

/// A product as people see it.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Its name, also the client's.
    pub name: &'static str,
    /// The provider's brand for it.
    pub brand: &'static str,
    /// Below the name.
    pub tagline: &'static str,
    /// Ways to sign in, in their order; empty: every usual one.
    pub ways: &'static [MethodName],
    /// Configured providers that people may sign in at, too.
    pub providers: &'static [&'static str],
    /// Whether the provider regards it as its own and asks for no consent.
    pub first_party: bool,
    /// How its page is drawn.
    pub colours: Colours,
}

/// The products of the demonstration.
pub const PRODUCTS: [Product; 2] = [
    Product {
        name: "Астрал.ЭДО",
        brand: "astral-edo",
        tagline: "обмен документами",
        ways: &[],
        providers: &[PARTNER],
        first_party: true,
        colours: Colours {
            ground: "#6a2bd9",
            ink: "#ffffff",
            links: ("#6a2bd9", "#bfa0ff"),
        },
    },
    Product {
        name: "1С-ЭТП",
        brand: "1c-etp",
        tagline: "торговые площадки",
        // Whoever trades has a certificate.
        ways: &[MethodName::Certificate, MethodName::Password, MethodName::Esia],
        providers: &[],
        first_party: false,
        colours: Colours {
            ground: "#ffd60a",
            ink: "#1a1a1a",
            links: ("#6b5600", "#ffd84d"),
        },
    },
];

/// Where a product's page leads besides the provider.
#[derive(Clone, Debug)]
pub struct Neighbours {
    /// The page with the sent codes.
    pub outbox: Url,
    /// The other product: its name and address.
    pub other: (&'static str, Url),
}

struct Party {
    product: Product,
    protocol: Protocol,
    neighbours: Neighbours,
    sessions: Sessions,
    cookie: String,
}

type Shared = State<Arc<Party>>;

/// The product's site.
pub fn router(
    product: Product,
    registration: Registration,
    neighbours: Neighbours,
    entropy: Arc<dyn Entropy>,
) -> Router {
    // A cookie belongs to a host whatever the port, so the port is in its name.
    let cookie = format!("product-{}", registration.base.port().unwrap_or_default());
    let protocol = Protocol::new(registration);
    let party = Party {
        product,
        protocol,
        neighbours,
        sessions: Sessions::new(entropy),
        cookie,
    };
    Router::new()
        .route("/", get(home))
        .route("/sign-in", get(sign_in))
        .route("/callback", get(callback))
        .route("/refresh", post(refresh))
        .route("/sign-out", get(sign_out))
        .route("/signed-out", get(signed_out))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
        .with_state(Arc::new(party))
}

async fn home(State(party): Shared, headers: HeaderMap) -> Response {
    let signed_in = party.key(&headers).and_then(|key| party.sessions.signed_in(&key));
    party.page(StatusCode::OK, signed_in.as_ref(), None)
}

async fn sign_in(State(party): Shared, headers: HeaderMap) -> Result<Response, Refused> {
    let (url, pending) = party.protocol.begin().await.map_err(|why| party.refuse(why))?;
    let key = party.sessions.begin(party.key(&headers), pending);
    Ok(([(header::SET_COOKIE, party.set_cookie(key))], Redirect::to(url.as_str())).into_response())
}

/// RFC 6749 §4.1.2 and §4.1.2.1, with `iss` of RFC 9207.
#[derive(Debug, Deserialize)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

async fn callback(State(party): Shared, headers: HeaderMap, answer: Query<Answer>) -> Result<Response, Refused> {
    let key = party.key(&headers).unwrap_or_default();
    let refuse = |why| party.refuse(why);
    // RFC 9700 §4.7.1: the answer must belong to a sign-in that this browser began.
    let state = answer.state.as_deref().unwrap_or_default();
    let pending = party.sessions.take_pending(&key, state).ok_or_else(|| refuse(Fault::State))?;
    // RFC 9207 §2.4: an answer in the name of another provider is thrown away.
    if answer.iss.as_deref().is_some_and(|iss| iss != party.protocol.issuer()) {
        return Err(refuse(Fault::Issuer));
    }
    if let Some(error) = &answer.error {
        let description = answer.error_description.clone().unwrap_or_default();
        return Err(refuse(Fault::Provider { error: error.clone(), description }));
    }
    let code = answer.code.clone().ok_or_else(|| refuse(Fault::NoCode))?;
    let signed_in = party.protocol.finish(pending, code).await.map_err(refuse)?;
    let key = party.sessions.sign_in(&key, signed_in);
    Ok(([(header::SET_COOKIE, party.set_cookie(key))], Redirect::to("/")).into_response())
}

async fn refresh(State(party): Shared, headers: HeaderMap) -> Result<Redirect, Refused> {
    let key = party.key(&headers).unwrap_or_default();
    let Some(current) = party.sessions.signed_in(&key) else {
        return Ok(Redirect::to("/"));
    };
    match party.protocol.refresh(&current).await {
        Ok(renewed) => party.sessions.renew(&key, renewed),
        Err(why) => {
            party.sessions.end(&key);
            return Err(party.refuse(why));
        }
    }
    Ok(Redirect::to("/"))
}

async fn sign_out(State(party): Shared, headers: HeaderMap) -> Result<Redirect, Refused> {
    let ended = party.key(&headers).and_then(|key| party.sessions.end(&key));
    let Some(ended) = ended else {
        return Ok(Redirect::to("/"));
    };
    let url = party.protocol.sign_out(&ended).await.map_err(|why| party.refuse(why))?;
    Ok(Redirect::to(url.as_str()))
}

async fn signed_out(State(party): Shared) -> Response {
    party.page(StatusCode::OK, None, Some(Message::Bye))
}

async fn style(State(party): Shared) -> Response {
    look::stylesheet(party.product.colours)
}

async fn icon(State(party): Shared) -> Response {
    look::icon(party.product.colours)
}

/// A page with the reason, already made.
struct Refused(Response);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0
    }
}

enum Message {
    Bye,
    Refused(Fault),
}

#[derive(Template)]
#[template(path = "party.html")]
struct Page<'a> {
    product: &'a Product,
    neighbours: &'a Neighbours,
    issuer: &'a str,
    signed_in: Option<&'a SignedIn>,
    message: Option<Message>,
}

impl Party {
    fn key(&self, headers: &HeaderMap) -> Option<String> {
        let given = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = given.flat_map(Cookie::split_parse).flatten();
        cookies
            .find(|cookie| cookie.name() == self.cookie)
            .map(|cookie| cookie.value().to_owned())
    }

    fn set_cookie(&self, key: String) -> String {
        // Lax: the return from the provider is a navigation from another site.
        let cookie = Cookie::build((&self.cookie, key)).path("/").http_only(true).same_site(SameSite::Lax);
        cookie.build().to_string()
    }

    fn refuse(&self, why: Fault) -> Refused {
        Refused(self.page(StatusCode::BAD_REQUEST, None, Some(Message::Refused(why))))
    }

    fn page(&self, status: StatusCode, signed_in: Option<&SignedIn>, message: Option<Message>) -> Response {
        let issuer = self.protocol.issuer();
        let page = Page {
            product: &self.product,
            neighbours: &self.neighbours,
            issuer,
            signed_in,
            message,
        };
        match page.render() {
            Ok(text) => (status, look::page(text)).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

#[cfg(test)]
mod tests;
