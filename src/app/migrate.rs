//! Moves a store from its data directory into a database, while no server has either of them open.

use std::{path::Path, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::time::Instant;

use super::{SystemClock, SystemEntropy};
use crate::{
    domain::key_ring::KeyId,
    store::{
        Copied, CopyError, ReadError, Store as _, copy,
        postgres::{self, FreshDatabase, PostgresOptions},
        sled::{self, Failure, SledOptions, SledStore},
    },
};

/// Bytes of cache on both sides: what is copied is not read again.
const CACHE_BYTES: u64 = 32 << 20;

/// Interval between two reports of progress.
const EVERY: Duration = Duration::from_secs(2);

/// Reason for which a store was not moved. The data directory is as it was.
#[derive(Debug, Error)]
pub enum MigrateError {
    /// There is nothing to move.
    #[error("there is no store at {0}")]
    NoStore(String),
    /// The data directory cannot be opened.
    #[error("the data directory: {0}")]
    From(#[from] sled::OpenError),
    /// The database cannot be filled.
    #[error("the database: {0}")]
    To(#[from] postgres::OpenError),
    /// Not everything was copied. The database is no store, and can be filled again.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The data directory did not close in order.
    #[error(transparent)]
    Stopped(#[from] Failure),
    /// The data directory cannot be read.
    #[error("the data directory: {0}")]
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
    let migrated = fill(&store, to, watch).await;
    store.close().await?;
    migrated
}

async fn fill(
    store: &SledStore,
    to: &PostgresOptions,
    watch: impl Fn(Copied),
) -> Result<Migration, MigrateError> {
    let fresh = FreshDatabase::begin(to, Arc::new(SystemClock), &SystemEntropy).await?;
    let mut told = Instant::now();
    let copied = copy(store, fresh.store(), |copied| {
        if told.elapsed() >= EVERY {
            watch(copied);
            told = Instant::now();
        }
    });
    let copied = copied.await?;
    let keys = store.key_ids().await?;
    fresh.finish().await?;
    Ok(Migration { copied, keys })
}
