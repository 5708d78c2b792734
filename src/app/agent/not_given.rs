//! The reasons for which an agent gives no token, as its wires have them.

use std::time::Duration;

use tonic_types::StatusExt as _;

use crate::{
    client,
    domain::{cause::Cause, error::Error, reason::Reason},
    grpc, http,
};

/// Time to wait if the server names none.
const PAUSE: Duration = Duration::from_secs(1);

/// The reason for which there is no token.
#[derive(Debug)]
pub(super) enum NotGiven {
    /// This agent gives none of the kind.
    Off,
    /// The agent refuses it.
    Refused(Error),
    /// The server refused it, or is out of reach.
    Server(client::Error),
}

impl NotGiven {
    /// Returns the server's refusal, unless it is of the agent itself.
    fn relayed(error: &client::Error) -> Option<&tonic::Status> {
        match error {
            client::Error::Request(status)
            | client::Error::Forbidden(status)
            | client::Error::Throttled { status, .. } => Some(status),
            client::Error::Credentials(_)
            | client::Error::Grant(_)
            | client::Error::CursorOutOfRange(_)
            | client::Error::Unavailable { .. }
            | client::Error::Server { .. } => None,
        }
    }
}

impl From<client::Error> for NotGiven {
    fn from(error: client::Error) -> Self {
        Self::Server(error)
    }
}

impl From<NotGiven> for grpc::NotIssued {
    fn from(not_given: NotGiven) -> Self {
        match not_given {
            NotGiven::Off => Self::Off,
            NotGiven::Refused(error) => Self::Refused(error),
            NotGiven::Server(error) => NotGiven::relayed(&error)
                .map_or(Self::Refused(Error::UNAVAILABLE), |status| Self::Relayed(status.clone())),
        }
    }
}

impl From<NotGiven> for http::NotIssued {
    fn from(not_given: NotGiven) -> Self {
        let error = match not_given {
            NotGiven::Off => return Self::Off,
            NotGiven::Refused(error) => return Self::Refused(error),
            NotGiven::Server(error) => error,
        };
        let Some(status) = NotGiven::relayed(&error) else {
            return Self::Refused(Error::UNAVAILABLE);
        };
        let text = status.message().to_owned();
        Self::Relayed { error: kind(status, error.wait().unwrap_or(PAUSE)), text }
    }
}

/// Returns the kind of a refusal by its reason, with the time to wait if waiting helps.
fn kind(status: &tonic::Status, retry_after: Duration) -> Error {
    let info = status.get_details_error_info();
    let name = info.as_ref().map(|info| info.reason.as_str());
    match Reason::ALL.into_iter().find(|reason| Some(reason.name()) == name) {
        Some(Reason::InvalidScope) => Error::InvalidScope,
        Some(Reason::InvalidTarget) => Error::InvalidTarget,
        Some(Reason::UnauthorizedClient) => Error::UnauthorizedClient,
        Some(Reason::UnsupportedGrantType) => Error::UnsupportedGrantType,
        Some(Reason::AccessDenied) => Error::AccessDenied,
        Some(Reason::RateLimited) => Error::RateLimited { cause: Cause::Requests, retry_after },
        Some(Reason::Overloaded) => Error::Overloaded { retry_after },
        Some(Reason::NoSpace) => Error::NoSpace { retry_after },
        Some(Reason::Conflict) => Error::Conflict,
        Some(_) | None => Error::InvalidRequest { field: "request", problem: "is refused" },
    }
}
