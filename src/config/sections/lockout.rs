//! `[lockout]`: the lockout after failed logins.

use std::time::Duration;

use crate::{
    config::{
        duration::SECOND,
        fields::Fields,
        section::section,
        setting::Setting,
        value::{count, within},
    },
    domain::lockout::LockoutPolicy,
};

section! {
    /// Failed logins of one name at one client, whether or not there is such a user. A success resets them.
    pub(in crate::config) struct Lockout in "lockout" {
        /// Number of failures in a row without a wait.
        failures: u32 = count(1..=LockoutPolicy::MOST_FAILURES).or(LockoutPolicy::default().failures),
        /// Wait after so many failures, which doubles with each further failure.
        first_wait: Duration = within(SECOND..=LockoutPolicy::LONGEST).or(LockoutPolicy::default().first_wait),
        /// Maximum wait.
        longest_wait: Duration =
            within(SECOND..=LockoutPolicy::LONGEST).or(LockoutPolicy::default().longest_wait),
        /// Time without a failure after which all of them are forgotten.
        forget_after: Duration =
            within(SECOND..=LockoutPolicy::LONGEST).or(LockoutPolicy::default().forget_after),
    }
}

/// Reads the section. `first_wait` is at most `longest_wait`, which is at most `forget_after`.
pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> LockoutPolicy {
    let Lockout { failures, first_wait, longest_wait, forget_after } = Lockout::read_all(fields);
    if first_wait > longest_wait {
        refuse_order(fields, &Lockout::first_wait(), &Lockout::longest_wait());
    }
    if longest_wait > forget_after {
        refuse_order(fields, &Lockout::longest_wait(), &Lockout::forget_after());
    }
    LockoutPolicy { failures, first_wait, longest_wait, forget_after }
}

/// Reports two values in the wrong order, at the first that was set.
fn refuse_order<T>(fields: &mut Fields<'_, '_>, less: &Setting<T>, more: &Setting<T>) {
    let name = |fields: &Fields<'_, '_>, setting: &Setting<T>| {
        let key = setting.declaration.key;
        match (fields.spot(setting), &setting.declaration.default) {
            (None, Some(default)) => format!("{key}, {default} by default"),
            (Some(_), _) | (None, None) => key.to_owned(),
        }
    };
    if fields.spot(less).is_some() {
        let problem = format!("must be at most {}", name(fields, more));
        fields.refuse(less, &problem);
    } else {
        let problem = format!("must be at least {}", name(fields, less));
        fields.refuse(more, &problem);
    }
}
