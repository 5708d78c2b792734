//! Checks a store that no server has open, against its key ring if that is given.

use std::path::Path;

use thiserror::Error;

use super::{KeyFiles, KeyRingError, SystemEntropy};
use crate::{
    domain::key_ring::KeyRing,
    store::sled::{CheckError, CheckOptions, Report, check},
};

/// Reason for which a store could not be checked.
#[derive(Debug, Error)]
pub enum StoreCheckError {
    /// The store cannot be opened.
    #[error("the store at {path}: {error}")]
    Store {
        /// Path of the store.
        path: String,
        /// Cause.
        error: CheckError,
    },
    /// The key ring cannot be read.
    #[error("the key ring: {0}")]
    Keys(#[from] KeyRingError),
}

/// Checks the store at `path`, and repairs what can be repaired if `repair` says so.
///
/// # Errors
/// If the store cannot be read. Faults inside are in the report.
pub fn check_store(
    path: &Path,
    keys: Option<&Path>,
    repair: bool,
) -> Result<Report, StoreCheckError> {
    let ring = match keys {
        None => None,
        Some(keys) => {
            let ring = KeyFiles::new(keys).load()?;
            Some(ring.iter().flat_map(KeyRing::ids).collect())
        }
    };
    let options = CheckOptions { path: path.to_owned(), ring, repair };
    check(&options, &SystemEntropy).map_err(|error| {
        let path = path.display().to_string();
        StoreCheckError::Store { path, error }
    })
}
