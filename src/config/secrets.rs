//! `[secrets]`: what client secrets that people choose must be, and what guessing at them leads to.

use super::{
    choice::{self, WeakDeclared},
    duration,
    fields::Fields,
};
use crate::domain::{guesses::GuessPolicy, secret_rules::SecretRules};

/// `[secrets]`: rules for client secrets that people choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSettings {
    /// What secrets that are set from now on must be.
    pub rules: SecretRules,
    /// What becomes of a declared secret that breaks them.
    pub weak_declared: WeakDeclared,
    /// What wrong ones lead to.
    pub guesses: GuessPolicy,
}

impl SecretSettings {
    /// The longest `min_length`.
    const LONGEST_MIN_LENGTH: u32 = 256;

    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        let (rules, guesses) = (SecretRules::default(), GuessPolicy::default());
        let min_length = fields.count("min_length", Self::LONGEST_MIN_LENGTH);
        let weak_declared = fields.text("weak_declared", "a string", choice::weak_declared);
        let free = fields.count("free_guesses", GuessPolicy::MOST_FREE);
        let pause = fields.text("guess_pause", duration::FORM, duration::guess_pause);
        let fewest = SecretRules::FEWEST;
        if let Some(short) = min_length.filter(|length| length.value < fewest) {
            fields.fault(short.at, "min_length", &format!("must be at least {fewest}"));
        }
        Self {
            rules: SecretRules {
                min_length: min_length.map_or(rules.min_length, |length| length.value),
            },
            weak_declared: weak_declared.map(|choice| choice.value).unwrap_or_default(),
            guesses: GuessPolicy {
                free: free.map_or(guesses.free, |free| free.value),
                pause: pause.map_or(guesses.pause, |pause| pause.value),
            },
        }
    }
}
