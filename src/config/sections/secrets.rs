//! `[secrets]`: rules for client secrets that operators choose, and the response to wrong ones.

use std::time::Duration;

use crate::{
    config::{
        section::section,
        value::{at_most, choice, count},
    },
    domain::{guesses::GuessPolicy, secret_rules::SecretRules},
};

/// Treatment of a secret in the file that breaks the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeakDeclared {
    /// The settings are refused.
    Refuse,
    /// A warning is logged.
    Warn,
}

section! {
    /// Rules for client secrets that operators choose, and the response to wrong ones.
    pub struct SecretSettings in "secrets" {
        /// Minimum number of characters of a client secret that is set from now on.
        ///
        /// It must also not be a common one, nor made of the client's ID. Generated secrets are long enough.
        min_length: u32 = count(SecretRules::FEWEST..=256).or(SecretRules::default().min_length),
        /// Treatment of a weaker secret in the file: "refuse" does not start, "warn" does. Hashes are not
        /// judged.
        weak_declared: WeakDeclared = choice(&[
            ("refuse", WeakDeclared::Refuse),
            ("warn", WeakDeclared::Warn),
        ])
        .or(WeakDeclared::Refuse),
        /// Number of wrong secrets of one client from one address that are checked without a pause, of those
        /// that people chose. They are forgotten an hour after the last.
        free_guesses: u32 = count(1..=GuessPolicy::MOST_FREE).or(GuessPolicy::default().free),
        /// Pause after each further one; 0s for none. A secret that was right at the address before never
        /// waits, and of others the one is next that has come back most often.
        guess_pause: Duration = at_most(GuessPolicy::LONGEST_PAUSE).or(GuessPolicy::default().pause),
    }
}

impl SecretSettings {
    /// Returns the rules for secrets that are set from now on.
    pub fn rules(&self) -> SecretRules {
        SecretRules { min_length: self.min_length }
    }

    /// Returns the response to wrong secrets.
    pub fn guesses(&self) -> GuessPolicy {
        GuessPolicy { free: self.free_guesses, pause: self.guess_pause }
    }
}
