//! How a call ended, by the reasons that both wires give.

use crate::domain::{error::Error, reason::Reason};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Ok,
    /// Its caller went away first.
    Cancelled,
    /// With an error that has no reason of ours.
    Other,
    /// With an error of this reason.
    Failed(Reason),
}

impl Outcome {
    /// The number of outcomes that there are.
    pub(super) const COUNT: usize = 3 + Reason::ALL.len();

    /// The outcome's number, below [`Self::COUNT`].
    pub(super) const fn number(self) -> usize {
        match self {
            Self::Ok => 0,
            Self::Cancelled => 1,
            Self::Other => 2,
            Self::Failed(reason) => 3 + reason as usize,
        }
    }

    /// The label's value.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Other => "OTHER",
            Self::Failed(reason) => reason.name(),
        }
    }

    /// The outcome behind the reason in an error's `google.rpc.ErrorInfo`.
    pub fn of_reason(name: &str) -> Self {
        let named = Reason::ALL.into_iter().find(|reason| reason.name() == name);
        named.map_or(Self::Other, Self::Failed)
    }

    /// The outcome of a call that comes to this.
    pub const fn of<T>(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Ok,
            Err(error) => Self::of_error(error),
        }
    }

    /// The outcome of a call that ends with this error.
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
