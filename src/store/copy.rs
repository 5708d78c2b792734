//! Copies all records of one store into another, empty store of any engine.

use thiserror::Error;

use super::{Pages, ReadError, Record, Records, Store, Write, WriteError, bulk::do_all};
use crate::domain::{signing_register::SigningChange, time::Timestamp};

/// Number of records in one read.
const PAGE: usize = 256;

/// Numbers of copied records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Number of clients.
    pub clients: u64,
    /// Number of users.
    pub users: u64,
    /// Number of grants, including ended ones.
    pub grants: u64,
}

/// The reason for an incomplete copy.
#[derive(Debug, Error)]
pub enum CopyError {
    /// Reading from the source store failed.
    #[error("the store to copy: {0}")]
    Read(#[from] ReadError),
    /// Writing to the target store failed.
    #[error("the store to fill: {0}")]
    Write(#[from] WriteError),
}

/// Copies keys, clients, users, grants and failed logins from a store that has no other writers.
/// The feed of changes is not copied: the target's feed starts empty. Calls `watch` with the counts
/// so far after each record.
///
/// # Errors
/// Returns a [`CopyError`] if a read or a write fails. The target store is unusable then.
pub async fn copy(
    from: &impl Store,
    to: &impl Store,
    mut watch: impl FnMut(Copied),
) -> Result<Copied, CopyError> {
    for id in from.key_ids().await? {
        to.add_key_id(id).await?;
    }
    let signing = from.needed_signing_keys().await?;
    if !signing.is_empty() {
        // Ends that have passed are dropped by the next change.
        to.register_signing(SigningChange::Need(signing), Timestamp::default()).await?;
    }
    let mut copied = Copied::default();
    let clients = || {
        copied.clients += 1;
        watch(copied);
    };
    copy_records(from.clients(), to.clients(), clients).await?;
    let users = || {
        copied.users += 1;
        watch(copied);
    };
    copy_records(from.users(), to.users(), users).await?;
    let grants = || {
        copied.grants += 1;
        watch(copied);
    };
    copy_records(from.grants(), to.grants(), grants).await?;
    copy_records(from.attempts(), to.attempts(), || ()).await?;
    copy_records(from.assertions(), to.assertions(), || ()).await?;
    // A page skips damaged records. A copy must not lose them silently.
    if from.condition().damaged > 0 {
        return Err(ReadError::Corrupt.into());
    }
    Ok(copied)
}

async fn copy_records<R: Record>(
    from: &impl Records<R>,
    to: &impl Records<R>,
    mut copied: impl FnMut(),
) -> Result<(), CopyError> {
    let mut pages = Pages::of(from, PAGE);
    while let Some(page) = pages.next().await? {
        do_all(&page, |record| insert(to, record), &mut copied).await?;
    }
    Ok(())
}

/// Inserts the record. An earlier attempt with an unknown result may have inserted it already.
async fn insert<R: Record>(to: &impl Records<R>, record: &R) -> Result<(), CopyError> {
    match to.write(Write::Insert(record.clone())).await {
        Err(WriteError::Conflict) if is_there(to, record).await? => Ok(()),
        written => Ok(written.map(drop)?),
    }
}

async fn is_there<R: Record>(to: &impl Records<R>, record: &R) -> Result<bool, CopyError> {
    let found = to.get(&record.key()).await?;
    Ok(found.is_some_and(|found| *found == *record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{key_ring::KeyId, signing_key_id::SigningKeyId, signing_register::NeededKey},
        store::{SigningKeys as _, conformance, memory::MemoryStore},
    };

    #[tokio::test]
    async fn everything_is_there_as_it_was() {
        let (from, to) = (MemoryStore::new(), MemoryStore::new());
        from.add_key_id(KeyId::from_bytes([7; 4])).await.expect("noted");
        let (key, until) = (SigningKeyId::from_bytes([7; 32]), Timestamp::from_millis(1));
        let need = SigningChange::Need(vec![NeededKey { key, until }]);
        from.register_signing(need, Timestamp::default()).await.expect("noted");
        // A full page, with no page after it.
        for number in 0..=u8::MAX {
            let grant = conformance::grant(number);
            from.grants().write(Write::Insert(grant)).await.expect("inserted");
        }
        let client = conformance::client(1);
        from.clients().write(Write::Insert(client.clone())).await.expect("inserted");
        from.users().write(Write::Insert(conformance::user(2))).await.expect("inserted");
        let mut seen = Vec::new();
        let copied = copy(&from, &to, |copied| seen.push(copied)).await.expect("copied");
        assert_eq!(copied, Copied { clients: 1, users: 1, grants: 256 });
        assert_eq!((seen.len(), seen.last()), (258, Some(&copied)), "each is told of");
        assert_eq!(to.key_ids().await, from.key_ids().await);
        assert_eq!(to.needed_signing_keys().await, from.needed_signing_keys().await);
        assert!(to.needed_signing_keys().await.is_ok_and(|keys| keys.len() == 1));
        let found = to.clients().get(&client.id).await.expect("a read");
        assert_eq!(found.as_deref(), Some(&client));
        for number in 0..=u8::MAX {
            let grant = conformance::grant(number);
            let found = to.grants().get(&grant.id).await.expect("a read");
            assert_eq!(found.as_deref(), Some(&grant));
        }
    }
}
