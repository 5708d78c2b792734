//! The moment to send GOAWAY on a connection: when its client is least likely to be calling.
//!
//! After GOAWAY a client takes another connection, but a call that it has just handed to this one may
//! be lost: hyper's client, which is tonic's, drops it with CANCELLED, or has its answer to GOAWAY
//! overtake the call. A client that waits for one answer, and for nothing else, is not calling.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

/// The calls of one connection. One whose answer has begun is over, though a stream may go on.
#[derive(Debug, Default)]
pub(super) struct Calls {
    begun: Notify,
    under_way: AtomicUsize,
    any: AtomicBool,
    first: Notify,
}

/// A call, until it is dropped.
pub(super) struct Call(Arc<Calls>);

impl Calls {
    /// A call begins. Costs next to nothing while nobody waits for a lull.
    pub(super) fn begin(self: &Arc<Self>) -> Call {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.begun.notify_waiters();
        if !self.any.load(Ordering::Relaxed) && !self.any.swap(true, Ordering::Relaxed) {
            self.first.notify_one();
        }
        Call(Arc::clone(self))
    }

    /// Waits, once, until the first has begun.
    pub(super) async fn first(&self) {
        self.first.notified().await;
    }

    /// Waits for a moment to send GOAWAY: a call begins while no other is under way, or none begins
    /// for as long as `idle`. After `patience` any call's beginning will do.
    ///
    /// `idle` should be longer than a busy client is held up between two calls.
    pub(super) async fn lull(&self, idle: Duration, patience: Duration) {
        let patient = Instant::now() + patience;
        loop {
            let begun = timeout(idle, self.begun.notified()).await.is_ok();
            let others = self.under_way.load(Ordering::Relaxed).saturating_sub(begun.into());
            if others == 0 || Instant::now() >= patient {
                return;
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    const IDLE: Duration = Duration::from_millis(100);
    const PATIENCE: Duration = Duration::from_millis(250);

    async fn pass(milliseconds: u64) {
        tokio::time::advance(Duration::from_millis(milliseconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_moment_is_when_a_call_begins_and_is_alone() {
        let calls = Arc::new(Calls::default());
        let first = calls.begin();
        let mut lull = pin!(calls.lull(IDLE, PATIENCE));
        assert!(lull.as_mut().now_or_never().is_none(), "it began before");
        let second = calls.begin();
        assert!(lull.as_mut().now_or_never().is_none(), "there are two");
        drop((first, second));
        assert!(lull.as_mut().now_or_never().is_none(), "the next may begin at once");
        let _third = calls.begin();
        assert!(lull.as_mut().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_under_way_for_a_while_is_a_lull() {
        let calls = Arc::new(Calls::default());
        let mut lull = pin!(calls.lull(IDLE, PATIENCE));
        assert!(lull.as_mut().now_or_never().is_none());
        pass(99).await;
        assert!(lull.as_mut().now_or_never().is_none());
        pass(2).await;
        assert!(lull.as_mut().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn patience_with_calls_that_overlap_has_an_end() {
        let calls = Arc::new(Calls::default());
        let _long = calls.begin();
        let mut lull = pin!(calls.lull(IDLE, PATIENCE));
        for _ in 0..2 {
            assert!(lull.as_mut().now_or_never().is_none());
            pass(101).await;
        }
        assert!(lull.as_mut().now_or_never().is_none());
        pass(60).await;
        let _other = calls.begin();
        assert!(lull.as_mut().now_or_never().is_some());
    }
}
