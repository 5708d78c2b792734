//! `[secrets]`: rules for client secrets that operators choose, and the response to guesses.

use super::{
    choice::{self, WeakDeclared},
    duration,
    fields::Fields,
};
use crate::domain::{guesses::GuessPolicy, secret_rules::SecretRules};

/// `[secrets]`: rules for client secrets that operators choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSettings {
    /// Rules for secrets set from now on.
    pub rules: SecretRules,
    /// Treatment of a declared secret that breaks the rules.
    pub weak_declared: WeakDeclared,
    /// Response to wrong secrets.
    pub guesses: GuessPolicy,
}

impl SecretSettings {
    /// Maximum of `min_length`.
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
