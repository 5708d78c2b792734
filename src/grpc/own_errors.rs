//! Gives the errors that tonic makes itself (unknown method, unreadable or too long message) the
//! code and the `ErrorInfo` that every error of ours has.

use http::Response;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;

use super::status;
use crate::domain::reason::Reason;

/// Replaces an error without details; an error with them passes untouched.
pub(super) fn complete(response: Response<Body>) -> Response<Body> {
    if response.headers().contains_key("grpc-status-details-bin") {
        return response;
    }
    let Some(bare) = Status::from_header_map(response.headers()) else {
        return response;
    };
    let (code, reason, text) = match bare.code() {
        Code::Unimplemented => {
            (Code::Unimplemented, Reason::InvalidRequest, "there is no such method")
        }
        // tonic's decoder: INTERNAL for what is no message, OUT_OF_RANGE for one that is too long.
        Code::Internal | Code::OutOfRange | Code::InvalidArgument => {
            (Code::InvalidArgument, Reason::InvalidRequest, "the message is unreadable or too long")
        }
        Code::NotFound => (Code::NotFound, Reason::InvalidRequest, "there is no such service"),
        Code::DeadlineExceeded | Code::Cancelled | Code::Unavailable => {
            (Code::Unavailable, Reason::TemporarilyUnavailable, "the call was cut off")
        }
        Code::ResourceExhausted => {
            (Code::ResourceExhausted, Reason::Overloaded, "the service is overloaded")
        }
        Code::Ok
        | Code::Unknown
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::DataLoss
        | Code::Unauthenticated => return response,
    };
    Status::with_error_details(code, text, status::details(reason)).into_http()
}
