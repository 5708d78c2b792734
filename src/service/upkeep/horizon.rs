//! Up to when spent records may be freed: what a clock says for a moment frees nothing.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::domain::time::{Clock, Timestamp};

/// Time for which a record must have been spent, by every reading of the clock, before it is freed.
/// This process must have lived through all of it: a clock that is wrong for less frees nothing.
///
/// It is also for how long a spent grant is kept: a caller who asks why a token stopped working
/// learns that it expired, not that it is unknown.
pub(in crate::service) const KEPT: Duration = Duration::from_secs(60 * 60);

/// Readings that are remembered as one, by the least of them.
const PIECE: Duration = Duration::from_secs(60);

/// Readings of the clock in the last [`KEPT`].
#[derive(Debug, Default)]
pub(in crate::service) struct Horizon(Mutex<VecDeque<Piece>>);

/// Readings of up to [`PIECE`].
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// The process's age at the first of them.
    began: Duration,
    /// The earliest that the clock said.
    least: Timestamp,
}

impl Horizon {
    /// Reads the clock, and says up to when records that are spent may be freed; `None` as long as
    /// this process has not looked for [`KEPT`].
    pub(in crate::service) fn look(&self, clock: &dyn Clock) -> Option<Timestamp> {
        let (now, age) = (clock.now(), clock.age());
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pieces.back_mut() {
            Some(last) if age.saturating_sub(last.began) < PIECE => {
                last.least = last.least.min(now);
            }
            Some(_) | None => pieces.push_back(Piece { began: age, least: now }),
        }
        let long_ago = age.checked_sub(KEPT)?;
        // The first piece stays as long as a reading of it may lie within the time that counts.
        while pieces.get(1).is_some_and(|second| second.began <= long_ago) {
            pieces.pop_front();
        }
        pieces.front().filter(|first| first.began <= long_ago)?;
        pieces.iter().map(|piece| piece.least).min()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const START: u64 = 1_800_000_000_000;
    const HUNDRED_DAYS: u64 = 100 * 86_400_000;

    /// Time of the clock and age of the process, in milliseconds.
    struct Hands(AtomicU64, AtomicU64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }

        fn age(&self) -> Duration {
            Duration::from_millis(self.1.load(Ordering::Relaxed))
        }
    }

    struct Looker {
        horizon: Horizon,
        clock: Hands,
    }

    impl Looker {
        fn new(now: u64) -> Self {
            Self { horizon: Horizon::default(), clock: Hands(now.into(), 0.into()) }
        }

        fn set(&self, now: u64) {
            self.clock.0.store(now, Ordering::Relaxed);
        }

        fn now(&self) -> u64 {
            self.clock.now().as_millis()
        }

        /// Looks once a second for so long, and hands back what the last look said.
        fn live(&self, seconds: u64) -> Option<u64> {
            let mut last = None;
            for _ in 0..seconds {
                self.clock.0.fetch_add(1_000, Ordering::Relaxed);
                self.clock.1.fetch_add(1_000, Ordering::Relaxed);
                last = self.horizon.look(&self.clock);
            }
            last.map(Timestamp::as_millis)
        }
    }

    #[test]
    fn records_are_freed_an_hour_after_they_were_spent_and_a_minute_later_at_most() {
        let looker = Looker::new(START);
        assert_eq!(looker.live(3_600), None, "the process is too young to tell");
        for _ in 0..5_000 {
            let horizon = looker.live(1).expect("an hour has passed");
            let hour_ago = looker.now() - 3_600_000;
            assert!((hour_ago - 60_000..=hour_ago).contains(&horizon), "{}", hour_ago - horizon);
        }
    }

    #[test]
    fn a_clock_that_is_ahead_for_less_than_an_hour_moves_nothing() {
        let looker = Looker::new(START);
        looker.live(7_200);
        for ahead in [15, 3_500] {
            let before = looker.now();
            looker.set(before + HUNDRED_DAYS);
            let horizon = looker.live(ahead).expect("a horizon");
            assert!(horizon <= looker.now() - HUNDRED_DAYS);
            looker.set(looker.now() - HUNDRED_DAYS);
            // The right time has been right for an hour, but for a minute.
            assert!(looker.live(3_600).expect("a horizon") <= looker.now() - 3_540_000);
        }
    }

    #[test]
    fn a_clock_that_is_ahead_when_the_process_starts_moves_nothing() {
        let looker = Looker::new(START + HUNDRED_DAYS);
        assert_eq!(looker.live(3_000), None);
        looker.set(START);
        assert_eq!(looker.live(600), None);
        assert!(looker.live(1).expect("a horizon") <= START + 601_000);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_everything_until_it_has_said_so_for_an_hour() {
        let looker = Looker::new(START);
        looker.live(7_200);
        looker.set(START - HUNDRED_DAYS);
        assert_eq!(looker.live(1), Some(START - HUNDRED_DAYS + 1_000));
        looker.set(START + 7_200_000);
        assert!(looker.live(3_600).expect("a horizon") < START - HUNDRED_DAYS + 100_000);
        assert!(looker.live(120).expect("a horizon") > START);
    }

    #[test]
    fn a_process_that_was_stopped_for_long_begins_with_what_it_knew() {
        let looker = Looker::new(START);
        looker.live(7_200);
        looker.clock.1.fetch_add(86_400_000, Ordering::Relaxed);
        looker.set(START + HUNDRED_DAYS);
        assert!(looker.live(3_500).expect("a horizon") <= START + 7_200_000);
    }
}
