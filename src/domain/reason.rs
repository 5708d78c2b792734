//! The reasons that every wire, the metrics and the audit name errors by.

/// Reasons of failed requests (`jeton.v1.ErrorReason`). Errors that a caller treats alike have one
/// reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "error_reason.proto says what each one means")]
pub enum Reason {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    AccessDenied,
    NotFound,
    AlreadyExists,
    RateLimited,
    Overloaded,
    NoSpace,
    TemporarilyUnavailable,
    CursorOutOfRange,
    TooSlow,
    Conflict,
    ServerError,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 19] = [
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

    /// The name in answers, metrics and the audit.
    pub const fn name(self) -> &'static str {
        match self {
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
}
