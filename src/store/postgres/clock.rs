//! The clock of the database, which all instances that share it judge by.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::domain::time::{Clock, Timestamp};

/// What a statement asks: the database's clock at that very moment, in microseconds since 1970.
pub(super) const READING: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

/// The database's clock, between two looks at it carried on by this process's own age: nobody sets
/// that, so what is done to the instance's clock changes nothing. Until the first look it says what the
/// instance's clock does.
pub struct DatabaseClock {
    own: Arc<dyn Clock>,
    /// The database's clock less the age of this process, in microseconds.
    base: AtomicI64,
}

impl DatabaseClock {
    /// One that has not looked yet.
    pub(super) fn new(own: Arc<dyn Clock>) -> Self {
        let base = own.now().as_millis().cast_signed().saturating_mul(1_000) - micros(own.age());
        Self { own, base: base.into() }
    }

    /// Takes note of the first look. It was made when the process was between `began` and now old.
    pub(super) fn begin(&self, began: Duration, reading: i64) {
        let middle = began + self.own.age().saturating_sub(began) / 2;
        self.base.store(reading - micros(middle), Ordering::Relaxed);
    }

    /// Takes note of another look. The estimate moves as far as it must to be possible, and no further:
    /// a look that took long says little.
    pub(super) fn look(&self, began: Duration, reading: i64) {
        let (least, most) = (reading - micros(self.own.age()), reading - micros(began));
        let estimate = self.base.load(Ordering::Relaxed);
        self.base.store(estimate.clamp(least, most.max(least)), Ordering::Relaxed);
    }

    /// By how many microseconds the instance's own clock is ahead of the database's.
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

    /// What it says and how old the process is, in milliseconds.
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
        // It was set back by ten seconds.
        let quick = hands.age();
        pass(&hands, 2);
        clock.look(quick, reading(START - 7_000));
        let now = clock.now().as_millis();
        assert!((START - 7_000..=START - 6_998).contains(&now), "{now}");
        // And the further looks narrow it down.
        let quick = hands.age();
        clock.look(quick, reading(START - 6_999));
        assert_eq!(clock.now().as_millis(), START - 6_999);
        assert_eq!(clock.age(), 3_002 * MILLI);
    }
}
