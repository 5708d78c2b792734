//! The errors of calls, by the caller's next step.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::proto::v1::ErrorReason;

/// The domain of the service's own `google.rpc.ErrorInfo`.
const DOMAIN: &str = "jeton.v1";
/// Metadata key of gRPC's retry policy: milliseconds to wait, or a value that forbids retries.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The error of a call. Its text never repeats what was sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request is at fault. It fails again if it is sent again.
    #[error("the request is at fault: {}", .0.message())]
    Request(Status),

    /// This client's own credentials are at fault: its secret is wrong or was rotated, its own
    /// token has ended, or it is disabled. An operator must correct this.
    #[error("the client's own credentials are refused: {}", .0.message())]
    Credentials(Status),

    /// The password is wrong, or the presented token is no longer valid: the user must log in
    /// again.
    #[error("the grant is refused: {}", .0.message())]
    Grant(Status),

    /// This client is known but lacks the permission: its registration must change.
    #[error("not permitted: {}", .0.message())]
    Forbidden(Status),

    /// Too many calls, or a queue is full. Nothing was done: call again after `wait`.
    #[error("throttled: {}", .status.message())]
    Throttled {
        /// The status as it was received.
        status: Status,
        /// Time to wait, if the server requested one.
        wait: Option<Duration>,
    },

    /// The server or the network is unreachable, or did not answer in time. A write can have taken
    /// effect: only idempotent calls can be sent again.
    #[error("out of reach: {}", .status.message())]
    Unavailable {
        /// The status from the server or the connection.
        status: Status,
        /// Time to wait, if the server requested one.
        wait: Option<Duration>,
    },

    /// The cursor is no longer usable: drop all cached answers and start a new watch.
    #[error("the cursor is out of range")]
    CursorOutOfRange(Status),

    /// The server failed. A write can have taken effect.
    #[error("the server failed: {}", .status.message())]
    Server {
        /// The status as it was received.
        status: Status,
        /// The incident's id in the server's log.
        incident: Option<String>,
    },
}

impl Error {
    /// Returns the status as it was received.
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

    /// Returns `true` if the same call can succeed later. Sending a call again is safe only if the
    /// call is idempotent.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. })
    }

    /// Returns the time to wait, if the server requested one.
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

    /// Returns `true` if the server does not want the call again (gRFC A6): a pushback that is
    /// negative or not a number.
    pub(super) fn is_final(&self) -> bool {
        let pushback = self.status().metadata().get(PUSHBACK);
        pushback.is_some_and(|pushback| milliseconds(pushback.as_bytes()).is_none())
    }

    /// Returns the error for a missed deadline.
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

/// Classifies errors that do not come from the service itself, or with a reason unknown to this
/// version: faults of the connection or a proxy.
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
        // A broken connection shows as any of these.
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

/// Returns the pushback of gRPC's retry policy or else `google.rpc.RetryInfo`: the pushback is more
/// precise.
fn wait(status: &Status) -> Option<Duration> {
    let pushback = status.metadata().get(PUSHBACK);
    let pushback = pushback.and_then(|pushback| milliseconds(pushback.as_bytes()));
    pushback.or_else(|| status.get_details_retry_info()?.retry_delay)
}

fn milliseconds(text: &[u8]) -> Option<Duration> {
    str::from_utf8(text).ok()?.parse().ok().map(Duration::from_millis)
}
