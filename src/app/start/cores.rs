//! A thread for each core, if connections are to be divided so.

use std::thread::available_parallelism;

use super::{
    finding::Findings,
    refusal::{Refusal, system},
    step::{Nothing, Seen, Step},
};
use crate::{
    config::{Runtime, Settings},
    transport::Cores,
};

/// Starts the threads. Their tasks may outlive their connections: hold the threads until the store
/// is closed.
pub(in crate::app) struct CoreThreads<'a>(&'a Settings);

impl<'a> CoreThreads<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }
}

impl Step for CoreThreads<'_> {
    type Given = Nothing;
    type Made = Option<Cores>;

    /// Starts them, and ends them again.
    async fn look(&self, _: &mut Seen, findings: &mut Findings) {
        if let Err(refusal) = start(self.0.serve.runtime) {
            findings.refuse("threads", &refusal, "let the user that serves have more: ulimit -u");
        }
    }

    async fn take(self, _: Nothing) -> Result<Option<Cores>, Refusal> {
        start(self.0.serve.runtime)
    }
}

/// Starts a thread for each core, if there is to be one.
///
/// # Errors
/// When one cannot be had.
pub(in crate::app) fn start(runtime: Runtime) -> Result<Option<Cores>, Refusal> {
    match runtime {
        Runtime::Shared => Ok(None),
        Runtime::PerCore => {
            let started = available_parallelism().and_then(Cores::start);
            started.map(Some).map_err(|error| system("a thread for each core", error))
        }
    }
}
