//! Chance that a seed replays.

use jeton::domain::entropy::Entropy;
use std::sync::Mutex;

/// `SplitMix64`: small, and good enough to choose steps.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    #[expect(clippy::disallowed_methods, reason = "a fresh seed, which is printed")]
    pub(crate) fn fresh_seed() -> u64 {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("the system gives randomness");
        u64::from_be_bytes(bytes)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).expect("it is below a usize")
    }

    pub(crate) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// The service's entropy, from the same seed.
pub(crate) struct DiceEntropy(pub Mutex<Dice>);

impl Entropy for DiceEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut dice = self.0.lock().expect("no one panicked with the dice");
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&dice.next().to_be_bytes()[..chunk.len()]);
        }
    }
}
