//! The choices of a load: repeatable from a seed, unlike the ids and secrets in its records.

/// `SplitMix64`.
pub(crate) struct Chance(u64);

impl Chance {
    /// Creates the choices of one task.
    pub(crate) const fn new(seed: u64, task: u64) -> Self {
        Self(seed ^ task.wrapping_mul(0xd134_2543_de82_ef95))
    }

    /// Returns a number below `limit`. The bias towards small numbers does not matter here.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Picks one of several choices.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let count = u64::try_from(choices.len()).ok().filter(|&count| count > 0)?;
        let at = usize::try_from(self.below(count)).ok()?;
        choices.get(at).copied()
    }
}
