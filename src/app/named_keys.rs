//! The keys that the store's records name, in a file beside it: a check compares them with the key ring while
//! a server has the store open, and without opening it.

use std::path::{Path, PathBuf};

use crate::{config::RegularFile, domain::key_ring::KeyId, store::new_file};

const FILE: &str = "named-keys";
/// Most bytes that are read: a thousand keys.
const MAX_BYTES: u64 = 16 << 10;

/// Writer of the names of keys.
#[derive(Debug)]
pub(super) struct NamedKeys {
    directory: Option<PathBuf>,
    written: Option<Vec<KeyId>>,
}

impl NamedKeys {
    /// In a data directory; nowhere, where the store is a database, which can be asked.
    pub(super) fn in_directory(directory: Option<PathBuf>) -> Self {
        Self { directory, written: None }
    }

    /// Returns whether one server alone has the store.
    pub(super) const fn is_of_one(&self) -> bool {
        self.directory.is_some()
    }

    /// Writes the names, if they are others than before.
    pub(super) fn put(&mut self, named: &[KeyId]) {
        let Some(directory) = &self.directory else { return };
        if self.written.as_deref() == Some(named) {
            return;
        }
        let text: String = named.iter().map(|id| id.to_string() + "\n").collect();
        match new_file::replace(directory, FILE, text.as_bytes()) {
            Ok(()) => self.written = Some(named.to_vec()),
            Err(error) => tracing::debug!(%error, "the names of the keys were not written"),
        }
    }

    /// The names that the store in `directory` had when they were written last.
    pub(super) fn read(directory: &Path) -> Vec<KeyId> {
        let Ok(file) = RegularFile::read(&directory.join(FILE), MAX_BYTES) else {
            return Vec::new();
        };
        String::from_utf8_lossy(&file.bytes).lines().filter_map(KeyId::parse).collect()
    }
}
