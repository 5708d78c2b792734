//! The form that every refusal must have.

use tonic::{Code, Status};
use tonic_types::{ErrorInfo, StatusExt as _};

/// The `google.rpc.ErrorInfo` that every error carries.
pub(crate) fn error_info(status: &Status) -> ErrorInfo {
    let info = status.get_details_error_info();
    info.unwrap_or_else(|| panic!("an error without ErrorInfo: {status:?}"))
}

/// Insists on the code, the reason and the domain of a refusal, and hands it on.
#[track_caller]
pub(crate) fn assert_refused<T>(outcome: Result<T, Status>, code: Code, reason: &str) -> Status {
    let Err(status) = outcome else {
        panic!("was not refused: expected {code:?} {reason}");
    };
    let info = error_info(&status);
    assert_eq!((status.code(), info.reason.as_str()), (code, reason), "{}", status.message());
    assert_eq!(info.domain, "jeton.v1");
    status
}
