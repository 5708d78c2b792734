//! The string classes of PRECIS (RFC 8264 §4), with the characters that Unicode has assigned since its tables were made.

use precis_profiles::precis_core::{
    DerivedPropertyValue, FreeformClass, IdentifierClass, StringClass,
};
use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The characters of names (RFC 8264 §4.2): letters, digits, and all of graphic ASCII.
pub(super) struct Identifier;

/// The characters of passwords (RFC 8264 §4.3): those of names, and spaces, symbols and punctuation.
pub(super) struct Freeform;

impl StringClass for Identifier {
    fn get_value_from_char(&self, c: char) -> DerivedPropertyValue {
        let value = IdentifierClass::default().get_value_from_char(c);
        if value != DerivedPropertyValue::Unassigned {
            return value;
        }
        match Assigned::now(c) {
            Assigned::LetterOrDigit => DerivedPropertyValue::PValid,
            Assigned::Other => DerivedPropertyValue::SpecClassDis,
            Assigned::Not => value,
        }
    }

    fn get_value_from_codepoint(&self, cp: u32) -> DerivedPropertyValue {
        char::from_u32(cp).map_or(DerivedPropertyValue::Disallowed, |c| self.get_value_from_char(c))
    }
}

impl StringClass for Freeform {
    fn get_value_from_char(&self, c: char) -> DerivedPropertyValue {
        let value = FreeformClass::default().get_value_from_char(c);
        if value != DerivedPropertyValue::Unassigned {
            return value;
        }
        match Assigned::now(c) {
            Assigned::LetterOrDigit | Assigned::Other => DerivedPropertyValue::PValid,
            Assigned::Not => value,
        }
    }

    fn get_value_from_codepoint(&self, cp: u32) -> DerivedPropertyValue {
        char::from_u32(cp).map_or(DerivedPropertyValue::Disallowed, |c| self.get_value_from_char(c))
    }
}

/// Class of a character beyond the tables, which are those of Unicode 6.3 as registered by IANA.
/// Decided by the steps of RFC 8264 §8 that apply to such characters.
enum Assigned {
    /// `LetterDigits` without `HasCompat`.
    LetterOrDigit,
    /// `HasCompat`, `OtherLetterDigits`, `Spaces`, `Symbols` or `Punctuation`.
    Other,
    /// Unassigned still, or nothing that anybody sees.
    Not,
}

impl Assigned {
    fn now(c: char) -> Self {
        use GeneralCategory as Category;
        /// The one mark that renderers ignore by Unicode's rules.
        const MONGOLIAN_VARIATION_SELECTOR_FOUR: char = '\u{180f}';
        if c == MONGOLIAN_VARIATION_SELECTOR_FOUR {
            return Self::Not;
        }
        match c.general_category() {
            Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::OtherLetter
            | Category::ModifierLetter
            | Category::DecimalNumber
            | Category::NonspacingMark
            | Category::SpacingMark => {
                if std::iter::once(c).nfkc().eq([c]) {
                    Self::LetterOrDigit
                } else {
                    Self::Other
                }
            }
            Category::TitlecaseLetter
            | Category::LetterNumber
            | Category::OtherNumber
            | Category::EnclosingMark
            | Category::SpaceSeparator
            | Category::MathSymbol
            | Category::CurrencySymbol
            | Category::ModifierSymbol
            | Category::OtherSymbol
            | Category::ConnectorPunctuation
            | Category::DashPunctuation
            | Category::OpenPunctuation
            | Category::ClosePunctuation
            | Category::InitialPunctuation
            | Category::FinalPunctuation
            | Category::OtherPunctuation => Self::Other,
            Category::Control
            | Category::Format
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::PrivateUse
            | Category::Surrogate
            | Category::Unassigned => Self::Not,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unicode_has_assigned_lately_is_judged_like_what_it_had_before() {
        // An Adlam letter (Unicode 9) and a Cherokee one (8).
        for letter in ['\u{1e900}', '\u{ab70}'] {
            assert!(Identifier.allows(letter.to_string()).is_ok(), "{letter:?}");
            assert!(Freeform.allows(letter.to_string()).is_ok(), "{letter:?}");
        }
        // A thinking face (8), a bitcoin sign (10) and a subscript (6.3 has none of them).
        for symbol in ['\u{1f914}', '\u{20bf}', '\u{1e051}'] {
            assert!(Identifier.allows(symbol.to_string()).is_err(), "{symbol:?}");
            assert!(Freeform.allows(symbol.to_string()).is_ok(), "{symbol:?}");
        }
        // Nothing to see (14), private, and never assigned.
        for nothing in ['\u{180f}', '\u{e000}', '\u{e0080}', '\u{fdd0}'] {
            assert!(Identifier.allows(nothing.to_string()).is_err(), "{nothing:?}");
            assert!(Freeform.allows(nothing.to_string()).is_err(), "{nothing:?}");
        }
    }
}
