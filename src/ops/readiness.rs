//! Whether callers should be sent here, and if not, why not.

use tokio::sync::watch;

use crate::metrics::Registry;

/// Why the process is not ready.
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
            Self::CannotCommit => "the store cannot commit",
        }
    }
}

/// The readiness of the process. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Readiness(watch::Sender<Result<(), NotReady>>);

impl Readiness {
    /// Not ready yet.
    pub fn starting() -> Self {
        Self(watch::Sender::new(Err(NotReady::Starting)))
    }

    /// From now on it is this.
    pub fn set(&self, readiness: Result<(), NotReady>) {
        let _before = self.0.send_replace(readiness);
    }

    /// What it is now.
    ///
    /// # Errors
    /// Why the process is not ready.
    pub fn now(&self) -> Result<(), NotReady> {
        *self.0.borrow()
    }

    /// The readiness as a metric.
    pub fn metrics(&self) -> Registry {
        let registry = Registry::new();
        let gauge = registry.gauge("jeton_ready", "Whether /readyz says ready: 1 or 0.");
        let readiness = self.clone();
        registry.before_reading(move || gauge.set(readiness.now().is_ok().into()));
        registry
    }
}
