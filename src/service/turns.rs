//! Turns at something costly, by key: few of one key run at once, and a bounded number wait for them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    holder::Holder,
    shares::{Share, Shares},
};
use crate::domain::error::Error;

/// Limit for all keys together.
const MOST: usize = 4_096;

/// Limit for one key.
const MOST_AT_ONE: usize = 1_024;

/// Everybody at a key, by key. A key without anybody takes no memory.
pub(super) struct Turns {
    places: Arc<Shares>,
    lines: Mutex<HashMap<Holder, Line>>,
}

/// Those at one key.
#[derive(Default)]
struct Line {
    present: usize,
    running: u32,
    /// Counts the turns that have ended.
    ended: u64,
    /// Wakes one waiter. A waiter that leaves wakes the next.
    next: Arc<Notify>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: Arc::new(Shares::new(MOST)), lines: Mutex::default() }
    }
}

impl Turns {
    /// Joins those at `key`, in a place of the share of `party`.
    ///
    /// # Errors
    /// `Overloaded` when 1,024 are there, or when the party has no place left at all keys together.
    pub(super) fn join(self: &Arc<Self>, party: Holder, key: Holder) -> Result<Presence, Error> {
        let place = self.places.take(party).ok_or(Error::OVERLOADED)?;
        let mut lines = self.lock();
        let line = lines.entry(key).or_default();
        if line.present >= MOST_AT_ONE {
            return Err(Error::OVERLOADED);
        }
        line.present += 1;
        let (seen, next) = (line.ended, Arc::clone(&line.next));
        drop(lines);
        Ok(Presence { turns: Arc::clone(self), key, seen, next, running: false, _place: place })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Holder, Line>> {
        // Nothing under the lock can panic halfway.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that waits for a turn or has one. Dropping it ends either.
pub(super) struct Presence {
    turns: Arc<Turns>,
    key: Holder,
    /// The turns that had ended at the last look.
    seen: u64,
    next: Arc<Notify>,
    running: bool,
    _place: Share,
}

/// Result of an attempt to begin.
enum Begun {
    Yes,
    LookAgain,
    Wait,
}

impl Presence {
    /// To be called before what decides on the turn is read.
    pub(super) fn look(&mut self) {
        if let Some(line) = self.turns.lock().get(&self.key) {
            self.seen = line.ended;
        }
    }

    /// Begins the turn, if fewer than `at_once` run. `false`, at once or after a wait, when a turn
    /// may have ended since [`Self::look`]: what it did was not seen, so look again.
    pub(super) async fn begin(&mut self, at_once: u32) -> bool {
        match self.try_begin(at_once) {
            Begun::Yes => true,
            Begun::LookAgain => false,
            Begun::Wait => {
                self.next.notified().await;
                false
            }
        }
    }

    fn try_begin(&mut self, at_once: u32) -> Begun {
        let mut lines = self.turns.lock();
        let Some(line) = lines.get_mut(&self.key) else { return Begun::LookAgain };
        if line.ended != self.seen {
            return Begun::LookAgain;
        }
        if line.running >= at_once {
            return Begun::Wait;
        }
        line.running += 1;
        if line.running < at_once {
            // Several turns may have ended for one that was woken.
            line.next.notify_one();
        }
        self.running = true;
        Begun::Yes
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut lines = self.turns.lock();
        let Some(line) = lines.get_mut(&self.key) else { return };
        line.present -= 1;
        if self.running {
            line.running -= 1;
            line.ended += 1;
        }
        if line.present == 0 {
            lines.remove(&self.key);
        } else {
            line.next.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::{JoinSet, yield_now};

    use super::*;

    fn party() -> Holder {
        Holder::claimed("a party")
    }

    fn join(turns: &Arc<Turns>) -> Presence {
        turns.join(party(), Holder::claimed("a name")).expect("room")
    }

    #[tokio::test]
    async fn no_more_are_there_than_may_and_who_leaves_takes_no_memory() {
        let turns = Arc::<Turns>::default();
        let mut present: Vec<_> = (0..MOST_AT_ONE).map(|_| join(&turns)).collect();
        let refused = turns.join(party(), Holder::claimed("a name"));
        assert_eq!(refused.err(), Some(Error::OVERLOADED));
        assert!(turns.join(party(), Holder::claimed("another name")).is_ok());
        for presence in present.iter_mut().take(3) {
            assert!(presence.begin(3).await);
        }
        drop(present);
        assert!(turns.lock().is_empty());
    }

    #[test]
    fn a_party_at_many_keys_leaves_others_their_places() {
        let turns = Arc::<Turns>::default();
        let keys = (0..).map(|number| Holder::claimed(&format!("a name {number}")));
        let present: Vec<_> = keys.map_while(|key| turns.join(party(), key).ok()).collect();
        assert_eq!(present.len(), MOST / 2);
        let other = turns.join(Holder::claimed("another party"), Holder::claimed("a name 0"));
        assert!(other.is_ok());
    }

    #[tokio::test]
    async fn what_ended_since_the_look_must_be_looked_at_again() {
        let turns = Arc::<Turns>::default();
        let (mut first, mut second) = (join(&turns), join(&turns));
        assert!(first.begin(1).await);
        drop(first);
        assert!(!second.begin(2).await);
        second.look();
        assert!(second.begin(1).await);
    }

    #[tokio::test]
    async fn everybody_has_a_turn_and_no_more_at_once_than_may_even_if_some_give_up() {
        let turns = Arc::<Turns>::default();
        let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let mut calls = JoinSet::new();
        for number in 0..500 {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            let mut presence = join(&turns);
            calls.spawn(async move {
                presence.look();
                while !presence.begin(5).await {
                    if number % 7 == 0 {
                        return;
                    }
                    presence.look();
                }
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                yield_now().await;
                running.fetch_sub(1, Ordering::Relaxed);
            });
        }
        calls.join_all().await;
        assert_eq!(most.load(Ordering::Relaxed), 5);
        assert!(turns.lock().is_empty());
    }
}
