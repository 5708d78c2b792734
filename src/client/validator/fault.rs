//! The last error of a validator's connection to the server.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::clock::Moment;
use crate::client::Error;

/// An error of a question to the server, or of the watch.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The error.
    pub error: Error,
    /// Time since it happened.
    pub age: Duration,
}

/// The last error and its time.
#[derive(Default)]
pub(super) struct LastError(Mutex<Option<(Moment, Error)>>);

impl LastError {
    pub(super) fn set(&self, now: Moment, error: &Error) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, error.clone()));
    }

    pub(super) fn get(&self, now: Moment) -> Option<Fault> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|(at, error)| Fault { error: error.clone(), age: now.since(*at) })
    }
}
