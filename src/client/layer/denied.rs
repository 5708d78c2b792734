//! The one table from why a call does not pass to what it is answered.

use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use tonic::Status;

use crate::client::Refusal;

/// What the content type of every gRPC call begins with.
const GRPC: &[u8] = b"application/grpc";

/// Why a call does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    NoToken,
    Malformed,
    BadToken,
    LacksScope,
    Unknown,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Inactive => Self::BadToken,
            Refusal::Unknown(_) => Self::Unknown,
        }
    }
}

impl Denied {
    fn grpc(self) -> Status {
        match self {
            Self::NoToken => Status::unauthenticated("a bearer token is required"),
            Self::Malformed => Status::unauthenticated("the authorization is malformed"),
            Self::BadToken => Status::unauthenticated("the token is not good here"),
            Self::LacksScope => Status::permission_denied("the token lacks a scope"),
            Self::Unknown => Status::unavailable("the token cannot be checked now"),
        }
    }

    fn http(self) -> StatusCode {
        match self {
            Self::NoToken | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::LacksScope => StatusCode::FORBIDDEN,
            Self::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Which way a caller is to be answered.
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
}

/// The values of `WWW-Authenticate` (RFC 6750 §3).
#[derive(Clone, Debug)]
pub(super) struct Challenges {
    no_token: HeaderValue,
    malformed: HeaderValue,
    bad_token: HeaderValue,
    lacks_scope: HeaderValue,
}

impl Challenges {
    pub(super) fn new(audience: Option<&str>, scopes: &[String]) -> Self {
        // At least one parameter is needed (RFC 6750 §3).
        let realm = format!("Bearer realm={}", quoted(audience.unwrap_or("service")));
        let scope = quoted(&scopes.join(" "));
        let challenge = |parameters: &str| {
            let value = format!("{realm}{parameters}").parse();
            value.unwrap_or(HeaderValue::from_static("Bearer realm=\"service\""))
        };
        Self {
            no_token: challenge(""),
            malformed: challenge(", error=\"invalid_request\""),
            bad_token: challenge(", error=\"invalid_token\""),
            lacks_scope: challenge(&format!(", error=\"insufficient_scope\", scope={scope}")),
        }
    }

    fn of(&self, denied: Denied) -> Option<&HeaderValue> {
        match denied {
            Denied::NoToken => Some(&self.no_token),
            Denied::Malformed => Some(&self.malformed),
            Denied::BadToken => Some(&self.bad_token),
            Denied::LacksScope => Some(&self.lacks_scope),
            Denied::Unknown => None,
        }
    }

    /// What the caller is answered: no body, as gRPC a response of trailers only.
    pub(super) fn answer<B: Default>(&self, denied: Denied, dialect: Dialect) -> Response<B> {
        if dialect == Dialect::Grpc {
            return denied.grpc().into_http();
        }
        let mut response = Response::new(B::default());
        *response.status_mut() = denied.http();
        match self.of(denied) {
            Some(challenge) => {
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge.clone());
            }
            None => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
        }
        response
    }
}

/// As a quoted string (RFC 9110 §5.6.4); what cannot stand in one is left out.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars().filter(|character| matches!(character, ' '..='~')) {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}
