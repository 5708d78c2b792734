//! Answers rejected calls in the form of their protocol.

use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tonic::Status;

use crate::bearer::{Denial, Requirement};

/// Prefix of the content type of every gRPC call.
const GRPC: &[u8] = b"application/grpc";

/// The protocol of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Grpc,
    Http,
}

impl Dialect {
    pub(super) fn of(request: &HeaderMap) -> Self {
        let content_type = request.get(CONTENT_TYPE);
        let grpc = content_type.is_some_and(|value| value.as_bytes().starts_with(GRPC));
        if grpc { Self::Grpc } else { Self::Http }
    }

    /// Returns the answer: without a body, for gRPC a response of trailers only.
    pub(super) fn answer<B: Default>(
        self,
        denial: Denial,
        requirement: &Requirement,
    ) -> Response<B> {
        match self {
            Self::Grpc => Status::new(denial.code(), denial.message()).into_http(),
            Self::Http => refused(denial, requirement),
        }
    }
}

fn refused<B: Default>(denial: Denial, requirement: &Requirement) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = denial.http();
    let mut set = |name: HeaderName, value: Option<HeaderValue>| {
        response.headers_mut().extend(value.map(|value| (name, value)));
    };
    let challenge = requirement.challenge(denial);
    set(WWW_AUTHENTICATE, challenge.and_then(|challenge| challenge.try_into().ok()));
    set(RETRY_AFTER, denial.retry_after_seconds().map(HeaderValue::from));
    response
}
