//! The one table from why a request does not pass to what its sender is answered.

use std::time::Duration;

use http::StatusCode;
use tonic::Code;

use super::Requirement;

/// Why a request does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// It has no token.
    NoToken,
    /// It has more than one, or none after `Bearer`.
    Malformed,
    /// Its token is not active, or not meant for this service.
    NotGoodHere,
    /// Its token lacks a scope.
    LacksScope,
    /// It cannot be decided at present.
    Undecided {
        /// How long to wait before asking again.
        retry_after: Duration,
    },
}

impl Denial {
    /// The status over gRPC.
    pub const fn code(self) -> Code {
        match self {
            Self::NoToken | Self::Malformed | Self::NotGoodHere => Code::Unauthenticated,
            Self::LacksScope => Code::PermissionDenied,
            Self::Undecided { .. } => Code::Unavailable,
        }
    }

    /// The same in words.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoToken => "a bearer token is required",
            Self::Malformed => "the authorization is malformed",
            Self::NotGoodHere => "the token is not good here",
            Self::LacksScope => "the token lacks a scope",
            Self::Undecided { .. } => "the token cannot be checked at present",
        }
    }

    /// The status over HTTP.
    pub const fn http(self) -> StatusCode {
        match self {
            Self::NoToken | Self::NotGoodHere => StatusCode::UNAUTHORIZED,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::LacksScope => StatusCode::FORBIDDEN,
            Self::Undecided { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The value of `Retry-After`, where waiting helps: at least one, since some clients take zero for
    /// "never".
    pub fn retry_after_seconds(self) -> Option<u64> {
        let Self::Undecided { retry_after } = self else { return None };
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        Some(seconds.max(1))
    }
}

impl Requirement {
    /// The value of `WWW-Authenticate` (RFC 6750 §3), where another token would help.
    pub fn challenge(&self, denial: Denial) -> Option<String> {
        // At least one parameter is needed (RFC 6750 §3).
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
