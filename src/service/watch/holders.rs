//! Finds out who may hold tokens of a client or a user: those whose grants name them.

use super::{super::Service, event::Holders};
use crate::{
    domain::{change::Change, error::Error},
    store::{GrantOwner, Records as _, Store},
};

/// Grants that are looked at for one event. Each may be a read from the disk, and the watches that
/// need to know wait for all of them; with more grants, callers are told less and forget more.
const MOST_GRANTS: usize = 1_024;
/// Grants whose ids are read at once.
const PAGE: usize = 256;

impl<S: Store> Service<S> {
    /// Who may hold tokens that `change` ends or changes. A grant whose record is gone had nothing
    /// to hold any more; one that is issued later is not what the event speaks of.
    pub(super) async fn holders(&self, change: &Change) -> Result<Holders, Error> {
        let mut holders = Holders::default();
        let owner = match change {
            Change::GrantEnded(grant) | Change::AccessRevoked(grant) => {
                holders.clients.insert(grant.client_id.clone());
                holders.services.extend(grant.audience.names().map(Into::into));
                return Ok(holders);
            }
            Change::ClientEpochMoved(client) | Change::ClientChanged(client) => {
                // What it may be granted today, beside what it was granted before.
                let record = self.client(&client.client_id).await?;
                let audience = record.iter().flat_map(|client| client.audience.names());
                holders.services.extend(audience.map(Into::into));
                GrantOwner::Client(client.client_id.clone())
            }
            Change::UserEpochMoved(user) | Change::UserChanged(user) => {
                GrantOwner::User(user.user_id)
            }
        };
        self.add_grants(&owner, &mut holders).await?;
        Ok(holders)
    }

    async fn add_grants(&self, owner: &GrantOwner, holders: &mut Holders) -> Result<(), Error> {
        let (mut last, mut looked_at) = (None, 0);
        loop {
            let ids = self.store.grant_ids(owner, last, PAGE).await;
            let ids = ids.map_err(|error| self.read_failed(error))?;
            if looked_at + ids.len() > MOST_GRANTS {
                holders.others = true;
                return Ok(());
            }
            for id in &ids {
                let grant = self.store.grants().get(id).await;
                if let Some(grant) = grant.map_err(|error| self.read_failed(error))? {
                    holders.clients.insert(grant.client_id.clone());
                    holders.services.extend(grant.audience.names().map(Into::into));
                }
            }
            looked_at += ids.len();
            last = ids.last().copied();
            if ids.len() < PAGE {
                return Ok(());
            }
        }
    }
}
