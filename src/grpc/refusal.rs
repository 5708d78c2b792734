//! A refusal on its way out, with or without its cause.

use tonic::Status;

use super::status::{explained, status};
use crate::{domain::error::Error, service::Caller};

/// An error, and its visibility: the cause is for callers with the permission.
pub(super) struct Refusal {
    error: Error,
    is_explained: bool,
}

impl Refusal {
    /// A refusal for this caller.
    pub(super) fn to(caller: &Caller) -> impl Fn(Error) -> Self {
        let is_explained = caller.may_know_causes();
        move |error| Self { error, is_explained }
    }

    /// Returns the status that is sent.
    pub(super) fn status(&self) -> Status {
        if self.is_explained { explained(&self.error) } else { status(&self.error) }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, is_explained: false }
    }
}
