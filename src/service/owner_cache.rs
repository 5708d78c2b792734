//! The clients and users of grants that are judged together: each is read once, and those of many grants
//! at a time.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    hash::Hash,
};

use futures_util::future::join;

use crate::{
    domain::{client::Client, grant::Grant, liveness::ClientAndUser, user::User},
    store::{ReadError, Record, Records, Store, Stored},
};

/// Record of each; `None` for one that is gone.
type Known<R> = HashMap<<R as Record>::Key, Option<Stored<R>>>;

/// The clients and users that were met so far: most grants have few.
#[derive(Default)]
pub(super) struct OwnerCache {
    clients: Known<Client>,
    users: Known<User>,
}

impl OwnerCache {
    /// Reads the clients and users of `grants` that were not met before, all of them at a time.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(super) async fn meet<'a, S: Store>(
        &mut self,
        store: &S,
        grants: impl Iterator<Item = &'a Grant>,
    ) -> Result<(), ReadError> {
        let (mut clients, mut users) = (BTreeSet::new(), BTreeSet::new());
        for grant in grants {
            clients.insert(grant.client_id.clone());
            users.extend(grant.subject.user_id());
        }
        let (clients, users) = join(
            add_all(&mut self.clients, store.clients(), clients),
            add_all(&mut self.users, store.users(), users),
        )
        .await;
        clients.and(users)
    }

    /// Those of one grant, which are read if they were not met before.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(super) async fn parties<S: Store>(
        &mut self,
        store: &S,
        grant: &Grant,
    ) -> Result<ClientAndUser<'_>, ReadError> {
        let client = one(&mut self.clients, store.clients(), &grant.client_id).await?;
        let user = match grant.subject.user_id() {
            None => None,
            Some(id) => one(&mut self.users, store.users(), &id).await?.as_deref(),
        };
        Ok(ClientAndUser { client: client.as_deref(), user })
    }

    /// The records of one grant's client and user, if they were met.
    pub(super) fn records(&self, grant: &Grant) -> (Option<Stored<Client>>, Option<Stored<User>>) {
        let user = grant.subject.user_id().and_then(|id| self.users.get(&id).cloned().flatten());
        (self.clients.get(&grant.client_id).cloned().flatten(), user)
    }
}

async fn add_all<R: Record>(
    known: &mut Known<R>,
    records: &impl Records<R>,
    keys: BTreeSet<R::Key>,
) -> Result<(), ReadError> {
    let new: Vec<R::Key> = keys.into_iter().filter(|key| !known.contains_key(key)).collect();
    if new.is_empty() {
        return Ok(());
    }
    for (key, found) in new.iter().zip(records.get_many(&new).await) {
        known.insert(key.clone(), found?);
    }
    Ok(())
}

async fn one<'a, R: Record>(
    known: &'a mut Known<R>,
    records: &impl Records<R>,
    key: &R::Key,
) -> Result<&'a Option<Stored<R>>, ReadError>
where
    R::Key: Hash,
{
    Ok(match known.entry(key.clone()) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(new) => new.insert(records.get(key).await?),
    })
}
