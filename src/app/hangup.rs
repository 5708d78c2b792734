//! SIGHUP: reads everything again that can be, and notifies the service manager when that is done.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use super::service_manager::ServiceManager;

/// Longest time for reading the files. A file system that hangs keeps the threads that read from
/// it, and no others.
const LIMIT: Duration = Duration::from_secs(10);

/// Reads the settings again, on a thread where it may wait for the disk.
pub type OnHangup = Arc<dyn Fn() + Send + Sync>;

/// Request to read files again. The follower drops it once it has read them.
pub(super) type Reread = oneshot::Sender<Infallible>;

/// Receiver of SIGHUP.
pub(super) struct Hangups {
    signal: Signal,
    /// The files that are read again, in words.
    files: &'static str,
    readers: Readers,
}

/// Followers that read files at a SIGHUP.
#[derive(Default)]
struct Readers {
    followers: Vec<mpsc::Sender<Reread>>,
    /// The last reading of the settings.
    settings: Option<JoinHandle<()>>,
}

impl Hangups {
    /// Starts to handle the signal: from now on it does not end the process. `files` is what is read again,
    /// for the log.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(super) fn listen(files: &'static str) -> io::Result<Self> {
        Ok(Self { signal: signal(SignalKind::hangup())?, files, readers: Readers::default() })
    }

    /// Adds a follower of files, which receives a request at each SIGHUP.
    pub(super) fn follower(&mut self) -> mpsc::Receiver<Reread> {
        self.readers.follower()
    }

    /// At each SIGHUP calls `reread`, and has every follower read its files again.
    pub(super) async fn follow(mut self, reread: OnHangup, manager: &ServiceManager) -> Infallible {
        loop {
            if self.signal.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            manager.reloading();
            tracing::info!(
                "SIGHUP: {} are read again; every other setting needs a restart",
                self.files
            );
            self.readers.read(&reread).await;
            manager.ready();
        }
    }
}

impl Readers {
    fn follower(&mut self) -> mpsc::Receiver<Reread> {
        let (follower, hears) = mpsc::channel(1);
        self.followers.push(follower);
        hears
    }

    /// Returns once everything was read, or took too long.
    async fn read(&mut self, reread: &OnHangup) {
        if timeout(LIMIT, self.read_all(reread)).await.is_err() {
            let limit = LIMIT.as_secs();
            tracing::error!(limit, "files took too long to be read: what is in use stays in use");
        }
    }

    async fn read_all(&mut self, reread: &OnHangup) {
        let settings = self.settings.take().filter(|reading| !reading.is_finished());
        // A reading that hangs is waited for again; it gets no second thread.
        let settings = self.settings.insert(settings.unwrap_or_else(|| {
            let reread = Arc::clone(reread);
            spawn_blocking(move || reread())
        }));
        let mut reading = Vec::new();
        for follower in &self.followers {
            let (asked, read) = oneshot::channel();
            // A follower that is gone follows no files any more.
            if follower.send(asked).await.is_ok() {
                reading.push(read);
            }
        }
        for read in reading {
            // Ends when it is dropped, and so also with a follower that ends instead.
            drop(read.await);
        }
        // An error is a panic, which has been logged.
        drop(settings.await);
        self.settings = None;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering},
            mpsc as blocking,
        },
    };

    use futures_util::FutureExt as _;

    use super::*;

    /// Settings whose reading lasts until the sender is dropped, and how often they were read.
    fn held() -> (OnHangup, blocking::Sender<Infallible>, Arc<AtomicUsize>) {
        let (release, hold) = blocking::channel();
        let (hold, read) = (Mutex::new(hold), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&read);
        let reread = move || {
            count.fetch_add(1, Ordering::Relaxed);
            drop(hold.lock().map(|hold| hold.recv()));
        };
        (Arc::new(reread), release, read)
    }

    #[tokio::test]
    async fn a_reload_is_over_when_settings_and_followers_have_read_and_not_before() {
        let mut readers = Readers::default();
        let mut follower = readers.follower();
        let (reread, release, _) = held();
        let mut reading = pin!(readers.read(&reread));
        assert!(reading.as_mut().now_or_never().is_none());
        let asked = follower.recv().await.expect("it is asked");
        assert!(reading.as_mut().now_or_never().is_none(), "the follower reads");
        drop(asked);
        assert!(reading.as_mut().now_or_never().is_none(), "the settings are read");
        drop(release);
        reading.await;
    }

    #[tokio::test(start_paused = true)]
    async fn settings_that_hang_keep_one_thread_and_no_reload() {
        let mut readers = Readers::default();
        let (reread, release, read) = held();
        // Time that is paused does not pass by itself while a thread is blocked.
        for _ in 0..3 {
            let mut reading = pin!(readers.read(&reread));
            assert!(reading.as_mut().now_or_never().is_none());
            tokio::time::advance(LIMIT + Duration::from_secs(1)).await;
            reading.await;
        }
        drop(release);
        readers.settings.take().expect("it hung").await.expect("it ends");
        assert_eq!(read.load(Ordering::Relaxed), 1);
    }
}
