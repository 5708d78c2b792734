//! The key ring on disk: one file a key, readable by its owner alone, and one that names the active key.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::domain::{
    entropy::{Entropy, draw},
    key_ring::{KEY_BYTES, KeyId, KeyRing, ServerKey},
};

const EXTENSION: &str = "key";
const ACTIVE: &str = "active";

/// Why the key ring cannot be used.
#[derive(Debug, Error)]
pub enum KeyRingError {
    /// The directory or a file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A key that others can read is nobody's secret.
    #[error("{}: must not be readable by group or others: chmod 600", .0.display())]
    Exposed(PathBuf),
    /// A file is not what it should be. What it holds is not said.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// What it should be.
        problem: &'static str,
    },
    /// Several keys and no word on which one is active.
    #[error("{}: holds several keys and no file 'active' that names one of them", .0.display())]
    NoneActive(PathBuf),
    /// A key that was active is missing.
    #[error("{}: the active key {id} has no file", path.display())]
    ActiveMissing {
        /// The directory.
        path: PathBuf,
        /// The key that is missing.
        id: KeyId,
    },
}

/// The directory of the key ring.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    path: PathBuf,
}

impl KeyFiles {
    /// The ring at `path`, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Reads the ring; `None` when there is no key at all.
    ///
    /// # Errors
    /// See [`KeyRingError`].
    pub fn load(&self) -> Result<Option<KeyRing>, KeyRingError> {
        let mut keys = self.read_keys()?;
        let active = match self.read_active()? {
            Some(id) => keys
                .iter()
                .position(|key| key.id() == id)
                .ok_or_else(|| KeyRingError::ActiveMissing { path: self.path.clone(), id })?,
            None if keys.is_empty() => return Ok(None),
            None if keys.len() == 1 => 0,
            None => return Err(KeyRingError::NoneActive(self.path.clone())),
        };
        let active = keys.swap_remove(active);
        Ok(Some(KeyRing::new(active, keys)))
    }

    /// Makes the ring's first key and its directory.
    ///
    /// # Errors
    /// When it cannot be written, durably.
    pub fn create(&self, entropy: &dyn Entropy) -> Result<KeyRing, KeyRingError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|error| self.io(&self.path, error))?;
        let bytes = Zeroizing::new(draw::<KEY_BYTES>(entropy));
        let key = ServerKey::new(&bytes);
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
        for byte in &*bytes {
            text.extend([byte >> 4, byte & 0xf].map(hex_digit));
        }
        text.push('\n');
        self.write(&self.path.join(format!("{}.{EXTENSION}", key.id())), text.as_bytes())?;
        self.write(&self.path.join(ACTIVE), format!("{}\n", key.id()).as_bytes())?;
        let synced = File::open(&self.path).and_then(|directory| directory.sync_all());
        synced.map_err(|error| self.io(&self.path, error))?;
        Ok(KeyRing::new(key, []))
    }

    fn read_keys(&self) -> Result<Vec<ServerKey>, KeyRingError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.io(&self.path, error)),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| self.io(&self.path, error))?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                keys.push(self.read_key(&path)?);
            }
        }
        Ok(keys)
    }

    fn read_key(&self, path: &Path) -> Result<ServerKey, KeyRingError> {
        let metadata = fs::metadata(path).map_err(|error| self.io(path, error))?;
        if metadata.mode() & 0o077 != 0 {
            return Err(KeyRingError::Exposed(path.to_owned()));
        }
        let text = fs::read(path).map(Zeroizing::new).map_err(|error| self.io(path, error))?;
        let mut bytes = parse_hex(&text).ok_or_else(|| KeyRingError::Malformed {
            path: path.to_owned(),
            problem: "must hold 64 hexadecimal digits",
        })?;
        let key = ServerKey::new(&bytes);
        bytes.zeroize();
        Ok(key)
    }

    fn read_active(&self) -> Result<Option<KeyId>, KeyRingError> {
        let path = self.path.join(ACTIVE);
        match fs::read_to_string(&path) {
            Ok(text) => KeyId::parse(text.trim_end())
                .map(Some)
                .ok_or(KeyRingError::Malformed { path, problem: "must hold the id of a key" }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.io(&path, error)),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), KeyRingError> {
        let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let written = open.and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(|error| self.io(path, error))
    }

    #[expect(clippy::unused_self, reason = "reads as what it is: an error of this ring")]
    fn io(&self, path: &Path, error: io::Error) -> KeyRingError {
        KeyRingError::Io { path: path.to_owned(), error }
    }
}

fn hex_digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or('0')
}

fn parse_hex(text: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let digits = text.trim_ascii_end();
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::app::SystemEntropy;

    fn ring() -> (tempfile::TempDir, KeyFiles) {
        let directory = tempfile::tempdir().expect("a directory");
        let files = KeyFiles::new(&directory.path().join("keys"));
        (directory, files)
    }

    #[test]
    fn a_ring_that_was_made_is_read_back_and_closed_to_others() {
        let (_directory, files) = ring();
        assert!(files.load().expect("no directory is no ring").is_none());
        let made = files.create(&SystemEntropy).expect("a ring");
        let read = files.load().expect("it loads").expect("a ring");
        assert_eq!(read.active().id(), made.active().id());
        for entry in fs::read_dir(&files.path).expect("the directory") {
            let metadata = entry.expect("an entry").metadata().expect("its metadata");
            assert_eq!(metadata.mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let (_directory, files) = ring();
        let made = files.create(&SystemEntropy).expect("a ring");
        let path = files.path.join(format!("{}.key", made.active().id()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
        assert!(matches!(files.load(), Err(KeyRingError::Exposed(_))));
    }

    #[test]
    fn a_ring_without_its_active_key_or_with_a_broken_one_is_refused() {
        let (_directory, files) = ring();
        let made = files.create(&SystemEntropy).expect("a ring");
        let path = files.path.join(format!("{}.key", made.active().id()));
        fs::write(&path, "0123").expect("a broken key");
        assert!(matches!(files.load(), Err(KeyRingError::Malformed { .. })));
        fs::remove_file(&path).expect("a missing key");
        assert!(matches!(files.load(), Err(KeyRingError::ActiveMissing { .. })));
    }
}
