//! What a password or secret that a person chooses must be (NIST SP 800-63B §3.1.1.2): long and not guessable, of whatever characters.

use std::fmt;

use zeroize::Zeroizing;
use zxcvbn::zxcvbn;

use super::{invalid::Invalid, secret::Secret};

/// Fewer guesses than these make a choice a common one. Who guesses at a login gets through a few
/// dozen a day, who guesses at a client's secret through 86,400 from one address.
const GUESSES: u64 = 100_000_000;

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// A user's password.
    Password,
    /// A client's secret.
    Secret,
}

/// Why a choice is refused. Nothing of what was chosen is in it.
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

/// Checks what somebody called `name` is to have. What is estimated is how soon it is found by one
/// who knows common passwords, words, names, dates, keyboards and that name.
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

/// What is left of a choice without what anybody would try first: the words of the name, and this
/// service's. In lower case, which the estimate makes little of.
fn without_expected(name: &str, chosen: &Secret) -> Zeroizing<String> {
    const SHORTEST: usize = 3;
    let name = name.to_lowercase();
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let words = words.filter(|word| word.chars().count() >= SHORTEST);
    let lower = Zeroizing::new(chosen.expose().to_lowercase());
    let cut = |rest: Zeroizing<String>, word: &str| Zeroizing::new(rest.replace(word, ""));
    [name.as_str()].into_iter().chain(words).chain(["jeton"]).fold(lower, cut)
}
