//! Rules for chosen client secrets: long and not guessable, as passwords.

use super::{
    client_id::ClientId,
    client_secret::is_generated,
    secret::Secret,
    weakness::{self, Chosen, Weakness},
};

/// Rules for client secrets when they are set. Earlier secrets stay valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretRules {
    /// Fewest characters: at least [`Self::FEWEST`].
    pub min_length: u32,
}

impl SecretRules {
    /// The fewest characters that may be allowed.
    pub const FEWEST: u32 = 8;

    /// Checks a new secret of the client of that id. One of the form that jeton generates is long
    /// enough; whether it is as random, too, is checked as of any other.
    ///
    /// # Errors
    /// When it is too short, too long, too easily guessed, or holds what nobody sees. Nothing of it is
    /// in the text.
    pub fn check(&self, client: &ClientId, secret: &Secret) -> Result<(), Weakness> {
        if secret.is_too_long() {
            return Err(Weakness::TooLong);
        }
        let fewest = if is_generated(secret) { 0 } else { self.min_length };
        weakness::check(Chosen::Secret, &secret.prepared()?, client.as_str(), fewest)
    }
}

impl Default for SecretRules {
    /// As of a password that is the only factor.
    fn default() -> Self {
        Self { min_length: 15 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{client_secret::generate, entropy::Entropy};

    struct Mixed;

    impl Entropy for Mixed {
        fn fill(&self, buffer: &mut [u8]) {
            for (at, byte) in (0_u8..).zip(buffer) {
                *byte = at.wrapping_mul(151).wrapping_add(89);
            }
        }
    }

    fn check(secret: &str) -> Result<(), Weakness> {
        let client = ClientId::parse("orders-service").expect("an id");
        SecretRules::default().check(&client, &Secret::new(secret))
    }

    #[test]
    fn long_and_uncommon_ones_are_good_and_so_is_what_jeton_generates() {
        let generated = generate(&Mixed);
        for secret in ["kx7vqzmw2nfd9tr", "violet tram 84 under the linden", generated.expose()] {
            assert_eq!(check(secret), Ok(()), "{secret}");
        }
        let long = SecretRules { min_length: 64 };
        let client = ClientId::parse("orders-service").expect("an id");
        assert_eq!(long.check(&client, &generated), Ok(()));
    }

    #[test]
    fn short_ones_and_those_that_are_easily_guessed_are_refused_with_the_numbers() {
        assert_eq!(check("x"), Err(Weakness::TooShort { fewest: 15 }));
        assert_eq!(check("kx7vqzmw2nfd9t"), Err(Weakness::TooShort { fewest: 15 }));
        assert_eq!(check(&"kx7vqzmw ".repeat(120)), Err(Weakness::TooLong));
        let guessable = Err(Weakness::Guessable(Chosen::Secret));
        let generated_by_hand = format!("jcs_{}", "0".repeat(44));
        for secret in
            ["orders-service-secret", "passwordpassword", "Orders_Service-2026", &generated_by_hand]
        {
            assert_eq!(check(secret), guessable, "{secret}");
        }
        let told = [check("x"), check(&"x".repeat(1_025)), check("passwordpassword")];
        let told = told.map(|refused| refused.expect_err("refused").to_string());
        let expected = [
            "must have at least 15 characters",
            "must be at most 1024 bytes",
            "must not be a common password, nor made of the client's id: \
             fewer than 100000000 guesses find it",
        ];
        assert_eq!(told, expected);
    }
}
