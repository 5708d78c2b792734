//! A handle for one of sled's trees that does not keep sled open: once the committer closes sled,
//! the tree is closed.
//!
//! Strong handles would hide the moment of sled's last write: its threads free segments and cut its
//! file after a flush, and end only when nothing holds the store any more.

use std::{
    io,
    ops::RangeBounds,
    sync::{Arc, Weak},
};

use sled::{IVec, Iter};

use crate::store::ReadError;

/// A tree while the store is open. Clones share it.
#[derive(Clone)]
pub(super) struct Tree(Weak<sled::Tree>);

impl Tree {
    pub(super) fn of(tree: &Arc<sled::Tree>) -> Self {
        Self(Arc::downgrade(tree))
    }

    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<IVec>> {
        self.open()?.get(key)
    }

    pub(super) fn insert(
        &self,
        key: impl AsRef<[u8]>,
        value: impl Into<IVec>,
    ) -> sled::Result<Option<IVec>> {
        self.open()?.insert(key, value)
    }

    pub(super) fn remove(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<IVec>> {
        self.open()?.remove(key)
    }

    pub(super) fn last(&self) -> sled::Result<Option<(IVec, IVec)>> {
        self.open()?.last()
    }

    /// Returns the entries of a range. The iterator keeps the store open.
    pub(super) fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> sled::Result<Iter> {
        Ok(self.open()?.range(range))
    }

    /// Returns all entries. The iterator keeps the store open.
    pub(super) fn entries(&self) -> sled::Result<Iter> {
        Ok(self.open()?.iter())
    }

    /// Returns the entries whose keys begin with `prefix`. The iterator keeps the store open.
    pub(super) fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> sled::Result<Iter> {
        Ok(self.open()?.scan_prefix(prefix))
    }

    fn open(&self) -> sled::Result<Arc<sled::Tree>> {
        self.0.upgrade().ok_or_else(closed)
    }
}

/// Returns the error for calls after sled is closed.
pub(super) fn closed() -> sled::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the store is closed").into()
}

/// Converts an error of sled. Unreadable data is permanently corrupt; other errors can pass.
#[expect(clippy::needless_pass_by_value, reason = "its place is in `map_err`")]
pub(super) fn read_error(error: sled::Error) -> ReadError {
    match error {
        sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => ReadError::Corrupt,
        sled::Error::Io(_) | sled::Error::CollectionNotFound(_) | sled::Error::Unsupported(_) => {
            ReadError::Unavailable
        }
    }
}
