//! Free-form facts about a user or client that introspection hands to services.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::invalid::Invalid;

/// Names and values, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes(BTreeMap<Box<str>, Box<str>>);

impl Attributes {
    /// Most entries on one record.
    pub const MAX_ENTRIES: usize = 32;
    /// Longest name, in bytes.
    pub const MAX_NAME_BYTES: usize = 64;
    /// Longest value, in bytes.
    pub const MAX_VALUE_BYTES: usize = 512;

    /// Checks and takes entries.
    ///
    /// # Errors
    /// When a limit above is exceeded or a name is empty.
    pub fn from_entries<'a>(
        entries: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Invalid> {
        let mut kept = BTreeMap::new();
        for (name, value) in entries {
            if name.is_empty() || name.len() > Self::MAX_NAME_BYTES {
                return Err(Invalid("names must be 1 to 64 bytes"));
            }
            if value.len() > Self::MAX_VALUE_BYTES {
                return Err(Invalid("values must be at most 512 bytes"));
            }
            kept.insert(name.into(), value.into());
        }
        if kept.len() > Self::MAX_ENTRIES {
            return Err(Invalid("must be at most 32 entries"));
        }
        Ok(Self(kept))
    }

    /// Names and values in order of name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns whether there is an attribute of that name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Bytes of all names and values.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}
