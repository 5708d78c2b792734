//! Weakness of chosen passwords and secrets (NIST SP 800-63B §3.1.1.2): too short, too long or
//! guessable.

use std::fmt;

use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

use super::{invalid::Invalid, secret::Secret};

/// Fewer guesses than these make a choice a common one. A guesser can try a few dozen passwords of
/// a login a day, and 86,400 secrets of a client from one address.
const GUESSES: u64 = 100_000_000;

/// Kinds of choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// A user's password.
    Password,
    /// A client's secret.
    Secret,
}

/// Reason for which a choice is refused. It holds nothing of the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// It is longer than [`Secret::MAX_BYTES`].
    TooLong,
    /// It has too few characters.
    TooShort {
        /// The fewest that there may be.
        fewest: u32,
    },
    /// It is found by too few guesses.
    Guessable(Chosen),
    /// It holds what none may.
    Unfit(Invalid),
}

impl From<Invalid> for Weakness {
    fn from(invalid: Invalid) -> Self {
        Self::Unfit(invalid)
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "must be at most {} bytes", Secret::MAX_BYTES),
            Self::TooShort { fewest } => write!(f, "must have at least {fewest} characters"),
            Self::Unfit(invalid) => write!(f, "{invalid}"),
            Self::Guessable(chosen) => {
                let made_of = match chosen {
                    Chosen::Password => "a common password, nor made of the user's name",
                    Chosen::Secret => "a common password, nor made of the client's id",
                };
                write!(f, "must not be {made_of}: fewer than {GUESSES} guesses find it")
            }
        }
    }
}

/// Checks a choice for the owner `name`. The estimate assumes a guesser who knows common passwords,
/// words, names, dates, keyboards and that name.
///
/// # Errors
/// When it is too short, too long or too easily guessed.
pub(super) fn check(
    chosen: Chosen,
    text: &Secret,
    name: &str,
    fewest: u32,
) -> Result<(), Weakness> {
    if text.is_too_long() {
        return Err(Weakness::TooLong);
    }
    let length = text.expose().chars().count();
    if u32::try_from(length).is_ok_and(|length| length < fewest) {
        return Err(Weakness::TooShort { fewest });
    }
    if zxcvbn(&without_expected(name, text), &[]).guesses() < GUESSES {
        return Err(Weakness::Guessable(chosen));
    }
    Ok(())
}

/// Returns the choice without the words that would be tried first: those of the name and of this
/// service. In lower case, which hardly changes the estimate.
fn without_expected(name: &str, chosen: &Secret) -> Zeroizing<String> {
    const SHORTEST: usize = 3;
    let name = name.to_lowercase();
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let words = words.filter(|word| word.chars().count() >= SHORTEST);
    let lower = Zeroizing::new(chosen.expose().to_lowercase());
    let cut = |rest: Zeroizing<String>, word: &str| Zeroizing::new(rest.replace(word, ""));
    [name.as_str()].into_iter().chain(words).chain(["jeton"]).fold(lower, cut)
}
