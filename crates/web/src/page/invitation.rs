//! An invitation, from its code to the way on: the digits that `/code` takes, and `/code/invitation`.
//!
//! 1. `/code` asks for the contact beside the digits: why is said in `kabinet_identity::invitation`. Whatever does not fit gets one answer.
//! 2. A right pair leads to `/code/invitation` with a ticket that is good in this browser alone. The page names the action in full: who
//!    invites, into what, which contact is confirmed.
//! 3. Where the contact has no account, the person sets a password and agrees as at `/register`; no second code is asked for, and a
//!    registration that is closed stops nobody who is invited. Country rules and the lists of client and brand hold.
//! 4. Where it has one, its owner signs in first and then accepts: the code alone signs nobody in.
//! 5. The same page says that it is done, to the same person alone, and leads on: to the request that the person came with, or to the
//!    product that the invitation names.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use kabinet_core::authn::Session;
use kabinet_core::client::Client;
use kabinet_core::contact::{Contact, ContactKind};
use kabinet_core::id::{ClientId, UserId};
use kabinet_core::invitation::{Invitation, State};
use kabinet_core::scope::INVITE;
use kabinet_identity::{InvitedError, TryError};
use kabinet_oidc::sealed::Target;

use super::login::signed_in;
use super::register::{documents, password_message, password_status};
use super::ways::Ways;
use super::{Opened, chrome, closed, failed, flow_or_page, html, onward, to};
use crate::form::{Asked, Form};
use crate::view::{self, Chrome, Errors, InvitationPage, InvitedWay, Message, Told, UserCodePage, with_query};
use crate::visit::Visit;

const HERE: &str = "/code/invitation";

/// What a form says, and its status.
type Said = (Errors, StatusCode);

/// `POST /code` with digits.
pub(crate) async fn entered(visit: &Visit, opened: &Opened, form: &Form, code: &str) -> Response {
    let typed = form.get("contact");
    if !form.has("contact") {
        return ask(visit, opened, (code, ""), (Errors::none(), StatusCode::OK));
    }
    let kind = if typed.contains('@') {
        ContactKind::Email
    } else {
        ContactKind::Phone
    };
    let Some(contact) = Contact::parse(kind, typed) else {
        let invalid = Errors::field("contact", Message::of("invitation-contact-invalid"));
        return ask(visit, opened, (code, typed), (invalid, StatusCode::UNPROCESSABLE_ENTITY));
    };
    match visit
        .site
        .identity
        .try_invitation(&contact, code, &visit.person(Some(&opened.flow)))
        .await
    {
        Ok(ticket) => to(visit, &address(opened, &ticket)),
        Err(TryError::Wrong) => {
            let wrong = Errors::field("code", Message::of("invitation-wrong"));
            ask(visit, opened, (code, typed), (wrong, StatusCode::UNPROCESSABLE_ENTITY))
        }
        Err(TryError::Limited { seconds }) => {
            let many = Errors::whole(Message::of("user-code-many"));
            let page = ask(visit, opened, (code, typed), (many, StatusCode::TOO_MANY_REQUESTS));
            ([(RETRY_AFTER, seconds.unsigned_abs().to_string())], page).into_response()
        }
        Err(TryError::Store(error)) => failed(visit, &error.to_string()).await,
    }
}

fn ask(visit: &Visit, opened: &Opened, (code, contact): (&str, &str), (errors, status): Said) -> Response {
    let page = UserCodePage {
        chrome: chrome(visit, Some(opened), None),
        value: code.to_owned(),
        compare: false,
        contact: Some(contact.chars().take(320).collect()),
        errors,
    };
    html(visit, status, &view::render(&page))
}

fn address(opened: &Opened, ticket: &str) -> String {
    with_query(&with_query(HERE, "flow", &opened.sealed), "entered", ticket)
}

/// An invitation that somebody has proven to be theirs.
struct Arrived {
    opened: Opened,
    ticket: String,
    invitation: Invitation,
    /// Whose account has the contact.
    holder: Option<UserId>,
    /// The client that invites.
    inviter: Option<Arc<Client>>,
    /// The product that it leads to.
    product: Option<Arc<Client>>,
}

impl Arrived {
    /// The session of the account that has the contact.
    fn own<'a>(&self, sessions: &'a [Session]) -> Option<&'a Session> {
        sessions.iter().find(|session| Some(&session.user_id) == self.holder.as_ref())
    }

    /// Where the person goes on, and its words.
    fn onward(&self, visit: &Visit) -> (String, Message) {
        let product = chrome(visit, None, None).product();
        if self.opened.flow.request().is_some() {
            return (onward(&self.opened), Message::of("invitation-onward").with("product", product));
        }
        let place = self.product.as_ref().and_then(|client| way_to(visit, client));
        match place {
            Some(place) => (place, Message::of("invitation-onward").with("product", product)),
            None => ("/account".to_owned(), Message::of("back-home")),
        }
    }
}

/// Where a client begins a sign-in (OpenID Connect Core §4), or its own page.
fn way_to(visit: &Visit, client: &Client) -> Option<String> {
    let metadata = &client.metadata;
    let begins = metadata.initiate_login_uri.as_ref().map(|uri| {
        let more = form_urlencoded::Serializer::new(String::new())
            .append_pair("iss", &visit.site.config.issuer)
            .finish();
        format!("{uri}{}{more}", if uri.contains('?') { '&' } else { '?' })
    });
    begins.or_else(|| metadata.client_uri.clone())
}

async fn arrived(visit: &Visit, flow: &str, ticket: &str) -> Result<Arrived, Response> {
    let opened = flow_or_page(visit, flow).await?;
    let identity = &visit.site.identity;
    let (invitation, holder) = match identity.invited(ticket, &visit.person(Some(&opened.flow))).await {
        Ok(Some(found)) => found,
        Ok(None) => return Err(over(visit, &opened)),
        Err(error) => return Err(failed(visit, &error.to_string()).await),
    };
    let inviter = client(visit, invitation.inviter.as_ref()).await?;
    let inviter = inviter.filter(|client| client.metadata.scope.has(INVITE));
    // Whoever may invite no more has invited nobody.
    if invitation.inviter.is_some() && inviter.is_none() {
        return Err(over(visit, &opened));
    }
    let product = client(visit, invitation.particulars.client_id.as_ref()).await?;
    if let Some(product) = &product
        && let Err(error) = visit.belongs_to(&product.id).await
    {
        return Err(failed(visit, &error.to_string()).await);
    }
    Ok(Arrived {
        opened,
        ticket: ticket.to_owned(),
        invitation,
        holder,
        inviter,
        product,
    })
}

async fn client(visit: &Visit, id: Option<&ClientId>) -> Result<Option<Arc<Client>>, Response> {
    let Some(id) = id else { return Ok(None) };
    match visit.site.provider.client(id).await {
        Ok(found) => Ok(found),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

fn over(visit: &Visit, opened: &Opened) -> Response {
    let over = Errors::whole(Message::of("invitation-over"));
    ask(visit, opened, ("", ""), (over, StatusCode::CONFLICT))
}

/// `GET /code/invitation`
pub(crate) async fn get(visit: Visit, asked: Asked) -> Response {
    match arrived(&visit, &asked.flow, &asked.entered).await {
        Ok(arrived) => show(&visit, &arrived, false, (Errors::none(), StatusCode::OK)).await,
        Err(response) => response,
    }
}

async fn show(visit: &Visit, arrived: &Arrived, pd_consent: bool, (errors, status): Said) -> Response {
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    let own = arrived.own(&sessions);
    match arrived.invitation.state(visit.site.clock.now()) {
        State::Accepted if own.is_some_and(|own| Some(&own.user_id) == arrived.invitation.user_id.as_ref()) => {
            return done(visit, arrived);
        }
        State::Accepted | State::Withdrawn => return over(visit, &arrived.opened),
        // The ticket was given in time.
        State::Pending | State::Expired | State::Spent => {}
    }
    let way = if own.is_some() {
        InvitedWay::Join
    } else if arrived.holder.is_some() {
        let kind = arrived.invitation.contact.kind().as_str();
        match returning(visit, arrived).await {
            Ok(back) => InvitedWay::SignIn {
                href: format!("/login?flow={}&another=1&by={kind}", back.sealed),
            },
            Err(response) => return response,
        }
    } else if let Some(refusal) = Ways::of(visit).refusal(arrived.invitation.contact.kind()) {
        return html(visit, StatusCode::FORBIDDEN, &view::render(&super::error_view(visit, refusal)));
    } else if Ways::of(visit).has_invited_form() {
        InvitedWay::Register {
            pd_consent,
            password_min: visit.site.config.password_length.0,
        }
    } else {
        return closed(visit, &arrived.opened, "registration-closed", Some("/login"));
    };
    let page = InvitationPage {
        chrome: Chrome {
            here: address(&arrived.opened, &arrived.ticket),
            ..chrome(visit, Some(&arrived.opened), None)
        },
        contact: arrived.invitation.contact.clone(),
        by: arrived.inviter.as_ref().map(|client| client.metadata.client_name.clone()),
        organisation: arrived.invitation.particulars.organisation.clone(),
        way,
        hidden: vec![("entered", arrived.ticket.clone())],
        errors,
    };
    html(visit, status, &view::render(&page))
}

fn done(visit: &Visit, arrived: &Arrived) -> Response {
    let mut lines = vec![Message::of("invitation-accepted-contact")];
    let chrome = chrome(visit, Some(&arrived.opened), None);
    if let Some(organisation) = &arrived.invitation.particulars.organisation {
        let name = chrome.quoted(&organisation.name);
        lines.push(Message::of("invitation-accepted-into").with("organisation", name));
    }
    let page = Told {
        heading: Message::of("invitation-accepted"),
        lines,
        onward: arrived.onward(visit),
        chrome,
    };
    html(visit, StatusCode::OK, &view::render(&page))
}

/// A flow whose end is this page.
async fn returning(visit: &Visit, arrived: &Arrived) -> Result<Opened, Response> {
    let target = Target::Page(address(&arrived.opened, &arrived.ticket));
    let flow = visit.site.provider.new_flow(target, &visit.binding_hash());
    match visit.site.provider.seal(&flow, &visit.network()).await {
        Ok(sealed) => Ok(Opened { flow, sealed }),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// `POST /code/invitation`
pub(crate) async fn post(visit: Visit, form: Form) -> Response {
    let arrived = match arrived(&visit, form.get("flow"), form.get("entered")).await {
        Ok(arrived) => arrived,
        Err(response) => return response,
    };
    let consents = form.has("pd-consent");
    if !visit.accepts(&form) {
        let stale = Errors::whole(Message::of("form-stale"));
        return show(&visit, &arrived, consents, (stale, StatusCode::OK)).await;
    }
    if form.has("accept") {
        return join(&visit, &arrived).await;
    }
    // As the page says: nobody registers past it.
    if arrived.holder.is_some()
        || Ways::of(&visit).refusal(arrived.invitation.contact.kind()).is_some()
        || !Ways::of(&visit).has_invited_form()
    {
        return show(&visit, &arrived, consents, (Errors::none(), StatusCode::OK)).await;
    }
    let (errors, status) = read(&visit, &form);
    if !errors.is_empty() {
        return show(&visit, &arrived, consents, (errors, status)).await;
    }
    let site = &visit.site;
    let agreed = documents(site, visit.client());
    let person = visit.person(Some(&arrived.opened.flow));
    let proof = match site
        .identity
        .register_invited(&arrived.ticket, (&form.secret("password"), agreed), &person)
        .await
    {
        Ok(proof) => proof,
        Err(error) => return refuse(&visit, &arrived, consents, error).await,
    };
    metrics::counter!("kabinet_registrations_total").increment(1);
    let here = address(&arrived.opened, &arrived.ticket);
    if arrived.opened.flow.request().is_some() {
        return signed_in(&visit, &arrived.opened, proof, false, &here).await;
    }
    match returning(&visit, &arrived).await {
        Ok(back) => signed_in(&visit, &back, proof, false, &here).await,
        Err(response) => response,
    }
}

/// What is wrong with the fields, before anything is hashed.
fn read(visit: &Visit, form: &Form) -> Said {
    if form.is_oversized("password") {
        let long = password_message(&kabinet_core::password::BadPassword::TooLong, visit);
        return (Errors::field("password", long), StatusCode::BAD_REQUEST);
    }
    let mut errors = Errors::none();
    if form.get("password").is_empty() {
        errors = errors.and("password", Message::of("password-missing"));
    }
    if !form.has("pd-consent") {
        errors = errors.and("pd-consent", Message::of("consent-missing").with("place", "register"));
    }
    (errors, StatusCode::UNPROCESSABLE_ENTITY)
}

async fn join(visit: &Visit, arrived: &Arrived) -> Response {
    let sessions = match visit.sessions().await {
        Ok(sessions) => sessions,
        Err(error) => return failed(visit, &error.to_string()).await,
    };
    // Signed out meanwhile: the page asks to sign in.
    let Some(own) = arrived.own(&sessions) else {
        return show(visit, arrived, false, (Errors::none(), StatusCode::OK)).await;
    };
    let person = visit.person(Some(&arrived.opened.flow));
    match visit.site.identity.join_invited(&arrived.ticket, own, &person).await {
        Ok(()) => {
            visit.site.provider.changed().await;
            to(visit, &address(&arrived.opened, &arrived.ticket))
        }
        Err(error) => refuse(visit, arrived, false, error).await,
    }
}

async fn refuse(visit: &Visit, arrived: &Arrived, consents: bool, error: InvitedError) -> Response {
    let said = match error {
        InvitedError::Over => return over(visit, &arrived.opened),
        // Somebody has just registered it: the page leads to the sign-in.
        InvitedError::Taken => return to(visit, &address(&arrived.opened, &arrived.ticket)),
        InvitedError::TooMany => {
            (Errors::whole(Message::of("organisations-too-many")), StatusCode::UNPROCESSABLE_ENTITY)
        }
        InvitedError::Password(bad) => {
            (Errors::field("password", password_message(&bad, visit)), password_status(&bad))
        }
        InvitedError::Busy { seconds } => {
            let busy = (Errors::whole(Message::of("login-busy")), StatusCode::SERVICE_UNAVAILABLE);
            let mut response = show(visit, arrived, consents, busy).await;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
            return response;
        }
        InvitedError::Store(error) => return failed(visit, &error.to_string()).await,
    };
    show(visit, arrived, consents, said).await
}
