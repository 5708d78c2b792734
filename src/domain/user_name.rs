//! The name a user logs in with.

use std::fmt;

use precis_profiles::{
    UsernameCaseMapped,
    precis_core::{StringClass as _, profile::Rules as _},
};
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{invalid::Invalid, string_class::Identifier};

/// A login name in the one form that all ways to type it come to, for look-up and for lockout.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserName(Box<str>);

impl UserName {
    /// Longest name, in bytes in that form.
    pub const MAX_BYTES: usize = 255;

    /// Reads a name: without the white space around it, by the profile `UsernameCaseMapped`
    /// (RFC 8265 §3.3), which maps width and case, composes, and refuses what cannot be seen or
    /// turns the direction of text. A name may have several parts with spaces between them (§3.1).
    ///
    /// # Errors
    /// Says what a name is when `text` is none.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // After the mapping: an ideographic space is a space.
        let mapped = UsernameCaseMapped::new().width_mapping_rule(trimmed(text)?);
        let mapped = mapped.map_err(|_| REFUSED)?;
        let parts: Result<Vec<String>, Invalid> = mapped.trim().split(' ').map(part).collect();
        Self::sized(parts?.join(" "))
    }

    /// The name that version 0.1 made of `text`: in lower case letter by letter, and composed.
    fn former(text: &str) -> Result<Self, Invalid> {
        let name: String = trimmed(text)?.nfc().flat_map(char::to_lowercase).nfc().collect();
        if name.chars().any(char::is_control) {
            return Err(REFUSED);
        }
        Self::sized(name)
    }

    fn sized(name: String) -> Result<Self, Invalid> {
        if name.is_empty() || name.len() > Self::MAX_BYTES {
            Err(SIZE)
        } else {
            Ok(Self(name.into()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const SIZE: Invalid = Invalid("must be 1 to 255 bytes");
const REFUSED: Invalid = Invalid(
    "must be letters, digits and ASCII punctuation, without control or invisible characters",
);

/// The text without the white space around it. A line break is none: where others would lose it too,
/// one name would be two texts.
fn trimmed(text: &str) -> Result<&str, Invalid> {
    // Composing makes of no text more than three times its bytes (Unicode TR15, stability table).
    if text.len() > UserName::MAX_BYTES * 3 {
        return Err(SIZE);
    }
    let breaks = |c: char| matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if text.contains(breaks) { Err(REFUSED) } else { Ok(text.trim()) }
}

/// One of a name's parts. Several spaces between two parts stand, as empty parts.
fn part(text: &str) -> Result<String, Invalid> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let profile = UsernameCaseMapped::new();
    Identifier.allows(text).map_err(|_| REFUSED)?;
    // The library maps letter by letter, which makes no small final sigma of a capital one.
    let name = profile.normalization_rule(text.to_lowercase());
    let name = name.and_then(|name| profile.directionality_rule(name)).map_err(|_| REFUSED)?;
    // A leading mark would join the text before the name (RFC 5891 §4.2.3.2).
    if name.chars().next().is_none_or(is_combining_mark) {
        return Err(REFUSED);
    }
    Ok(name.into_owned())
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name as somebody typed it: a user may bear the name that it is, or the name that version 0.1 made
/// of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedName {
    name: Result<UserName, Invalid>,
    /// The former reading, if it differs.
    former: Option<UserName>,
}

impl TypedName {
    /// Reads what was typed.
    pub fn new(text: &str) -> Self {
        let name = UserName::parse(text);
        let former = UserName::former(text).ok().filter(|former| Ok(former) != name.as_ref());
        Self { name, former }
    }

    /// The name that a new user would bear.
    ///
    /// # Errors
    /// Says what a name is when the text is none.
    pub fn name(&self) -> Result<&UserName, Invalid> {
        self.name.as_ref().map_err(|invalid| *invalid)
    }

    /// Returns the names under which the user can be stored, by precedence: a text keeps naming the
    /// same user.
    pub fn readings(&self) -> impl Iterator<Item = &UserName> {
        self.former.iter().chain(self.name.as_ref().ok())
    }

    /// Returns the one name under which failed logins are counted, for all its readings; `None` if
    /// no user can have such a name. A capital sigma may stand for either small one.
    pub fn counted_as(&self) -> Option<UserName> {
        let name = self.name.as_ref().ok().or(self.former.as_ref())?;
        Some(UserName(name.as_str().replace('ς', "σ").into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> UserName {
        UserName::parse(text).unwrap_or_else(|invalid| panic!("{text:?}: {invalid}"))
    }

    #[test]
    fn every_way_to_type_a_name_is_one_name() {
        for (stored, variants) in [
            ("zoë", &["Zoë", " zoe\u{308} ", "ZOE\u{308}", "zo\u{eb}\t"][..]),
            ("αλέξης", &["ΑΛΈΞΗΣ", "Αλέξης", "ΑΛΕ\u{301}ΞΗΣ"]),
            ("tanaka", &["ｔａｎａｋａ", "ＴＡＮＡＫＡ", "Ｔanaka"]),
            ("タナカ", &["ﾀﾅｶ"]),
            ("田中 太郎", &["田中\u{3000}太郎", "\u{3000}田中 太郎\u{3000}"]),
            ("alice@example.com", &["Alice@Example.COM"]),
            ("straße", &["STRAßE", "straẞe"]),
        ] {
            assert_eq!(name(stored).as_str(), stored);
            for variant in variants {
                assert_eq!(name(variant).as_str(), stored, "{variant:?}");
            }
        }
        assert_ne!(name("straße"), name("strasse"));
    }

    #[test]
    fn what_cannot_be_seen_or_steers_what_is_shown_is_refused() {
        for text in [
            "",
            "  ",
            "a\u{0}b",
            "a\nb",
            "alice\n",
            "alice\r\n",
            "alice\u{2028}",
            "a\u{2029}b",
            "ali\u{200b}ce",
            "ali\u{200d}ce",
            "ali\u{feff}ce",
            "ali\u{ad}ce",
            "\u{202e}alice",
            "ali\u{2066}ce",
            "\u{301}",
            "\u{301}alice",
            "alice \u{301}",
            "ﬁona",
            "a☃",
            "אalice",
            "\u{fdd0}",
            &"x".repeat(256),
            &"é".repeat(128),
            &" ".repeat(1_000),
        ] {
            assert!(UserName::parse(text).is_err(), "{text:?}");
        }
        for text in ["דוד", "فاطمة", "x".repeat(255).as_str(), "l·l", "O'Brien", "_svc-1+x@host"]
        {
            assert!(UserName::parse(text).is_ok(), "{text:?}");
        }
    }

    /// Each of these is what some user of version 0.1 may be stored under.
    #[test]
    fn whoever_was_reached_by_a_text_still_is_and_comes_first() {
        for (typed, readings) in [
            ("Alice", &["alice"][..]),
            ("ＴＡＮＡＫＡ", &["ｔａｎａｋａ", "tanaka"]),
            ("ΑΛΈΞΗΣ", &["αλέξησ", "αλέξης"]),
            ("αλέξης", &["αλέξης"]),
            ("A☃", &["a☃"]),
            ("ali\u{200b}ce", &["ali\u{200b}ce"]),
            ("alice\n", &[]),
            ("alice\u{2028}", &[]),
        ] {
            let typed_name = TypedName::new(typed);
            let found: Vec<_> = typed_name.readings().map(UserName::as_str).collect();
            assert_eq!(found, readings, "{typed:?}");
        }
    }

    #[test]
    fn failures_are_counted_once_however_a_name_is_typed() {
        for texts in
            [&["ΑΛΈΞΗΣ", "αλέξης", "αλέξησ"][..], &["ｔａｎａｋａ", "tanaka"], &["A☃", "a☃"]]
        {
            let mut counted = texts.iter().map(|text| TypedName::new(text).counted_as());
            let first = counted.next().flatten();
            assert!(first.is_some() && counted.all(|next| next == first), "{texts:?}");
        }
        assert_eq!(TypedName::new("a\nb").counted_as(), None);
    }

    proptest! {
        /// Otherwise one text would reach two users, as it is typed and as it is stored.
        #[test]
        fn a_name_reads_back_as_itself(text in any::<String>(), greek in "[Α-ωΣςσ .']{0,12}") {
            for text in [text, greek] {
                if let Ok(name) = UserName::parse(&text) {
                    prop_assert_eq!(UserName::parse(name.as_str()), Ok(name));
                }
                let typed = TypedName::new(&text);
                for reading in typed.readings() {
                    let again = TypedName::new(reading.as_str());
                    prop_assert_eq!(again.counted_as(), typed.counted_as());
                    prop_assert_eq!(again.readings().next(), Some(reading));
                }
            }
        }
    }
}
