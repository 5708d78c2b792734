//! Writes the entries of a backup into an empty store.

use std::{collections::BTreeMap, io::Read};

use futures_util::future::join_all;
use thiserror::Error;

use super::{BackupError, BackupReader, Entry, Summary};
use crate::{
    domain::{
        client::Client, entropy::Entropy, epoch::Epoch, grant::Grant,
        signing_register::SigningChange, time::Timestamp, user::User,
    },
    store::{Record, Records, Store, Write, WriteError},
};

/// Number of records written together: one batch of the committer.
const GROUP: usize = 256;

/// Treatment of the restored grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grants {
    /// End all grants by moving every epoch. Tokens may have been revoked since the backup, and the
    /// backup does not show it.
    End,
    /// Keep the grants valid. Safe only if nothing was revoked since the backup ended.
    Keep,
}

/// Numbers of restored records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Number of clients in the store.
    pub clients: u64,
    /// Number of users in the store.
    pub users: u64,
    /// Number of grants in the store.
    pub grants: u64,
}

/// The reason for a failed restore. The partly filled store is unusable.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The backup file is at fault.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The store is at fault.
    #[error("the store: {0}")]
    Store(#[from] WriteError),
}

/// Writes everything in `backup` into `store`, which is empty. Keys are noted only if the grants
/// are kept: the tokens of ended grants need none.
///
/// Each record gets its last state in the file. Two users can have one name for a while, since the
/// file holds each as it was at a different moment. A user whose name is taken waits until the end.
///
/// # Errors
/// Returns a [`RestoreError`] if the backup or the store is at fault.
pub async fn restore<S: Store, R: Read>(
    mut backup: BackupReader<R>,
    store: &S,
    grants: Grants,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<(Summary, Restored), RestoreError> {
    let (mut pending, mut signing) = (Pending::default(), Vec::new());
    while let Some(entry) = backup.next_entry()? {
        match entry {
            Entry::Key(id) if grants == Grants::Keep => store.add_key_id(id).await?,
            Entry::SigningKey(key) if grants == Grants::Keep => signing.push(key),
            Entry::Key(_) | Entry::SigningKey(_) => {}
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
    if !signing.is_empty() {
        store.register_signing(SigningChange::Need(signing), now).await?;
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

/// Records of one type that are not yet written, each in its newest state.
struct Group<R: Record> {
    next: BTreeMap<R::Key, R>,
    /// Records whose unique value another record still holds.
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

    /// Replaces an older state with a newer one. If the new state needs a value that another record
    /// still holds, the older state gives up its own value, which that record may be waiting for.
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

    /// Writes the last group and the waiting records. Returns the number of records.
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
