//! Gives an administrator a new secret on the machine of the store, where the last one is lost.
//!
//! A store that no server has open is written at once, and so is one in a database. A running server that
//! has the data directory open is asked by a file in it: who may write there has the store anyway.

mod follow;
mod request;

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::process::geteuid;
use thiserror::Error;
use tokio::{
    task::{JoinError, spawn_blocking},
    time::{Instant, sleep},
};

pub(super) use self::follow::follow_resets;
use super::{Refusal, SystemClock, SystemEntropy, start::open_database};
use crate::{
    config::StoreSettings,
    domain::{client_id::ClientId, client_secret::SecretHash, secret::Secret},
    service::reset_administrator,
    store::{
        Engine, WriteError,
        sled::{Failure, OpenError, SledOptions, SledStore},
    },
};

/// Interval between two looks for the server's answer.
const LOOK: Duration = Duration::from_millis(50);
/// Longest wait for the answer: a server looks for a request each second.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of cache for a few records.
const CACHE_BYTES: u64 = 8 << 20;

/// Reason for which an administrator has no new secret.
#[derive(Debug, Error)]
pub enum ResetError {
    /// There is no store to change.
    #[error(
        "there is no store at {0}: start the server once, or name its data directory with --store or \
         --config"
    )]
    NoStore(String),
    /// The files to write would belong to another user than the store, whose server could not read
    /// them.
    #[error(
        "{0} belongs to another user, and no server has it open: start the server first, or run this as \
         that user"
    )]
    Foreign(String),
    /// The store cannot be opened.
    #[error("the store: {0}")]
    Open(#[from] OpenError),
    /// The store in a database cannot be opened.
    #[error(transparent)]
    Start(#[from] Refusal),
    /// The store cannot be read or written.
    #[error("the store: {0}")]
    Write(#[from] WriteError),
    /// The store did not close in order.
    #[error(transparent)]
    Stopped(#[from] Failure),
    /// The files by which the server is asked.
    #[error("{0}: {1}")]
    File(String, io::Error),
    /// The running server refused.
    #[error("the server that has the store open says: {0}")]
    Refused(String),
    /// The running server did not answer.
    #[error(
        "the server that has {0} open did not answer within 30 s; its log may say why, and a server that \
         is starting answers once it serves"
    )]
    NoAnswer(String),
    /// A blocking part panicked.
    #[error("opening the store panicked")]
    Panicked(#[from] JoinError),
}

/// A store whose administrator can be reset.
pub enum AdminReset {
    /// Nothing else has the data directory open, or it is a database.
    Open(Box<Engine>),
    /// A server has this data directory open.
    Served(PathBuf),
}

impl AdminReset {
    /// Opens the store, or finds that a server has it open.
    ///
    /// # Errors
    /// See [`ResetError`].
    pub async fn begin(settings: &StoreSettings) -> Result<Self, ResetError> {
        if let Some(url) = &settings.url {
            return Ok(Self::Open(Box::new(open_database(settings, url).await?)));
        }
        let path = settings.path.clone();
        if !SledStore::exists(&path) {
            return Err(ResetError::NoStore(path.display().to_string()));
        }
        let owner = fs::metadata(&path).map_err(|error| of_file(&path, error))?.uid();
        if owner != geteuid().as_raw() {
            return if is_open(&path)? {
                Ok(Self::Served(path))
            } else {
                Err(ResetError::Foreign(path.display().to_string()))
            };
        }
        let options = SledOptions::new(path.clone(), CACHE_BYTES);
        match spawn_blocking(move || SledStore::open(&options, &SystemEntropy)).await? {
            Ok(store) => Ok(Self::Open(Box::new(store.into()))),
            Err(OpenError::InUse) => Ok(Self::Served(path)),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the client `id` an enabled administrator whose only secret is `secret`, which was generated.
    /// Returns once that is durable and in the audit.
    ///
    /// # Errors
    /// See [`ResetError`]: whether the secret counts is not known then.
    pub async fn finish(self, id: &ClientId, secret: &Secret) -> Result<(), ResetError> {
        match self {
            Self::Open(store) => {
                let clock = store.clock().unwrap_or_else(|| Arc::new(SystemClock));
                let (hash, now) = (SecretHash::of(secret), clock.now());
                let reset = reset_administrator(&*store, id, hash, &SystemEntropy, now).await;
                store.close().await?;
                Ok(reset?)
            }
            Self::Served(path) => {
                let asked = ask(&path, id, secret).await;
                asked.map_err(|error| of_file(&path, error))?.map_or_else(
                    || Err(ResetError::NoAnswer(path.display().to_string())),
                    |answer| answer.map_err(ResetError::Refused),
                )
            }
        }
    }

    /// Leaves the store as it is.
    ///
    /// # Errors
    /// When it does not close in order.
    pub async fn leave(self) -> Result<(), ResetError> {
        match self {
            Self::Open(store) => Ok(store.close().await?),
            Self::Served(_) => Ok(()),
        }
    }
}

/// Returns whether a process has the data directory open. A server that starts at this very moment
/// finds it taken.
fn is_open(path: &Path) -> Result<bool, ResetError> {
    let lock = path.join("lock");
    let file = File::open(&lock).map_err(|error| of_file(&lock, error))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(of_file(&lock, error)),
    }
}

/// Asks the server that has the data directory open; `None` where it does not answer.
async fn ask(
    path: &Path,
    id: &ClientId,
    secret: &Secret,
) -> io::Result<Option<Result<(), String>>> {
    request::take_answer(path)?;
    request::put(path, id, secret)?;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(answer) = request::take_answer(path)? {
            return Ok(Some(answer));
        }
        sleep(LOOK).await;
    }
    // It must not count later, when nobody expects it.
    request::withdraw(path)?;
    request::take_answer(path)
}

fn of_file(path: &Path, error: io::Error) -> ResetError {
    ResetError::File(path.display().to_string(), error)
}
