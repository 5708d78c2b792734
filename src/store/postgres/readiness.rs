//! Whether the database commits what it is asked to.

/// Whether barriers are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// They are.
    Ready,
    /// The database cannot be reached, or its standbys do not confirm.
    Unreachable,
}

impl Readiness {
    /// Takes note of how a barrier went; tells whether that is news.
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
