//! A client that behaves: one call after the other over one connection, each timed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinHandle, time::Instant};

use crate::common::caller::Caller;

/// The client at work. Every call must be answered, and rightly.
pub(crate) struct Honest {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    task: JoinHandle<Vec<Duration>>,
}

/// Latencies of its calls.
pub(crate) struct Times(Vec<Duration>);

impl Honest {
    pub(crate) fn start(caller: &Caller, token: &str) -> Self {
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (caller, token) = (caller.clone(), token.to_owned());
        let (is_over, count) = (Arc::clone(&over), Arc::clone(&answered));
        let task = tokio::spawn(async move {
            let mut times = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                let began = Instant::now();
                assert!(caller.is_active(&token).await);
                times.push(began.elapsed());
                count.fetch_add(1, Ordering::SeqCst);
            }
            times
        });
        Self { over, answered, task }
    }

    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }

    pub(crate) async fn stop(self) -> Times {
        self.over.store(true, Ordering::SeqCst);
        let mut times = self.task.await.expect("every call was answered");
        assert!(!times.is_empty(), "no call came through");
        times.sort_unstable();
        Times(times)
    }
}

/// Their number, and the longest of half of them, of 99 of 100 and of all of them: cells of a
/// table.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let at = |percent: usize| self.0[(count * percent / 100).min(count - 1)];
        write!(f, "{count} | {:.1?} | {:.1?} | {:.1?}", at(50), at(99), at(100))
    }
}
