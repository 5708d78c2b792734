//! Why a call failed, by what the caller can do about it.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::proto::v1::ErrorReason;

/// The domain of the service's own `google.rpc.ErrorInfo`.
const DOMAIN: &str = "jeton.v1";
/// What gRPC's retry policy reads: how many milliseconds to wait, or that retrying is unwelcome.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Why a call failed. No text of it echoes what was sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request is at fault: sent again it fails again.
    #[error("the request is at fault: {}", .0.message())]
    Request(Status),

    /// This client's own credentials are: its secret is wrong or was rotated, its own token has
    /// ended, or it is disabled. Somebody has to see to it.
    #[error("the client's own credentials are refused: {}", .0.message())]
    Credentials(Status),

    /// The password is wrong, or the token presented is good for nothing more: the user has to log
    /// in again.
    #[error("the grant is refused: {}", .0.message())]
    Grant(Status),

    /// This client is known and may not do this: its registration has to change.
    #[error("not permitted: {}", .0.message())]
    Forbidden(Status),

    /// Too many calls, or a queue is full. Nothing was done: call again after `wait`.
    #[error("throttled: {}", .status.message())]
    Throttled {
        /// What the server said.
        status: Status,
        /// How long it asks to be left alone.
        wait: Option<Duration>,
    },

    /// The server or the way to it is out of reach, or did not answer in time. What writes may have
    /// taken effect: only what is idempotent can be sent again.
    #[error("out of reach: {}", .status.message())]
    Unavailable {
        /// What the server, or the connection, said.
        status: Status,
        /// How long the server asks to be left alone.
        wait: Option<Duration>,
    },

    /// The cursor is of no use any more: forget every cached answer and watch anew.
    #[error("the cursor is out of range")]
    CursorOutOfRange(Status),

    /// The server failed. What writes may have taken effect.
    #[error("the server failed: {}", .status.message())]
    Server {
        /// What the server said.
        status: Status,
        /// What to look for in the server's log.
        incident: Option<String>,
    },
}

impl Error {
    /// The status as it was received.
    pub fn status(&self) -> &Status {
        match self {
            Self::Request(status)
            | Self::Credentials(status)
            | Self::Grant(status)
            | Self::Forbidden(status)
            | Self::CursorOutOfRange(status)
            | Self::Throttled { status, .. }
            | Self::Unavailable { status, .. }
            | Self::Server { status, .. } => status,
        }
    }

    /// Whether the same call may well succeed later. Not whether sending it again is safe: that is
    /// a matter of the call.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. })
    }

    /// How long the server asks to be left alone.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Throttled { wait, .. } | Self::Unavailable { wait, .. } => *wait,
            Self::Request(_)
            | Self::Credentials(_)
            | Self::Grant(_)
            | Self::Forbidden(_)
            | Self::CursorOutOfRange(_)
            | Self::Server { .. } => None,
        }
    }

    /// Whether the server said that it does not want the call again (gRFC A6): a pushback that is
    /// negative or no number.
    pub(super) fn is_final(&self) -> bool {
        let pushback = self.status().metadata().get(PUSHBACK);
        pushback.is_some_and(|pushback| milliseconds(pushback.as_bytes()).is_none())
    }

    /// That no answer came in time.
    pub(super) fn deadline() -> Self {
        let status = Status::deadline_exceeded("no answer in time");
        Self::Unavailable { status, wait: None }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let info = details.error_info().filter(|info| info.domain == DOMAIN);
        let reason = info
            .and_then(|info| ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason)));
        let Some(reason) = reason else { return of_code(status) };
        match reason {
            ErrorReason::InvalidRequest
            | ErrorReason::UnsupportedGrantType
            | ErrorReason::InvalidScope
            | ErrorReason::InvalidTarget
            | ErrorReason::NotFound
            | ErrorReason::AlreadyExists => Self::Request(status),
            ErrorReason::InvalidClient | ErrorReason::InvalidToken => Self::Credentials(status),
            ErrorReason::InvalidGrant => Self::Grant(status),
            ErrorReason::UnauthorizedClient | ErrorReason::AccessDenied => Self::Forbidden(status),
            ErrorReason::RateLimited
            | ErrorReason::Overloaded
            | ErrorReason::NoSpace
            | ErrorReason::TooSlow
            | ErrorReason::Conflict => {
                let wait = wait(&status);
                Self::Throttled { status, wait }
            }
            ErrorReason::TemporarilyUnavailable => {
                let wait = wait(&status);
                Self::Unavailable { status, wait }
            }
            ErrorReason::CursorOutOfRange => Self::CursorOutOfRange(status),
            ErrorReason::ServerError => {
                let incident = info.and_then(|info| info.metadata.get("incident").cloned());
                Self::Server { status, incident }
            }
            ErrorReason::Unspecified => of_code(status),
        }
    }
}

/// What did not come from the service itself, or with a reason that this version does not know:
/// the connection's own faults, and a proxy's.
fn of_code(status: Status) -> Error {
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Unimplemented => Error::Request(status),
        Code::Unauthenticated => Error::Credentials(status),
        Code::PermissionDenied => Error::Forbidden(status),
        Code::OutOfRange => Error::CursorOutOfRange(status),
        Code::ResourceExhausted | Code::Aborted => {
            let wait = wait(&status);
            Error::Throttled { status, wait }
        }
        // A connection that breaks shows as any of these.
        Code::Unavailable
        | Code::DeadlineExceeded
        | Code::Cancelled
        | Code::Unknown
        | Code::Internal => {
            let wait = wait(&status);
            Error::Unavailable { status, wait }
        }
        Code::Ok | Code::DataLoss => Error::Server { status, incident: None },
    }
}

/// The pushback of gRPC's retry policy before `google.rpc.RetryInfo`: it is the more exact.
fn wait(status: &Status) -> Option<Duration> {
    let pushback = status.metadata().get(PUSHBACK);
    let pushback = pushback.and_then(|pushback| milliseconds(pushback.as_bytes()));
    pushback.or_else(|| status.get_details_retry_info()?.retry_delay)
}

fn milliseconds(text: &[u8]) -> Option<Duration> {
    str::from_utf8(text).ok()?.parse().ok().map(Duration::from_millis)
}
