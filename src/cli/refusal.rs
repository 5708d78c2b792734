//! Refusals of a server, explained to the person who typed the command, with advice.

use std::fmt;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{presentation::Presentation, table::printable};

/// A call that the server refused, or that got no answer.
#[derive(Debug)]
pub(super) struct Refusal(Status);

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

impl Refusal {
    /// Returns whether the same call may succeed later, or at another instance.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self.0.code(),
            Code::Unavailable
                | Code::Unknown
                | Code::Aborted
                | Code::Cancelled
                | Code::DeadlineExceeded
                | Code::Internal
                | Code::ResourceExhausted
        )
    }

    /// Returns whether something else than the service may have refused: a proxy, or another
    /// listener.
    pub(super) fn is_foreign(&self) -> bool {
        let details = self.0.get_error_details();
        details.error_info().is_none()
            && matches!(
                self.0.code(),
                Code::Unknown
                    | Code::Internal
                    | Code::Unavailable
                    | Code::Unimplemented
                    | Code::Cancelled
            )
    }

    /// The reason that the server gives, or the code where another gave it.
    pub(super) fn reason(&self) -> String {
        let details = self.0.get_error_details();
        let reason = details.error_info().map(|info| info.reason.clone());
        reason.unwrap_or_else(|| format!("{:?}", self.0.code()))
    }
}

/// The reason that the server gives, or the code where another gave it; its text; then, on a line
/// of its own, what to do.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let details = self.0.get_error_details();
        let reason = details.error_info().map(|info| info.reason.as_str());
        match reason {
            Some(reason) => write!(f, "{reason}: {}", self.0.message())?,
            None => write!(f, "{:?}: {}", self.0.code(), self.0.message())?,
        }
        // The first of them is the message as a rule.
        for bad in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations) {
            let fault = format!("{}: {}", bad.field, bad.description);
            if !self.0.message().contains(&fault) {
                write!(f, "\n{fault}")?;
            }
        }
        let cause = details.error_info().and_then(|info| info.metadata.get("cause"));
        if let Some(cause) = cause {
            write!(f, "\ncause: {cause}")?;
        }
        if Presentation::current().verbose {
            write!(f, "\ncode: {:?}", self.0.code())?;
            let all = details.error_info().into_iter().flat_map(|info| &info.metadata);
            let mut others: Vec<_> = all.filter(|(name, _)| *name != "cause").collect();
            others.sort();
            for (name, value) in others {
                write!(f, "\n{name}: {}", printable(value))?;
            }
            if let Some(id) = self.0.metadata().get("x-request-id").and_then(|id| id.to_str().ok())
            {
                write!(f, "\nrequest: {}", printable(id))?;
            }
        }
        if let Some(advice) = advice(reason, self.0.code()) {
            write!(f, "\n{advice}")?;
        }
        let delay = details.retry_info().and_then(|info| info.retry_delay);
        if let Some(delay) = delay.filter(|delay| !delay.is_zero()) {
            write!(f, "\nTry again in {:.0} s.", delay.as_secs_f64().ceil())?;
        }
        Ok(())
    }
}

/// `None` where the text says it all.
fn advice(reason: Option<&str>, code: Code) -> Option<&'static str> {
    match (reason, code) {
        (Some("INVALID_CLIENT"), _) => Some(
            "Is it the right client id and secret? They are JETON_CLIENT_ID and \
             JETON_CLIENT_SECRET, or those of the profile.",
        ),
        (Some("ACCESS_DENIED"), _) => Some(
            "Administration needs a client with the permission admin, or with one for a part of it: \
             backup, status, audit.read or users. An administrator gives it with jeton client update \
             ID --permission admin; where there is none: jeton admin reset.",
        ),
        (Some("CONFLICT"), _) => Some("Somebody else changed it meanwhile: look, then repeat."),
        (Some("CURSOR_OUT_OF_RANGE"), _) => Some(
            "The server no longer has the events since then: watch without a cursor, or with \
             --snapshot.",
        ),
        (Some("NO_SPACE"), _) => Some(
            "The disk of the server's data directory is nearly full: make space there, and it goes on by \
             itself.",
        ),
        (Some("TEMPORARILY_UNAVAILABLE"), _) => {
            Some("Why it is: jeton health, the path /readyz of its ops listener, or its log.")
        }
        (_, Code::Unimplemented) => Some("This server is of a release that does not offer it."),
        (None, Code::Unavailable) => Some("The connection broke: is the server still there?"),
        (None, Code::Cancelled | Code::DeadlineExceeded) => Some(
            "No answer in time; what was asked may have happened all the same: look before you \
             repeat it.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use tonic_types::ErrorDetails;

    use super::*;

    fn shown(code: Code, details: ErrorDetails) -> String {
        Refusal(Status::with_error_details(code, "a: is required", details)).to_string()
    }

    fn because(reason: &str) -> ErrorDetails {
        ErrorDetails::with_error_info(reason, "jeton.v1", HashMap::new())
    }

    #[test]
    fn an_administrator_reads_the_cause() {
        let cause = HashMap::from([("cause".to_owned(), "wrong_password".to_owned())]);
        let details = ErrorDetails::with_error_info("INVALID_GRANT", "jeton.v1", cause);
        let shown = shown(Code::Unauthenticated, details);
        assert!(shown.contains("\ncause: wrong_password"), "{shown}");
    }

    #[test]
    fn every_fault_of_a_request_is_told_once() {
        let mut details = because("INVALID_REQUEST");
        details.add_bad_request_violation("a", "is required");
        details.add_bad_request_violation("b", "is too long");
        let shown = shown(Code::InvalidArgument, details);
        assert_eq!(shown, "INVALID_REQUEST: a: is required\nb: is too long");
    }

    #[test]
    fn a_caller_who_is_to_wait_is_told_how_long() {
        let mut details = because("RATE_LIMITED");
        details.set_retry_info(Some(Duration::from_millis(2_400)));
        let shown = shown(Code::ResourceExhausted, details);
        assert!(shown.ends_with("\nTry again in 3 s."), "{shown}");
    }

    #[test]
    fn no_answer_in_time_is_not_said_to_be_no() {
        let shown = shown(Code::Cancelled, ErrorDetails::new());
        assert!(shown.contains("may have happened"), "{shown}");
    }
}
