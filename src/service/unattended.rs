//! Requests that lose their caller: one that has handed a write to the store is carried to its end, so
//! that what it did is audited and counted.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{runtime::Handle, sync::watch, task::futures::TaskLocalFuture};
use tracing::{Instrument as _, Span};

use crate::store::queued::Queued;

/// The requests that go on without a caller. Cloning shares them.
#[derive(Clone)]
pub struct Unattended(Arc<Running>);

struct Running {
    count: watch::Sender<usize>,
    /// Outlives the runtimes that connections are on.
    runtime: Option<Handle>,
}

impl Unattended {
    /// None yet. They will run where this is called, if that is on a runtime.
    pub(super) fn new() -> Self {
        let runtime = Handle::try_current().ok();
        Self(Arc::new(Running { count: watch::Sender::new(0), runtime }))
    }

    /// Runs `request` until it ends, or until it is dropped before it has queued a write.
    pub(super) fn carry<F: Future + Send + 'static>(&self, request: F) -> Carried<F> {
        let queued = Queued::default();
        let request = Some(Box::pin(queued.of(request)));
        Carried { request, queued, is_polled: false, unattended: self.clone() }
    }

    /// Waits until none is left.
    pub(super) async fn ended(&self) {
        let mut count = self.0.count.subscribe();
        // The sender is here: an error is not to be had.
        drop(count.wait_for(|count| *count == 0).await);
    }

    fn run<F: Future + Send + 'static>(&self, request: F) {
        let Some(runtime) = self.0.runtime.clone().or_else(|| Handle::try_current().ok()) else {
            return;
        };
        self.0.count.send_modify(|count| *count += 1);
        let counted = Counted(self.clone());
        let to_its_end = async move {
            drop(request.await);
            drop(counted);
        };
        // A request is dropped within its span, which names it in the log.
        drop(runtime.spawn(to_its_end.instrument(Span::current())));
    }
}

/// One of the requests, until it is dropped.
struct Counted(Unattended);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.count.send_modify(|count| *count -= 1);
    }
}

/// A request under way. When it is dropped after it has queued a write, it goes on by itself.
pub struct Carried<F: Future + Send + 'static> {
    request: Option<Pin<Box<TaskLocalFuture<Queued, F>>>>,
    queued: Queued,
    /// Still set when it is dropped: the request has panicked, and cannot go on.
    is_polled: bool,
    unattended: Unattended,
}

impl<F: Future + Send + 'static> Future for Carried<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.is_polled = true;
        let Some(request) = self.request.as_mut() else { return Poll::Pending };
        let polled = request.as_mut().poll(context);
        self.is_polled = false;
        if polled.is_ready() {
            self.request = None;
        }
        polled
    }
}

impl<F: Future + Send + 'static> Drop for Carried<F> {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        if self.queued.is_set() && !self.is_polled {
            self.unattended.run(request);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;
    use crate::store::queued;

    /// A request that queues a write, if it does, then waits for a word, then says that it ended.
    fn request(
        queues: bool,
    ) -> (impl Future<Output = ()> + Send + 'static, oneshot::Sender<()>, oneshot::Receiver<()>)
    {
        let (word, wait) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let request = async move {
            if queues {
                queued::note();
            }
            wait.await.expect("a word");
            end.send(()).expect("somebody listens");
        };
        (request, word, ended)
    }

    fn begin_and_drop(unattended: &Unattended, request: impl Future<Output = ()> + Send + 'static) {
        let mut carried = unattended.carry(request);
        assert!((&mut carried).now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_request_that_has_queued_a_write_goes_on_without_its_caller_and_is_waited_for() {
        let unattended = Unattended::new();
        let (request, word, ended) = request(true);
        begin_and_drop(&unattended, request);
        let mut none_left = Box::pin(unattended.ended());
        assert!((&mut none_left).now_or_never().is_none());
        word.send(()).expect("it goes on");
        ended.await.expect("it has ended");
        none_left.await;
    }

    #[tokio::test]
    async fn a_request_that_has_queued_nothing_ends_with_its_caller() {
        let unattended = Unattended::new();
        let (request, word, _ended) = request(false);
        begin_and_drop(&unattended, request);
        word.send(()).expect_err("nobody waits for it");
        unattended.ended().await;
    }

    #[tokio::test]
    async fn a_request_that_panicked_is_not_run_again() {
        let unattended = Unattended::new();
        let carried = unattended.carry(async {
            queued::note();
            tokio::task::yield_now().await;
            panic!("as it was meant to");
        });
        tokio::spawn(carried).await.expect_err("a panic");
        unattended.ended().await;
    }
}
