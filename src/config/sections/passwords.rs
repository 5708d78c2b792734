//! `[passwords]`: the cost of hashing passwords and chosen secrets, and the rules for new
//! passwords.

use std::{num::NonZeroUsize, time::Duration};

use bytesize::ByteSize;

use crate::{
    config::{
        duration::{MILLISECOND, MINUTE},
        fields::Fields,
        section::section,
        value::{count, within},
    },
    domain::{hash_cost::HashCost, password_rules::PasswordRules},
};

/// The parameters of argon2id, the number of threads that compute it, and the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSettings {
    /// Cost of one hash: at most [`HashCost::LIMIT`], and at least 8 KiB a lane.
    pub cost: HashCost,
    /// Number of hashing threads, which is the number of concurrent hashes. `None` derives it from the
    /// number of cores.
    pub threads: Option<NonZeroUsize>,
    /// Maximum wait of a login, or a chosen secret, for a thread.
    pub max_wait: Duration,
    /// Rules for passwords set from now on.
    pub rules: PasswordRules,
}

section! {
    /// The cost of argon2id for passwords and for client secrets that people chose, and the rules for new
    /// passwords.
    pub(in crate::config) struct Passwords in "passwords" {
        /// Memory for one hash: at least 8KiB for each of `parallelism`.
        memory: ByteSize = within(kib(LEAST_LANE_KIB)..=kib(HashCost::LIMIT.memory_kib))
            .or(kib(HashCost::default().memory_kib)),
        /// Number of passes over the memory.
        iterations: u32 = count(1..=HashCost::LIMIT.iterations).or(HashCost::default().iterations),
        /// Number of lanes.
        parallelism: u32 = count(1..=HashCost::LIMIT.parallelism).or(HashCost::default().parallelism),
        /// Number of hashes that are computed at a time.
        threads: Option<u32> = count(1..=1024)
            .optional()
            .otherwise("one less than there are cores, at least 1")
            .example("2"),
        /// Maximum time that a login or a chosen secret waits for its turn; then the caller is asked to come
        /// back.
        max_wait: Duration = within(10 * MILLISECOND..=MINUTE).or(750 * MILLISECOND),
        /// Minimum number of characters of a password that is set from now on.
        ///
        /// It must also not be a common one, nor made of the user's name. A password in this file only
        /// causes a warning.
        min_length: u32 = count(PasswordRules::FEWEST..=256).or(PasswordRules::default().min_length),
    }
}

/// Minimum memory a lane, in KiB (RFC 9106 §3.1).
const LEAST_LANE_KIB: u32 = 8;

fn kib(number: u32) -> ByteSize {
    ByteSize::kib(number.into())
}

impl From<Passwords> for PasswordSettings {
    fn from(declared: Passwords) -> Self {
        let Passwords { memory, iterations, parallelism, threads, max_wait, min_length } = declared;
        let memory_kib = u32::try_from(memory.as_u64() / 1024).unwrap_or(u32::MAX);
        let threads = threads.and_then(|threads| usize::try_from(threads).ok());
        Self {
            cost: HashCost { memory_kib, iterations, parallelism },
            threads: threads.and_then(NonZeroUsize::new),
            max_wait,
            rules: PasswordRules { min_length },
        }
    }
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Passwords::default().into()
    }
}

impl PasswordSettings {
    /// Reads the section.
    pub(in crate::config) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let settings = Self::from(Passwords::read_all(fields));
        if settings.cost.memory_kib < settings.cost.parallelism * LEAST_LANE_KIB {
            fields.refuse(&Passwords::memory(), "must be at least 8KiB for each of parallelism");
        }
        settings
    }
}
