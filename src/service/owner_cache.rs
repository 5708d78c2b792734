//! The clients and users of grants that are judged together: each is read once, and those of many grants
//! at a time.

use std::{
    collections::{BTreeSet, HashMap},
    iter,
};

use futures_util::future::join3;

use super::token_records::{StoredAncestor, TokenRecords, ancestors};
use crate::{
    domain::{
        client::Client,
        grant::Grant,
        liveness::{AncestorRecords, ClientAndUser, Lineage},
        time::Timestamp,
        user::User,
    },
    store::{ReadError, Record, Records, Store, Stored},
};

/// Grants that are read at a time.
pub(super) const MAX_READ_TOGETHER: usize = 64;

/// Record of each; `None` for one that is gone.
type Known<R> = HashMap<<R as Record>::Key, Option<Stored<R>>>;

/// The clients and users that were met so far, most grants have few, and the grants that others came of.
#[derive(Default)]
pub(super) struct OwnerCache {
    clients: Known<Client>,
    users: Known<User>,
    ancestors: Known<Grant>,
}

impl OwnerCache {
    /// Reads the clients and users of `grants`, and the grants that they came of, as far as they were not met
    /// before, all of them at a time.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(super) async fn meet<'a, S: Store>(
        &mut self,
        store: &S,
        grants: impl Iterator<Item = &'a Grant>,
    ) -> Result<(), ReadError> {
        let (mut clients, mut users) = (BTreeSet::new(), BTreeSet::new());
        let mut origins = BTreeSet::new();
        for grant in grants {
            clients.insert(grant.client_id.clone());
            users.extend(grant.subject.user_id());
            for ancestor in ancestors(grant) {
                origins.insert(ancestor.grant_id);
                clients.insert(ancestor.client_id.clone());
            }
        }
        let (clients, users, origins) = join3(
            add_all(&mut self.clients, store.clients(), clients),
            add_all(&mut self.users, store.users(), users),
            add_all(&mut self.ancestors, store.grants(), origins),
        )
        .await;
        clients.and(users).and(origins)
    }

    /// Those of one grant, which are read if they were not met before, and the judgement at `now` of the
    /// grants that it came of.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(super) async fn parties<S: Store>(
        &mut self,
        store: &S,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<ClientAndUser<'_>, ReadError> {
        self.meet(store, iter::once(grant)).await?;
        let client = found(&self.clients, &grant.client_id);
        let user = grant.subject.user_id().and_then(|id| found(&self.users, &id));
        let ancestors = ancestors(grant).iter().map(|ancestor| AncestorRecords {
            grant: found(&self.ancestors, &ancestor.grant_id).map(|grant| &**grant),
            client: found(&self.clients, &ancestor.client_id).map(|client| &**client),
        });
        let user = user.map(|user| &**user);
        let lineage = Lineage::judge(grant, ancestors, user, now);
        Ok(ClientAndUser { client: client.map(|client| &**client), user, lineage })
    }

    /// The records that a token of one grant is judged by, as far as they were met.
    pub(super) fn records(&self, grant: Stored<Grant>) -> TokenRecords {
        let user = grant.subject.user_id().and_then(|id| found(&self.users, &id).cloned());
        let client = found(&self.clients, &grant.client_id).cloned();
        let ancestors = ancestors(&grant).iter().map(|ancestor| StoredAncestor {
            grant: found(&self.ancestors, &ancestor.grant_id).cloned(),
            client: found(&self.clients, &ancestor.client_id).cloned(),
        });
        let ancestors = ancestors.collect();
        TokenRecords { grant, client, user, ancestors }
    }
}

fn found<'k, R: Record>(known: &'k Known<R>, key: &R::Key) -> Option<&'k Stored<R>> {
    known.get(key).and_then(Option::as_ref)
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
