//! Answers as they leave: with a type or empty, and kept by no cache.

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA},
};
use serde::Serialize;

/// The type of almost every answer.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(text) => typed(status, JSON, text),
        // Structures of strings and numbers always have a JSON text.
        Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// An answer with a body of some type.
pub(super) fn typed(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Marks an answer as nobody's to keep (RFC 6749 §5.1). Every answer, refusals included, so that no new
/// endpoint can forget the rule; the exception is one that sets how long it may be kept.
pub(super) async fn no_store(response: Response) -> Response {
    not_stored(response)
}

/// Marks one answer: see [`no_store`].
pub(super) fn not_stored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if headers.contains_key(CACHE_CONTROL) {
        return response;
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
