//! Delay of logins after failed ones: per name and client, for unknown users too.

use std::time::Duration;

use super::{
    attempts::{Attempts, AttemptsId},
    time::Timestamp,
};

/// Rules for the lockout after failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// Failures in a row that are free: at least 1, at most [`Self::MOST_FAILURES`].
    pub failures: u32,
    /// The wait after as many; each further failure doubles it.
    pub first_wait: Duration,
    /// The longest wait: at least [`Self::first_wait`].
    pub longest_wait: Duration,
    /// Failures are forgotten when none came for this long: at least [`Self::longest_wait`], so
    /// that no wait is cut short.
    pub forget_after: Duration,
}

impl LockoutPolicy {
    /// Failures in a row that NIST SP 800-63B §3.2.2 allows an account.
    pub const MOST_FAILURES: u32 = 100;
    /// The longest that failures may be remembered, and so waits last.
    pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// Decides whether a password may be tried at `now`, given the recorded `attempts`.
    pub fn judge(&self, attempts: Option<&Attempts>, now: Timestamp) -> Verdict {
        let failures = self.counted(attempts, now);
        let Some(last) = attempts.map(|attempts| attempts.last_failure) else {
            return Verdict::Try { at_once: self.failures };
        };
        if failures < self.failures {
            return Verdict::Try { at_once: self.failures - failures };
        }
        let wait = self.wait_after(failures);
        let left = if now < last {
            // The clock went back. A failure further ahead than any wait cannot be timed at all.
            if last.since(now) > self.longest_wait { Duration::ZERO } else { wait }
        } else {
            wait.saturating_sub(now.since(last))
        };
        if left.is_zero() { Verdict::Try { at_once: 1 } } else { Verdict::Wait(left) }
    }

    /// Returns the record after one more failure at `now`.
    pub fn failed(&self, attempts: Option<&Attempts>, id: AttemptsId, now: Timestamp) -> Attempts {
        let failures = self.counted(attempts, now).saturating_add(1);
        let under_way = attempts.map(|attempts| attempts.under_way.ended()).unwrap_or_default();
        let of = attempts.and_then(|attempts| attempts.of.clone());
        Attempts { id, failures, last_failure: now, under_way, of }
    }

    /// Returns the rest of `attempts` after an administrator lifts the lockout: the checks under
    /// way, or `None` if there are none.
    pub fn cleared(attempts: &Attempts) -> Option<Attempts> {
        let left = attempts.under_way.count > 0;
        left.then(|| Attempts { failures: 0, ..attempts.clone() })
    }

    /// Returns whether `attempts` no longer matter.
    pub fn is_forgotten(&self, attempts: &Attempts, now: Timestamp) -> bool {
        now.since(attempts.last_failure) >= self.forget_after
    }

    pub(super) fn counted(&self, attempts: Option<&Attempts>, now: Timestamp) -> u32 {
        let remembered = attempts.filter(|attempts| !self.is_forgotten(attempts, now));
        remembered.map_or(0, |attempts| attempts.failures)
    }

    fn wait_after(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(self.failures);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first_wait.saturating_mul(factor).min(self.longest_wait)
    }
}

impl Default for LockoutPolicy {
    /// After 5 failures a minute, growing to an hour; forgotten after 12 hours. Continued guessing
    /// gets some 33 tries on the first day and 24 on each day after it; pauses until everything is
    /// forgotten get fewer.
    fn default() -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        Self {
            failures: 5,
            first_wait: MINUTE,
            longest_wait: 60 * MINUTE,
            forget_after: 12 * 60 * MINUTE,
        }
    }
}

/// Decision about a password check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, so many at the same time: as many as may fail before there is a wait.
    Try {
        /// At least 1.
        at_once: u32,
    },
    /// Not before this has passed.
    Wait(Duration),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::attempts::UnderWay;

    const ID: AttemptsId = AttemptsId::from_bytes([1; 16]);
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(60 * count)
    }

    fn attempts(failures: u32) -> Attempts {
        let under_way = UnderWay::default();
        Attempts { id: ID, failures, last_failure: NOW, under_way, of: None }
    }

    #[test]
    fn a_lockout_that_is_lifted_leaves_the_checks_under_way() {
        let under_way = UnderWay { count: 2, last_begin: NOW };
        let checked = Attempts { under_way, ..attempts(7) };
        let left = LockoutPolicy::cleared(&checked).expect("checks under way");
        assert_eq!((left.failures, left.under_way), (0, under_way));
        assert_eq!(LockoutPolicy::cleared(&attempts(7)), None);
    }

    #[test]
    fn five_failures_are_free_and_the_waits_after_them_double_to_an_hour() {
        let policy = LockoutPolicy::default();
        assert_eq!(policy.judge(None, NOW), Verdict::Try { at_once: 5 });
        for failures in 1..5 {
            let verdict = policy.judge(Some(&attempts(failures)), NOW);
            assert_eq!(verdict, Verdict::Try { at_once: 5 - failures });
        }
        let waits = [1, 2, 4, 8, 16, 32, 60, 60];
        for (failures, wait) in (5..).zip(waits) {
            let attempts = attempts(failures);
            assert_eq!(policy.judge(Some(&attempts), NOW), Verdict::Wait(minutes(wait)));
            let half = NOW.after(minutes(wait) / 2);
            assert_eq!(policy.judge(Some(&attempts), half), Verdict::Wait(minutes(wait) / 2));
            let over = NOW.after(minutes(wait));
            assert_eq!(policy.judge(Some(&attempts), over), Verdict::Try { at_once: 1 });
        }
        assert_eq!(policy.judge(Some(&attempts(u32::MAX)), NOW), Verdict::Wait(minutes(60)));
    }

    #[test]
    fn failures_are_forgotten_together_after_a_quiet_time() {
        let policy = LockoutPolicy::default();
        let (before, after) = (NOW.after(minutes(719)), NOW.after(minutes(720)));
        assert_eq!(policy.failed(Some(&attempts(9)), ID, before).failures, 10);
        assert_eq!(policy.failed(Some(&attempts(9)), ID, after).failures, 1);
        assert_eq!(policy.judge(Some(&attempts(9)), after), Verdict::Try { at_once: 5 });
    }

    #[test]
    fn a_clock_that_went_back_starts_the_wait_again_but_never_a_longer_one() {
        let policy = LockoutPolicy::default();
        let five = attempts(5);
        assert_eq!(policy.judge(Some(&five), NOW.before(minutes(10))), Verdict::Wait(minutes(1)));
        let verdict = policy.judge(Some(&five), NOW.before(minutes(61)));
        assert_eq!(verdict, Verdict::Try { at_once: 1 });
    }

    fn policy() -> impl Strategy<Value = LockoutPolicy> {
        let policy = (1..=LockoutPolicy::MOST_FAILURES, 0..100_u64, 0..1_000_u64, 0..1_000_u64);
        policy.prop_map(|(failures, first, longer, quiet)| LockoutPolicy {
            failures,
            first_wait: Duration::from_secs(first),
            longest_wait: Duration::from_secs(first + longer),
            forget_after: Duration::from_secs(first + longer + quiet),
        })
    }

    proptest! {
        /// Guesses as early and as many as allowed never exceed the free failures and one try for
        /// each wait.
        #[test]
        fn a_guesser_gets_the_free_failures_and_then_one_try_a_wait(
            policy in policy(),
            steps in proptest::collection::vec(0..2_000_u64, 1..200),
        ) {
            let (mut now, mut record) = (NOW, None::<Attempts>);
            for step in steps {
                let before = record.clone();
                match policy.judge(record.as_ref(), now) {
                    Verdict::Try { at_once } => {
                        prop_assert!((1..=policy.failures).contains(&at_once));
                        for _ in 0..at_once {
                            record = Some(policy.failed(record.as_ref(), ID, now));
                        }
                        let failures = record.as_ref().map_or(0, |record| record.failures);
                        prop_assert!(failures >= policy.failures);
                        if let Verdict::Try { .. } = policy.judge(record.as_ref(), now) {
                            prop_assert!(policy.first_wait.is_zero());
                        }
                    }
                    Verdict::Wait(left) => {
                        prop_assert!(!left.is_zero() && left <= policy.longest_wait);
                        prop_assert_eq!(&record, &before);
                        let over = now.after(left);
                        let verdict = policy.judge(record.as_ref(), over);
                        prop_assert!(matches!(verdict, Verdict::Try { .. }), "{:?}", verdict);
                    }
                }
                now = now.after(Duration::from_secs(step));
            }
        }

        #[test]
        fn a_further_failure_never_shortens_the_wait(
            policy in policy(),
            failures in 1..10_000_u32,
            passed in 0..2_000_u64,
        ) {
            let now = NOW.after(Duration::from_secs(passed));
            let left = |failures| match policy.judge(Some(&attempts(failures)), now) {
                Verdict::Try { .. } => Duration::ZERO,
                Verdict::Wait(left) => left,
            };
            prop_assert!(left(failures) <= left(failures + 1));
        }
    }
}
