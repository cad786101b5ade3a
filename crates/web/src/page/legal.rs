//! Legal documents, and the files of the pages.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderValue, StatusCode};

use super::{chrome, html, not_found};
use crate::assets;
use crate::brand::documents::Kind;
use crate::site::Site;
use crate::view::{self, DocumentPage};
use crate::visit::Visit;

/// `GET /legal/{document}`
pub(crate) async fn document(State(site): State<Site>, visit: Visit, Path(name): Path<String>) -> Response {
    let Some(document) = Kind::of_name(&name).and_then(|kind| site.documents.current(kind)) else {
        return not_found(visit).await;
    };
    html(
        &visit,
        StatusCode::OK,
        &view::render(&DocumentPage { chrome: chrome(&visit, None, None), document }),
    )
}

/// `GET /assets/{file}`: the hash is part of the name, so it may be kept for ever.
pub(crate) async fn asset(State(site): State<Site>, visit: Visit) -> Response {
    let path = visit.here.split('?').next().unwrap_or_default();
    let Some(asset) = site.assets.find(path) else {
        return not_found(visit).await;
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (CACHE_CONTROL, HeaderValue::from_static(assets::CACHE_CONTROL)),
        (ETAG, HeaderValue::from_str(&asset.etag).unwrap_or(HeaderValue::from_static("\"asset\""))),
    ];
    (headers, asset.bytes.clone().into_owned()).into_response()
}
