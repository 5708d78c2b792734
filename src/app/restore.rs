//! Makes a store out of a backup file, or reports the fault of the file.

use std::{
    fs::File,
    io::{BufReader, Seek as _, SeekFrom},
    path::Path,
    time::Duration,
};

use thiserror::Error;

use super::{SystemClock, SystemEntropy, access::replaceable};
use crate::{
    domain::time::Clock as _,
    store::{
        backup::{self, BackupError, BackupReader, Grants, Restored, Summary},
        sled::{FreshError, FreshStore},
    },
};

/// Reason for which a backup is not restored.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The file is at fault. Nothing was written.
    #[error("the backup {0}")]
    Backup(#[from] BackupError),
    /// The directory is at fault.
    #[error("the store: {0}")]
    Fresh(#[from] FreshError),
    /// Everybody on the machine could replace what is restored.
    #[error("{0}")]
    Exposed(String),
    /// Writing failed halfway. The partial store is not put in place.
    #[error(transparent)]
    Write(#[from] backup::RestoreError),
}

/// A backup that was restored.
#[derive(Clone, Debug)]
pub struct Restoration {
    /// Summary in the file.
    pub summary: Summary,
    /// Contents of the new store.
    pub restored: Restored,
    /// Time since the backup began.
    pub age: Duration,
}

/// Reads the rest of `file`, which is a whole backup, and returns its summary.
///
/// # Errors
/// When anything of it is missing, changed or added.
pub fn verify_backup(file: &File) -> Result<Summary, BackupError> {
    read(file)?.verify()
}

/// Restores the backup that `file` is, or whose writer is at its other end, into the empty or absent
/// directory `store`. A file is read twice: nothing is written before all of it was found to be right. A
/// pipe is read once, and what was written is removed if its end is not right. The store gets an id of
/// its own, whether or not grants live on: its feed of changes starts again, and a cursor of the
/// old store would point nowhere in it.
///
/// # Errors
/// See [`RestoreError`]. Unless this returns `Ok`, there is no store in the directory.
pub async fn restore(
    mut file: File,
    store: &Path,
    grants: Grants,
) -> Result<Restoration, RestoreError> {
    if file.metadata().map_err(BackupError::from)?.is_file() {
        let begin = file.stream_position().map_err(BackupError::from)?;
        verify_backup(&file)?;
        file.seek(SeekFrom::Start(begin)).map_err(BackupError::from)?;
    }
    if let Some(exposure) = replaceable("the data directory", store) {
        return Err(RestoreError::Exposed(format!("{exposure}: {}", exposure.remedy())));
    }
    let backup = read(&file)?;
    let fresh = FreshStore::begin(store, &SystemEntropy)?;
    let now = SystemClock.now();
    let written = backup::restore(backup, fresh.store(), grants, &SystemEntropy, now).await;
    let (summary, restored) = match written {
        Ok(written) => written,
        Err(error) => {
            fresh.abandon().await;
            return Err(error.into());
        }
    };
    fresh.finish().await?;
    let age = now.since(summary.header.begin_time);
    Ok(Restoration { summary, restored, age })
}

fn read(file: &File) -> Result<BackupReader<BufReader<&File>>, BackupError> {
    BackupReader::new(BufReader::new(file))
}
