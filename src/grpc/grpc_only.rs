//! Refuses what is not gRPC: a browser must not call by a form, nor a health check take 200 for health.

use axum::{extract, middleware::Next, response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use tonic::{Code, Status, body::Body, metadata::MetadataValue};
use tonic_types::StatusExt as _;

use super::status;
use crate::domain::reason::Reason;

/// The content type, and with a `+` or `;` behind it the beginning of others that are gRPC.
const GRPC: &[u8] = b"application/grpc";
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
/// The one encoding of messages that is understood: none.
const IDENTITY: &str = "identity";

/// Returns the answer to a request that is no gRPC, or whose messages are compressed; `None` for
/// all others.
///
/// 405 and 415 are plain HTTP, so that clients without gRPC do not take 200 for success
/// (`PROTOCOL-HTTP2.md`, requests). A compressed message is refused as gRPC's `compression.md`
/// says.
pub(super) fn refusal<B>(request: &Request<B>) -> Option<Response<Body>> {
    if request.method() != Method::POST {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED);
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(refused);
    }
    if !is_grpc(request.headers()) {
        return Some(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let encoding = request.headers().get(ENCODING);
    encoding.filter(|encoding| *encoding != IDENTITY).map(|_| uncompressed_only().into_http())
}

/// The same in front of a service that an HTTP router leads to.
pub async fn grpc_only(request: extract::Request, next: Next) -> response::Response {
    match refusal(&request) {
        Some(refused) => refused.map(axum::body::Body::new),
        None => next.run(request).await,
    }
}

/// Type names are the same in any case (RFC 9110 §8.3.1).
fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else { return false };
    let Some((name, rest)) = value.split_at_checked(GRPC.len()) else { return false };
    name.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

fn plain(status: StatusCode) -> Response<Body> {
    let text = "gRPC only: POST, content-type application/grpc\n";
    let mut response = Response::new(Body::new(text.to_owned()));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn uncompressed_only() -> Status {
    let details = status::details(Reason::InvalidRequest);
    let text = "compressed messages are not understood: send them with grpc-encoding identity";
    let mut status = Status::with_error_details(Code::Unimplemented, text, details);
    status.metadata_mut().insert(ACCEPT_ENCODING, MetadataValue::from_static(IDENTITY));
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_application_grpc_with_a_suffix_or_parameters() {
        let is = |text: &'static str| {
            is_grpc(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(text))]))
        };
        for text in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC",
            "application/grpc;charset=utf-8",
            "application/grpc ; a=b",
        ] {
            assert!(is(text), "{text}");
        }
        for text in ["", "text/plain", "application/grpc-web", "application/grpc-web+proto"] {
            assert!(!is(text), "{text}");
        }
        assert!(!is("application/grpcx") && !is(" application/grpc") && !is("application/grp"));
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
