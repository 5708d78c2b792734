//! The store: a data directory of this machine, or a database.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use tokio::task::spawn_blocking;

use super::{
    super::{SystemClock, SystemEntropy},
    absent::nearest,
    clock::behind_store,
    database,
    finding::Findings,
    refusal::Refusal,
    step::{Nothing, Seen, Step},
};
use crate::{
    config::Settings,
    domain::time::Clock as _,
    store::{
        Engine,
        sled::{OpenError, SledOptions, SledStore, look},
    },
};

/// Opens it, and makes it where there is none.
pub(in crate::app) struct OpenStore<'a>(&'a Settings);

impl<'a> OpenStore<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }

    fn path(&self) -> &'a Path {
        &self.0.store.path
    }

    fn refuse(&self, error: impl Into<OpenError>) -> Refusal {
        Refusal::Store { path: self.path().display().to_string(), error: error.into() }
    }

    /// Looks at the data directory, which a server may have open.
    fn look_at_directory(&self, seen: &mut Seen, findings: &mut Findings) {
        const UNREADABLE: &str = "give it to the user that serves, or see docs/store.md";
        let (path, shown) = (self.path(), self.path().display());
        // As a start locks it.
        match fs::metadata(path.join("lock")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let remedy = "give it to the user that serves, or name another";
                return findings.refuse("store", &self.refuse(error), remedy);
            }
            Ok(_) | Err(_) => {}
        }
        if !path.exists() {
            return match nearest(path) {
                Ok(()) => findings.good("store", format!("{shown} is not there: a start makes it")),
                Err(error) => {
                    let remedy = "make it, for the user that serves";
                    findings.refuse("store", &self.refuse(error), remedy);
                }
            };
        }
        seen.serving = is_locked(&path.join("lock"));
        if seen.serving {
            findings.good("store", format!("{shown} holds a store, in use by a server"));
            return;
        }
        match look(path) {
            Ok(()) if SledStore::exists(path) => {
                findings.good("store", format!("{shown} holds a store, in use by nobody"));
            }
            Ok(()) => {
                findings
                    .good("store", format!("{shown} is empty: a start makes a new store in it"));
            }
            Err(error) => findings.refuse("store", &self.refuse(error), UNREADABLE),
        }
    }

    /// Opens the data directory. The opening repeats the checks of the look, while it holds
    /// the lock.
    async fn open_directory(self) -> Result<Engine, Refusal> {
        let Self(Settings { store, .. }) = self;
        if let Some(behind) = behind_store(&store.path, SystemClock.now()) {
            tracing::warn!(
                seconds = behind.as_secs(),
                "the clock is behind the last write of the store: expiry is judged by it"
            );
        }
        let options = SledOptions {
            min_free_space: store.min_free_space.as_u64(),
            ..SledOptions::new(store.path.clone(), store.cache_bytes.as_u64())
        };
        let opened = spawn_blocking(move || SledStore::open(&options, &SystemEntropy)).await?;
        opened.map(Engine::from).map_err(|error| self.refuse(error))
    }
}

impl Step for OpenStore<'_> {
    type Given = Nothing;
    type Made = Engine;

    async fn look(&self, seen: &mut Seen, findings: &mut Findings) {
        match &self.0.store.url {
            None => self.look_at_directory(seen, findings),
            Some(url) => database::look(&self.0.store, url, seen, findings).await,
        }
    }

    async fn take(self, _: Nothing) -> Result<Engine, Refusal> {
        match &self.0.store.url {
            None => self.open_directory().await,
            Some(url) => database::open(&self.0.store, url).await,
        }
    }
}

/// Returns whether a process holds the lock. A lock that cannot be opened counts as free: its owner
/// has a finding already.
fn is_locked(lock: &Path) -> bool {
    let locked = File::open(lock).map(|file| file.try_lock());
    matches!(locked, Ok(Err(TryLockError::WouldBlock)))
}
