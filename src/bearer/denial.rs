//! The one table of rejections and their answers.

use std::time::Duration;

use http::StatusCode;
use tonic::Code;

use super::Requirement;

/// The reason for a rejected request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The request has no token.
    NoToken,
    /// The request has more than one token, or none after `Bearer`.
    Malformed,
    /// The token is not active, or not for this service.
    NotGoodHere,
    /// The token lacks a scope.
    LacksScope,
    /// The request cannot be decided at present.
    Undecided {
        /// Time to wait before the next attempt.
        retry_after: Duration,
    },
}

impl Denial {
    /// Returns the status over gRPC.
    pub const fn code(self) -> Code {
        match self {
            Self::NoToken | Self::Malformed | Self::NotGoodHere => Code::Unauthenticated,
            Self::LacksScope => Code::PermissionDenied,
            Self::Undecided { .. } => Code::Unavailable,
        }
    }

    /// Returns the message.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoToken => "a bearer token is required",
            Self::Malformed => "the authorization is malformed",
            Self::NotGoodHere => "the token is not good here",
            Self::LacksScope => "the token lacks a scope",
            Self::Undecided { .. } => "the token cannot be checked at present",
        }
    }

    /// Returns the status over HTTP.
    pub const fn http(self) -> StatusCode {
        match self {
            Self::NoToken | Self::NotGoodHere => StatusCode::UNAUTHORIZED,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::LacksScope => StatusCode::FORBIDDEN,
            Self::Undecided { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns the value of `Retry-After` if waiting helps: at least one, since some clients take
    /// zero for "never".
    pub fn retry_after_seconds(self) -> Option<u64> {
        let Self::Undecided { retry_after } = self else { return None };
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Some(seconds.max(1))
    }
}

impl Requirement {
    /// Returns the value of `WWW-Authenticate` (RFC 6750 §3) if another token would help.
    pub fn challenge(&self, denial: Denial) -> Option<String> {
        // RFC 6750 §3 requires at least one parameter.
        let realm = quoted(self.audience().unwrap_or("service"));
        let error = match denial {
            Denial::NoToken => String::new(),
            Denial::Malformed => ", error=\"invalid_request\"".to_owned(),
            Denial::NotGoodHere => ", error=\"invalid_token\"".to_owned(),
            Denial::LacksScope => {
                let scope = quoted(&self.scopes().join(" "));
                format!(", error=\"insufficient_scope\", scope={scope}")
            }
            Denial::Undecided { .. } => return None,
        };
        Some(format!("Bearer realm={realm}{error}"))
    }
}

/// Quotes a string (RFC 9110 §5.6.4) without the characters that a quoted string cannot contain.
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
