//! Cost of one argon2id hash, in memory and time.

/// Parameters of argon2id. The default is OWASP's minimum: 19 MiB, 2 passes, 1 lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
}

impl HashCost {
    /// The most that a hash may cost, ours or an imported one: it must not stall the pool.
    pub const LIMIT: Self = Self { memory_kib: 1 << 20, iterations: 64, parallelism: 16 };

    /// Returns whether no parameter is beyond [`Self::LIMIT`].
    pub fn is_affordable(self) -> bool {
        self.memory_kib <= Self::LIMIT.memory_kib
            && self.iterations <= Self::LIMIT.iterations
            && self.parallelism <= Self::LIMIT.parallelism
    }

    /// Returns the cost of a second hash that, after one of this cost, takes as long as one of
    /// `whole`: time is memory times passes. `None` if that is below argon2's minimum of 8 KiB a
    /// lane.
    pub fn missing_to(self, whole: Self) -> Option<Self> {
        let work = |cost: Self| u64::from(cost.memory_kib) * u64::from(cost.iterations);
        let missing = work(whole).saturating_sub(work(self));
        let passes = (missing / u64::from(whole.memory_kib).max(1)).max(1);
        let memory_kib = u32::try_from(missing / passes).ok()?;
        let iterations = u32::try_from(passes).ok()?;
        let missing = Self { memory_kib, iterations, ..whole };
        (memory_kib >= 8 * whole.parallelism).then_some(missing)
    }
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, parallelism: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(memory_kib: u32, iterations: u32) -> HashCost {
        HashCost { memory_kib, iterations, parallelism: 1 }
    }

    #[test]
    fn a_cheaper_hash_and_what_is_missing_cost_as_much_as_the_whole() {
        for (cheap, missing) in [
            (cost(19_456, 1), Some(cost(19_456, 1))),
            (cost(9_728, 2), Some(cost(19_456, 1))),
            (cost(8, 1), Some(cost(38_904, 1))),
            (cost(19_456, 2), None),
            (cost(65_536, 3), None),
        ] {
            assert_eq!(cheap.missing_to(HashCost::default()), missing, "{cheap:?}");
        }
        assert_eq!(cost(1_024, 1).missing_to(cost(1_024, 4)), Some(cost(1_024, 3)));
    }
}
