//! The files that the settings name, as they are now.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::TlsError;
use crate::config::TlsSettings;

/// Largest file that is read, in bytes: room for revocation lists of a hundred thousand certificates.
const MAX_BYTES: u64 = 16 << 20;

/// What is in the files.
pub(super) struct Contents {
    pub(super) cert: Vec<u8>,
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) client_ca: Vec<u8>,
    pub(super) crl: Vec<u8>,
}

impl Contents {
    /// Reads them. What the settings do not name is empty.
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let read = |path: Option<&Path>| match path {
            Some(path) => {
                read(path).map_err(|error| TlsError::Unreadable { path: path.to_owned(), error })
            }
            None => Ok(Vec::new()),
        };
        let clients = settings.clients.as_ref();
        Ok(Self {
            cert: read(Some(&settings.cert))?,
            key: Zeroizing::new(read(Some(&settings.key))?),
            client_ca: read(clients.map(|clients| &*clients.ca))?,
            crl: read(clients.and_then(|clients| clients.crl.as_deref()))?,
        })
    }

    /// Another one for other contents, whatever the files' times say.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for file in [&self.cert, &*self.key, &self.client_ca, &self.crl] {
            // Each by itself first: where one ends and the next begins counts.
            hash.update(Sha256::digest(file));
        }
        hash.finalize().into()
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    // Room for all of it at once: a buffer that grows leaves copies behind that are not wiped.
    let room = file.metadata()?.len().min(MAX_BYTES) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or(0));
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read > MAX_BYTES) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"));
    }
    Ok(bytes)
}
