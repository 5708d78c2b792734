//! The public keys that verify signed access tokens (RFC 7517 §5, RFC 8414 §2 `jwks_uri`).

use axum::{body::Body, extract::Request, response::Response};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH},
};
use sha2::{Digest as _, Sha256};

use super::{answer, failure::Failure, front::Front};
use crate::{service::Jwks, store::Store};

/// Type of a key set (RFC 7517 §8.5.2).
pub(super) const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");

impl<S: Store> Front<S> {
    /// Answers the key set, or that it is the one that the verifier has.
    ///
    /// # Errors
    /// `Method` unless it is a GET or HEAD; `Unavailable` while the service is not open, and where it may lack a key.
    pub(super) fn jwks(&self, request: &Request) -> Result<Response, Failure> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Failure::Method { allow: "GET, HEAD" });
        }
        let service = self.service.get()?;
        Ok(response(service.signing_keys().jwks(service.now())?, request.headers()))
    }
}

fn response(Jwks { text, max_age }: Jwks, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&text)[..16]));
    let is_known = asked.get_all(IF_NONE_MATCH).iter().any(|known| names(known, &tag));
    let mut response = if is_known {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        answer::typed(StatusCode::OK, JWK_SET, Body::from(text))
    };
    let kept = match max_age.as_secs() {
        0 => return response,
        seconds => format!("public, max-age={seconds}"),
    };
    let headers = response.headers_mut();
    for (name, value) in [(CACHE_CONTROL, kept), (ETAG, tag)] {
        // Both are plain ASCII.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

/// Returns whether an `If-None-Match` names the tag, also as a weak one (RFC 9110 §13.1.2).
fn names(known: &HeaderValue, tag: &str) -> bool {
    let listed = known.to_str().unwrap_or_default().split(',').map(str::trim);
    listed.into_iter().any(|each| each == "*" || each.trim_start_matches("W/") == tag)
}
