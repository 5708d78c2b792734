//! Life of a connection, and the events that end it if it does not end by itself.

use std::{pin::Pin, time::Duration};

use hyper_util::server::graceful::GracefulConnection;
use tokio::{sync::watch, time::sleep};

use super::{Stage, lull::Calls, pending::Account, when_woken::WhenWoken, writes::Writes};
use crate::config::LimitSettings;

/// A connection that is called without a pause gets older by its age divided by this.
const PATIENCE: u32 = 20;
/// No call for so long: the client is not calling, rather than held up between two calls.
const IDLE: Duration = Duration::from_secs(1);
/// The same limit while the process drains, which waits for idle connections too.
const IDLE_DRAINING: Duration = Duration::from_millis(100);
/// Number of checks that a peer takes the bytes sent to it, in the time that it has for that.
const LOOKS: u32 = 4;

/// Conditions of the life of one connection.
pub(super) struct Life<'a> {
    pub(super) limits: &'a LimitSettings,
    pub(super) calls: &'a Calls,
    pub(super) account: &'a Account,
    pub(super) writes: &'a Writes,
    /// `None` for any age.
    pub(super) age: Option<Duration>,
}

impl Life<'_> {
    /// Waits for a moment to end the connection at its age.
    async fn aged(&self) {
        match self.age {
            Some(age) => {
                sleep(age).await;
                self.calls.lull(IDLE, age / PATIENCE).await;
            }
            None => std::future::pending().await,
        }
    }

    /// Waits until the peer has let an answer lie for longer than it may. Others on the same
    /// connection may have been taken.
    async fn lets_lie(&self) {
        let patience = self.limits.write_timeout;
        loop {
            sleep(patience / LOOKS).await;
            if self.account.lets_lie(patience) {
                return;
            }
        }
    }

    /// Waits until there is nothing to be hoped for: the peer takes nothing of what is written, or
    /// too much is kept for all peers and for this one the longest.
    pub(super) async fn given_up(&self) {
        let patience = self.limits.write_timeout;
        let stuck = async {
            loop {
                sleep(patience / LOOKS).await;
                if self.writes.stuck(patience) {
                    return;
                }
            }
        };
        tokio::select! {
            () = self.account.to_be_cut() => tracing::debug!("a connection is cut off to make room"),
            () = stuck => tracing::debug!("a connection is cut off: its peer takes nothing"),
        }
    }
}

/// Event at which a connection that has not ended by itself is to end.
enum End {
    /// It answers what is under way.
    Gracefully,
    /// At once.
    Cut,
}

impl Life<'_> {
    /// Waits for the first of the events.
    async fn end(&self, mut stage: watch::Receiver<Stage>) -> End {
        let draining = async {
            Stage::Draining.reached(&mut stage).await;
            self.calls.lull(IDLE_DRAINING, Duration::ZERO).await;
        };
        tokio::select! {
            biased;
            () = self.aged() => End::Gracefully,
            () = self.lets_lie() => End::Gracefully,
            () = draining => End::Gracefully,
            () = self.given_up() => End::Cut,
        }
    }
}

/// Drives a connection until it ends by itself, or has answered what was under way when it came to
/// its age or the process to its end, or is out of time for that.
pub(super) async fn live<C: GracefulConnection>(
    mut connection: Pin<&mut C>,
    life: &Life<'_>,
    mut stage: watch::Receiver<Stage>,
) -> Result<(), C::Error> {
    // The connection first: what it makes of a call's first bytes is what a lull waits for.
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        end = WhenWoken::of(life.end(stage.clone())) => match end {
            End::Gracefully => {}
            End::Cut => return Ok(()),
        },
    }
    // No more calls from now on: GOAWAY on HTTP/2, `connection: close` on HTTP/1.1.
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = sleep(life.limits.connection_age_grace) => Ok(()),
        () = life.lets_lie() => Ok(()),
        () = life.given_up() => Ok(()),
        () = Stage::Cut.reached(&mut stage) => Ok(()),
    }
}
