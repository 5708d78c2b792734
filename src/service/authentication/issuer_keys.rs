//! The keys of one trusted issuer: what is known of them, since when, and who asks for newer ones.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore, watch},
    time::timeout,
};

use crate::{domain::time::Clock, jose::KeySet, metrics::Counter};

/// Shortest pause between two readings that tokens with an unknown key cause: anybody can send such
/// tokens.
const PAUSE: Duration = Duration::from_secs(10);
/// Longest wait of a request for a reading that it caused.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Requests that wait for a reading at a time. More are answered at once.
const MOST_WAITING: usize = 64;

/// Keys of an issuer. There are none before they were first read, and none after they were last read
/// too long ago.
pub struct IssuerKeys {
    clock: Arc<dyn Clock>,
    max_age: Duration,
    state: watch::Sender<State>,
    failures: Counter,
    wanted: Notify,
    waiting: Semaphore,
}

#[derive(Default)]
struct State {
    known: Option<Known>,
    /// Age of the process at the last reading, good or bad.
    tried_at: Option<Duration>,
    /// Reason for which the last reading failed.
    fault: Option<Box<str>>,
}

struct Known {
    keys: Arc<KeySet>,
    /// Age of the process when they were last found so.
    read_at: Duration,
}

/// State of an issuer's keys, for administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCondition {
    /// Number of keys that verify its assertions now. With none every assertion is `Unavailable`.
    pub keys: usize,
    /// Time since they were last read. `None` if they never were.
    pub age: Option<Duration>,
    /// Reason for which the last reading failed.
    pub fault: Option<Box<str>>,
}

impl IssuerKeys {
    /// Keys that are yet to be read, and are used for `max_age` after each reading. Readings that fail
    /// are counted in `failures`.
    pub(in crate::service) fn unread(
        clock: Arc<dyn Clock>,
        max_age: Duration,
        failures: Counter,
    ) -> Self {
        Self {
            clock,
            max_age,
            state: watch::Sender::default(),
            failures,
            wanted: Notify::new(),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }

    /// Takes what the issuer publishes now in place of what was known.
    pub fn learn(&self, keys: KeySet) {
        let now = self.clock.age();
        self.state.send_modify(|state| {
            state.known = Some(Known { keys: Arc::new(keys), read_at: now });
            state.tried_at = Some(now);
            state.fault = None;
        });
    }

    /// Notes a reading that failed. The known keys stay in use until they are too old.
    pub fn fail(&self, fault: impl Into<Box<str>>) {
        let now = self.clock.age();
        self.state.send_modify(|state| {
            state.tried_at = Some(now);
            state.fault = Some(fault.into());
        });
        self.failures.inc();
    }

    /// Returns when a token has named a key that is not known, so that the keys should be read now.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Time since the keys were last read; since the start, if they never were.
    pub(in crate::service) fn age(&self) -> Duration {
        let read_at = self.state.borrow().known.as_ref().map(|known| known.read_at);
        self.clock.age().saturating_sub(read_at.unwrap_or_default())
    }

    /// State of the keys.
    pub fn condition(&self) -> KeyCondition {
        let keys = self.known().map_or(0, |keys| keys.len());
        let state = self.state.borrow();
        let now = self.clock.age();
        let age = state.known.as_ref().map(|known| now.saturating_sub(known.read_at));
        KeyCondition { keys, age, fault: state.fault.clone() }
    }

    /// Returns the keys.
    pub(in crate::service) fn known(&self) -> Option<Arc<KeySet>> {
        let now = self.clock.age();
        let state = self.state.borrow();
        let young = |known: &&Known| now.saturating_sub(known.read_at) <= self.max_age;
        state.known.as_ref().filter(young).map(|known| Arc::clone(&known.keys))
    }

    /// Has the keys read again, if that is due, and waits for it. Returns whether the keys are now
    /// those that the issuer publishes, as far as it was asked lately.
    pub(in crate::service) async fn renew(&self) -> bool {
        let mut state = self.state.subscribe();
        let now = self.clock.age();
        let tried_at = state.borrow_and_update().tried_at;
        if tried_at.is_some_and(|tried_at| now.saturating_sub(tried_at) >= PAUSE) {
            let Ok(_place) = self.waiting.try_acquire() else { return false };
            self.wanted.notify_one();
            if timeout(LONGEST_WAIT, state.changed()).await.is_err() {
                return false;
            }
        }
        state.borrow().fault.is_none()
    }
}
