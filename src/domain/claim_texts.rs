//! The claims of an ID token as texts, by name: what the settings map to a user.

use std::{collections::BTreeMap, fmt};

/// Texts of claims by name. A member of an object is named by its path, with dots between
/// (`realm_access.roles`). A claim that is no text and no list of texts is there without a text.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClaimTexts(BTreeMap<String, Vec<String>>);

impl ClaimTexts {
    /// Adds a claim, unless there is one of that name: of `a.b` and the `b` in `a`, add `a.b` first.
    pub fn add(&mut self, name: String, texts: Vec<String>) {
        self.0.entry(name).or_insert(texts);
    }

    /// The texts of a claim: none if it is not there, several if it is a list.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The text of a claim that has one.
    pub fn only(&self, name: &str) -> Option<&str> {
        if let [only] = self.all(name) { Some(only) } else { None }
    }

    /// Returns whether the claim is there, of any type.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

impl fmt::Debug for ClaimTexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimTexts(…)")
    }
}
