//! Tells administrators what runs here and how it is.

use super::{Admin, MintingClient, Service};
use crate::{
    domain::{key_ring::KeyId, time::Timestamp},
    store::{Condition, Store},
};

/// How the server is.
#[derive(Clone, Debug)]
pub struct Status {
    /// The release.
    pub version: &'static str,
    /// When the process started.
    pub start_time: Timestamp,
    /// What its clock says.
    pub server_time: Timestamp,
    /// The name of its store's engine.
    pub engine: &'static str,
    /// Its store.
    pub store: Condition,
    /// The key ring.
    pub keys: Vec<KeyState>,
    /// Grants that are due to be freed.
    pub sweeper_backlog: u64,
    /// Clients that ask for tokens for themselves faster than they expire, at most 20.
    pub minting_clients: Vec<MintingClient>,
}

/// A server key, and never the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// Its name.
    pub id: KeyId,
    /// Whether new tokens are made with it.
    pub active: bool,
    /// Whether records may name it.
    pub in_use: bool,
}

impl<S: Store> Service<S> {
    /// How the server is.
    pub fn status(&self, _: &Admin) -> Status {
        let keys = self.keys.load();
        let (active, named) = (keys.active().id(), self.store.key_ids());
        let keys = keys.ids().map(|id| KeyState {
            id,
            active: id == active,
            in_use: id == active || named.contains(&id),
        });
        Status {
            version: env!("CARGO_PKG_VERSION"),
            start_time: self.start_time,
            server_time: self.now(),
            engine: S::ENGINE,
            store: self.store.condition(),
            keys: keys.collect(),
            sweeper_backlog: self.sweeper_backlog(),
            minting_clients: self.minting_clients(),
        }
    }
}
