//! One request: behaviour, checks, answer.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request as HttpRequest};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;

use super::form::{Form, Refusal};
use super::{Behaviour, Control, Taken};

/// A request with its fields: those of the query, and those of a form or of a JSON object.
pub(super) struct Request {
    pub(super) headers: HeaderMap,
    pub(super) method: Method,
    fields: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequest<S> for Request {
    type Rejection = StatusCode;

    async fn from_request(request: HttpRequest, state: &S) -> Result<Self, StatusCode> {
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let body = Bytes::from_request(request, state).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
        let mut fields: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("application/json") {
            fields.extend(object(&body).ok_or(StatusCode::BAD_REQUEST)?);
        } else {
            fields.extend(form_urlencoded::parse(&body).into_owned());
        }
        Ok(Self { headers, method, fields })
    }
}

fn object(body: &[u8]) -> Option<Vec<(String, String)>> {
    let Value::Object(object) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    let word = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Some(object.into_iter().map(|(name, value)| (name, word(value))).collect())
}

impl Request {
    /// A field's value; empty where there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value.as_str())
    }

    /// What follows the scheme in `Authorization`.
    pub(super) fn authorization(&self, scheme: &str) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        value.strip_prefix(scheme)?.strip_prefix(' ')
    }
}

pub(super) async fn answer(control: &Control, form: Form, request: &Request) -> Response {
    let behaviour = control.behaviour();
    match &behaviour {
        Behaviour::TooMany => return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], "").into_response(),
        Behaviour::ServerError => {
            return (StatusCode::INTERNAL_SERVER_ERROR, "<html>Internal Server Error</html>").into_response();
        }
        Behaviour::Delay(duration) => tokio::time::sleep(*duration).await,
        _ => {}
    }
    if let Behaviour::Refuse(code) = &behaviour {
        return form.refuse(request, &Refusal::asked(code));
    }
    if let Err(refusal) = form.check(request).and_then(|()| known(control, form, request)) {
        return form.refuse(request, &refusal);
    }
    if form.only_asks(request) {
        return form.price();
    }
    if behaviour == Behaviour::Duplicate {
        keep(control, form, request);
    }
    let taken = keep(control, form, request);
    match behaviour {
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Reset => broken(),
        _ => form.accept(request, &taken),
    }
}

/// Whether `/generic` has the message already.
fn known(control: &Control, form: Form, request: &Request) -> Result<(), Refusal> {
    let ours = form.ours(request);
    let is_known = ours.is_some() && control.state().taken.iter().any(|one| one.form == form && one.ours == ours);
    if is_known { Err(Refusal::of("duplicate")) } else { Ok(()) }
}

fn keep(control: &Control, form: Form, request: &Request) -> Taken {
    let taken = Taken {
        form,
        id: form.id(control.number()),
        to: form.to(request).to_owned(),
        text: form.text(request).to_owned(),
        sender: form.sender(request).to_owned(),
        ours: form.ours(request),
        at: control.now().0,
    };
    control.keep(taken.clone());
    taken
}

/// An answer that ends before the length that it announced.
fn broken() -> Response {
    let pieces = stream::iter([Ok(Bytes::from_static(b"{")), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    ([(header::CONTENT_LENGTH, "64")], Body::from_stream(pieces)).into_response()
}
