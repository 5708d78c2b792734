//! The outcome of a call, by the reasons that both protocols return.

use crate::domain::{error::Error, reason::Reason};

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call returned an answer.
    Ok,
    /// The caller went away before the answer.
    Cancelled,
    /// The call failed without a reason of this service.
    Other,
    /// The call failed for this reason.
    Failed(Reason),
}

impl Outcome {
    /// Number of different outcomes.
    pub(super) const COUNT: usize = 3 + Reason::ALL.len();

    /// Returns the outcome's number, below [`Self::COUNT`].
    pub(super) const fn number(self) -> usize {
        match self {
            Self::Ok => 0,
            Self::Cancelled => 1,
            Self::Other => 2,
            Self::Failed(reason) => 3 + reason as usize,
        }
    }

    /// Returns the label's value.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Other => "OTHER",
            Self::Failed(reason) => reason.name(),
        }
    }

    /// Returns the outcome for the reason in an error's `google.rpc.ErrorInfo`.
    pub fn of_reason(name: &str) -> Self {
        let named = Reason::ALL.into_iter().find(|reason| reason.name() == name);
        named.map_or(Self::Other, Self::Failed)
    }

    /// Returns the outcome of a call with this result.
    pub const fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(error) => Self::of_error(error),
        }
    }

    /// Returns the outcome of a call with this error.
    pub const fn of_error(error: &Error) -> Self {
        Self::Failed(error.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_number_of_its_own() {
        for (place, reason) in Reason::ALL.into_iter().enumerate() {
            let outcome = Outcome::of_reason(reason.name());
            assert_eq!(outcome, Outcome::Failed(reason));
            assert_eq!(outcome.number(), 3 + place);
        }
    }
}
