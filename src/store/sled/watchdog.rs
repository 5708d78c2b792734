//! Distinguishes a committer that hangs forever from a slow one.
//!
//! If the disk never finishes a sync, or one of sled's threads dies before it wakes the committer,
//! the committer cannot report its own failure. Another thread therefore checks it every second.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::watch;

use super::handle::{Failure, State};

/// Number of checks, a second apart, that one round of the committer can outlast. Linux gives a
/// disk 30 seconds for one command before it resets the disk; a batch below one segment takes few
/// commands. The limit counts checks, not time: while the whole machine stands still no check runs.
pub(super) const PATIENCE: u32 = 30;

/// State shared by the committer and the thread that checks it.
pub(super) struct Watchdog {
    /// Number of rounds begun and ended: odd while a round is under way.
    rounds: AtomicU64,
    /// The number of rounds at the last check, and the number of checks for which it has not
    /// changed.
    seen: AtomicU64,
    looks: AtomicU32,
    state: watch::Sender<State>,
}

impl Watchdog {
    pub(super) fn new() -> Self {
        let state = watch::Sender::new(State::Committing);
        Self { rounds: AtomicU64::new(0), seen: AtomicU64::new(0), looks: AtomicU32::new(0), state }
    }

    /// Returns the committer's state, with every change of it.
    pub(super) fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Returns `true` if the committer has never hung.
    pub(super) fn is_content(&self) -> bool {
        matches!(*self.state.borrow(), State::Committing)
    }

    /// Runs one round.
    pub(super) fn watch<T>(&self, round: impl FnOnce() -> T) -> T {
        self.rounds.fetch_add(1, Ordering::SeqCst);
        let done = round();
        self.rounds.fetch_add(1, Ordering::SeqCst);
        done
    }

    /// Checks the committer once. Only one thread calls this.
    pub(super) fn look(&self) {
        let rounds = self.rounds.load(Ordering::SeqCst);
        let stays = self.seen.swap(rounds, Ordering::SeqCst) == rounds && rounds % 2 == 1;
        if !stays {
            self.looks.store(0, Ordering::SeqCst);
        } else if self.looks.fetch_add(1, Ordering::SeqCst) + 1 == PATIENCE {
            let why = format!("a batch of writes has not come to an end in {PATIENCE} seconds");
            self.end(State::Failed(Failure(why.into())));
        }
    }

    /// Records the end of the committer. The first recorded end holds.
    pub(super) fn end(&self, end: State) {
        self.state.send_if_modified(|state| {
            let first = matches!(state, State::Committing);
            if first {
                *state = end;
            }
            first
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(watchdog: &Watchdog) -> bool {
        matches!(*watchdog.state().borrow(), State::Failed(_))
    }

    fn look(watchdog: &Watchdog, times: u32) {
        (0..times).for_each(|_| watchdog.look());
    }

    #[test]
    fn a_committer_with_nothing_to_do_or_always_something_new_has_not_failed() {
        let watchdog = Watchdog::new();
        look(&watchdog, 3 * PATIENCE);
        for _ in 0..3 * PATIENCE {
            watchdog.watch(|| watchdog.look());
        }
        watchdog.watch(|| look(&watchdog, PATIENCE));
        assert!(!failed(&watchdog));
    }

    #[test]
    fn a_round_that_outlasts_the_patience_is_the_end_whatever_comes_of_it() {
        let watchdog = Watchdog::new();
        watchdog.watch(|| look(&watchdog, PATIENCE + 1));
        assert!(failed(&watchdog));
        watchdog.end(State::Closed);
        assert!(failed(&watchdog));
    }
}
