//! `[passwords]`: the cost of hashing passwords and chosen secrets, and the rules for new
//! passwords.

use std::{num::NonZeroUsize, time::Duration};

use bytesize::ByteSize;

use super::{duration, fields::Fields, size};
use crate::domain::{hash_cost::HashCost, invalid::Invalid, password_rules::PasswordRules};

/// `[passwords]`: the parameters of argon2id, the number of threads that compute it, and the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSettings {
    /// Cost of one hash: at most [`HashCost::LIMIT`], and at least 8 KiB a lane.
    pub cost: HashCost,
    /// Number of hashing threads, which is the number of concurrent hashes: at most 1024. `None`
    /// derives it from the number of cores.
    pub threads: Option<NonZeroUsize>,
    /// Maximum wait of a login, or a chosen secret, for a thread: 10 ms to 1 minute, default 750
    /// ms.
    pub max_wait: Duration,
    /// Rules for passwords set from now on.
    pub rules: PasswordRules,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self {
            cost: HashCost::default(),
            threads: None,
            max_wait: Duration::from_millis(750),
            rules: PasswordRules::default(),
        }
    }
}

impl PasswordSettings {
    /// Maximum of `min_length`, longer than any password that a user types.
    const LONGEST_MIN_LENGTH: u32 = 256;

    /// Minimum memory a lane, in KiB (RFC 9106 §3.1).
    const MIN_LANE_KIB: u32 = 8;

    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let default = HashCost::default();
        let memory = fields.text("memory", size::FORM, memory_kib);
        let iterations = fields.count("iterations", HashCost::LIMIT.iterations);
        let parallelism = fields.count("parallelism", HashCost::LIMIT.parallelism);
        let threads = fields.count("threads", 1024);
        let max_wait = fields.text("max_wait", duration::FORM, duration::hash_wait);
        let min_length = fields.count("min_length", Self::LONGEST_MIN_LENGTH);

        let lanes = parallelism.map_or(default.parallelism, |lanes| lanes.value);
        if let Some(memory) = memory.filter(|kib| kib.value < lanes * Self::MIN_LANE_KIB) {
            fields.fault(memory.at, "memory", "must be at least 8KiB for each of parallelism");
        }
        let fewest = PasswordRules::FEWEST;
        if let Some(short) = min_length.filter(|length| length.value < fewest) {
            fields.fault(short.at, "min_length", &format!("must be at least {fewest}"));
        }
        let rules = PasswordRules::default();
        Self {
            max_wait: max_wait.map_or(Self::default().max_wait, |wait| wait.value),
            rules: PasswordRules {
                min_length: min_length.map_or(rules.min_length, |length| length.value),
            },
            cost: HashCost {
                memory_kib: memory.map_or(default.memory_kib, |memory| memory.value),
                iterations: iterations.map_or(default.iterations, |iterations| iterations.value),
                parallelism: lanes,
            },
            threads: threads
                .and_then(|threads| usize::try_from(threads.value).ok())
                .and_then(NonZeroUsize::new),
        }
    }
}

fn memory_kib(text: &str) -> Result<u32, Invalid> {
    let ByteSize(bytes) = size::any(text)?;
    u32::try_from(bytes / 1024)
        .ok()
        .filter(|kib| (8..=HashCost::LIMIT.memory_kib).contains(kib))
        .ok_or(Invalid("must be 8KiB to 1GiB"))
}
