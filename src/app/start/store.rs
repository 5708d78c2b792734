//! The store: a data directory of this machine, or a database.

use std::{fs, io, path::Path};

use tokio::task::spawn_blocking;

use super::{
    super::{SystemClock, SystemEntropy},
    absent::nearest,
    clock::behind_store,
    database,
    finding::Findings,
    refusal::Refusal,
    step::{Nothing, Seen, Step, StoredClients, declared_ids},
};
use crate::{
    config::Settings,
    domain::time::Clock as _,
    store::{
        Engine,
        sled::{CopyError, OpenError, SledOptions, SledStore, is_open, look, read_clients},
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
    async fn look_at_directory(&self, seen: &mut Seen, findings: &mut Findings) {
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
        seen.serving = is_open(path);
        if seen.serving {
            seen.clients = StoredClients::Served;
            findings.good("store", format!("{shown} holds a store, in use by a server"));
            return;
        }
        match look(path) {
            Ok(()) if SledStore::exists(path) => {
                findings.good("store", format!("{shown} holds a store, in use by nobody"));
                self.read_clients(seen, findings).await;
            }
            Ok(()) => {
                findings
                    .good("store", format!("{shown} is empty: a start makes a new store in it"));
            }
            Err(error) => findings.refuse("store", &self.refuse(error), UNREADABLE),
        }
    }

    /// Reads the stored records of the clients that the settings declare.
    async fn read_clients(&self, seen: &mut Seen, findings: &mut Findings) {
        let (path, keep_free) = (self.path().to_owned(), self.0.store.min_free_space.as_u64());
        let ids = declared_ids(self.0);
        if ids.is_empty() {
            return;
        }
        let read = spawn_blocking(move || read_clients(&path, &ids, keep_free, &SystemEntropy));
        seen.clients = match read.await {
            Ok(Ok(clients)) => StoredClients::Read(clients),
            Ok(Err(CopyError::Open(error))) => {
                let remedy = "see docs/store.md, When the store is damaged";
                return findings.refuse("store", &self.refuse(error), remedy);
            }
            Ok(Err(error)) => StoredClients::Unread(error),
            Err(error) => return findings.refuse("store", &error.into(), "report it"),
        };
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
            None => self.look_at_directory(seen, findings).await,
            Some(url) => database::look(self.0, url, seen, findings).await,
        }
    }

    async fn take(self, _: Nothing) -> Result<Engine, Refusal> {
        match &self.0.store.url {
            None => self.open_directory().await,
            Some(url) => database::open(&self.0.store, url).await,
        }
    }
}
