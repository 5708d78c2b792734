//! Delay of client secrets after wrong ones: per client and address, for unknown clients too.

use std::time::Duration;

/// Rules for the delay after wrong secrets. No client is locked out: the next secret is checked,
/// only later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessPolicy {
    /// Wrong secrets that are looked at without a pause: at least 1, at most [`Self::MOST_FREE`].
    pub free: u32,
    /// The pause after each further one: at most [`Self::LONGEST_PAUSE`]. Zero for none.
    pub pause: Duration,
}

impl GuessPolicy {
    /// More would be no limit.
    pub const MOST_FREE: u32 = 10_000;
    /// A client that shares its address with a guesser waits as long.
    pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);
    /// Wrong secrets are forgotten when none came for this long.
    pub const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);

    /// The pause between two secrets that are looked at: zero while some are free. `now` is the time
    /// since any one moment, on a clock that never goes back.
    pub fn pace(&self, guesses: Option<Guesses>, now: Duration) -> Duration {
        match guesses.filter(|guesses| !Self::is_forgotten(guesses, now)) {
            Some(guesses) if guesses.wrong >= self.free => self.pause,
            Some(_) | None => Duration::ZERO,
        }
    }

    /// Returns the delay before the next secret is checked.
    pub fn wait(&self, guesses: Option<Guesses>, now: Duration) -> Duration {
        let passed = guesses.map_or(now, |guesses| now.saturating_sub(guesses.last));
        self.pace(guesses, now).saturating_sub(passed)
    }

    /// Returns the state after one more wrong secret at `now`.
    #[must_use]
    pub fn wrong(&self, guesses: Option<Guesses>, now: Duration) -> Guesses {
        let remembered = guesses.filter(|guesses| !Self::is_forgotten(guesses, now));
        let before = remembered.map_or(0, |guesses| guesses.wrong);
        Guesses { wrong: before.saturating_add(1), last: now }
    }

    fn is_forgotten(guesses: &Guesses, now: Duration) -> bool {
        now.saturating_sub(guesses.last) >= Self::FORGET_AFTER
    }
}

impl Default for GuessPolicy {
    /// Ten are free, then one a second is looked at: 86,400 a day from one address.
    fn default() -> Self {
        Self { free: 10, pause: Duration::from_secs(1) }
    }
}

/// The wrong secrets that were shown for one client from one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guesses {
    wrong: u32,
    /// When the last one was.
    last: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn after(policy: GuessPolicy, count: u32, now: Duration) -> Option<Guesses> {
        (0..count).fold(None, |guesses, _| Some(policy.wrong(guesses, now)))
    }

    #[test]
    fn ten_are_free_and_then_one_a_second_is_looked_at() {
        let (policy, now) = (GuessPolicy::default(), 100 * SECOND);
        for count in 0..10 {
            assert_eq!(policy.wait(after(policy, count, now), now), Duration::ZERO);
        }
        for count in [10, 11, 1_000] {
            let guesses = after(policy, count, now);
            assert_eq!(policy.wait(guesses, now), SECOND);
            assert_eq!(policy.wait(guesses, now + SECOND / 4), 3 * SECOND / 4);
            assert_eq!(policy.wait(guesses, now + SECOND), Duration::ZERO);
        }
    }

    #[test]
    fn a_guesser_who_never_pauses_gets_one_a_second() {
        let policy = GuessPolicy::default();
        let (mut now, mut guesses, mut looked_at) = (Duration::ZERO, None, 0);
        while now < 20 * SECOND {
            let wait = policy.wait(guesses, now);
            now += wait;
            guesses = Some(policy.wrong(guesses, now));
            looked_at += 1;
        }
        assert_eq!(looked_at, 10 + 20);
    }

    #[test]
    fn they_are_forgotten_together_after_a_quiet_hour() {
        let (policy, now) = (GuessPolicy::default(), SECOND);
        let guesses = after(policy, 500, now);
        let nearly = now + GuessPolicy::FORGET_AFTER.saturating_sub(SECOND);
        assert_eq!(policy.wrong(guesses, nearly).wrong, 501);
        let quiet = now + GuessPolicy::FORGET_AFTER;
        assert_eq!(policy.wrong(guesses, quiet).wrong, 1);
        assert_eq!(policy.wait(guesses, quiet), Duration::ZERO);
    }

    #[test]
    fn without_a_pause_none_waits() {
        let policy = GuessPolicy { free: 1, pause: Duration::ZERO };
        assert_eq!(policy.wait(after(policy, 9, SECOND), SECOND), Duration::ZERO);
    }
}
