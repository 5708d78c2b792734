//! Age of events, unaffected by changes of the clock since.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::domain::time::{Clock, Timestamp};

/// A clock whose distance from the process's age changes by more than this was set. Also the
/// possible error of its earlier times, in milliseconds.
const STEP: i128 = 1_000;

/// As many spells are remembered: of clocks that are slewed, those of an hour.
const MOST: usize = 64;

/// Changes of the clock since the process began, as far as they were observed.
#[derive(Debug, Default)]
pub(in crate::service) struct Elapsed(Mutex<VecDeque<Spell>>);

/// A time in which nobody set the clock. All in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Spell {
    /// The process's age when it began.
    began: i128,
    /// Lead of the clock over the process's age.
    ahead: i128,
}

impl Elapsed {
    /// Reads the clock, and says how much time has passed since it said `then`: by the clock, but no more
    /// than the process has lived through since. None while the clock has not come to `then`.
    pub(in crate::service) fn since(&self, then: Timestamp, clock: &dyn Clock) -> Duration {
        let (now, age) = (clock.now(), millis(clock.age()));
        let mut spells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut spells, i128::from(now.as_millis()) - age, age);
        let mut end = age;
        for spell in spells.iter().rev() {
            let at = i128::from(then.as_millis()) - spell.ahead;
            if (spell.began - STEP..=end + STEP).contains(&at) {
                let lived = Duration::from_millis(u64::try_from(age - at).unwrap_or_default());
                return now.since(then).min(lived);
            }
            end = spell.began;
        }
        now.since(then)
    }
}

fn look(spells: &mut VecDeque<Spell>, ahead: i128, age: i128) {
    let same = |last: &Spell| (last.ahead - ahead).abs() < STEP;
    if !spells.back().is_some_and(same) {
        spells.push_back(Spell { began: age, ahead });
    }
    if spells.len() > MOST {
        spells.pop_front();
    }
}

fn millis(age: Duration) -> i128 {
    i128::try_from(age.as_millis()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const MINUTE: u64 = 60_000;

    /// Time of the clock and age of the process, in milliseconds.
    struct Hands(AtomicU64, AtomicU64);

    impl Hands {
        fn new() -> Self {
            Self(1_800_000_000_000.into(), 0.into())
        }

        fn pass(&self, millis: u64) {
            self.0.fetch_add(millis, Ordering::Relaxed);
            self.1.fetch_add(millis, Ordering::Relaxed);
        }

        fn set_ahead(&self, millis: u64) {
            self.0.fetch_add(millis, Ordering::Relaxed);
        }

        fn set_back(&self, millis: u64) {
            self.0.fetch_sub(millis, Ordering::Relaxed);
        }
    }

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }

        fn age(&self) -> Duration {
            Duration::from_millis(self.1.load(Ordering::Relaxed))
        }
    }

    fn passed(elapsed: &Elapsed, then: Timestamp, clock: &Hands) -> u128 {
        elapsed.since(then, clock).as_millis()
    }

    #[test]
    fn a_clock_that_is_set_ahead_again_and_again_makes_no_time_pass() {
        let (elapsed, clock) = (Elapsed::default(), Hands::new());
        for ahead in [5, MINUTE, 7 * MINUTE, 100 * 24 * 60 * MINUTE] {
            let then = clock.now();
            assert_eq!(passed(&elapsed, then, &clock), 0);
            clock.pass(10_000);
            clock.set_ahead(ahead);
            assert!(passed(&elapsed, then, &clock).abs_diff(10_000) < 1_000, "{ahead}");
            clock.pass(MINUTE);
            assert!(passed(&elapsed, then, &clock).abs_diff(70_000) < 1_000, "{ahead}");
        }
    }

    #[test]
    fn time_that_passes_after_the_clock_was_set_ahead_counts_at_once() {
        let (elapsed, clock) = (Elapsed::default(), Hands::new());
        passed(&elapsed, clock.now(), &clock);
        clock.set_ahead(10 * MINUTE);
        let then = clock.now();
        for _ in 0..30 {
            assert_eq!(elapsed.since(then, &clock), clock.now().since(then));
            clock.pass(MINUTE);
        }
    }

    #[test]
    fn to_a_clock_that_is_set_back_no_time_has_passed_until_it_comes_to_the_event_again() {
        let (elapsed, clock) = (Elapsed::default(), Hands::new());
        let then = clock.now();
        passed(&elapsed, then, &clock);
        clock.pass(10_000);
        assert_eq!(passed(&elapsed, then, &clock), 10_000);
        clock.set_back(MINUTE);
        assert_eq!(passed(&elapsed, then, &clock), 0);
        clock.pass(MINUTE);
        assert_eq!(passed(&elapsed, then, &clock), 10_000);
    }

    #[test]
    fn what_was_before_the_process_is_judged_by_the_clock() {
        let (elapsed, clock) = (Elapsed::default(), Hands::new());
        let then = clock.now();
        clock.set_ahead(5 * MINUTE);
        assert_eq!(passed(&elapsed, then, &clock), u128::from(5 * MINUTE));
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed() {
        let (elapsed, clock) = (Elapsed::default(), Hands::new());
        for _ in 0..2_000 {
            let then = clock.now();
            passed(&elapsed, then, &clock);
            clock.pass(MINUTE);
            clock.set_ahead(30);
            assert!(passed(&elapsed, then, &clock).abs_diff(u128::from(MINUTE)) <= 1_030);
        }
        assert!(elapsed.0.lock().expect("spells").len() <= MOST);
    }
}
