//! Whether a request has handed a write to the store: from then on the write may happen, even if the
//! request is dropped.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static QUEUED: Queued;
}

/// Whether a write of one request was queued. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Queued(Arc<AtomicBool>);

impl Queued {
    /// Runs a request whose writes are noted here. Tasks that it spawns note theirs by [`note`].
    pub fn of<F: Future>(&self, request: F) -> TaskLocalFuture<Self, F> {
        QUEUED.scope(self.clone(), request)
    }

    /// Whether a write was queued.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Notes that a write of the current request is queued, is certain to be by a task of its own, or that the
/// request must come to its end for another reason. Every engine calls this before the first moment in
/// which a write may be dropped and happen all the same.
pub fn note() {
    // Elsewhere, as in the sweeper, nobody asks.
    let _nobody = QUEUED.try_with(|queued| queued.0.store(true, Ordering::Relaxed));
}
