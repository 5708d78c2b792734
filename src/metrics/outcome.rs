//! How a call ended, by the reasons that both wires give.

use crate::domain::error::Error;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// With an answer.
    Ok,
    /// Its caller went away first.
    Cancelled,
    /// With an error that has no reason of ours.
    Other,
    /// The rest: with the error of that reason (`jeton.v1.ErrorReason`).
    InvalidRequest,
    /// See [`Error::InvalidClient`].
    InvalidClient,
    /// See [`Error::InvalidGrant`].
    InvalidGrant,
    /// See [`Error::UnauthorizedClient`].
    UnauthorizedClient,
    /// See [`Error::UnsupportedGrantType`].
    UnsupportedGrantType,
    /// See [`Error::InvalidScope`].
    InvalidScope,
    /// See [`Error::InvalidTarget`].
    InvalidTarget,
    /// See [`Error::InvalidToken`].
    InvalidToken,
    /// See [`Error::AccessDenied`].
    AccessDenied,
    /// See [`Error::NotFound`].
    NotFound,
    /// See [`Error::AlreadyExists`].
    AlreadyExists,
    /// See [`Error::RateLimited`].
    RateLimited,
    /// See [`Error::Overloaded`].
    Overloaded,
    /// See [`Error::NoSpace`].
    NoSpace,
    /// See [`Error::Unavailable`].
    TemporarilyUnavailable,
    /// See [`Error::CursorOutOfRange`].
    CursorOutOfRange,
    /// See [`Error::TooSlow`].
    TooSlow,
    /// See [`Error::Conflict`].
    Conflict,
    /// See [`Error::Internal`].
    ServerError,
}

impl Outcome {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 22] = [
        Self::Ok,
        Self::Cancelled,
        Self::Other,
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::InvalidToken,
        Self::AccessDenied,
        Self::NotFound,
        Self::AlreadyExists,
        Self::RateLimited,
        Self::Overloaded,
        Self::NoSpace,
        Self::TemporarilyUnavailable,
        Self::CursorOutOfRange,
        Self::TooSlow,
        Self::Conflict,
        Self::ServerError,
    ];

    /// The label's value.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Other => "OTHER",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::InvalidClient => "INVALID_CLIENT",
            Self::InvalidGrant => "INVALID_GRANT",
            Self::UnauthorizedClient => "UNAUTHORIZED_CLIENT",
            Self::UnsupportedGrantType => "UNSUPPORTED_GRANT_TYPE",
            Self::InvalidScope => "INVALID_SCOPE",
            Self::InvalidTarget => "INVALID_TARGET",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::RateLimited => "RATE_LIMITED",
            Self::Overloaded => "OVERLOADED",
            Self::NoSpace => "NO_SPACE",
            Self::TemporarilyUnavailable => "TEMPORARILY_UNAVAILABLE",
            Self::CursorOutOfRange => "CURSOR_OUT_OF_RANGE",
            Self::TooSlow => "TOO_SLOW",
            Self::Conflict => "CONFLICT",
            Self::ServerError => "SERVER_ERROR",
        }
    }

    /// The outcome behind the reason in an error's `google.rpc.ErrorInfo`.
    pub fn of_reason(reason: &str) -> Self {
        let named = Self::ALL.into_iter().find(|outcome| outcome.text() == reason);
        named.unwrap_or(Self::Other)
    }

    /// The outcome of a call that comes to this.
    pub const fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(error) => Self::of_error(error),
        }
    }

    /// The outcome of a call that ends with this error.
    pub const fn of_error(error: &Error) -> Self {
        match error {
            Error::InvalidRequest { .. } | Error::TooWeak { .. } => Self::InvalidRequest,
            Error::InvalidClient(_) => Self::InvalidClient,
            Error::InvalidGrant(_) => Self::InvalidGrant,
            Error::UnauthorizedClient => Self::UnauthorizedClient,
            Error::UnsupportedGrantType => Self::UnsupportedGrantType,
            Error::InvalidScope => Self::InvalidScope,
            Error::InvalidTarget => Self::InvalidTarget,
            Error::InvalidToken(_) => Self::InvalidToken,
            Error::AccessDenied => Self::AccessDenied,
            Error::NotFound(_) => Self::NotFound,
            Error::AlreadyExists(_) => Self::AlreadyExists,
            Error::RateLimited { .. } => Self::RateLimited,
            Error::Overloaded { .. } => Self::Overloaded,
            Error::NoSpace { .. } => Self::NoSpace,
            Error::Unavailable { .. } => Self::TemporarilyUnavailable,
            Error::CursorOutOfRange { .. } => Self::CursorOutOfRange,
            Error::TooSlow => Self::TooSlow,
            Error::Changed | Error::Conflict => Self::Conflict,
            Error::Internal { .. } => Self::ServerError,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_stand_where_their_numbers_say() {
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number);
            assert_eq!(Outcome::of_reason(outcome.text()), outcome);
        }
    }
}
