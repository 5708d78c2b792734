//! The database's readiness for commits.

/// State of the last barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Barriers are passed.
    Ready,
    /// The database cannot be reached, or its standbys do not confirm.
    Unreachable,
}

impl Readiness {
    /// Records the result of a barrier. Returns `true` if the readiness has changed.
    pub(super) fn now(&mut self, passed: bool) -> bool {
        let now = if passed { Self::Ready } else { Self::Unreachable };
        let news = now != *self;
        *self = now;
        match now {
            Self::Ready if news => tracing::info!("the database commits again: serving"),
            Self::Unreachable if news => {
                tracing::error!("the database does not commit: not serving");
            }
            Self::Ready | Self::Unreachable => {}
        }
        news
    }
}
