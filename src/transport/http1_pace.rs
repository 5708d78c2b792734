//! Waiting times of an HTTP/1.1 connection: for the next request as long as its client keeps it,
//! for the rest of a request that has begun much less. hyper has one timeout for both.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::heard::Heard;
use crate::config::LimitSettings;

/// Time by which a connection is closed later than announced: a request that its client sends at
/// the last moment is still on its way then.
pub(super) const LEEWAY: Duration = Duration::from_secs(2);

/// Event that a connection waits for, and the start of the wait.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// For the first byte of a request.
    Idle(Instant),
    /// For the rest of its headers.
    Headers(Instant),
    /// For its answer, which takes as long as it takes.
    Answer,
}

/// The pace of one connection. Cloning shares it.
#[derive(Clone)]
pub(super) struct Pace(Arc<Mutex<Waiting>>);

/// A request under way, until it is dropped.
pub(super) struct Request(Pace);

impl Pace {
    /// Of a connection that was just accepted. Clients open some before they have anything to ask.
    pub(super) fn begin() -> Self {
        Self(Arc::new(Mutex::new(Waiting::Idle(Instant::now()))))
    }

    /// The connection's stream, which notes when a request begins.
    pub(super) fn over<T>(&self, stream: T) -> Heard<T, impl FnMut(usize) + Unpin + use<T>> {
        let pace = self.clone();
        Heard::of(stream, move |_| pace.bytes_came())
    }

    /// The headers of a request are there.
    pub(super) fn request(&self) -> Request {
        self.set(Waiting::Answer);
        Request(self.clone())
    }

    fn set(&self, waiting: Waiting) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    fn waiting(&self) -> Waiting {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes_came(&self) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Waiting::Idle(_) = *waiting {
            *waiting = Waiting::Headers(Instant::now());
        }
    }

    /// Returns when the connection has waited for too long.
    pub(super) async fn too_slow(&self, limits: &LimitSettings) {
        loop {
            let over = match self.waiting() {
                Waiting::Idle(since) => Some(since + limits.http_keepalive + LEEWAY),
                Waiting::Headers(since) => Some(since + limits.header_timeout),
                Waiting::Answer => None,
            };
            let now = Instant::now();
            if over.is_some_and(|over| over <= now) {
                return;
            }
            // A wait that begins meanwhile does not end before.
            let look = now + limits.header_timeout;
            sleep_until(over.map_or(look, |over| over.min(look))).await;
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.set(Waiting::Idle(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn limits() -> LimitSettings {
        LimitSettings::default()
    }

    /// Seconds until the connection has waited for too long.
    async fn over(pace: &Pace) -> u64 {
        let began = Instant::now();
        pace.too_slow(&limits()).await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_kept_for_longer_than_clients_keep_it() {
        let pace = Pace::begin();
        assert_eq!(over(&pace).await, 122);
        drop(pace.request());
        assert_eq!(over(&pace).await, 122, "after an answer the time begins again");
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_headers_counts_from_the_first_byte_and_not_from_the_pause_before() {
        let pace = Pace::begin();
        let (mut client, server) = duplex(64);
        let mut server = pace.over(server);
        tokio::time::advance(Duration::from_secs(100)).await;
        client.write_all(b"G").await.expect("sent");
        server.read_u8().await.expect("read");
        assert_eq!(over(&pace).await, 10);
        // Further bytes do not lengthen it.
        client.write_all(b"E").await.expect("sent");
        server.read_u8().await.expect("read");
        assert_eq!(over(&pace).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn headers_that_begin_while_time_passes_have_their_own_time() {
        let pace = Pace::begin();
        let began = Instant::now();
        let slow = async {
            tokio::time::sleep(Duration::from_secs(25)).await;
            pace.bytes_came();
            std::future::pending::<()>().await;
        };
        let limits = limits();
        tokio::select! {
            () = pace.too_slow(&limits) => {}
            () = slow => {}
        }
        assert_eq!(began.elapsed().as_secs(), 35);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_takes_as_long_as_it_takes() {
        let pace = Pace::begin();
        let _request = pace.request();
        pace.bytes_came();
        let limits = limits();
        let hour = Duration::from_secs(3_600);
        let waited = tokio::time::timeout(hour, pace.too_slow(&limits)).await;
        assert!(waited.is_err(), "it is still being answered");
    }
}
