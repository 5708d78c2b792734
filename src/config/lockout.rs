//! `[lockout]`: the lockout after failed logins.

use std::time::Duration;

use super::{
    duration,
    fields::{Fields, Placed},
};
use crate::domain::lockout::LockoutPolicy;

/// Reads the section. `first_wait` is at most `longest_wait`, which is at most `forget_after`.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> LockoutPolicy {
    let default = LockoutPolicy::default();
    let failures = fields.count("failures", LockoutPolicy::MOST_FAILURES);
    let mut time = |key| fields.text(key, duration::FORM, duration::lockout);
    let [first, longest, forget] = ["first_wait", "longest_wait", "forget_after"].map(&mut time);
    let or = |time: Option<Placed<Duration>>, default| time.map_or(default, |time| time.value);
    let policy = LockoutPolicy {
        failures: failures.map_or(default.failures, |failures| failures.value),
        first_wait: or(first, default.first_wait),
        longest_wait: or(longest, default.longest_wait),
        forget_after: or(forget, default.forget_after),
    };
    if policy.first_wait > policy.longest_wait {
        fault(
            fields,
            [("first_wait", first), ("longest_wait", longest)],
            [
                "must be at most longest_wait, 1h by default",
                "must be at least first_wait, 1m by default",
            ],
        );
    }
    if policy.longest_wait > policy.forget_after {
        fault(
            fields,
            [("longest_wait", longest), ("forget_after", forget)],
            [
                "must be at most forget_after, 12h by default",
                "must be at least longest_wait, 1h by default",
            ],
        );
    }
    policy
}

/// Reports two values in the wrong order, at the place of the first that was set.
fn fault<T>(
    fields: &mut Fields<'_, '_>,
    keys: [(&'static str, Option<Placed<T>>); 2],
    problems: [&'static str; 2],
) {
    let given = keys.into_iter().zip(problems);
    let given = given.filter_map(|((key, placed), problem)| Some((placed?.at, key, problem)));
    for (at, key, problem) in given.take(1) {
        fields.fault(at, key, problem);
    }
}
