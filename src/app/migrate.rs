//! Moves a store from its data directory into a database or back, while no server has either open.

use std::{path::Path, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::time::Instant;

use super::{SystemClock, SystemEntropy, access::replaceable};
pub use crate::store::Copied;
use crate::{
    domain::key_ring::KeyId,
    store::{
        CopyError, Engine, ReadError, Store as _, copy,
        postgres::{self, FreshDatabase, HeldDatabase, PostgresOptions},
        sled::{self, Failure, FreshError, FreshStore, SledOptions, SledStore},
    },
};

/// Bytes of cache on both sides: what is copied is not read again.
const CACHE_BYTES: u64 = 32 << 20;

/// Interval between two reports of progress.
const EVERY: Duration = Duration::from_secs(2);

/// Reason for which a store was not moved. The source is as it was.
#[derive(Debug, Error)]
pub enum MigrateError {
    /// There is nothing to move.
    #[error("there is no store at {0}")]
    NoStore(String),
    /// The data directory cannot be opened.
    #[error("the data directory: {0}")]
    From(#[from] sled::OpenError),
    /// The data directory cannot be filled.
    #[error("the data directory: {0}")]
    Fresh(#[from] FreshError),
    /// Everybody on the machine could replace the data directory.
    #[error("{0}")]
    Exposed(String),
    /// The database cannot be filled, or cannot be read.
    #[error("the database: {0}")]
    Database(#[from] postgres::OpenError),
    /// Not everything was copied. The target is no store, and can be filled again.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The data directory did not close in order.
    #[error(transparent)]
    Stopped(#[from] Failure),
    /// The list of keys cannot be read.
    #[error("the store to copy: {0}")]
    Read(#[from] ReadError),
}

/// Result of a migration.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Numbers of records.
    pub copied: Copied,
    /// The keys that every instance's ring must hold.
    pub keys: Vec<KeyId>,
}

/// Copies the store at `from` into the database at `to`, which holds none. Grants live on. The
/// directory is left as it is: a server that is started on it again would be another service with the
/// same tokens. `watch` is called every other second with what was copied so far.
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate(
    from: &Path,
    to: &PostgresOptions,
    watch: impl Fn(Copied),
) -> Result<Migration, MigrateError> {
    if !SledStore::exists(from) {
        return Err(MigrateError::NoStore(from.display().to_string()));
    }
    let options = SledOptions::new(from.to_owned(), CACHE_BYTES);
    let store = SledStore::open(&options, &SystemEntropy)?;
    let migrated = async {
        let fresh = FreshDatabase::begin(to, Arc::new(SystemClock), &SystemEntropy).await?;
        let filled = fill(&store.clone().into(), &fresh.store().clone().into(), watch).await?;
        fresh.finish().await?;
        Ok(filled)
    };
    let migrated = migrated.await;
    store.close().await?;
    migrated
}

/// Copies the store in the database at `from` into the empty or absent directory `to`. Grants live on.
/// The database is left as it is, as the directory is by [`migrate`].
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate_back(
    from: &PostgresOptions,
    to: &Path,
    watch: impl Fn(Copied),
) -> Result<Migration, MigrateError> {
    if let Some(exposure) = replaceable("the data directory", to) {
        return Err(MigrateError::Exposed(format!("{exposure}: {}", exposure.remedy())));
    }
    let fresh = FreshStore::begin(to, &SystemEntropy)?;
    let filled = async {
        let held = HeldDatabase::open(from, Arc::new(SystemClock), &SystemEntropy).await?;
        let filled =
            fill(&held.store().clone().into(), &fresh.store().clone().into(), watch).await?;
        held.release().await?;
        Ok(filled)
    };
    match filled.await {
        Ok(filled) => {
            fresh.finish().await?;
            Ok(filled)
        }
        Err(error) => {
            fresh.abandon().await;
            Err(error)
        }
    }
}

async fn fill(
    from: &Engine,
    to: &Engine,
    watch: impl Fn(Copied),
) -> Result<Migration, MigrateError> {
    let mut told = Instant::now();
    let copied = copy(from, to, |copied| {
        if told.elapsed() >= EVERY {
            watch(copied);
            told = Instant::now();
        }
    });
    let copied = copied.await?;
    let keys = from.key_ids().await?;
    Ok(Migration { copied, keys })
}
