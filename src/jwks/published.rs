//! The place where an issuer publishes its keys.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use tokio::task::spawn_blocking;

use super::https::{self, GetError};
use crate::{
    config::{KeyPlace, KeyUrl, RegularFile},
    jose::{KeySet, KeySetFault, SkippedKey},
};

/// Place of an issuer's keys, and its last contents: the same text is not parsed twice.
pub struct PublishedKeys {
    place: KeyPlace,
    last: Option<Last>,
}

struct Last {
    text: Vec<u8>,
    keys: KeySet,
}

/// The keys that an issuer publishes.
pub struct Publication {
    /// The keys to use.
    pub keys: KeySet,
    /// The others, if the set is another one than at the last reading.
    pub news: Option<Vec<SkippedKey>>,
}

/// Reason for which keys cannot be read. Names the place, and nothing of what was found there.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{path}: {error}")]
    File {
        /// Path of the file.
        path: String,
        /// Cause.
        error: io::Error,
    },
    /// The URL cannot be read.
    #[error("{uri}: {error}")]
    Url {
        /// The URL.
        uri: String,
        /// Cause.
        error: GetError,
    },
    /// The text is no set of keys.
    #[error("{place}: {fault}")]
    Keys {
        /// The file or the URL.
        place: String,
        /// Its fault.
        fault: KeySetFault,
    },
}

impl ReadError {
    /// Returns whether only a change of files or settings can help.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::File { .. } | Self::Keys { .. } => true,
            Self::Url { error, .. } => error.is_lasting(),
        }
    }
}

impl PublishedKeys {
    /// A place that is yet to be read.
    pub fn at(place: KeyPlace) -> Self {
        Self { place, last: None }
    }

    /// Reads the keys. Within 10 seconds for a URL; a file system that hangs keeps a thread and this
    /// call.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read(&mut self) -> Result<Publication, ReadError> {
        let text = match &self.place {
            KeyPlace::File(path) => file(path.clone()).await?,
            KeyPlace::Url(url) => get(url).await?,
        };
        if let Some(last) = self.last.as_ref().filter(|last| last.text == text) {
            return Ok(Publication { keys: last.keys.clone(), news: None });
        }
        let read = KeySet::read(&text);
        let (keys, skipped) =
            read.map_err(|fault| ReadError::Keys { place: place_of(&self.place), fault })?;
        self.last = Some(Last { text, keys: keys.clone() });
        Ok(Publication { keys, news: Some(skipped) })
    }
}

fn place_of(place: &KeyPlace) -> String {
    match place {
        KeyPlace::File(path) => path.display().to_string(),
        KeyPlace::Url(url) => url.uri.to_string(),
    }
}

async fn file(path: PathBuf) -> Result<Vec<u8>, ReadError> {
    let fault = |path: &Path, error| ReadError::File { path: path.display().to_string(), error };
    let most = KeySet::MAX_BYTES as u64;
    let reading = path.clone();
    let read = spawn_blocking(move || RegularFile::read(&reading, most)).await;
    let read = read.map_err(|error| fault(&path, error.into()))?;
    Ok(read.map_err(|error| fault(&path, error))?.bytes.to_vec())
}

async fn get(url: &KeyUrl) -> Result<Vec<u8>, ReadError> {
    let fault = |error| ReadError::Url { uri: url.uri.to_string(), error };
    https::get(url, KeySet::MAX_BYTES).await.map_err(fault)
}
