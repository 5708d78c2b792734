//! The key ring, beside the keys that the store's records name.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

use super::{
    super::{KeyFiles, KeyRingError, SystemEntropy, named_keys::NamedKeys},
    absent::nearest,
    finding::Findings,
    refusal::Refusal,
    step::{Seen, Step},
};
use crate::{
    config::Settings,
    domain::key_ring::{KeyId, KeyRing},
    store::{Engine, Store as _, sled::SledStore},
};

/// Reads the ring, and makes it for a store that names no keys yet.
pub(in crate::app) struct Keys<'a>(&'a Settings);

/// Treatment of the ring by a start.
enum Plan {
    Use(KeyRing),
    Make,
}

impl<'a> Keys<'a> {
    pub(super) const fn of(settings: &'a Settings) -> Self {
        Self(settings)
    }

    fn path(&self) -> &'a Path {
        &self.0.keys.path
    }

    /// Takes the keys that others use into account only where there are others: records of a data directory
    /// may name one that is lost.
    fn look_at_missing(&self, named: &[KeyId], ring: &KeyRing, findings: &mut Findings) {
        for id in missing(named, ring) {
            if self.0.store.url.is_some() {
                let refusal = Refusal::MissingKey(id);
                return findings.refuse("keys", &refusal, "copy it from another instance");
            }
            let found = format!("the key ring lacks the key {id} that records name");
            let remedy = "copy it to the ring: its tokens are UNAVAILABLE without it";
            findings.warn("keys", found, remedy);
        }
    }
}

impl<'a> Step for Keys<'a> {
    type Given = &'a Engine;
    type Made = KeyRing;

    async fn look(&self, seen: &mut Seen, findings: &mut Findings) {
        let (path, store) = (self.path(), &self.0.store.path);
        let (shown, embedded) = (path.display(), self.0.store.url.is_none());
        let named = if embedded { NamedKeys::read(store) } else { std::mem::take(&mut seen.named) };
        // A store that was served has named a key, even if nothing of the store can be read.
        let is_new = named.is_empty() && !(embedded && SledStore::exists(store));
        match plan(&KeyFiles::new(path), &named, is_new) {
            Err(refusal @ Refusal::ForeignKeys) => {
                findings.refuse("keys", &refusal, "restore the key ring, or correct keys.path");
            }
            Err(refusal) => findings.refuse("keys", &refusal, "mend it, or restore the key ring"),
            Ok(Plan::Use(ring)) => {
                let (count, active) = (ring.ids().count(), ring.active().id());
                findings.good("keys", format!("{shown} holds {count}, {active} is active"));
                self.look_at_missing(&named, &ring, findings);
            }
            Ok(Plan::Make) => match nearest(path) {
                Ok(()) => findings.good("keys", format!("{shown} is not there: a start makes it")),
                Err(error) => {
                    let error = KeyRingError::Io { path: path.to_owned(), error };
                    findings.refuse("keys", &error.into(), "make it, for the user that serves");
                }
            },
        }
        if embedded && resolved(path).starts_with(resolved(store)) {
            let found =
                format!("{shown} lies in the data directory: a copy of one is a copy of both");
            findings.warn("keys", found, "move it elsewhere and change keys.path");
        }
    }

    async fn take(self, store: &'a Engine) -> Result<KeyRing, Refusal> {
        let (files, named) = (KeyFiles::new(self.path()), store.key_ids().await?);
        let known = named.clone();
        let keys = spawn_blocking(move || match plan(&files, &known, known.is_empty())? {
            Plan::Use(ring) => Ok(ring),
            Plan::Make => files.create(&SystemEntropy).map_err(Refusal::from),
        });
        let keys = keys.await??;
        let held: Vec<_> = keys.ids().collect();
        // Before the first record names the key.
        store.claim_keys(keys.active().id(), &held).await?.map_err(Refusal::MissingKey)?;
        for id in missing(&named, &keys) {
            tracing::warn!(key_id = %id, "the key ring lacks a key that records name");
        }
        Ok(keys)
    }
}

/// Refuses a ring that cannot be read, or holds none of the keys that the store's records name.
fn plan(files: &KeyFiles, named: &[KeyId], is_new: bool) -> Result<Plan, Refusal> {
    match files.load()? {
        None if is_new => Ok(Plan::Make),
        None => Err(Refusal::ForeignKeys),
        Some(ring) => {
            let is_known =
                named.is_empty() || named.iter().any(|id| ring.ids().any(|held| held == *id));
            if is_known { Ok(Plan::Use(ring)) } else { Err(Refusal::ForeignKeys) }
        }
    }
}

/// The keys that records name and the ring lacks.
fn missing(named: &[KeyId], ring: &KeyRing) -> impl Iterator<Item = KeyId> {
    named.iter().copied().filter(|id| !ring.ids().any(|held| held == *id))
}

/// Without links, as far as there is something.
fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
