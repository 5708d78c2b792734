//! The one table from errors to gRPC statuses.

use std::collections::HashMap;

use tonic::{Code, Status, metadata::MetadataValue};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::domain::{error::Error, reason::Reason};

/// The domain of every `google.rpc.ErrorInfo`.
pub(super) const DOMAIN: &str = "jeton.v1";

/// Metadata that gRPC clients' retry policies read; they ignore `RetryInfo`.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// Returns the status of an error for an administrator, with its cause.
pub(super) fn explained(error: &Error) -> Status {
    let cause = error.cause().map(|cause| ("cause".to_owned(), cause.name().to_owned()));
    with_metadata(error, cause.into_iter().collect())
}

/// The status of an error, with the details that its kind promises.
pub(super) fn status(error: &Error) -> Status {
    with_metadata(error, HashMap::new())
}

fn with_metadata(error: &Error, metadata: HashMap<String, String>) -> Status {
    let reason = error.reason();
    let mut details = ErrorDetails::with_error_info(reason.name(), DOMAIN, metadata);
    if let Error::InvalidRequest { field, problem } = error {
        details.add_bad_request_violation(*field, *problem);
    }
    if let Error::TooWeak { field, weakness } = error {
        details.add_bad_request_violation(*field, weakness.to_string());
    }
    if let Error::Internal { incident } = error {
        let incident = format!("{:016x}", incident.0);
        let metadata = HashMap::from([("incident".to_owned(), incident)]);
        details.set_error_info(reason.name(), DOMAIN, metadata);
    }
    if let Error::CursorOutOfRange { restart } = error {
        let metadata = HashMap::from([("cursor".to_owned(), restart.to_string())]);
        details.set_error_info(reason.name(), DOMAIN, metadata);
    }
    let pause = error.retry_after();
    if pause.is_some() {
        details.set_retry_info(pause);
    }
    let mut status = Status::with_error_details(code(reason), error.to_string(), details);
    if let Some(pause) = pause {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        status.metadata_mut().insert(PUSHBACK, MetadataValue::from(pause));
    }
    status
}

fn code(reason: Reason) -> Code {
    match reason {
        Reason::InvalidRequest
        | Reason::UnsupportedGrantType
        | Reason::InvalidScope
        | Reason::InvalidTarget => Code::InvalidArgument,
        Reason::InvalidClient | Reason::InvalidGrant | Reason::InvalidToken => {
            Code::Unauthenticated
        }
        Reason::UnauthorizedClient | Reason::AccessDenied => Code::PermissionDenied,
        Reason::NotFound => Code::NotFound,
        Reason::AlreadyExists => Code::AlreadyExists,
        Reason::RateLimited | Reason::Overloaded | Reason::NoSpace | Reason::TooSlow => {
            Code::ResourceExhausted
        }
        Reason::TemporarilyUnavailable => Code::Unavailable,
        Reason::CursorOutOfRange => Code::OutOfRange,
        Reason::Conflict => Code::Aborted,
        Reason::ServerError => Code::Internal,
    }
}

/// Returns the status of a call that took too long.
pub(super) fn exceeded() -> Status {
    let details = details(Reason::TemporarilyUnavailable);
    Status::with_error_details(Code::DeadlineExceeded, "the call took too long", details)
}

/// Details that hold the reason alone.
pub(super) fn details(reason: Reason) -> ErrorDetails {
    ErrorDetails::with_error_info(reason.name(), DOMAIN, HashMap::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::ErrorReason;

    #[test]
    fn the_reasons_are_those_of_the_messages() {
        let named = Reason::ALL.map(|reason| format!("ERROR_REASON_{}", reason.name()));
        let mut numbers = named.map(|name| ErrorReason::from_str_name(&name).map(i32::from));
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq((1..=19).map(Some)));
        assert!(ErrorReason::try_from(20).is_err(), "a reason that no error gives");
    }
}
