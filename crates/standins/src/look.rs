//! What the pages of stand-ins and demonstration products have in common: the style sheet, the icon, the headers.

use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse, Response};

const CSS: &str = include_str!("../assets/page.css");

/// No script, nothing from elsewhere, in no frame.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every page: it shows codes or claims, so nothing keeps it and nobody else sees its address.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The two colours that a page is drawn in, `#rrggbb`.
#[derive(Clone, Copy, Debug)]
pub struct Colours {
    /// Ground of the mark and of the main button.
    pub ground: &'static str,
    /// Text on that ground.
    pub ink: &'static str,
    /// Links on a light and on a dark page.
    pub links: (&'static str, &'static str),
}

/// A page from its finished text.
#[must_use]
pub fn page(text: String) -> Response {
    (HEADERS, Html(text)).into_response()
}

/// A page whose form leads to another site: browsers hold the rule for forms against every address on the way there, so
/// there is none.
#[must_use]
pub fn leaving(text: String) -> Response {
    let mut response = page(text);
    let policy = POLICY.replace("form-action 'self'; ", "");
    if let Ok(policy) = policy.parse() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The style sheet.
#[must_use]
pub fn stylesheet(colours: Colours) -> Response {
    let Colours { ground, ink, links: (light, dark) } = colours;
    let css = format!(":root{{--brand:{ground};--brand-ink:{ink};--link:light-dark({light},{dark})}}\n{CSS}");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css).into_response()
}

/// The icon: a square in the page's colour.
#[must_use]
pub fn icon(colours: Colours) -> Response {
    let Colours { ground, ink, .. } = colours;
    let svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="{ground}"/><circle cx="16" cy="16" r="6" fill="{ink}"/></svg>"#
    );
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}
