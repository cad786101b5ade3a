//! Forms: what was posted, and the token that proves the page was ours.
//!
//! A token is `time.code`, the code over the browser's binding and the time. One of another browser or too old does nothing:
//! the same step is shown again with a new token and what was typed, secrets aside.

use std::borrow::Cow;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use kabinet_core::contact::ContactKind;
use kabinet_core::password::MAX_BYTES;
use kabinet_core::secret::Secret;
use kabinet_core::time::Timestamp;
use kabinet_identity::Solution;
use kabinet_oidc::request::Params;

use crate::error;
use crate::page::error_page;
use crate::site::Site;
use crate::visit::Visit;

/// How long a page may stay open before its form must be shown again, seconds.
const LIFE: i64 = 12 * 3600;

/// What the address of a page may say; one that cannot be read gets an error page.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The sealed flow; empty when there is none.
    pub(crate) flow: String,
    /// Which kind of contact to ask for.
    pub(crate) by: Option<ContactKind>,
    /// A confirmation.
    pub(crate) id: String,
    /// «Войти в другой аккаунт».
    pub(crate) another: bool,
    /// A code was sent again.
    pub(crate) sent: bool,
    /// What happened before.
    pub(crate) done: String,
    /// To how many.
    pub(crate) count: u32,
    /// Whose legal document.
    pub(crate) brand: String,
    /// Which version of it.
    pub(crate) version: String,
    /// Somebody who has signed with a certificate, sealed.
    pub(crate) signer: String,
    /// The code of a device, from a QR code.
    pub(crate) user_code: String,
    /// A code that was typed, sealed.
    pub(crate) entered: String,
    /// A merge that is to be undone.
    pub(crate) undo: String,
}

impl FromRequestParts<Site> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        match Self::read(parts.uri.query().unwrap_or_default()) {
            Some(asked) => Ok(asked),
            None => Err(error_page(&Visit::of(parts, site), StatusCode::BAD_REQUEST, "error-request").await),
        }
    }
}

impl Asked {
    /// Reads a query; `None` when something stands twice or is none of what it may be.
    fn read(query: &str) -> Option<Self> {
        let query = Params::parse(query.as_bytes());
        query.sound().ok()?;
        let text = |name| query.get(name).unwrap_or_default().to_owned();
        let by = match query.get("by") {
            Some(by) => Some(ContactKind::parse(by)?),
            None => None,
        };
        Some(Self {
            flow: text("flow"),
            by,
            id: text("id"),
            another: query.get("another").is_some(),
            sent: query.get("sent").is_some(),
            done: text("done"),
            count: query.get("count").and_then(|count| count.parse().ok()).unwrap_or_default(),
            brand: text("brand"),
            version: text("version"),
            signer: text("signer"),
            user_code: text("user_code"),
            entered: text("entered"),
            undo: text("undo"),
        })
    }
}

/// A posted form.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The value of a field; empty when it is missing.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// The boxes that are ticked of those whose names start with `prefix`, without it.
    pub(crate) fn ticked(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(move |(name, _)| name.strip_prefix(prefix))
    }

    /// The contact that the form asked for, as typed: an address where it has the field `email`, else a phone.
    pub(crate) fn identifier(&self) -> (ContactKind, String) {
        let kind = if self.has("email") {
            ContactKind::Email
        } else {
            ContactKind::Phone
        };
        (kind, self.get(kind.as_str()).to_owned())
    }

    /// Whether a box is ticked or a button was pressed.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The name of the first field that starts with `prefix`, without it.
    pub(crate) fn suffix(&self, prefix: &str) -> Option<&str> {
        self.0.iter().find_map(|(name, _)| name.strip_prefix(prefix))
    }

    /// What was done for it, where its page asked for work.
    pub(crate) fn solution(&self) -> Solution {
        Solution::new(self.get("work"), self.get("work-answer"))
    }

    /// Whether a secret is too long to be a password in any form.
    pub(crate) fn is_oversized(&self, name: &str) -> bool {
        self.get(name).len() > 4 * MAX_BYTES
    }

    /// A secret that was typed.
    pub(crate) fn secret(&self, name: &str) -> Secret {
        Secret::from(self.get(name))
    }
}

impl FromRequest<Site> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let visit = Visit::of(&parts, site);
        let body = match body_of(Request::from_parts(parts, body), site).await {
            Ok(body) => body,
            Err(answer) => {
                let status = answer.status();
                let key = if status == StatusCode::PAYLOAD_TOO_LARGE {
                    "error-too-large"
                } else {
                    "error-request"
                };
                return Err(error_page(&visit, status, key).await);
            }
        };
        // As in HTML §13.2.3.5; PostgreSQL takes none in a text.
        let sound = |text: Cow<'_, str>| text.replace('\0', "\u{fffd}");
        let fields = form_urlencoded::parse(&body).map(|(name, value)| (sound(name), sound(value)));
        Ok(Self(fields.collect()))
    }
}

/// The body of a form post, or the answer to give instead.
pub(crate) async fn body_of(request: Request, site: &Site) -> Result<Bytes, Response> {
    let content_type = request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(error::unsupported_type());
    }
    Bytes::from_request(request, site).await.map_err(|_| error::too_large())
}

impl Visit {
    fn now(&self) -> Timestamp {
        self.site.clock.now()
    }

    /// A token for the forms of this page.
    pub(crate) fn form_token(&self) -> String {
        let at = self.now().0.to_string();
        let code = self.site.form_stamper.stamp(&[&self.binding, &at]);
        format!("{at}.{code}")
    }

    /// Whether a posted form came from a page that we showed to this browser lately.
    pub(crate) fn accepts(&self, form: &Form) -> bool {
        if self.binding_is_new || self.is_foreign() {
            return false;
        }
        let Some((at, code)) = form.get("form-token").split_once('.') else {
            return false;
        };
        let fresh = at.parse::<i64>().is_ok_and(|at| (0..LIFE).contains(&self.now().since(Timestamp(at))));
        fresh && self.site.form_stamper.verify(&[&self.binding, at], code)
    }
}
