//! The one table from errors to gRPC statuses.

use std::collections::HashMap;

use tonic::{Code, Status, metadata::MetadataValue};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{domain::error::Error, proto::v1::ErrorReason};

/// The domain of every `google.rpc.ErrorInfo`.
pub(super) const DOMAIN: &str = "jeton.v1";

/// What gRPC clients' retry policies read; they know nothing of `RetryInfo`.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The status of an error for an administrator, who is told its cause.
pub(super) fn explained(error: &Error) -> Status {
    let cause = error.cause().map(|cause| ("cause".to_owned(), cause.name().to_owned()));
    with_metadata(error, cause.into_iter().collect())
}

/// The status of an error, with the details that its kind promises.
pub(super) fn status(error: &Error) -> Status {
    with_metadata(error, HashMap::new())
}

fn with_metadata(error: &Error, metadata: HashMap<String, String>) -> Status {
    let (code, reason) = code_and_reason(error);
    let mut details = ErrorDetails::with_error_info(reason_text(reason), DOMAIN, metadata);
    if let Error::InvalidRequest { field, problem } = error {
        details.add_bad_request_violation(*field, *problem);
    }
    if let Error::TooWeak { field, weakness } = error {
        details.add_bad_request_violation(*field, weakness.to_string());
    }
    if let Error::Internal { incident } = error {
        let incident = format!("{:016x}", incident.0);
        let metadata = HashMap::from([("incident".to_owned(), incident)]);
        details.set_error_info(reason_text(reason), DOMAIN, metadata);
    }
    if let Error::CursorOutOfRange { restart } = error {
        let metadata = HashMap::from([("cursor".to_owned(), restart.to_string())]);
        details.set_error_info(reason_text(reason), DOMAIN, metadata);
    }
    let pause = error.retry_after();
    if pause.is_some() {
        details.set_retry_info(pause);
    }
    let mut status = Status::with_error_details(code, error.to_string(), details);
    if let Some(pause) = pause {
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        status.metadata_mut().insert(PUSHBACK, MetadataValue::from(pause));
    }
    status
}

fn code_and_reason(error: &Error) -> (Code, ErrorReason) {
    match error {
        Error::InvalidRequest { .. } | Error::TooWeak { .. } => {
            (Code::InvalidArgument, ErrorReason::InvalidRequest)
        }
        Error::InvalidClient(_) => (Code::Unauthenticated, ErrorReason::InvalidClient),
        Error::InvalidGrant(_) => (Code::Unauthenticated, ErrorReason::InvalidGrant),
        Error::UnauthorizedClient => (Code::PermissionDenied, ErrorReason::UnauthorizedClient),
        Error::UnsupportedGrantType => (Code::InvalidArgument, ErrorReason::UnsupportedGrantType),
        Error::InvalidScope => (Code::InvalidArgument, ErrorReason::InvalidScope),
        Error::InvalidTarget => (Code::InvalidArgument, ErrorReason::InvalidTarget),
        Error::InvalidToken(_) => (Code::Unauthenticated, ErrorReason::InvalidToken),
        Error::AccessDenied => (Code::PermissionDenied, ErrorReason::AccessDenied),
        Error::NotFound(_) => (Code::NotFound, ErrorReason::NotFound),
        Error::AlreadyExists(_) => (Code::AlreadyExists, ErrorReason::AlreadyExists),
        Error::RateLimited { .. } => (Code::ResourceExhausted, ErrorReason::RateLimited),
        Error::Overloaded { .. } => (Code::ResourceExhausted, ErrorReason::Overloaded),
        Error::NoSpace { .. } => (Code::ResourceExhausted, ErrorReason::NoSpace),
        Error::Unavailable { .. } => (Code::Unavailable, ErrorReason::TemporarilyUnavailable),
        Error::CursorOutOfRange { .. } => (Code::OutOfRange, ErrorReason::CursorOutOfRange),
        Error::TooSlow => (Code::ResourceExhausted, ErrorReason::TooSlow),
        Error::Changed | Error::Conflict => (Code::Aborted, ErrorReason::Conflict),
        Error::Internal { .. } => (Code::Internal, ErrorReason::ServerError),
    }
}

/// Details that hold the reason alone.
pub(super) fn details(reason: ErrorReason) -> ErrorDetails {
    ErrorDetails::with_error_info(reason_text(reason), DOMAIN, HashMap::new())
}

/// The reason as `google.rpc.ErrorInfo` has it: the enum value's name without its prefix.
fn reason_text(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}
