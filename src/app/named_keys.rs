//! The keys that the store's records name, in a file beside it: a check compares them with the key ring while
//! a server has the store open, and without opening it.

use std::path::{Path, PathBuf};

use crate::{
    config::RegularFile,
    domain::{key_ring::KeyId, signing_key_id::SigningKeyId},
    store::new_file,
};

const FILE: &str = "named-keys";
/// Most bytes that are read: a thousand keys.
const MAX_BYTES: u64 = 16 << 10;

/// Writer of the names of keys.
#[derive(Debug)]
pub(super) struct NamedKeys {
    directory: Option<PathBuf>,
    written: Option<String>,
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
    pub(super) fn put(&mut self, named: &[KeyId], signing: &[SigningKeyId]) {
        let Some(directory) = &self.directory else { return };
        let signing = signing.iter().map(ToString::to_string);
        let all = named.iter().map(ToString::to_string).chain(signing);
        let text: String = all.map(|name| name + "\n").collect();
        if self.written.as_ref() == Some(&text) {
            return;
        }
        match new_file::replace(directory, FILE, text.as_bytes()) {
            Ok(()) => self.written = Some(text),
            Err(error) => tracing::debug!(%error, "the names of the keys were not written"),
        }
    }

    /// The names that the store in `directory` had when they were written last.
    pub(super) fn read(directory: &Path) -> Vec<KeyId> {
        text(directory).lines().filter_map(KeyId::parse).collect()
    }

    /// The signing keys whose tokens could be good then.
    pub(super) fn read_signing(directory: &Path) -> Vec<SigningKeyId> {
        text(directory).lines().filter_map(SigningKeyId::parse).collect()
    }
}

/// The file's text; empty if there is none.
fn text(directory: &Path) -> String {
    let file = RegularFile::read(&directory.join(FILE), MAX_BYTES);
    file.map(|file| String::from_utf8_lossy(&file.bytes).into_owned()).unwrap_or_default()
}
