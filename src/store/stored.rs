//! A record that was read: shared, immutable, with the version to replace it by.

use std::{ops::Deref, sync::Arc};

/// Distinguishes the states of one record. Opaque: equal or not, no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(u64);

impl Version {
    /// Creates a version from its stored number.
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// Returns the stored number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// A record with its version. Clones share the record.
#[derive(Debug)]
pub struct Stored<R>(Arc<(Version, R)>);

impl<R> Stored<R> {
    /// Joins a record and its version.
    pub fn new(version: Version, record: R) -> Self {
        Self(Arc::new((version, record)))
    }

    /// Returns the version of this state.
    pub fn version(&self) -> Version {
        self.0.0
    }
}

impl<R> Clone for Stored<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> Deref for Stored<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.0.1
    }
}
