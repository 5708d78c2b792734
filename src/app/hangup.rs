//! SIGHUP: has everything read again that can be, and tells the service manager when that is done.

use std::{convert::Infallible, io};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};

use super::service_manager;

/// Wants files to be read again. Whoever follows them drops it once they were.
pub(super) type Reread = oneshot::Sender<Infallible>;

/// Hears SIGHUP.
pub(super) struct Hangups {
    signal: Signal,
    followers: Vec<mpsc::Sender<Reread>>,
}

impl Hangups {
    /// Begins to listen: from now on the signal does not end the process.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { signal: signal(SignalKind::hangup())?, followers: Vec::new() })
    }

    /// One more who follows files, and hears of each SIGHUP here.
    pub(super) fn follower(&mut self) -> mpsc::Receiver<Reread> {
        let (follower, hears) = mpsc::channel(1);
        self.followers.push(follower);
        hears
    }

    /// At each SIGHUP calls `reread`, and then has every follower read its files again.
    pub(super) async fn follow(mut self, reread: &dyn Fn()) -> Infallible {
        loop {
            if self.signal.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            service_manager::reloading();
            reread();
            tracing::info!(
                "SIGHUP: server keys, certificates and [log] are read again; every other setting \
                 needs a restart"
            );
            let mut reading = Vec::new();
            for follower in &self.followers {
                let (asked, read) = oneshot::channel();
                // One that is gone follows no files any more.
                if follower.send(asked).await.is_ok() {
                    reading.push(read);
                }
            }
            for read in reading {
                // Ends when it is dropped, and so also with a follower that ends instead.
                drop(read.await);
            }
            service_manager::ready();
        }
    }
}
