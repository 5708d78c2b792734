//! The database's clock, by which all instances that share the database judge time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::domain::time::{Clock, Timestamp};

/// SQL expression for the database's clock at that moment, in microseconds since 1970.
pub(super) const READING: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The database's clock, extrapolated between two readings by this process's age. The age cannot be
/// set, so changes of the instance's clock have no effect. Until the first reading it returns the
/// instance's clock.
pub struct DatabaseClock {
    own: Arc<dyn Clock>,
    /// The database's clock minus the age of this process, in microseconds.
    base: AtomicI64,
}

impl DatabaseClock {
    /// Creates a clock without a reading.
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        let base = own.now().as_millis().cast_signed().saturating_mul(1_000) - micros(own.age());
        Self { own, base: base.into() }
    }

    /// Records the first reading, made at a process age between `began` and now.
    pub(super) fn begin(&self, began: Duration, reading: i64) {
        let middle = began + self.own.age().saturating_sub(began) / 2;
        self.base.store(reading - micros(middle), Ordering::Relaxed);
    }

    /// Records another reading. The estimate moves just far enough to be consistent with the
    /// reading: a reading that took long is imprecise.
    pub(super) fn look(&self, began: Duration, reading: i64) {
        let (least, most) = (reading - micros(self.own.age()), reading - micros(began));
        let estimate = self.base.load(Ordering::Relaxed);
        self.base.store(estimate.clamp(least, most.max(least)), Ordering::Relaxed);
    }

    /// Returns the microseconds by which the instance's own clock is ahead of the database's.
    pub(super) fn skew(&self) -> i64 {
        let own = self.own.now().as_millis().cast_signed().saturating_mul(1_000);
        own.saturating_sub(self.micros())
    }

    fn micros(&self) -> i64 {
        self.base.load(Ordering::Relaxed).saturating_add(micros(self.own.age()))
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(u64::try_from(self.micros() / 1_000).unwrap_or(0))
    }

    fn age(&self) -> Duration {
        self.own.age()
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    const START: u64 = 1_800_000_000_000;
    const MILLI: Duration = Duration::from_millis(1);

    /// The clock's time and the age of the process, in milliseconds.
    struct Hands(AtomicU64, AtomicU64);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }

        fn age(&self) -> Duration {
            Duration::from_millis(self.1.load(Ordering::Relaxed))
        }
    }

    fn clocks(own: u64) -> (Arc<Hands>, DatabaseClock) {
        let hands = Arc::new(Hands(own.into(), 0.into()));
        (Arc::clone(&hands), DatabaseClock::new(hands))
    }

    fn pass(hands: &Hands, millis: u64) {
        hands.0.fetch_add(millis, Ordering::Relaxed);
        hands.1.fetch_add(millis, Ordering::Relaxed);
    }

    fn reading(millis: u64) -> i64 {
        i64::try_from(millis * 1_000).expect("a short time")
    }

    #[test]
    fn two_instances_whose_clocks_differ_say_the_same() {
        for own in [START - 100 * 86_400_000, START - 5, START, START + 5_000] {
            let (hands, clock) = clocks(own);
            assert_eq!(clock.now().as_millis(), own, "nothing else is known yet");
            pass(&hands, 2);
            clock.begin(Duration::ZERO, reading(START + 1));
            assert_eq!(clock.now().as_millis(), START + 2);
            assert_eq!(clock.skew(), (own.cast_signed() - START.cast_signed()) * 1_000);
            pass(&hands, 1_000);
            assert_eq!(clock.now().as_millis(), START + 1_002);
        }
    }

    #[test]
    fn an_instances_clock_that_is_set_changes_nothing_but_the_skew() {
        let (hands, clock) = clocks(START);
        clock.begin(Duration::ZERO, reading(START));
        hands.0.store(START + 8_640_000_000, Ordering::Relaxed);
        assert_eq!(clock.now().as_millis(), START);
        assert_eq!(clock.skew(), reading(8_640_000_000));
    }

    #[test]
    fn a_look_that_took_long_moves_nothing_that_is_possible_and_a_step_of_the_database_counts_at_once()
     {
        let (hands, clock) = clocks(START);
        clock.begin(Duration::ZERO, reading(START));
        let slow = hands.age();
        pass(&hands, 3_000);
        clock.look(slow, reading(START + 900));
        assert_eq!(clock.now().as_millis(), START + 3_000);
        // The clock was set back by ten seconds.
        let quick = hands.age();
        pass(&hands, 2);
        clock.look(quick, reading(START - 7_000));
        let now = clock.now().as_millis();
        assert!((START - 7_000..=START - 6_998).contains(&now), "{now}");
        // Further readings improve the estimate.
        let quick = hands.age();
        clock.look(quick, reading(START - 6_999));
        assert_eq!(clock.now().as_millis(), START - 6_999);
        assert_eq!(clock.age(), 3_002 * MILLI);
    }
}
