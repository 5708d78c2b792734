//! Finds out who may hold tokens of a client or a user: those whose grants name them.

use super::event::Holders;
use crate::{
    domain::{change::Change, delegation::Delegates, grant_id::GrantId},
    store::{GrantOwner, ReadError, Records as _, Store},
};

/// Grants that are looked at for one event. Each may be a read from the disk, and the watches that
/// need to know wait for all of them; with more grants, callers see less and drop more.
const MOST_GRANTS: usize = 1_024;
/// Grants that are read at a time.
const PAGE: usize = 256;

/// Progress of a search for holders: found ones are not read again.
#[derive(Debug, Default)]
pub(super) struct Progress {
    holders: Holders,
    /// The last grant that was looked at.
    after: Option<GrantId>,
    looked_at: usize,
    ended: bool,
}

impl Progress {
    /// Looks on for those who may hold tokens that `change` ends or changes, to the end. A grant
    /// whose record is gone had nothing to hold any more; one that is issued later is not of the
    /// event.
    ///
    /// # Errors
    /// If the store cannot be read: earlier results are kept.
    pub(super) async fn go_on<S: Store>(
        &mut self,
        store: &S,
        change: &Change,
    ) -> Result<(), ReadError> {
        let owner = match change {
            Change::GrantEnded(grant) | Change::AccessRevoked(grant) => {
                self.holders.clients.insert(grant.client_id.clone());
                self.holders.services.extend(grant.audience.names().map(Into::into));
                return Ok(());
            }
            Change::FamilyEnded(family) => {
                self.holders.clients.insert(family.grant.client_id.clone());
                self.holders.services.extend(family.grant.audience.names().map(Into::into));
                self.add(&family.delegates);
                return Ok(());
            }
            Change::ClientEpochMoved(client) | Change::ClientChanged(client) => {
                // Its present audience, beside the audiences of its grants.
                let record = store.clients().get(&client.client_id).await?;
                let audience = record.iter().flat_map(|client| client.audience.names());
                self.holders.services.extend(audience.map(Into::into));
                GrantOwner::Client(client.client_id.clone())
            }
            Change::UserEpochMoved(user) | Change::UserChanged(user) => {
                GrantOwner::User(user.user_id)
            }
        };
        while !self.ended {
            self.add_page(store, &owner).await?;
        }
        Ok(())
    }

    async fn add_page<S: Store>(&mut self, store: &S, owner: &GrantOwner) -> Result<(), ReadError> {
        let ids = store.grant_ids(owner, self.after, PAGE).await?;
        if self.looked_at + ids.len() > MOST_GRANTS {
            self.holders.others = true;
            self.ended = true;
            return Ok(());
        }
        let grants = store.grants().get_many(&ids).await;
        let grants: Vec<_> = grants.into_iter().collect::<Result<_, _>>()?;
        for grant in grants.iter().flatten() {
            self.holders.clients.insert(grant.client_id.clone());
            self.holders.services.extend(grant.audience.names().map(Into::into));
            self.add(grant.delegates());
        }
        self.looked_at += ids.len();
        self.after = ids.last().copied();
        self.ended = ids.len() < PAGE;
        Ok(())
    }

    /// Holders of what came of a grant by token exchange.
    fn add(&mut self, delegates: &Delegates) {
        self.holders.clients.extend(delegates.clients.iter().cloned());
        self.holders.services.extend(delegates.services.iter().cloned());
    }

    /// Returns the holders.
    pub(super) fn into_holders(self) -> Holders {
        self.holders
    }
}
