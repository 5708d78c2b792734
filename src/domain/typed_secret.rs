//! Normalisation of passwords and chosen secrets before hashing, so that each way of typing
//! matches.

use precis_profiles::{
    OpaqueString,
    precis_core::{StringClass as _, profile::Rules as _},
};
use unicode_normalization::UnicodeNormalization as _;

use super::{invalid::Invalid, secret::Secret, string_class::Freeform};

impl Secret {
    /// The text that is hashed when the secret is set, by the profile `OpaqueString` (RFC 8265 §4.2):
    /// one secret typed on two keyboards is one secret.
    ///
    /// # Errors
    /// For an empty secret, and for one with characters that the profile refuses.
    pub fn prepared(&self) -> Result<Self, Invalid> {
        const REFUSED: Invalid = Invalid("must not hold control or invisible characters");
        if self.has_line_break() {
            return Err(Invalid("must not hold line breaks"));
        }
        if self.is_empty() {
            return Err(Invalid("must not be empty"));
        }
        let profile = OpaqueString::new();
        Freeform.allows(self.expose()).map_err(|_| REFUSED)?;
        let spaced = profile.additional_mapping_rule(self.expose());
        let prepared = spaced.and_then(|spaced| profile.normalization_rule(spaced));
        prepared.map(Self::new).map_err(|_| REFUSED)
    }

    /// Returns every text that can have been hashed when this secret was set, the likeliest first:
    /// as prepared now; as version 0.1 composed passwords; unchanged, as version 0.1 hashed client
    /// secrets and as other systems made imported hashes.
    pub fn readings(&self) -> Vec<Reading> {
        let prepared = self.prepared().ok();
        let composed = Self::new(self.expose().nfc().collect::<String>());
        let mut readings: Vec<Reading> = Vec::with_capacity(3);
        for text in prepared.iter().cloned().chain([composed, self.clone()]) {
            if readings.iter().all(|reading| reading.text != text) {
                let renewed = prepared.clone().filter(|prepared| *prepared != text);
                readings.push(Reading { text, renewed });
            }
        }
        readings
    }
}

/// One text that may have been hashed of a secret.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The text.
    pub text: Secret,
    /// Text that would be hashed of the same secret today, if it differs.
    pub renewed: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(typed: &str) -> Vec<String> {
        let readings = Secret::new(typed).readings();
        readings.iter().map(|reading| reading.text.expose().to_owned()).collect()
    }

    #[test]
    fn one_secret_typed_on_two_keyboards_is_one_secret() {
        for (typed, prepared) in [
            ("correct horse", "correct horse"),
            ("zu\u{308}rich", "zürich"),
            ("correct\u{a0}horse", "correct horse"),
            ("四月\u{3000}雨", "四月 雨"),
            ("🤔 ☃ ﬁ Ａ", "🤔 ☃ ﬁ Ａ"),
            ("Case Stays", "Case Stays"),
        ] {
            let prepared = Ok(Secret::new(prepared));
            assert_eq!(Secret::new(typed).prepared(), prepared, "{typed:?}");
        }
    }

    #[test]
    fn what_nobody_sees_is_refused() {
        for text in ["", "a\nb", "a\r", "a\u{2028}b", "a\tb", "\0", "a\u{200b}b", "a\u{202e}b"] {
            assert!(Secret::new(text).prepared().is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_text_that_may_have_been_hashed_is_a_reading_once() {
        assert_eq!(texts("hunter2"), ["hunter2"]);
        assert_eq!(texts("zürich"), ["zürich"]);
        assert_eq!(texts("zu\u{308}rich"), ["zürich", "zu\u{308}rich"]);
        assert_eq!(texts("u\u{308}\u{a0}x"), ["ü x", "ü\u{a0}x", "u\u{308}\u{a0}x"]);
        assert_eq!(texts("a\u{200d}u\u{308}"), ["a\u{200d}ü", "a\u{200d}u\u{308}"]);
    }

    #[test]
    fn a_reading_that_is_hashed_no_more_says_what_would_be() {
        let readings = Secret::new("zu\u{308}rich").readings();
        assert_eq!(readings[0].renewed, None);
        assert_eq!(readings[1].renewed, Some(Secret::new("zürich")));
        let refused = Secret::new("a\u{200d}u\u{308}").readings();
        assert!(refused.iter().all(|reading| reading.renewed.is_none()));
    }
}
