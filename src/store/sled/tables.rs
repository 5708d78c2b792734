//! The tables of all record types, with their shares of the cache.

use std::sync::Arc;

use super::{OpenError, engine::Engine, table::Table};
use crate::{
    domain::{
        attempts::Attempts, client::Client, grant::Grant, used_assertion::UsedAssertion, user::User,
    },
    store::damage::Damage,
};

/// The tables. Clones share them.
#[derive(Clone)]
pub(super) struct Tables {
    pub(super) grants: Arc<Table<Grant>>,
    pub(super) clients: Arc<Table<Client>>,
    pub(super) users: Arc<Table<User>>,
    pub(super) attempts: Arc<Table<Attempts>>,
    pub(super) assertions: Arc<Table<UsedAssertion>>,
    pub(super) damage: Damage,
}

impl Tables {
    pub(super) fn open(engine: &Engine, cache_bytes: u64) -> sled::Result<Self> {
        // Clients and users are few and read on every call: both together get a quarter.
        let few = cache_bytes / 8;
        // The failed logins of a user are read only at that user's logins, and a used assertion at none.
        let least = cache_bytes / 64;
        let most = cache_bytes - 2 * few - 2 * least;
        let damage = Damage::default();
        Ok(Self {
            grants: Table::new(engine.tree("grants")?, most, &damage),
            clients: Table::new(engine.tree("clients")?, few, &damage),
            users: Table::new(engine.tree("users")?, few, &damage),
            attempts: Table::new(engine.tree("attempts")?, least, &damage),
            assertions: Table::new(engine.tree("assertions")?, least, &damage),
            damage,
        })
    }

    /// Reads every record without the caches.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        self.grants.check()?;
        self.clients.check()?;
        self.users.check()?;
        self.attempts.check()?;
        self.assertions.check()
    }
}
