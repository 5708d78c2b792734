//! Rules for new passwords: long and not guessable, of any characters.

use super::{
    secret::Secret,
    user_name::UserName,
    weakness::{self, Chosen, Weakness},
};

/// Rules for passwords when they are set. Earlier passwords stay valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    /// Fewest characters, as they are hashed ([`Secret::prepared`]): at least [`Self::FEWEST`].
    pub min_length: u32,
}

impl PasswordRules {
    /// The fewest characters that may be allowed: what NIST asks of a password beside another
    /// factor.
    pub const FEWEST: u32 = 8;

    /// Checks a new password for the user of that name.
    ///
    /// # Errors
    /// When it is too short, too long, too easily guessed, or holds what nobody sees. Nothing of it is
    /// in the text.
    pub fn check(&self, name: &UserName, password: &Secret) -> Result<(), Weakness> {
        if password.is_too_long() {
            return Err(Weakness::TooLong);
        }
        let password = password.prepared()?;
        weakness::check(Chosen::Password, &password, name.as_str(), self.min_length)
    }
}

impl Default for PasswordRules {
    /// NIST's minimum for a password that is the only factor.
    fn default() -> Self {
        Self { min_length: 15 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), Weakness> {
        let name = UserName::parse("maria.lindqvist@example.com").expect("a name");
        PasswordRules::default().check(&name, &Secret::new(password))
    }

    #[test]
    fn length_counts_characters_after_normalisation_and_is_bounded_in_bytes() {
        assert!(check("kx7vqzmw2nfd9tr").is_ok());
        assert!(check("kx7vqzmw2nfd9t").is_err());
        // Fifteen characters in either form.
        for text in ["\u{fc}kx7vqzmw2nfd9t", "u\u{308}kx7vqzmw2nfd9t"] {
            assert!(check(text).is_ok(), "{text}");
        }
        assert!(check("u\u{308}kx7vqzmw2nfd9").is_err());
        let long = "kx7vqzmw2nfd9tr ".repeat(64);
        assert_eq!(long.len(), 1024);
        assert!(check(&long).is_ok());
        assert!(check(&format!("{long}x")).is_err());
    }

    #[test]
    fn no_kind_of_character_is_asked_for_and_none_refused_that_can_be_seen() {
        for text in [
            "correct horse battery staple",
            "alice likes green tea",
            "снег идёт всё утро",
            "四月の雨は静かに屋根を打つ音",
            "🦊🤔 over the ☃",
        ] {
            let rules = PasswordRules { min_length: PasswordRules::FEWEST };
            let name = UserName::parse("alice").expect("a name");
            assert_eq!(rules.check(&name, &Secret::new(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn common_passwords_repetitions_and_what_the_user_is_called_are_refused() {
        for text in [
            "passwordpassword",
            "Password123456789",
            "P@ssw0rdP@ssw0rd",
            "123456789012345",
            "aaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz",
            "qwertyuiopasdfghjkl",
            "iloveyouiloveyou",
            "jetonjetonjeton",
            "maria.lindqvist@example.com",
            "lindqvistlindqvist",
            "MARIALINDQVIST1",
            "Lindqvist_Maria-2026",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_refusal_shows_nothing_of_the_password() {
        for text in ["hunter2", "iloveyouiloveyou", &"hunter2".repeat(200)] {
            let refusal = check(text).expect_err("refused").to_string();
            assert!(!refusal.contains("hunter") && !refusal.contains("love"), "{refusal}");
        }
    }
}
