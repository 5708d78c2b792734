//! The one table from errors to HTTP: status, OAuth error code and headers (RFC 6749 §5.2).

use std::time::Duration;

use axum::response::Response;
use http::{
    HeaderValue, StatusCode,
    header::{ALLOW, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde::Serialize;

use super::{answer, routes::Statuses};
use crate::{
    domain::{
        cause::Cause,
        error::{Error, Incident},
    },
    service::Caller,
    transport::Malformed,
};

/// Failure of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The service refused it, or what was asked cannot be asked.
    Refused(Error),
    /// The service refused it to an administrator, who sees the cause.
    Explained(Error),
    /// The server behind an agent refused it.
    Relayed {
        /// The kind of refusal.
        error: Error,
        /// The server's words.
        text: String,
    },
    /// There is nothing at this path.
    NotFound,
    /// The path is not for this method.
    Method {
        /// Those it is for.
        allow: &'static str,
    },
    /// The body is longer than what is read.
    TooLarge {
        /// Limit in bytes.
        most: usize,
    },
    /// The body did not arrive in time.
    TooSlow,
    /// HTTP/1.1 does not allow such a request, or does not have it served.
    Malformed(Malformed),
}

impl Failure {
    /// A refusal for this caller.
    pub(super) fn to(caller: &Caller) -> impl Fn(Error) -> Self {
        let explained = caller.may_know_causes();
        move |error| if explained { Self::Explained(error) } else { Self::Refused(error) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Body that clients parse (RFC 6749 §5.2).
#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: String,
    /// Cause, for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
}

impl Failure {
    /// The answer of a path that refuses with these statuses.
    pub(super) fn response(&self, statuses: Statuses) -> Response {
        let (status, error) = self.status_and_code(statuses);
        let body = Body { error, error_description: self.text(), cause: self.cause() };
        let mut response = answer::json(status, &body);
        let challenge = (status == StatusCode::UNAUTHORIZED).then(|| self.challenge());
        let headers = [
            (WWW_AUTHENTICATE, challenge),
            (RETRY_AFTER, self.retry_after().map(whole_seconds)),
            (ALLOW, self.allow()),
            (CONNECTION, self.connection()),
        ];
        let present = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        response.headers_mut().extend(present);
        response
    }

    /// The table's own part for what HTTP itself refuses.
    pub(super) fn status_and_code(&self, statuses: Statuses) -> (StatusCode, &'static str) {
        match self {
            Self::Refused(error) | Self::Explained(error) | Self::Relayed { error, .. } => {
                of_error(error, statuses)
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "invalid_request"),
            Self::Method { .. } => (StatusCode::METHOD_NOT_ALLOWED, "invalid_request"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "invalid_request"),
            Self::Malformed(Malformed::Host) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Malformed(Malformed::TransferCoding) => {
                (StatusCode::NOT_IMPLEMENTED, "invalid_request")
            }
        }
    }

    fn cause(&self) -> Option<&'static str> {
        let Self::Explained(error) = self else { return None };
        error.cause().map(Cause::name)
    }

    fn text(&self) -> String {
        match self {
            Self::Refused(Error::Internal { incident })
            | Self::Explained(Error::Internal { incident }) => {
                format!("internal error, incident {:016x}", incident.0)
            }
            Self::Refused(error) | Self::Explained(error) => error.to_string(),
            Self::Relayed { text, .. } => text.clone(),
            Self::NotFound => "there is nothing at this path".to_owned(),
            Self::Method { .. } => "the path is not for this method".to_owned(),
            Self::TooLarge { most } => format!("the body must be at most {most} bytes"),
            Self::TooSlow => "the body did not arrive in time".to_owned(),
            Self::Malformed(Malformed::Host) => "there must be one Host header".to_owned(),
            Self::Malformed(Malformed::TransferCoding) => {
                "the transfer coding must be chunked".to_owned()
            }
        }
    }

    /// Returns the challenge, which every 401 must contain (RFC 9110 §11.6.1).
    fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(if matches!(self, Self::Refused(Error::InvalidToken(_))) {
            r#"Bearer realm="jeton", error="invalid_token""#
        } else {
            r#"Basic realm="jeton""#
        })
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(error) | Self::Explained(error) | Self::Relayed { error, .. } => {
                error.retry_after()
            }
            Self::NotFound
            | Self::Method { .. }
            | Self::TooLarge { .. }
            | Self::TooSlow
            | Self::Malformed(_) => None,
        }
    }

    fn connection(&self) -> Option<HeaderValue> {
        matches!(self, Self::Malformed(_)).then(|| HeaderValue::from_static("close"))
    }

    fn allow(&self) -> Option<HeaderValue> {
        match self {
            Self::Method { allow } => Some(HeaderValue::from_static(allow)),
            Self::Refused(_)
            | Self::Explained(_)
            | Self::Relayed { .. }
            | Self::NotFound
            | Self::TooLarge { .. }
            | Self::TooSlow
            | Self::Malformed(_) => None,
        }
    }
}

/// The table.
fn of_error(error: &Error, statuses: Statuses) -> (StatusCode, &'static str) {
    match error {
        Error::InvalidRequest { .. } | Error::TooWeak { .. } | Error::BadSubjectToken(_) => {
            (StatusCode::BAD_REQUEST, "invalid_request")
        }
        Error::InvalidClient(_) => (statuses.invalid_client, "invalid_client"),
        Error::InvalidGrant(_) => (statuses.invalid_grant, "invalid_grant"),
        Error::UnauthorizedClient => (StatusCode::BAD_REQUEST, "unauthorized_client"),
        Error::UnsupportedGrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        Error::InvalidScope => (StatusCode::BAD_REQUEST, "invalid_scope"),
        Error::InvalidTarget => (StatusCode::BAD_REQUEST, "invalid_target"),
        Error::InvalidToken(_) => (statuses.invalid_client, "invalid_token"),
        Error::AccessDenied => (StatusCode::FORBIDDEN, "access_denied"),
        // Of administration, which has no HTTP endpoint.
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "invalid_request"),
        Error::AlreadyExists(_) | Error::Changed => (StatusCode::CONFLICT, "invalid_request"),
        // Of watching, which has none either.
        Error::CursorOutOfRange { .. } | Error::TooSlow => {
            (StatusCode::CONFLICT, "invalid_request")
        }
        Error::RateLimited { .. } | Error::Overloaded { .. } | Error::NoSpace { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable")
        }
        Error::Unavailable { .. } | Error::Conflict => {
            (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
        }
        Error::Internal { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
    }
}

/// Rounded up, and at least one: some clients take zero for "never mind".
fn whole_seconds(pause: Duration) -> HeaderValue {
    let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

/// One failure of each kind that an endpoint may answer with.
pub(super) fn every_kind() -> [Failure; 16] {
    let pause = Duration::from_millis(1500);
    [
        Error::InvalidRequest { field: "field", problem: "problem" },
        Error::InvalidClient(Cause::WrongSecret),
        Error::InvalidGrant(Cause::WrongPassword),
        Error::UnauthorizedClient,
        Error::UnsupportedGrantType,
        Error::InvalidScope,
        Error::InvalidTarget,
        Error::InvalidToken(Cause::Garbage),
        Error::AccessDenied,
        Error::RateLimited { cause: Cause::Requests, retry_after: pause },
        Error::Overloaded { retry_after: pause },
        Error::Unavailable { retry_after: pause },
        Error::Conflict,
        Error::Internal { incident: Incident(1) },
        Error::NoSpace { retry_after: pause },
        Error::BadSubjectToken(Cause::ReplayedAssertion),
    ]
    .map(Failure::Refused)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header::CONTENT_TYPE};

    use super::{super::routes::STANDARD, *};

    fn answered(failure: &Failure) -> (u16, HeaderMap) {
        let response = failure.response(STANDARD);
        (response.status().as_u16(), response.headers().clone())
    }

    /// Fails to compile when a kind of error is new.
    fn place(error: &Error) -> usize {
        match error {
            Error::InvalidRequest { .. } => 0,
            Error::InvalidClient(_) => 1,
            Error::InvalidGrant(_) => 2,
            Error::UnauthorizedClient => 3,
            Error::UnsupportedGrantType => 4,
            Error::InvalidScope => 5,
            Error::InvalidTarget => 6,
            Error::InvalidToken(_) => 7,
            Error::AccessDenied => 8,
            Error::RateLimited { .. } => 9,
            Error::Overloaded { .. } => 10,
            Error::Unavailable { .. } => 11,
            Error::Conflict => 12,
            Error::TooWeak { .. }
            | Error::NotFound(_)
            | Error::AlreadyExists(_)
            | Error::Changed => {
                unreachable!("of administration")
            }
            Error::CursorOutOfRange { .. } | Error::TooSlow => unreachable!("of watching"),
            Error::Internal { .. } => 13,
            Error::NoSpace { .. } => 14,
            Error::BadSubjectToken(_) => 15,
        }
    }

    #[test]
    fn every_kind_of_error_is_there() {
        for (at, failure) in every_kind().iter().enumerate() {
            let Failure::Refused(error) = failure else { panic!("{failure:?}") };
            assert_eq!(place(error), at);
        }
    }

    #[test]
    fn every_refusal_is_json_and_every_401_says_how_to_authenticate() {
        let own = [Failure::NotFound, Failure::TooLarge { most: 1 }, Failure::TooSlow];
        let malformed = [Malformed::Host, Malformed::TransferCoding].map(Failure::Malformed);
        for failure in every_kind().into_iter().chain(own).chain(malformed) {
            let (status, headers) = answered(&failure);
            assert_eq!(headers[CONTENT_TYPE], "application/json");
            assert_eq!(headers.contains_key(WWW_AUTHENTICATE), status == 401, "{failure:?}");
            let later = matches!(status, 429 | 503);
            assert_eq!(headers.contains_key(RETRY_AFTER), later, "{failure:?}");
        }
    }

    #[test]
    fn whoever_is_throttled_is_told_for_how_many_whole_seconds() {
        for (millis, seconds) in [(0, "1"), (500, "1"), (1000, "1"), (1001, "2"), (900_000, "900")]
        {
            let retry_after = Duration::from_millis(millis);
            for (error, expected) in [
                (Error::RateLimited { cause: Cause::Requests, retry_after }, 429),
                (Error::Overloaded { retry_after }, 429),
                (Error::Unavailable { retry_after }, 503),
            ] {
                let (status, headers) = answered(&Failure::Refused(error));
                assert_eq!(
                    (status, &headers[RETRY_AFTER]),
                    (expected, &HeaderValue::from_static(seconds))
                );
            }
        }
    }
}
