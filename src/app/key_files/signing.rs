//! The keys that sign access tokens, in the directory of the key ring: one file a key, with its times.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::geteuid;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{super::signing_key_text, KeyFiles, KeyRingError, io_error, is_exposed};
use crate::{
    config::RegularFile,
    domain::{
        algorithm::Algorithm,
        entropy::Entropy,
        signing_key_id::SigningKeyId,
        signing_times::{JwtLife, SigningState, SigningTimes, sign_time},
        time::Timestamp,
    },
    jose::{SigningKey, SigningRing, TimedKey},
    store::sled::make_durably,
};

const EXTENSION: &str = "pem";
/// Most bytes of a file that are read: a key of RSA with 4096 bits takes 3,300.
const MAX_BYTES: u64 = 16 << 10;

/// Reason for which a signing key was not made, activated or removed.
#[derive(Debug, Error)]
pub enum SigningKeyError {
    /// The ring cannot be used.
    #[error(transparent)]
    Files(#[from] KeyRingError),
    /// Keys of the algorithm are made by other programs.
    #[error(
        "keys of RS256 are made elsewhere: openssl genpkey -algorithm RSA -pkeyopt \
             rsa_keygen_bits:2048 -out FILE, then --import FILE"
    )]
    MadeElsewhere,
    /// The file to import is no key of the algorithm.
    #[error("{}: must hold a private key of {}, as PKCS#8 in PEM (BEGIN PRIVATE KEY)", path.display(), algorithm.name())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// The ring does not hold the key.
    #[error("{}: holds no signing key {id}", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
        /// The key asked for.
        id: SigningKeyId,
    },
    /// Access tokens are signed with the key.
    #[error("{0} signs access tokens: activate another one first")]
    Signs(SigningKeyId),
    /// Access tokens that the key signed can be good.
    #[error("{id} has signed access tokens that can be good until {until}: a verifier needs it")]
    Needed {
        /// The key.
        id: SigningKeyId,
        /// The time until then.
        until: String,
    },
}

/// A key to be made, or to be taken from a file.
#[derive(Clone, Copy, Debug)]
pub struct NewSigningKey<'a> {
    /// The algorithm that it signs by.
    pub algorithm: Algorithm,
    /// A file with its PKCS#8 in PEM; without it the key is drawn.
    pub import: Option<&'a Path>,
}

impl KeyFiles {
    /// Reads the signing keys; there may be none.
    ///
    /// # Errors
    /// See [`KeyRingError`].
    pub fn signing(&self) -> Result<SigningRing, KeyRingError> {
        let keys = self.read_signing()?.into_iter().map(|(_, key)| key);
        Ok(SigningRing::new(keys.collect()))
    }

    /// Adds a signing key, which is published and signs nothing until it is activated. The first one of a
    /// ring signs at once.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub fn add_signing(
        &self,
        new: NewSigningKey<'_>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<SigningKeyId, SigningKeyError> {
        self.not_replaceable()?;
        let is_first = self.read_signing()?.is_empty();
        let pkcs8 = match new.import {
            Some(path) => import(path, new.algorithm)?,
            None => SigningKey::generate(new.algorithm, entropy)
                .ok_or(SigningKeyError::MadeElsewhere)?,
        };
        let key = SigningKey::from_pkcs8(&pkcs8).map_err(|_| SigningKeyError::MadeElsewhere)?;
        let sign_time = is_first.then_some(now);
        let times = SigningTimes { create_time: now, sign_time };
        make_durably(&self.path).map_err(|error| io_error(&self.path, error))?;
        let text = signing_key_text::write(&pkcs8, times);
        self.write(&format!("{}.{EXTENSION}", key.id()), text.as_bytes())?;
        Ok(key.id())
    }

    /// Activates a signing key: it signs when every verifier that keeps the key set for `max_age` has met
    /// it, and the first one of a ring at once. Returns that time.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub fn activate_signing(
        &self,
        id: SigningKeyId,
        max_age: Duration,
        now: Timestamp,
    ) -> Result<Timestamp, SigningKeyError> {
        let ring = self.signing()?;
        let (path, held) = self.find_signing(id)?;
        let states = ring.states(JwtLife::default(), now);
        let state = states.into_iter().find(|(held, _)| held.key.id() == id);
        match state.map(|(_, state)| state) {
            Some(SigningState::Active) => return Ok(held.times.sign_time.unwrap_or(now)),
            Some(SigningState::Waiting(time)) => return Ok(time),
            Some(SigningState::Added | SigningState::Retired(_) | SigningState::Expired) | None => {
            }
        }
        let starts = sign_time(&ring.times(), max_age, now);
        let times = SigningTimes { sign_time: Some(starts), ..held.times };
        let file = RegularFile::read(&path, MAX_BYTES).map_err(|error| io_error(&path, error))?;
        let (pkcs8, _) = signing_key_text::read(&file.bytes).ok_or_else(|| malformed(&path))?;
        let text = signing_key_text::write(pkcs8.secret_pkcs8_der(), times);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        self.write(name, text.as_bytes())?;
        Ok(starts)
    }

    /// Removes a signing key that has signed nothing that can be good, where tokens live for `longest`.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub fn remove_signing(
        &self,
        id: SigningKeyId,
        longest: JwtLife,
        now: Timestamp,
    ) -> Result<(), SigningKeyError> {
        let (path, _) = self.find_signing(id)?;
        let ring = self.signing()?;
        let state = ring.states(longest, now).into_iter().find(|(held, _)| held.key.id() == id);
        match state.map(|(_, state)| state) {
            Some(SigningState::Active) => return Err(SigningKeyError::Signs(id)),
            Some(SigningState::Retired(until)) => {
                let until = signing_key_text::shown(until);
                return Err(SigningKeyError::Needed { id, until });
            }
            Some(SigningState::Added | SigningState::Waiting(_) | SigningState::Expired) | None => {
            }
        }
        fs::remove_file(&path).map_err(|error| io_error(&path, error))?;
        Ok(self.sync()?)
    }

    /// The file of a key: it is known by its content, wherever it lies.
    fn find_signing(&self, id: SigningKeyId) -> Result<(PathBuf, TimedKey), SigningKeyError> {
        let found = self.read_signing()?.into_iter().find(|(_, held)| held.key.id() == id);
        found.ok_or_else(|| SigningKeyError::Absent { path: self.path.clone(), id })
    }

    fn read_signing(&self) -> Result<Vec<(PathBuf, TimedKey)>, KeyRingError> {
        self.files_of(EXTENSION)?
            .into_iter()
            .map(|path| read_key(&path).map(|key| (path, key)))
            .collect()
    }
}

fn read_key(path: &Path) -> Result<TimedKey, KeyRingError> {
    let file = RegularFile::read(path, MAX_BYTES).map_err(|error| io_error(path, error))?;
    if is_exposed(&file.metadata, geteuid().as_raw()) {
        return Err(KeyRingError::Exposed(path.to_owned()));
    }
    let (pkcs8, times) = signing_key_text::read(&file.bytes).ok_or_else(|| malformed(path))?;
    let key = SigningKey::from_pkcs8(pkcs8.secret_pkcs8_der()).map_err(|_| malformed(path))?;
    Ok(TimedKey { key: key.into(), times })
}

fn malformed(path: &Path) -> KeyRingError {
    let problem = "must hold a private key of P-256, Ed25519 or RSA, as PKCS#8 in PEM";
    KeyRingError::Malformed { path: path.to_owned(), problem }
}

/// Reads the PKCS#8 bytes of a file that another program made.
fn import(path: &Path, algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
    let mut text = Zeroizing::new(Vec::with_capacity(4 << 10));
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut text));
    read.map_err(|error| io_error(path, error))?;
    let unfit = || SigningKeyError::Unfit { path: path.to_owned(), algorithm };
    let (pkcs8, _) = signing_key_text::read(&text).ok_or_else(unfit)?;
    let bytes = Zeroizing::new(pkcs8.secret_pkcs8_der().to_vec());
    let key = SigningKey::from_pkcs8(&bytes).map_err(|_| unfit())?;
    if key.algorithm() == algorithm { Ok(bytes) } else { Err(unfit()) }
}
