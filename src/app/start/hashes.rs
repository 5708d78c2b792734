//! The threads that hash passwords and secrets.

use std::{sync::Arc, thread};

use super::{
    super::SystemEntropy,
    finding::Findings,
    refusal::{Refusal, system},
    step::{Nothing, Seen, Step},
};
use crate::{config::Settings, service::HashPool};

/// Starts them.
pub(in crate::app) struct Hashes<'a>(&'a Settings);

impl<'a> Hashes<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }

    /// Starts them.
    ///
    /// # Errors
    /// When one cannot be had.
    pub(super) fn start(&self) -> Result<HashPool, Refusal> {
        let passwords = &self.0.passwords;
        let threads = passwords.threads.map_or_else(default_threads, usize::from);
        let started = HashPool::start(threads, passwords.cost, Arc::new(SystemEntropy));
        let pool = started.map_err(|error| system("the hashing threads", error))?;
        Ok(pool.with_max_wait(passwords.max_wait))
    }
}

impl Step for Hashes<'_> {
    type Given = Nothing;
    type Made = HashPool;

    /// Starts them, and ends them again.
    async fn look(&self, _: &mut Seen, findings: &mut Findings) {
        if let Err(refusal) = self.start() {
            findings.refuse("credentials", &refusal, "change [passwords]");
        }
    }

    async fn take(self, _: Nothing) -> Result<HashPool, Refusal> {
        self.start()
    }
}

/// One core is left to everything else.
fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}
