//! Opens what a service needs: store, key ring, hash pool, declared clients and users.

use std::{io, sync::Arc, thread};

use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};

#[cfg(feature = "postgres")]
use super::database::options;
use super::{
    FirstAdminError, KeyFiles, KeyRingError, SystemClock, SystemEntropy,
    access::exposures,
    declared::{DeclareError, declare},
    doctor::clock::behind_store,
};
#[cfg(feature = "postgres")]
use crate::store::postgres::{self, PostgresStore};
use crate::{
    config::{DatabaseUrl, Settings, StoreSettings},
    domain::{
        entropy::Entropy,
        key_ring::{KeyId, KeyRing},
        policy::Policies,
        time::Clock as _,
    },
    service::{HashPool, Service},
    store::{
        Engine, ReadError, Store as _, WriteError,
        sled::{OpenError, SledOptions, SledStore},
    },
    transport::TlsError,
};

/// Reason for which the process cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A listener cannot be bound, or another resource of the system is refused.
    #[error("{what}: {error}")]
    System {
        /// Purpose of the call.
        what: String,
        /// Cause.
        error: io::Error,
    },
    /// The store cannot be opened.
    #[error("the store at {path}: {error}")]
    Store {
        /// Path of the store.
        path: String,
        /// Cause.
        error: OpenError,
    },
    /// The store in a database cannot be opened.
    #[cfg(feature = "postgres")]
    #[error("the store: {0}")]
    Database(#[from] postgres::OpenError),
    /// The settings name a database.
    #[error("store.url: jeton was built without the feature postgres")]
    NoPostgres,
    /// There is no TLS to be had from what the settings name.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The key ring cannot be read.
    #[error("the key ring: {0}")]
    Keys(#[from] KeyRingError),
    /// The store's records name keys, and this ring has none of them: it is another store's.
    #[error("the key ring has none of the keys that the store's records name: wrong keys.path?")]
    ForeignKeys,
    /// Another instance makes tokens with a key that this ring lacks, or may do so again.
    #[error(
        "the key ring lacks the key {0} that the store's records name, and other instances use: \
         wrong keys.path, or copy the key to it first"
    )]
    MissingKey(KeyId),
    /// The declarations cannot be applied.
    #[error(transparent)]
    Declared(#[from] DeclareError),
    /// There is no administrator, and none can be made.
    #[error("the first administrator: {0}")]
    FirstAdmin(#[from] FirstAdminError),
    /// The store failed right at the start.
    #[error("the store: {0}")]
    Write(#[from] WriteError),
    /// The store failed right at the start.
    #[error("the store: {0}")]
    Read(#[from] ReadError),
    /// Everybody on the machine can replace data or keys.
    #[error("{0}: {1}")]
    Exposed(String, String),
    /// A blocking part of the start panicked.
    #[error("starting panicked")]
    Panicked(#[from] JoinError),
}

/// A store with the service over it.
pub(super) struct Opened {
    pub(super) store: Engine,
    pub(super) service: Arc<Service<Engine>>,
}

/// Opens everything. Nothing is served before all of it is done.
pub(super) async fn open(settings: &Settings) -> Result<Opened, StartError> {
    look_at_access(settings)?;
    let store = open_store(settings).await?;
    let keys = open_keys(settings, &store).await?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let threads = settings.passwords.threads.map_or_else(default_hash_threads, usize::from);
    let hashes = HashPool::start(threads, settings.passwords.cost, Arc::clone(&entropy));
    let hashes = hashes
        .map_err(|error| StartError::System { what: "the hashing threads".into(), error })?
        .with_max_wait(settings.passwords.max_wait);
    let clock = store.clock().unwrap_or_else(|| Arc::new(SystemClock));
    declare(settings, &store, &hashes, clock.now()).await?;
    store.keep_free_space();
    let policies = Policies {
        rotation: settings.tokens,
        passwords: settings.passwords.rules,
        lockout: settings.lockout,
        guesses: settings.secrets.guesses,
        secrets: settings.secrets.rules,
    };
    let service = Service::new(store.clone(), keys, hashes, clock, entropy, policies);
    Ok(Opened { store, service: Arc::new(service) })
}

/// Warns of what others can reach, and refuses what cannot be meant.
fn look_at_access(settings: &Settings) -> Result<(), StartError> {
    for exposure in exposures(settings) {
        if exposure.is_error() {
            return Err(StartError::Exposed(exposure.to_string(), exposure.remedy()));
        }
        tracing::warn!("{exposure}: {}", exposure.remedy());
    }
    Ok(())
}

/// One core is left to everything else.
fn default_hash_threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

async fn open_store(settings: &Settings) -> Result<Engine, StartError> {
    if let Some(url) = &settings.store.url {
        return open_database(&settings.store, url).await;
    }
    let path = settings.store.path.clone();
    if let Some(behind) = behind_store(&path, SystemClock.now()) {
        tracing::warn!(
            seconds = behind.as_secs(),
            "the clock is behind the last write of the store: expiry is judged by it"
        );
    }
    let options = SledOptions {
        min_free_space: settings.store.min_free_space.as_u64(),
        ..SledOptions::new(path, settings.store.cache_bytes.as_u64())
    };
    let opened = spawn_blocking(move || SledStore::open(&options, &SystemEntropy)).await?;
    opened.map(Engine::from).map_err(|error| StartError::Store {
        path: settings.store.path.display().to_string(),
        error,
    })
}

/// Opens the store at `url`.
#[cfg(feature = "postgres")]
pub(super) async fn open_database(
    settings: &StoreSettings,
    url: &DatabaseUrl,
) -> Result<Engine, StartError> {
    let (options, clock) = (options(settings, url), Arc::new(SystemClock));
    let store = PostgresStore::open(&options, clock, &SystemEntropy).await?;
    Ok(store.into())
}

/// There is nothing in this build to open it with.
#[cfg(not(feature = "postgres"))]
pub(super) async fn open_database(
    _: &StoreSettings,
    _: &DatabaseUrl,
) -> Result<Engine, StartError> {
    Err(StartError::NoPostgres)
}

async fn open_keys(settings: &Settings, store: &Engine) -> Result<KeyRing, StartError> {
    let files = KeyFiles::new(&settings.keys.path);
    let named = store.key_ids().await?;
    let is_new = named.is_empty();
    let keys = spawn_blocking(move || match files.load()? {
        Some(keys) => Ok(keys),
        None if is_new => Ok(files.create(&SystemEntropy)?),
        None => Err(StartError::ForeignKeys),
    });
    let keys = keys.await??;
    let held: Vec<_> = keys.ids().collect();
    refuse_foreign(&named, &held)?;
    // Before the first record names the key.
    store.claim_keys(keys.active().id(), &held).await?.map_err(StartError::MissingKey)?;
    for id in named.iter().filter(|id| !held.contains(id)) {
        tracing::warn!(key_id = %id, "the key ring lacks a key that records name");
    }
    Ok(keys)
}

/// Refuses a ring that holds none of the keys that a store's records name.
pub(super) fn refuse_foreign(named: &[KeyId], held: &[KeyId]) -> Result<(), StartError> {
    let foreign = !named.is_empty() && !named.iter().any(|id| held.contains(id));
    if foreign { Err(StartError::ForeignKeys) } else { Ok(()) }
}
