//! Choice of a stream's next token: each as often as another, or some much more often.

use std::num::NonZeroU32;

use rand::{SeedableRng as _, rngs::SmallRng};
use rand_distr::{Distribution as _, Zipf};

/// One stream's way through the tokens; the same each time.
pub(super) struct Access {
    tokens: u64,
    stream: u64,
    step: u64,
    skewed: Option<(Zipf<f64>, SmallRng)>,
}

impl Access {
    /// Over so many tokens. With `exponent` the one of rank `k` is taken in proportion to
    /// `1 / k^exponent` (Zipf's law); it must not be below 0.
    pub(super) fn new(tokens: NonZeroU32, stream: u32, exponent: Option<f64>) -> Self {
        let law = exponent.and_then(|exponent| Zipf::new(f64::from(tokens.get()), exponent).ok());
        let skewed = law.map(|law| (law, SmallRng::seed_from_u64(stream.into())));
        Self { tokens: tokens.get().into(), stream: stream.into(), step: 0, skewed }
    }

    /// The place of the next token. Neighbours in time, or in rank, are not neighbours in the store.
    pub(super) fn next(&mut self) -> usize {
        self.step += 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number from 1 to the count of tokens"
        )]
        let number = match &mut self.skewed {
            Some((law, chance)) => law.sample(chance) as u64,
            None => self.stream << 32 | self.step,
        };
        usize::try_from(spread(number) % self.tokens).unwrap_or(0)
    }
}

/// Multiples of an odd constant, well spread over all 64 bits (Knuth's multiplicative hash).
fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Returns the count of each place in 100,000 steps, largest first.
    fn counted(exponent: Option<f64>) -> Vec<u32> {
        let tokens = NonZeroU32::new(10_000).expect("above zero");
        let mut places: HashMap<usize, u32> = HashMap::new();
        for stream in 0..10 {
            let mut access = Access::new(tokens, stream, exponent);
            for _ in 0..10_000 {
                *places.entry(access.next()).or_default() += 1;
            }
        }
        let mut counts: Vec<u32> = places.into_values().collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        counts
    }

    #[test]
    fn without_a_law_no_token_is_taken_much_more_often_than_another() {
        let counts = counted(None);
        assert!(counts.len() > 9_900, "{} of 10,000 came", counts.len());
        assert!(counts[0] < 40, "the most often taken came {} times, 10 is even", counts[0]);
    }

    #[test]
    fn by_zipfs_law_the_first_comes_twice_as_often_as_the_second() {
        let counts = counted(Some(1.0));
        // Of 10,000 the first has one part in 9.79.
        assert!((9_700..10_800).contains(&counts[0]), "{}", counts[0]);
        assert!((4_700..5_600).contains(&counts[1]), "{}", counts[1]);
    }
}
