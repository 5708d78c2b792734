//! Errors of refused and failed requests, typed by what the caller can do about them.

use std::time::Duration;

use thiserror::Error;

use super::{cause::Cause, reason::Reason, weakness::Weakness};

/// Random number that names one failure in the log and in the caller's report of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident(pub u64);

/// Every way a request can end without its answer. The wire layers translate each variant in one
/// table; no variant holds anything the caller sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The request is malformed (RFC 6749 §5.2 `invalid_request`): mend it.
    #[error("{field}: {problem}")]
    InvalidRequest {
        /// The field at fault, as the wire names it.
        field: &'static str,
        /// The violated rule.
        problem: &'static str,
    },
    /// A password or secret that somebody chose is not what is asked of one (as [`Self::InvalidRequest`]
    /// on every wire): choose another.
    #[error("{field}: {weakness}")]
    TooWeak {
        /// The field at fault, as the wire names it.
        field: &'static str,
        /// The violated rule.
        weakness: Weakness,
    },
    /// The ID token that was shown for an exchange is no good (RFC 8693 §2.2.2 `invalid_request`). One text for
    /// all reasons.
    #[error(
        "subject_token: must be an ID token that is good and was not shown before, of an issuer that is enabled for users, for an application that this client is"
    )]
    BadSubjectToken(Cause),
    /// Client authentication failed or is missing (`invalid_client`).
    #[error("client authentication failed")]
    InvalidClient(Cause),
    /// Password, refresh token or its owner is not, or no longer, good (`invalid_grant`): log in
    /// again. One text for all reasons.
    #[error("the credentials or token are invalid, expired or revoked")]
    InvalidGrant(Cause),
    /// The client may not use this grant type (`unauthorized_client`).
    #[error("the client may not use this grant type")]
    UnauthorizedClient,
    /// No grant type that jeton speaks (`unsupported_grant_type`).
    #[error("the grant type is not supported")]
    UnsupportedGrantType,
    /// A scope is malformed or beyond what was granted or allowed (`invalid_scope`).
    #[error("a requested scope is malformed or not allowed")]
    InvalidScope,
    /// An audience is malformed or not the client's (RFC 8707 §2 `invalid_target`).
    #[error("a requested audience is malformed or not allowed")]
    InvalidTarget,
    /// The caller's bearer token is no good here (RFC 6750 §3.1 `invalid_token`).
    #[error("the bearer token is invalid, expired or not meant for this service")]
    InvalidToken(Cause),
    /// The caller is known and may not do this.
    #[error("the caller may not do this")]
    AccessDenied,
    /// Nothing is registered under that name or id.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The name or id is taken.
    #[error("there is such a {0} already")]
    AlreadyExists(&'static str),
    /// Too many attempts: wait.
    #[error("too many attempts")]
    RateLimited {
        /// Of what.
        cause: Cause,
        /// Time until a retry is worthwhile.
        retry_after: Duration,
    },
    /// A bounded queue is full: nothing was done, retry after a moment.
    #[error("the service is overloaded")]
    Overloaded {
        /// Time until a retry is worthwhile.
        retry_after: Duration,
    },
    /// The store has too little space left: nothing was done, retry when somebody has made some.
    #[error("the server has too little disk space to store anything new")]
    NoSpace {
        /// Time until a retry is worthwhile.
        retry_after: Duration,
    },
    /// The store or a key cannot be reached, or the process is going away: retry, elsewhere if
    /// there is an elsewhere. The request may have been carried out.
    #[error("the service is temporarily unavailable")]
    Unavailable {
        /// Time until a retry is worthwhile.
        retry_after: Duration,
    },
    /// The events after the cursor are not known, or the cursor is not of this feed: drop every
    /// cached answer, then continue from another cursor.
    #[error("the cursor is too old, ahead of the feed or of another one")]
    CursorOutOfRange {
        /// The feed's end, as text: where to go on.
        restart: Box<str>,
    },
    /// The caller does not take what it is sent: go on from the last cursor that arrived.
    #[error("the caller takes too long to read")]
    TooSlow,
    /// The record is no longer in the state that the caller spoke of: read it and decide again.
    #[error("it has changed since: read it again")]
    Changed,
    /// Lost the race for one record over and over: retry.
    #[error("too much contention on one record")]
    Conflict,
    /// A fault of ours; the log has the incident.
    #[error("internal error")]
    Internal {
        /// Incident in the log.
        incident: Incident,
    },
}

impl Error {
    /// A parameter without which the request makes no sense; an empty one is an omitted one
    /// (RFC 6749 §3.2).
    pub const fn missing(field: &'static str) -> Self {
        Self::InvalidRequest { field, problem: "is required" }
    }

    /// The store or a key is out of reach; the pause lets a restart or failover pass.
    pub const UNAVAILABLE: Self = Self::Unavailable { retry_after: Duration::from_secs(1) };

    /// A bounded queue is full; the pause is a few batches or hashes long.
    pub const OVERLOADED: Self = Self::Overloaded { retry_after: Duration::from_millis(500) };

    /// There is too little space to write; the pause is one in which somebody may make some.
    pub const NO_SPACE: Self = Self::NoSpace { retry_after: Duration::from_secs(5) };

    /// As many watch as can; the pause is one in which somebody may leave.
    pub const TOO_MANY_WATCHES: Self = Self::Overloaded { retry_after: Duration::from_secs(5) };

    /// The reason that callers, metrics and the audit are given.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::InvalidRequest { .. } | Self::TooWeak { .. } | Self::BadSubjectToken(_) => {
                Reason::InvalidRequest
            }
            Self::InvalidClient(_) => Reason::InvalidClient,
            Self::InvalidGrant(_) => Reason::InvalidGrant,
            Self::UnauthorizedClient => Reason::UnauthorizedClient,
            Self::UnsupportedGrantType => Reason::UnsupportedGrantType,
            Self::InvalidScope => Reason::InvalidScope,
            Self::InvalidTarget => Reason::InvalidTarget,
            Self::InvalidToken(_) => Reason::InvalidToken,
            Self::AccessDenied => Reason::AccessDenied,
            Self::NotFound(_) => Reason::NotFound,
            Self::AlreadyExists(_) => Reason::AlreadyExists,
            Self::RateLimited { .. } => Reason::RateLimited,
            Self::Overloaded { .. } => Reason::Overloaded,
            Self::NoSpace { .. } => Reason::NoSpace,
            Self::Unavailable { .. } => Reason::TemporarilyUnavailable,
            Self::CursorOutOfRange { .. } => Reason::CursorOutOfRange,
            Self::TooSlow => Reason::TooSlow,
            Self::Changed | Self::Conflict => Reason::Conflict,
            Self::Internal { .. } => Reason::ServerError,
        }
    }

    /// Returns the cause, if the reason covers several, for administrators and the audit.
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::BadSubjectToken(cause)
            | Self::InvalidClient(cause)
            | Self::InvalidGrant(cause)
            | Self::InvalidToken(cause)
            | Self::RateLimited { cause, .. } => Some(*cause),
            Self::InvalidRequest { .. }
            | Self::TooWeak { .. }
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::AccessDenied
            | Self::NotFound(_)
            | Self::AlreadyExists(_)
            | Self::Overloaded { .. }
            | Self::NoSpace { .. }
            | Self::Unavailable { .. }
            | Self::CursorOutOfRange { .. }
            | Self::TooSlow
            | Self::Changed
            | Self::Conflict
            | Self::Internal { .. } => None,
        }
    }

    /// Returns the time to wait before a retry, if waiting helps.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. }
            | Self::Overloaded { retry_after }
            | Self::NoSpace { retry_after }
            | Self::Unavailable { retry_after } => Some(*retry_after),
            // A request that lost a race may run again at once; a caller that was too slow may
            // continue.
            Self::Conflict | Self::TooSlow => Some(Duration::ZERO),
            Self::InvalidRequest { .. }
            | Self::TooWeak { .. }
            | Self::BadSubjectToken(_)
            | Self::InvalidClient(_)
            | Self::InvalidGrant(_)
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::InvalidToken(_)
            | Self::AccessDenied
            | Self::NotFound(_)
            | Self::AlreadyExists(_)
            | Self::CursorOutOfRange { .. }
            | Self::Changed
            | Self::Internal { .. } => None,
        }
    }
}
