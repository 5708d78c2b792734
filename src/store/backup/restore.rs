//! Brings the entries of a backup into an empty store.

use std::{collections::BTreeMap, io::Read};

use futures_util::future::join_all;
use thiserror::Error;

use super::{BackupError, BackupReader, Entry, Summary};
use crate::{
    domain::{
        client::Client, entropy::Entropy, epoch::Epoch, grant::Grant, time::Timestamp, user::User,
    },
    store::{Record, Records, Store, Write, WriteError},
};

/// Records written at once: a batch of the committer's.
const GROUP: usize = 256;

/// What becomes of the grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grants {
    /// All of them end: every epoch moves. Tokens may have been revoked since the backup, and
    /// nothing in it tells.
    End,
    /// They live on, for whoever knows that nothing was revoked since the backup ended.
    Keep,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Clients in the store.
    pub clients: u64,
    /// Users in the store.
    pub users: u64,
    /// Grants in the store.
    pub grants: u64,
}

/// Why a backup was not restored. The store that was begun is of no use.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The file is at fault.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The store is at fault.
    #[error("the store: {0}")]
    Store(#[from] WriteError),
}

/// Writes everything that `backup` holds into `store`, which is empty. Keys are noted only where
/// grants live on: the tokens of dead grants need none.
///
/// Each record ends in the state that stands last in the file. Two users may bear one name for a
/// while, since the file holds each as it was at a moment of its own: whoever finds a name taken
/// waits until the end.
///
/// # Errors
/// See [`RestoreError`].
pub async fn restore<S: Store, R: Read>(
    mut backup: BackupReader<R>,
    store: &S,
    grants: Grants,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<(Summary, Restored), RestoreError> {
    let mut pending = Pending::default();
    while let Some(entry) = backup.next_entry()? {
        match entry {
            Entry::Key(id) if grants == Grants::Keep => store.add_key_id(id).await?,
            Entry::Key(_) => {}
            Entry::Grant(grant) => pending.grants.add(store.grants(), grant).await?,
            Entry::Client(mut client) => {
                if grants == Grants::End {
                    client.epoch = Epoch::generate(entropy);
                    client.update_time = now;
                }
                pending.clients.add(store.clients(), client).await?;
            }
            Entry::User(mut user) => {
                if grants == Grants::End {
                    user.epoch = Epoch::generate(entropy);
                    user.update_time = now;
                }
                pending.users.add(store.users(), user).await?;
            }
            Entry::NoClient(id) => pending.clients.drop_record(store.clients(), &id).await?,
            Entry::NoUser(id) => pending.users.drop_record(store.users(), &id).await?,
        }
    }
    let restored = Restored {
        grants: pending.grants.finish(store.grants()).await?,
        clients: pending.clients.finish(store.clients()).await?,
        users: pending.users.finish(store.users()).await?,
    };
    Ok((backup.verify()?, restored))
}

#[derive(Default)]
struct Pending {
    grants: Group<Grant>,
    clients: Group<Client>,
    users: Group<User>,
}

/// Records of one type on their way, each in its newest state.
struct Group<R: Record> {
    next: BTreeMap<R::Key, R>,
    /// Those whose place another record holds still.
    waiting: BTreeMap<R::Key, R>,
    written: u64,
}

impl<R: Record> Default for Group<R> {
    fn default() -> Self {
        Self { next: BTreeMap::new(), waiting: BTreeMap::new(), written: 0 }
    }
}

impl<R: Record> Group<R> {
    async fn add(&mut self, records: &impl Records<R>, record: R) -> Result<(), WriteError> {
        self.next.insert(record.key(), record);
        if self.next.len() < GROUP { Ok(()) } else { self.write(records).await }
    }

    async fn write(&mut self, records: &impl Records<R>) -> Result<(), WriteError> {
        let group = std::mem::take(&mut self.next);
        let inserts = group.values().map(|record| records.write(Write::Insert(record.clone())));
        let outcomes = join_all(inserts).await;
        for ((key, record), outcome) in group.into_iter().zip(outcomes) {
            self.waiting.remove(&key);
            match outcome {
                Ok(_) => self.written += 1,
                Err(WriteError::Conflict) => self.replace(records, key, record).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Puts a newer state in the place of an older one. If what it needs is another's still, the
    /// older state gives up its own place, which that other may be waiting for.
    async fn replace(
        &mut self,
        records: &impl Records<R>,
        key: R::Key,
        record: R,
    ) -> Result<(), WriteError> {
        if let Some(older) = records.get(&key).await? {
            match records.write(Write::Replace(older.version(), record.clone())).await {
                Err(WriteError::Conflict) => self.delete(records, &key).await?,
                written => return written.map(drop),
            }
        }
        self.waiting.insert(key, record);
        Ok(())
    }

    async fn drop_record(
        &mut self,
        records: &impl Records<R>,
        key: &R::Key,
    ) -> Result<(), WriteError> {
        self.next.remove(key);
        self.waiting.remove(key);
        self.delete(records, key).await
    }

    async fn delete(&mut self, records: &impl Records<R>, key: &R::Key) -> Result<(), WriteError> {
        if let Some(found) = records.get(key).await? {
            records.write(Write::Delete(found.version(), key.clone())).await?;
            self.written -= 1;
        }
        Ok(())
    }

    /// Writes the last group and whoever waited; tells how many records there are.
    async fn finish(mut self, records: &impl Records<R>) -> Result<u64, RestoreError> {
        self.write(records).await?;
        self.next = std::mem::take(&mut self.waiting);
        self.write(records).await?;
        if self.waiting.is_empty() {
            Ok(self.written)
        } else {
            Err(BackupError::Damaged("two users bear one name").into())
        }
    }
}
