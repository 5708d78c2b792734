//! Readiness of the process for calls, with a reason when it is not ready.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::watch;

use crate::metrics::Registry;

/// Reason for which the process is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// The store is not open yet.
    Starting,
    /// The process was asked to stop.
    Draining,
    /// There is too little space for new grants; introspection and revocation go on.
    LowOnSpace,
    /// The database cannot be reached, or does not commit; the process waits for it.
    Unreachable,
    /// Of an agent: what it remembers cannot be proven, since it does not hear the server.
    Unheard,
    /// The store has stopped acknowledging; the process is about to exit.
    CannotCommit,
}

impl NotReady {
    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::LowOnSpace => "low on space",
            Self::Unreachable => "the database does not commit",
            Self::Unheard => "the server is not heard",
            Self::CannotCommit => "the store cannot commit",
        }
    }
}

/// The readiness of the process, and whether another start would succeed. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Readiness {
    now: watch::Sender<Result<(), NotReady>>,
    /// Cleared while the key ring on disk is not fit for a start.
    next_start: Arc<AtomicBool>,
}

impl Readiness {
    /// Not ready yet.
    pub fn starting() -> Self {
        let now = watch::Sender::new(Err(NotReady::Starting));
        Self { now, next_start: Arc::new(AtomicBool::new(true)) }
    }

    /// From now on it is this.
    pub fn set(&self, readiness: Result<(), NotReady>) {
        let _before = self.now.send_replace(readiness);
    }

    /// Says whether the key ring on disk is fit for another start. The process is as ready as it is: the
    /// keys that it has read stay in use.
    pub fn set_next_start(&self, fit: bool) {
        self.next_start.store(fit, Ordering::Relaxed);
    }

    /// Returns whether the key ring on disk is fit for another start, as far as is known.
    pub fn is_next_start_fit(&self) -> bool {
        self.next_start.load(Ordering::Relaxed)
    }

    /// Returns the current state.
    ///
    /// # Errors
    /// Reason for which the process is not ready.
    pub fn now(&self) -> Result<(), NotReady> {
        *self.now.borrow()
    }

    /// Follows it from now on.
    pub(super) fn follow(&self) -> watch::Receiver<Result<(), NotReady>> {
        self.now.subscribe()
    }

    /// The readiness as a metric.
    pub fn metrics(&self) -> Registry {
        let registry = Registry::new();
        let gauge = registry.gauge("jeton_ready", "Whether /readyz says ready: 1 or 0.");
        let readiness = self.clone();
        let keys = registry.gauge(
            "jeton_key_ring_usable",
            "Whether the key ring on disk is what a start needs: 1 or 0.",
        );
        registry.before_reading(move || {
            gauge.set(readiness.now().is_ok().into());
            keys.set(readiness.is_next_start_fit().into());
        });
        registry
    }
}
