//! The key ring on disk: one file a key, readable by whom it is for alone, and one that names the active key.

mod signing;

use std::{
    fs::{self, File, Metadata},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, fchown},
    path::{Path, PathBuf},
    str,
};

use rustix::process::geteuid;
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::signing::{NewSigningKey, SigningKeyError};
use super::{access::replaceable, key_text};
use crate::{
    config::RegularFile,
    domain::{
        entropy::{Entropy, draw},
        key_ring::{KEY_BYTES, KeyId, KeyRing, ServerKey},
    },
    store::{new_file, sled::make_durably},
};

const EXTENSION: &str = "key";
/// Extension of a file while it is being written.
const HALF_MADE: &str = "new";
const ACTIVE: &str = "active";
/// Most bytes of a file that are read: a key takes 65.
const MAX_BYTES: u64 = 4096;

/// Reason for which the key ring cannot be used.
#[derive(Debug, Error)]
pub enum KeyRingError {
    /// The directory or a file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// A key that others can read is nobody's secret.
    #[error("{}: must not be readable by group or others: chmod 600", .0.display())]
    Exposed(PathBuf),
    /// Everybody on the machine could replace a key.
    #[error("{0}")]
    Replaceable(String),
    /// A file is malformed. The message does not show its contents.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// Path of the file.
        path: PathBuf,
        /// Form that it should have.
        problem: &'static str,
    },
    /// Several keys and no word on which one is active.
    #[error("{}: holds several keys and no file 'active' that names one of them", .0.display())]
    NoneActive(PathBuf),
    /// There is no ring to add to, and none is made unasked: it may lie elsewhere.
    #[error("{}: there is no key ring: is it the right directory? --new makes a new one there", .0.display())]
    NoRing(PathBuf),
    /// A new ring was asked for where there is one.
    #[error("{}: there is a key ring already: leave --new out to add a key to it", .0.display())]
    RingExists(PathBuf),
    /// A key that was active is missing.
    #[error("{}: the active key {id} has no file", path.display())]
    ActiveMissing {
        /// The directory.
        path: PathBuf,
        /// The key that is missing.
        id: KeyId,
    },
    /// There is no such key.
    #[error("{}: holds no key {id}", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
        /// The key asked for.
        id: KeyId,
    },
    /// New tokens are made with the key.
    #[error("{0} is the active key: activate another one first")]
    IsActive(KeyId),
}

/// The directory of the key ring. Every change is one rename or one removal, synced: a reader
/// meanwhile, or after a crash, finds the ring as it was before or as it is after.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    path: PathBuf,
}

/// Fingerprint of the directory's state, which differs after every change, taken without opening a
/// file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<(PathBuf, [i64; 3], [u64; 2])>);

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
        let mut keys: Vec<_> = self.read_keys()?.into_iter().map(|(_, key)| key).collect();
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
        let key = self.make_key(entropy)?;
        self.write(ACTIVE, format!("{}\n", key.id()).as_bytes())?;
        Ok(KeyRing::new(key, []))
    }

    /// Makes a new ring with one key, which is the active one.
    ///
    /// # Errors
    /// When there is a ring, or it cannot be written, durably.
    pub fn begin(&self, entropy: &dyn Entropy) -> Result<KeyId, KeyRingError> {
        self.not_replaceable()?;
        match self.load()? {
            Some(_) => Err(KeyRingError::RingExists(self.path.clone())),
            None => self.create(entropy).map(|ring| ring.active().id()),
        }
    }

    /// The ring that there must be.
    ///
    /// # Errors
    /// [`KeyRingError::NoRing`] when there is no key at all; see there.
    pub fn existing(&self) -> Result<KeyRing, KeyRingError> {
        self.load()?.ok_or_else(|| KeyRingError::NoRing(self.path.clone()))
    }

    /// Refuses a directory in which everybody can replace the files.
    fn not_replaceable(&self) -> Result<(), KeyRingError> {
        match replaceable("the key ring", &self.path) {
            Some(exposure) => {
                let told = format!("{exposure}: {}", exposure.remedy());
                Err(KeyRingError::Replaceable(told))
            }
            None => Ok(()),
        }
    }

    /// Adds a new key, which nothing uses before it is activated.
    ///
    /// # Errors
    /// When there is no ring, it is not in order, or the key cannot be written, durably.
    pub fn add(&self, entropy: &dyn Entropy) -> Result<KeyId, KeyRingError> {
        self.not_replaceable()?;
        let ring = self.existing()?;
        // A key that is active because it is the only one stays active beside another.
        if self.read_active()?.is_none() {
            self.activate(ring.active().id())?;
        }
        self.make_key(entropy).map(|key| key.id())
    }

    /// Makes new tokens with the key `id` from now on.
    ///
    /// # Errors
    /// When the ring does not hold the key, or the word cannot be written, durably.
    pub fn activate(&self, id: KeyId) -> Result<(), KeyRingError> {
        self.find(id)?;
        self.write(ACTIVE, format!("{id}\n").as_bytes())
    }

    /// Removes the key `id`. That nothing live names it is the caller's to know.
    ///
    /// # Errors
    /// When it is the active one, the ring does not hold it, or it cannot be removed, durably.
    pub fn remove(&self, id: KeyId) -> Result<(), KeyRingError> {
        if self.load()?.is_some_and(|ring| ring.active().id() == id) {
            return Err(KeyRingError::IsActive(id));
        }
        let path = self.find(id)?;
        fs::remove_file(&path).map_err(|error| io_error(&path, error))?;
        self.sync()
    }

    /// Takes the directory's fingerprint. A file that cannot be examined is left out: reading it
    /// fails with an error.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let Ok(entries) = fs::read_dir(&self.path) else { return Fingerprint::default() };
        let mut files = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            // Through links: a secret mount swaps what they point to.
            if let Ok(file) = fs::metadata(&path) {
                let changed = [file.mtime_nsec(), file.ctime(), file.ctime_nsec()];
                files.push((path, changed, [file.ino(), file.len()]));
            }
        }
        files.sort();
        Fingerprint(files)
    }

    fn make_key(&self, entropy: &dyn Entropy) -> Result<ServerKey, KeyRingError> {
        make_durably(&self.path).map_err(|error| io_error(&self.path, error))?;
        let bytes = Zeroizing::new(draw::<KEY_BYTES>(entropy));
        let key = ServerKey::new(&bytes);
        self.write(&format!("{}.{EXTENSION}", key.id()), key_text::write(&bytes).as_bytes())?;
        Ok(key)
    }

    /// The file of the key `id`: a key is known by its content, wherever it lies.
    fn find(&self, id: KeyId) -> Result<PathBuf, KeyRingError> {
        let found = self.read_keys()?.into_iter().find(|(_, key)| key.id() == id);
        let absent = || KeyRingError::Absent { path: self.path.clone(), id };
        found.map(|(path, _)| path).ok_or_else(absent)
    }

    fn read_keys(&self) -> Result<Vec<(PathBuf, ServerKey)>, KeyRingError> {
        self.files_of(EXTENSION)?
            .into_iter()
            .map(|path| read_key(&path).map(|key| (path, key)))
            .collect()
    }

    /// The files of one kind of keys; none where there is no directory.
    fn files_of(&self, extension: &str) -> Result<Vec<PathBuf>, KeyRingError> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&self.path, error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| io_error(&self.path, error))?.path();
            if path.extension().is_some_and(|found| found == extension) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    fn read_active(&self) -> Result<Option<KeyId>, KeyRingError> {
        let path = self.path.join(ACTIVE);
        match RegularFile::read(&path, MAX_BYTES) {
            Ok(file) => str::from_utf8(&file.bytes)
                .ok()
                .and_then(|text| KeyId::parse(text.trim_end()))
                .map(Some)
                .ok_or(KeyRingError::Malformed { path, problem: "must hold the id of a key" }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(&path, error)),
        }
    }

    /// Puts a whole file in place, durably.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), KeyRingError> {
        let half_made = self.path.join(format!("{name}.{HALF_MADE}"));
        let written = new_file::create(&half_made).and_then(|mut file| {
            self.hand_over(&file)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&half_made, self.path.join(name))
        });
        written.map_err(|error| io_error(&half_made, error))?;
        self.sync()
    }

    /// Gives a new file to the owner of the directory: root adds keys for a server that is not root, which
    /// could not read them otherwise.
    fn hand_over(&self, file: &File) -> io::Result<()> {
        let directory = fs::metadata(&self.path)?;
        if geteuid().is_root() && directory.uid() != 0 {
            fchown(file, Some(directory.uid()), Some(directory.gid()))?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), KeyRingError> {
        let synced = File::open(&self.path).and_then(|directory| directory.sync_all());
        synced.map_err(|error| io_error(&self.path, error))
    }
}

fn read_key(path: &Path) -> Result<ServerKey, KeyRingError> {
    let file = RegularFile::read(path, MAX_BYTES).map_err(|error| io_error(path, error))?;
    if is_exposed(&file.metadata, geteuid().as_raw()) {
        return Err(KeyRingError::Exposed(path.to_owned()));
    }
    let bytes = key_text::read(&file.bytes).ok_or_else(|| KeyRingError::Malformed {
        path: path.to_owned(),
        problem: "must hold 64 hexadecimal digits",
    })?;
    Ok(ServerKey::new(&bytes))
}

/// Returns whether others than `user` and root can read a file. Root's own may be readable by its
/// group: that is how Kubernetes hands secrets to a process that is not root (`fsGroup`), and root
/// can read it anyway.
fn is_exposed(file: &Metadata, user: u32) -> bool {
    let handed_over = file.uid() == 0 && user != 0;
    file.mode() & if handed_over { 0o037 } else { 0o077 } != 0
}

fn io_error(path: &Path, error: io::Error) -> KeyRingError {
    KeyRingError::Io { path: path.to_owned(), error }
}

#[cfg(test)]
mod tests;
