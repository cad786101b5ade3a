//! What people see. A page is made of a [`Visit`], a flow when there is one, and a view.
//!
//! The steps of a flow lead from one to the next by [`go`]; a flow that does not open or belongs to another browser is
//! handled once, in [`flow_or_page`].

pub(crate) mod account;
pub(crate) mod agreements;
pub(crate) mod certificate;
pub(crate) mod choose;
pub(crate) mod code;
pub(crate) mod complete;
pub(crate) mod consent;
pub(crate) mod device;
pub(crate) mod invitation;
pub(crate) mod legal;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod merge;
pub(crate) mod organisations;
pub(crate) mod recover;
pub(crate) mod register;
pub(crate) mod telegram;
pub(crate) mod tokens;
pub(crate) mod upstream;
pub(crate) mod ways;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use kabinet_core::client::Client;
use kabinet_core::decision::Step;
use kabinet_core::id::ClientId;
use kabinet_core::secret::Secret;
use kabinet_oidc::authorize::{Fault, Next, Refusal};
use kabinet_oidc::respond::ResponseMode;
use kabinet_oidc::sealed::{Flow, Target, Unsealed};

use crate::i18n::Locale;
use crate::view::{self, Chrome, ErrorPage, FormPost, Link, Message};
use crate::visit::Visit;

/// The path below which pictures of clients are served, with the closing slash.
const LOGO_ROOT: &str = "/logos/";

/// A flow that opened, with the text that carries it.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) flow: Flow,
    pub(crate) sealed: String,
}

/// Opens the parameter `flow`, or gives the answer to show instead. A flow of another browser, or of one whose cookie is
/// new, holds only what anyone may send: it goes on under a new id, so that nothing done elsewhere counts for it. From here
/// on the visit belongs to the client whose request it is.
pub(crate) async fn flow_or_page(visit: &Visit, carried: &str) -> Result<Opened, Response> {
    let provider = &visit.site.provider;
    if carried.is_empty() {
        let flow = provider.new_flow(Target::Page("/account".to_owned()), &visit.binding_hash());
        let sealed = seal(visit, &flow).await?;
        return Ok(Opened { flow, sealed });
    }
    let flow = match provider.unseal(carried).await {
        Ok(Ok(flow)) => flow,
        Ok(Err(Unsealed::Expired(client))) => return Err(expired(visit, client).await),
        Ok(Err(Unsealed::Broken)) => return Err(error_page(visit, StatusCode::BAD_REQUEST, "error-request").await),
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    if let Some(request) = flow.request() {
        belongs_to(visit, &request.client_id.as_str().into()).await?;
    }
    if flow.binding == visit.binding_hash() {
        return Ok(Opened { flow, sealed: carried.to_owned() });
    }
    let flow = provider.new_flow(flow.target, &visit.binding_hash());
    let sealed = seal(visit, &flow).await?;
    Ok(Opened { flow, sealed })
}

async fn belongs_to(visit: &Visit, client: &ClientId) -> Result<(), Response> {
    match visit.belongs_to(client).await {
        Ok(()) => Ok(()),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// A flow that is too old: the product is where it starts again.
async fn expired(visit: &Visit, client: Option<ClientId>) -> Response {
    if let Some(client) = client
        && let Err(response) = belongs_to(visit, &client).await
    {
        return response;
    }
    let product = visit.client().map(|_| chrome(visit, None, None).product());
    let message = match product {
        Some(product) => Message::of("request-expired").with("product", product),
        None => Message::of("request-expired-here"),
    };
    html(visit, StatusCode::BAD_REQUEST, &view::render(&error_view(visit, message)))
}

async fn seal(visit: &Visit, flow: &Flow) -> Result<String, Response> {
    match visit.site.provider.seal(flow, &visit.network()).await {
        Ok(sealed) => Ok(sealed),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// Leads to the next step of a flow: a page, or the answer to the client.
pub(crate) async fn go(visit: &Visit, flow: &Flow, sealed: Option<&str>, next: Next) -> Response {
    let path = match next {
        Next::Answer(response) => return success(visit, response),
        Next::Page(step, _) => match step {
            Step::Register => "/register",
            Step::Choose => "/choose",
            Step::Complete(_) => "/complete",
            Step::Consent(_) => "/consent",
            _ => "/login",
        },
    };
    let sealed = match sealed {
        Some(sealed) => sealed.to_owned(),
        None => match seal(visit, flow).await {
            Ok(sealed) => sealed,
            Err(response) => return response,
        },
    };
    to(visit, &format!("{path}?flow={sealed}"))
}

/// Where a flow goes on after a step is done.
pub(crate) fn onward(opened: &Opened) -> String {
    match &opened.flow.target {
        Target::Authorize(_) => format!("/oauth2/resume?flow={}", opened.sealed),
        Target::Page(path) => path.clone(),
    }
}

/// The answer that has a code; with the state of the browser's sign-in for a client that has session management.
fn success(visit: &Visit, mut response: kabinet_oidc::respond::Response) -> Response {
    let browser = browser_state(visit, &visit.session_values);
    let state = visit
        .client()
        .and_then(|client| visit.site.provider.session_state(client, &response.to.redirect_uri, &browser));
    let Some(state) = state else {
        return answer(visit, &response);
    };
    response.params.push(("session_state", state));
    let mut answer = answer(visit, &response);
    if visit.state.as_ref() != Some(&browser) {
        append(answer.headers_mut(), &visit.site.cookies.set_state(&browser));
    }
    answer
}

/// What changes when the set of this browser's sign-ins does, and tells nothing about them.
fn browser_state(visit: &Visit, values: &[Secret]) -> String {
    let mut values: Vec<&str> = values.iter().map(Secret::expose).collect();
    values.sort_unstable();
    visit.site.state_stamper.stamp(&values)
}

/// The answer to the client, by redirect or by a form that posts itself.
pub(crate) fn answer(visit: &Visit, response: &kabinet_oidc::respond::Response) -> Response {
    if response.to.mode != ResponseMode::FormPost {
        return to(visit, &response.url());
    }
    let fields = response.params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let chrome = chrome(visit, None, None);
    html(
        visit,
        StatusCode::OK,
        &view::render(&FormPost { chrome, action: response.to.redirect_uri.clone(), fields }),
    )
}

/// 303 (RFC 9700 §4.12: never 307 after a form with credentials), with the browser's binding when it is new.
pub(crate) fn to(visit: &Visit, location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    match HeaderValue::from_str(location) {
        Ok(value) => drop(response.headers_mut().insert(LOCATION, value)),
        Err(_) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
    cookies(visit, response.headers_mut());
    response
}

/// The same with the accounts of this browser as they are now.
pub(crate) fn to_with_sessions(visit: &Visit, location: &str, values: &[Secret], remembered: bool) -> Response {
    let mut response = to(visit, location);
    set_sessions(visit, &mut response, values, remembered);
    response
}

/// Remembers that this browser has signed in to an account.
pub(crate) fn add_device(visit: &Visit, response: &mut Response, mark: String) {
    let others: Vec<String> = visit.devices.iter().filter(|other| **other != mark).cloned().collect();
    let marks: Vec<String> = std::iter::once(mark).chain(others).collect();
    append(response.headers_mut(), &visit.site.cookies.set_devices(&marks));
}

/// Puts the session cookie into an answer.
pub(crate) fn set_sessions(visit: &Visit, response: &mut Response, values: &[Secret], remembered: bool) {
    let life = remembered.then_some(visit.site.config.remembered);
    append(response.headers_mut(), &visit.site.cookies.set_sessions(values, life));
    // A browser that never was at a product with session management has no such cookie.
    if visit.state.is_some() {
        append(response.headers_mut(), &visit.site.cookies.set_state(&browser_state(visit, values)));
    }
}

fn cookies(visit: &Visit, headers: &mut HeaderMap) {
    // A form of another site brings no cookie, which does not mean that the browser has none.
    if visit.binding_is_new && (visit.method == Method::GET || !visit.is_foreign()) {
        append(headers, &visit.site.cookies.set_binding(&visit.binding));
    }
    if let Some(language) = visit.chosen_language() {
        append(headers, &visit.site.cookies.set_language(language));
    }
}

fn append(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        headers.append(SET_COOKIE, value);
    }
}

/// What the policy of one page allows beyond the policy of all: sources of CSP Level 3, none by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Further<'a> {
    /// Origins whose frames it loads (`frame-src`).
    pub(crate) frames: &'a [String],
    /// Addresses that its script speaks to beside the own origin (`connect-src`).
    pub(crate) connect: &'a [String],
    /// Scripts without the nonce (`script-src`).
    pub(crate) scripts: &'a [&'a str],
}

/// A page. No `form-action`: browsers apply it to the redirect that answers the form, which leads to the product.
pub(crate) fn html(visit: &Visit, status: StatusCode, body: &str) -> Response {
    html_with(visit, status, body, Further::default())
}

/// A page that loads frames of these origins and no others.
pub(crate) fn html_with_frames(visit: &Visit, status: StatusCode, body: &str, frames: &[String]) -> Response {
    html_with(visit, status, body, Further { frames, ..Further::default() })
}

/// A page that may do more than the others.
pub(crate) fn html_with(visit: &Visit, status: StatusCode, body: &str, further: Further<'_>) -> Response {
    let mut response = (status, body.to_owned()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = policy(&visit.nonce, further);
    if let Ok(value) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, value);
    }
    if visit.here.starts_with("/account") {
        headers.insert(
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        );
    }
    cookies(visit, headers);
    response
}

/// The Content-Security-Policy of a page.
fn policy(nonce: &str, further: Further<'_>) -> String {
    let more = |sources: &[&str]| sources.iter().map(|source| format!(" {source}")).collect::<String>();
    let connect: Vec<&str> = further.connect.iter().map(String::as_str).collect();
    let frames = match further.frames {
        [] => String::new(),
        frames => format!("; frame-src {}", frames.join(" ")),
    };
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'{}; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         connect-src 'self'{}; base-uri 'none'; frame-ancestors 'none'{frames}",
        more(further.scripts),
        more(&connect),
    )
}

/// What surrounds a page: the look and the words of the client that is asking; without one, of the client that the visit
/// belongs to.
pub(crate) fn chrome<'a>(visit: &'a Visit, opened: Option<&Opened>, client: Option<&Client>) -> Chrome<'a> {
    let ui_locales = opened
        .and_then(|opened| opened.flow.request())
        .and_then(|request| request.ui_locales.as_deref());
    let client = client.or(visit.client());
    let locale = visit.locale(ui_locales);
    Chrome {
        locale,
        brand: visit.brands.find(client.and_then(|client| client.metadata.brand.as_deref())),
        nonce: visit.nonce.clone(),
        form_token: visit.form_token(),
        flow: opened.map(|opened| opened.sealed.clone()),
        here: visit.here.clone(),
        client_name: client.map(|client| client.metadata.client_name.clone()),
        client_texts: client.map(|client| client_texts(client, locale)).unwrap_or_default(),
        client_logo: None,
        year: crate::i18n::year(visit.site.clock.now()),
        work: None,
    }
}

/// The path of the picture of the client that the visit belongs to. A page does without one that cannot be read.
pub(crate) async fn client_logo(visit: &Visit) -> Option<String> {
    match visit.site.provider.logo_of(visit.client()?).await {
        Ok(hash) => hash.map(|hash| format!("{LOGO_ROOT}{hash}")),
        Err(error) => {
            tracing::warn!(%error, "the picture of a client is not shown");
            None
        }
    }
}

/// RFC 7591 §2: `policy_uri` and `tos_uri` are shown to people.
fn client_texts(client: &Client, locale: Locale) -> Vec<Link> {
    let texts = [("client-policy", &client.metadata.policy_uri), ("client-terms", &client.metadata.tos_uri)];
    let link = |(key, href): (&'static str, &Option<String>)| {
        Some(Link { href: href.clone()?, text: locale.text(key).into_owned() })
    };
    texts.into_iter().filter_map(link).collect()
}

/// The client whose request a flow is.
pub(crate) async fn client_of(visit: &Visit, opened: &Opened) -> Option<Arc<Client>> {
    let request = opened.flow.request()?;
    visit.site.provider.client(&request.client_id.as_str().into()).await.ok().flatten()
}

/// A page with one sentence.
pub(crate) async fn error_page(visit: &Visit, status: StatusCode, key: &'static str) -> Response {
    html(visit, status, &view::render(&error_view(visit, Message::of(key))))
}

/// An error in the look of the client that the visit belongs to, with the way back there.
fn error_view(visit: &Visit, message: Message) -> ErrorPage<'_> {
    let page = ErrorPage::new(chrome(visit, None, None), message, &visit.request_id);
    match visit.client().and_then(|client| client.metadata.client_uri.as_deref()) {
        Some(href) => page.with_product(href),
        None => page,
    }
}

/// What is closed to people of this client: the way back is the one to sign in.
pub(crate) fn closed(visit: &Visit, opened: &Opened, key: &'static str, back: Option<&'static str>) -> Response {
    let mut page = error_view(visit, Message::of(key));
    page.chrome.flow = Some(opened.sealed.clone());
    if let Some(path) = back {
        page.back = Link {
            href: page.chrome.link(path),
            text: page.chrome.t("go-login").into_owned(),
        };
    }
    html(visit, StatusCode::FORBIDDEN, &view::render(&page))
}

/// A failure of ours: logged here, once; the page has the id.
pub(crate) async fn failed(visit: &Visit, error: &str) -> Response {
    tracing::warn!(error, "a page could not be shown");
    let mut response = error_page(visit, StatusCode::SERVICE_UNAVAILABLE, "error-unavailable").await;
    response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from_static("2"));
    response
}

/// An authorization request that was refused.
pub(crate) async fn refused(visit: &Visit, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Answer(response, error) => {
            tracing::info!(error.code = error.code.as_str(), error.detail = error.detail, "{}", error.description);
            answer(visit, &response)
        }
        Refusal::Page(Fault::ExpiredRequest) => expired(visit, None).await,
        Refusal::Page(fault) => {
            let (key, code) = match fault {
                Fault::UnknownClient => ("client-unknown", "unknown_client"),
                Fault::BadRedirectUri => ("redirect-unregistered", "redirect_uri"),
                Fault::BadRequest | Fault::ExpiredRequest => ("error-request", "invalid_request"),
            };
            tracing::info!(error.code = code, "an authorization request was refused by a page");
            let message = Message::of(key).with("id", visit.request_id.clone());
            html(visit, StatusCode::BAD_REQUEST, &view::render(&error_view(visit, message).with_code(code)))
        }
        Refusal::Failed(error) => failed(visit, &error.to_string()).await,
    }
}

/// A route that exists, by another method.
pub(crate) async fn wrong_method(visit: Visit) -> Response {
    if visit.here.starts_with("/oauth2/") || visit.here.starts_with("/api/") {
        return crate::error::wrong_method();
    }
    error_page(&visit, StatusCode::METHOD_NOT_ALLOWED, "error-method").await
}

/// What no route answers.
pub(crate) async fn not_found(visit: Visit) -> Response {
    not_found_page(&visit)
}

/// The same where a route has a name in it that nothing has.
pub(crate) fn not_found_page(visit: &Visit) -> Response {
    let page = ErrorPage::not_found(chrome(visit, None, None), &visit.request_id);
    html(visit, StatusCode::NOT_FOUND, &view::render(&page))
}
