//! Legal documents, the files of the pages, and the pictures of clients.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use kabinet_core::document::{Document, Documents, EVERY_BRAND, Head, Kind};

use super::{chrome, failed, html, not_found};
use crate::assets;
use crate::form::Asked;
use crate::view::{self, DocumentPage};
use crate::visit::Visit;

/// `GET /legal/{document}`: what is in force for the `brand`, or one `version` as it was.
pub(crate) async fn document(visit: Visit, Path(name): Path<String>, asked: Asked) -> Response {
    let documents = visit.site.provider.documents();
    let Some(kind) = Kind::of_name(&name) else {
        return not_found(visit).await;
    };
    let brand = Some(asked.brand.as_str()).filter(|brand| !brand.is_empty());
    let found = if asked.version.is_empty() {
        documents.in_force(kind, brand).cloned()
    } else {
        match documents.find(kind, brand.unwrap_or(EVERY_BRAND), &asked.version) {
            Some(head) => match text(&visit, &documents, head).await {
                Ok(found) => found,
                Err(response) => return response,
            },
            None => None,
        }
    };
    let Some(document) = found else {
        return not_found(visit).await;
    };
    let is_former = !documents.is_in_force(&document.head);
    let page = DocumentPage {
        chrome: chrome(&visit, None, None),
        document: &document,
        is_former,
    };
    html(&visit, StatusCode::OK, &view::render(&page))
}

/// The text of a version: from memory, or as it was published.
async fn text(visit: &Visit, documents: &Documents, head: &Head) -> Result<Option<Arc<Document>>, Response> {
    if let Some(document) = documents.text_of(head) {
        return Ok(Some(document.clone()));
    }
    match visit.site.identity.document(head).await {
        Ok(document) => Ok(document.map(Arc::new)),
        Err(error) => Err(failed(visit, &error.to_string()).await),
    }
}

/// `GET /assets/{file}`: the hash is part of the name, so it may be kept for ever.
pub(crate) async fn asset(visit: Visit, headers: HeaderMap) -> Response {
    let path = visit.here.split('?').next().unwrap_or_default();
    let Some(asset) = assets::find(&visit.brands, path) else {
        return not_found(visit).await;
    };
    let packed = asset.packed.filter(|_| takes_gzip(&headers));
    // RFC 9110 §8.8.3.3: what is packed is another representation, with a tag of its own.
    let etag = if packed.is_some() {
        asset.etag.replacen('"', "\"gzip-", 1)
    } else {
        asset.etag
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (CACHE_CONTROL, HeaderValue::from_static(assets::CACHE_CONTROL)),
        (ETAG, HeaderValue::from_str(&etag).unwrap_or(HeaderValue::from_static("\"asset\""))),
        (VARY, HeaderValue::from_static("accept-encoding")),
    ];
    match packed {
        Some(packed) => (headers, [(CONTENT_ENCODING, "gzip")], packed).into_response(),
        None => (headers, asset.bytes.into_owned()).into_response(),
    }
}

/// RFC 9110 §12.5.3, as far as browsers go: `gzip` is named and not with `q=0`.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let named = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|line| line.split(',')).any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1").parse::<f32>();
        coding.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// `GET /logos/{hash}`: a picture that somebody else made. Its type is what it is by content, nothing guesses another
/// (`nosniff` stands in every answer), and opened by itself it can do nothing.
pub(crate) async fn logo(visit: Visit, Path(hash): Path<String>) -> Response {
    let (format, bytes) = match visit.site.provider.logo(&hash).await {
        Ok(Some(found)) => found,
        Ok(None) => return not_found(visit).await,
        Err(error) => return failed(&visit, &error.to_string()).await,
    };
    let headers = [
        (CONTENT_TYPE, format.media_type()),
        (CACHE_CONTROL, assets::CACHE_CONTROL),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    (headers, bytes).into_response()
}
