//! Counts logins as they begin, where several processes share a store: of all that run or have failed there are never more than may fail.

use std::time::Duration;

use super::{
    attempts::{Attempts, AttemptsId, UnderWay},
    lockout::{LockoutPolicy, Verdict},
    time::Timestamp,
};

/// Decision about beginning a login's check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Yes, once this is written.
    Yes(Attempts),
    /// As many are being checked as may fail: look again when one of them has ended.
    Busy,
    /// Not before this has passed.
    Wait(Duration),
}

impl LockoutPolicy {
    /// A check whose end nobody has written within this time has failed: its process is gone.
    pub const LONGEST_CHECK: Duration = Duration::from_secs(60);

    /// Counts a login at `now` as one that is being checked, if it may be.
    pub fn begin(&self, attempts: Option<&Attempts>, id: AttemptsId, now: Timestamp) -> Begin {
        let settled = attempts.map(|attempts| self.settled(attempts, now));
        let at_once = match self.judge(settled.as_ref(), now) {
            Verdict::Wait(left) => return Begin::Wait(left),
            Verdict::Try { at_once } => at_once,
        };
        let under_way = settled.as_ref().map(|attempts| attempts.under_way).unwrap_or_default();
        if under_way.count >= at_once {
            return Begin::Busy;
        }
        let failures = self.counted(settled.as_ref(), now);
        let of = settled.as_ref().and_then(|before| before.of.clone());
        let last_failure =
            settled.filter(|_| failures > 0).map_or(now, |before| before.last_failure);
        let under_way = UnderWay { count: under_way.count + 1, last_begin: now };
        Begin::Yes(Attempts { id, failures, last_failure, under_way, of })
    }

    /// Returns the record after a successful login: `None` if nothing needs to be kept.
    pub fn succeeded(attempts: &Attempts) -> Option<Attempts> {
        let under_way = attempts.under_way.ended();
        (under_way.count > 0).then(|| Attempts { failures: 0, under_way, ..attempts.clone() })
    }

    /// The attempts, where what was given up on has failed. A beginning that lies further ahead than
    /// any check takes cannot be timed at all.
    fn settled(&self, attempts: &Attempts, now: Timestamp) -> Attempts {
        let UnderWay { count, last_begin } = attempts.under_way;
        let passed = now.since(last_begin).max(last_begin.since(now));
        if count == 0 || passed < Self::LONGEST_CHECK {
            return attempts.clone();
        }
        let failures = self.counted(Some(attempts), now).saturating_add(count);
        let last_failure = attempts.last_failure.max(last_begin.min(now));
        Attempts { failures, last_failure, under_way: UnderWay::default(), ..attempts.clone() }
    }

    /// Returns the number of failures at `now` and the wait before the next login; zero if it may
    /// be tried.
    pub fn standing(&self, attempts: &Attempts, now: Timestamp) -> Standing {
        let settled = self.settled(attempts, now);
        let wait = match self.judge(Some(&settled), now) {
            Verdict::Wait(left) => left,
            Verdict::Try { .. } => Duration::ZERO,
        };
        Standing { failures: self.counted(Some(&settled), now), wait }
    }
}

/// Present effect of the failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Those that are remembered.
    pub failures: u32,
    /// Time in which no password is tried; zero if one may be.
    pub wait: Duration,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{attempts::AttemptsOf, client_id::ClientId, subject::UserId};

    const ID: AttemptsId = AttemptsId::from_bytes([1; 16]);
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn begun(policy: &LockoutPolicy, attempts: Option<&Attempts>, now: Timestamp) -> Attempts {
        let begin = policy.begin(attempts, ID, now);
        let Begin::Yes(attempts) = begin else { panic!("{begin:?}") };
        attempts
    }

    #[test]
    fn as_many_begin_as_may_fail_and_the_next_looks_again() {
        let policy = LockoutPolicy::default();
        let mut record = None;
        for _ in 0..5 {
            record = Some(begun(&policy, record.as_ref(), NOW));
        }
        assert_eq!(policy.begin(record.as_ref(), ID, NOW), Begin::Busy);
        // A login succeeds: the failures are forgotten, and another may begin.
        let record = record.and_then(|record| LockoutPolicy::succeeded(&record));
        let record = Some(begun(&policy, record.as_ref(), NOW));
        assert_eq!(policy.begin(record.as_ref(), ID, NOW), Begin::Busy);
        // All fail.
        let record = (0..5).fold(record, |record, _| Some(policy.failed(record.as_ref(), ID, NOW)));
        let wait = Begin::Wait(policy.first_wait);
        assert_eq!(policy.begin(record.as_ref(), ID, NOW), wait);
        assert_eq!(record.map(|record| record.under_way), Some(UnderWay::default()));
    }

    #[test]
    fn the_last_success_leaves_nothing() {
        let policy = LockoutPolicy::default();
        let one = begun(&policy, None, NOW);
        assert_eq!(LockoutPolicy::succeeded(&one), None);
    }

    #[test]
    fn what_nobody_ended_has_failed_after_a_minute() {
        let policy = LockoutPolicy::default();
        let mut record = None;
        for _ in 0..5 {
            record = Some(begun(&policy, record.as_ref(), NOW));
        }
        let nearly =
            NOW.after(LockoutPolicy::LONGEST_CHECK.saturating_sub(Duration::from_millis(1)));
        assert_eq!(policy.begin(record.as_ref(), ID, nearly), Begin::Busy);
        // The wait counts from the last beginning, and is over.
        let later = NOW.after(LockoutPolicy::LONGEST_CHECK);
        let next = begun(&policy, record.as_ref(), later);
        assert_eq!((next.failures, next.under_way.count), (5, 1));
        assert_eq!(policy.begin(Some(&next), ID, later), Begin::Busy);
    }

    proptest! {
        /// However the processes' steps are mixed.
        #[test]
        fn of_all_that_run_or_have_failed_there_are_never_more_than_may_fail(
            failures in 1..8_u32,
            steps in proptest::collection::vec(0..4_u8, 1..200),
        ) {
            let policy = LockoutPolicy { failures, ..LockoutPolicy::default() };
            let (mut record, mut running, mut failed) = (None::<Attempts>, 0_u32, 0_u32);
            for step in steps {
                if step < 2 {
                    match policy.begin(record.as_ref(), ID, NOW) {
                        Begin::Yes(next) => {
                            record = Some(next);
                            running += 1;
                        }
                        Begin::Busy => prop_assert_eq!(running + failed, failures),
                        Begin::Wait(_) => prop_assert!(failed >= failures),
                    }
                } else if running > 0 && step == 2 {
                    record = Some(policy.failed(record.as_ref(), ID, NOW));
                    (running, failed) = (running - 1, failed + 1);
                } else if running > 0 {
                    record = record.and_then(|record| LockoutPolicy::succeeded(&record));
                    (running, failed) = (running - 1, 0);
                }
                prop_assert!(running + failed <= failures);
                let count = record.as_ref().map_or(0, |record| record.under_way.count);
                prop_assert_eq!(count, running);
            }
        }

        #[test]
        fn records_with_logins_under_way_are_read_as_they_were_written(
            failures in any::<u32>(),
            count in any::<u32>(),
            millis in any::<u64>(),
            client in proptest::option::of("[!-~]{1,255}"),
            user in any::<Option<[u8; 16]>>(),
        ) {
            let under_way = UnderWay { count, last_begin: Timestamp::from_millis(millis) };
            let of = client.and_then(|client| ClientId::parse(&client).ok());
            let of = of.map(|client| AttemptsOf { client, user: user.map(UserId::from_bytes) });
            let attempts = Attempts { id: ID, failures, last_failure: NOW, under_way, of };
            prop_assert_eq!(Attempts::from_bytes(ID, &attempts.to_bytes()), Ok(attempts));
        }
    }
}
