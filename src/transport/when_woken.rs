//! A future that is polled when it was woken itself, and not each time that the task is.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{Stream as _, stream::FuturesUnordered};

/// A future with a waker of its own.
///
/// A connection's task is woken for each call, and `select!` polls every branch then: the timers beside a
/// connection, which wake once in seconds or never, would take a tenth of the time of a short call.
pub(super) struct WhenWoken<F>(FuturesUnordered<F>);

impl<F: Future> WhenWoken<F> {
    /// Moves `future` to a place of its own, where the first poll begins it.
    pub(super) fn of(future: F) -> Self {
        Self(FuturesUnordered::from_iter([future]))
    }
}

impl<F: Future> Future for WhenWoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match ready!(Pin::new(&mut self.0).poll_next(context)) {
            Some(output) => Poll::Ready(output),
            // It has ended before: as any future that is polled after its end.
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, time::Duration};

    use futures_util::FutureExt as _;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_polled_at_first_and_when_it_was_woken() {
        let (polls, woken) = (Cell::new(0), Notify::new());
        let mut notified = Box::pin(woken.notified());
        let counted = poll_fn(|context| {
            polls.set(polls.get() + 1);
            notified.as_mut().poll(context)
        });
        let mut waiting = WhenWoken::of(counted);
        for _ in 0..100 {
            assert!((&mut waiting).now_or_never().is_none());
        }
        assert_eq!(polls.get(), 1);
        woken.notify_one();
        assert!((&mut waiting).now_or_never().is_some());
        assert_eq!(polls.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn its_task_is_woken_when_it_is_ready() {
        let hour = Duration::from_hours(1);
        tokio::select! {
            biased;
            () = std::future::pending() => {}
            () = WhenWoken::of(tokio::time::sleep(hour)) => {}
        }
    }
}
