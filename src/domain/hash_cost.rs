//! What one argon2id hash costs, in memory and time.

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

    /// Whether no parameter is beyond [`Self::LIMIT`].
    pub fn is_affordable(self) -> bool {
        self.memory_kib <= Self::LIMIT.memory_kib
            && self.iterations <= Self::LIMIT.iterations
            && self.parallelism <= Self::LIMIT.parallelism
    }
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, iterations: 2, parallelism: 1 }
    }
}
