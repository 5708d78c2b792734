//! Ages of connections: not all the same, so that they do not all come back at once.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// 2^64 divided by the golden ratio: its multiples spread evenly, however few they are.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The ages of one listener's connections.
#[derive(Debug)]
pub(super) struct Ages {
    /// Zero for any age.
    age: Duration,
    spread: AtomicU64,
}

impl Ages {
    /// Ages about `age`; `start` is any number.
    pub(super) const fn about(age: Duration, start: u64) -> Self {
        Self { age, spread: AtomicU64::new(start) }
    }

    /// Returns the age of the next connection: from nine to eleven tenths of the configured one;
    /// `None` for any age.
    pub(super) fn next(&self) -> Option<Duration> {
        if self.age.is_zero() {
            return None;
        }
        let position = self.spread.fetch_add(STEP, Ordering::Relaxed);
        // Of 2^10 places, the one that the position's first bits name.
        let place = u32::try_from(position >> 54).unwrap_or(0);
        Some(self.age * 9 / 10 + self.age / 5 * place / 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_lie_within_a_tenth_and_apart() {
        let ages = Ages::about(Duration::from_secs(100), 7);
        let drawn: Vec<_> = (0..100).map(|_| ages.next().expect("an age")).collect();
        let bounds = Duration::from_secs(90)..=Duration::from_secs(110);
        assert!(drawn.iter().all(|age| bounds.contains(age)), "{drawn:?}");
        let early = drawn.iter().filter(|age| **age < Duration::from_secs(100)).count();
        assert!((40..=60).contains(&early), "{early} of 100 in the first half");
    }

    #[test]
    fn no_age_is_any_age() {
        assert_eq!(Ages::about(Duration::ZERO, 7).next(), None);
    }
}
