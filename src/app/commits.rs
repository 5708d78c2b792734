//! State of the store's commits, in the words of readiness.

use crate::{
    ops::NotReady,
    store::{EngineReadiness, sled},
};

/// Returns the current state.
pub(super) fn can_commit(commits: &mut EngineReadiness) -> Result<(), NotReady> {
    match commits {
        EngineReadiness::Sled(space) => match *space.borrow_and_update() {
            sled::Readiness::Ready => Ok(()),
            sled::Readiness::Low | sled::Readiness::Full => Err(NotReady::LowOnSpace),
        },
        #[cfg(feature = "postgres")]
        EngineReadiness::Postgres(reached) => match *reached.borrow_and_update() {
            crate::store::postgres::Readiness::Ready => Ok(()),
            crate::store::postgres::Readiness::Unreachable => Err(NotReady::Unreachable),
        },
    }
}

/// Waits for a change; `false` when none can come.
pub(super) async fn has_changed(commits: &mut EngineReadiness) -> bool {
    match commits {
        EngineReadiness::Sled(space) => space.changed().await.is_ok(),
        #[cfg(feature = "postgres")]
        EngineReadiness::Postgres(reached) => reached.changed().await.is_ok(),
    }
}
