//! Declaration that the settings file last applied to a record: a restart undoes no later change.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Fingerprints of the values that the settings file last applied, by field: a field is applied
/// again only when its declared value has changed since.
pub type Declared = BTreeMap<Box<str>, Box<[u8]>>;

/// Returns whether the declared value of `field` is another than the one last applied, and keeps its
/// fingerprint. An undeclared field is forgotten, so that declaring it again applies it again.
pub fn is_new<T: Serialize>(declared: &mut Declared, field: &str, value: Option<&T>) -> bool {
    let Some(value) = value else {
        declared.remove(field);
        return false;
    };
    let fingerprint = fingerprint(value);
    if declared.get(field) == Some(&fingerprint) {
        return false;
    }
    declared.insert(field.into(), fingerprint);
    true
}

/// Puts new values into the fields of a record.
pub(super) enum Assign<'a> {
    /// Every value that is given.
    All,
    /// Those that differ from what the settings file last applied.
    Declared(&'a mut Declared),
}

impl Assign<'_> {
    /// Puts a value that is given into its `place`; `field` is its key in the settings file.
    pub(super) fn put<T: Serialize>(&mut self, field: &str, place: &mut T, value: Option<T>) {
        if self.takes(field, value.as_ref())
            && let Some(value) = value
        {
            *place = value;
        }
    }

    /// Returns whether a value goes into its place if it is given.
    pub(super) fn takes<T: Serialize>(&mut self, field: &str, value: Option<&T>) -> bool {
        match self {
            Self::All => true,
            Self::Declared(declared) => is_new(declared, field, value),
        }
    }
}

fn fingerprint<T: Serialize>(value: &T) -> Box<[u8]> {
    let bytes = postcard::to_allocvec(value).expect("a value in memory always has an encoding");
    Sha256::digest(bytes).as_slice().into()
}
