//! The files that the settings name, as they are now.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::TlsError;
use crate::config::{RegularFile, TlsSettings};

/// Largest file that is read, in bytes: room for revocation lists of a hundred thousand certificates.
const MAX_BYTES: u64 = 16 << 20;

/// Contents of the files.
pub(super) struct Contents {
    pub(super) cert: Zeroizing<Vec<u8>>,
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) client_ca: Zeroizing<Vec<u8>>,
    pub(super) crl: Zeroizing<Vec<u8>>,
}

impl Contents {
    /// Reads them. A file that the settings do not name is empty.
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let read = |path: Option<&Path>| match path {
            Some(path) => match RegularFile::read(path, MAX_BYTES) {
                Ok(file) => Ok(file.bytes),
                Err(error) => Err(TlsError::Unreadable { path: path.to_owned(), error }),
            },
            None => Ok(Zeroizing::default()),
        };
        let clients = settings.clients.as_ref();
        Ok(Self {
            cert: read(Some(&settings.cert))?,
            key: key(&settings.key)?,
            client_ca: read(clients.map(|clients| &*clients.ca))?,
            crl: read(clients.and_then(|clients| clients.crl.as_deref()))?,
        })
    }

    /// Returns a hash of the contents alone; the files' times do not matter.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for file in [&self.cert, &self.key, &self.client_ca, &self.crl] {
            // Each by itself first: where one ends and the next begins counts.
            hash.update(Sha256::digest(&**file));
        }
        hash.finalize().into()
    }
}

/// Reads the private key. A path in no existing directory may be the key itself, so that an error
/// does not show it.
fn key(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let file = RegularFile::read(path, MAX_BYTES).map_err(|error| {
        if path.parent().is_some_and(Path::is_dir) {
            TlsError::Unreadable { path: path.to_owned(), error }
        } else {
            TlsError::NoKey(error)
        }
    });
    Ok(file?.bytes)
}
