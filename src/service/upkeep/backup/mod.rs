//! Backs up the store while it is in use: pages through all records, and reads again what changed meanwhile.
//!
//! # Proof that a restored copy is right
//!
//! *Nothing acknowledged before is lost.* A page holds every record that was there all the while it
//! was read. A record that was written before the backup began is in its page, in that state or a
//! newer one.
//!
//! *Nothing that had ended lives.* Writes that end tokens are in the changes feed: the end of a
//! grant or of its access token, a moved epoch, a disabled or deleted client or user. The backup
//! follows the feed from where it stood before the first page, reads each record that an event
//! names once more, and adds that later state behind the earlier one, which it replaces at the
//! restore. An event is shown no earlier than its state, so that state is at least as new as the
//! event. The backup ends, once all pages are read, at the moment that the file names: the head is
//! read after that moment and the feed followed up to it, so everything that was reported as ended
//! by then is ended in the file. Expiry needs no event.
//!
//! *Limits.* A refresh is no event. A grant may stand in the file in the generation before the one
//! that its client got meanwhile: the client's token is then ahead of the record, and is refused
//! and ends the grant, as after any restore.
//!
//! Memory is bounded by a page and a piece; the work goes on only as the pieces are fetched. Each
//! backup reads the whole store past the cache, so that there are two at a time, each of another
//! administrator: slow fetching by one does not block another.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, mem, sync::Arc, time::Duration};

use tokio::task::spawn_blocking;

use crate::{
    domain::{
        change::{Change, FamilyChange},
        client_id::ClientId,
        error::Error,
        grant_id::GrantId,
        key_ring::KeyId,
        signing_register::NeededKey,
        subject::UserId,
        time::Timestamp,
    },
    service::{
        Admin,
        holder::Holder,
        records::Records,
        shares::{Share, Shares},
    },
    store::{
        Records as _, Sequence, Store,
        backup::{BackupWriter, Entry, Header},
    },
};

/// Records read at once.
const PAGE: usize = 256;
/// Longest piece, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Backups at a time.
const MOST_BACKUPS: usize = 2;

/// The pause that is asked of a caller for whom there is no place.
const PAUSE: Duration = Duration::from_secs(10);

/// A piece of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPiece {
    /// The next bytes of the file, at most 64 KiB.
    pub data: Vec<u8>,
    /// Number of records read so far.
    pub records: u64,
    /// About how many there are, as far as is known; never fewer than have been read.
    pub total_records: u64,
}

/// Stage of a backup.
enum Step {
    Clients(Option<ClientId>),
    Users(Option<UserId>),
    Grants(Option<GrantId>),
    /// All pages are read.
    Closing,
    Finished,
}

/// A backup under way. It goes on as its pieces are fetched.
pub struct Backup {
    step: Step,
    /// `None` once the last byte is written.
    writer: Option<BackupWriter>,
    /// The last event that the file takes into account.
    seen: Sequence,
    keys: BTreeSet<KeyId>,
    /// Bytes that wait to be fetched.
    ready: Vec<u8>,
    records: u64,
    #[expect(dead_code, reason = "held: when it is dropped the next backup may begin")]
    place: Share,
}

/// Backups of the store.
pub struct Backups<S> {
    records: Records<S>,
    /// Places for backups under way.
    places: Arc<Shares>,
}

impl<S> Backups<S> {
    pub(in crate::service) fn new(records: Records<S>) -> Self {
        Self { records, places: Arc::new(Shares::new(MOST_BACKUPS)) }
    }
}

impl<S: Store> Backups<S> {
    /// Begins a backup of everything but the server keys. Every change that was answered before is
    /// in it.
    ///
    /// # Errors
    /// `Overloaded` while another backup of the same administrator, or two, are under way;
    /// `Unavailable` when the store cannot be read.
    pub async fn begin_backup(&self, admin: &Admin) -> Result<Backup, Error> {
        let begun = self.start_backup(admin.id()).await;
        admin.noted("back up the store", Some(&"everything"), begun)
    }

    async fn start_backup(&self, of: &ClientId) -> Result<Backup, Error> {
        let place = self.places.take(Holder::client(of));
        let place = place.ok_or(Error::Overloaded { retry_after: PAUSE })?;
        // The time last: nothing that was answered before it is missing.
        let seen = self.records.read(self.records.store.head()).await?;
        let keys = self.records.read(self.records.store.key_ids()).await?;
        let header = Header { store_id: self.records.store.id(), begin_time: self.records.now() };
        Ok(Backup {
            step: Step::Clients(None),
            writer: Some(BackupWriter::new(header)),
            seen,
            keys: keys.into_iter().collect(),
            ready: Vec::new(),
            records: 0,
            place,
        })
    }

    /// The next piece of a backup; `None` when it is whole.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot be read, and when the pieces were fetched so slowly that
    /// the feed has forgotten what happened meanwhile. The backup is of no use then.
    pub async fn continue_backup(&self, backup: &mut Backup) -> Result<Option<BackupPiece>, Error> {
        while backup.ready.len() < PIECE_BYTES && backup.writer.is_some() {
            self.step(backup).await?;
        }
        let rest = backup.ready.split_off(PIECE_BYTES.min(backup.ready.len()));
        let data = mem::replace(&mut backup.ready, rest);
        let records = backup.records;
        let total_records = records.max(self.records.store.condition().grants);
        Ok((!data.is_empty()).then_some(BackupPiece { data, records, total_records }))
    }

    async fn step(&self, backup: &mut Backup) -> Result<(), Error> {
        let (page, next) = match &backup.step {
            Step::Clients(after) => {
                let page = self
                    .records
                    .read(self.records.store.clients().page(after.as_ref(), PAGE))
                    .await?;
                let last = page.last().filter(|_| page.len() == PAGE);
                let next =
                    last.map_or(Step::Users(None), |last| Step::Clients(Some(last.id.clone())));
                (page.into_iter().map(|client| Entry::Client((*client).clone())).collect(), next)
            }
            Step::Users(after) => {
                let page = self
                    .records
                    .read(self.records.store.users().page(after.as_ref(), PAGE))
                    .await?;
                let last = page.last().filter(|_| page.len() == PAGE);
                let next = last.map_or(Step::Grants(None), |last| Step::Users(Some(last.id)));
                (page.into_iter().map(|user| Entry::User((*user).clone())).collect(), next)
            }
            Step::Grants(after) => {
                let page = self
                    .records
                    .read(self.records.store.grants().page(after.as_ref(), PAGE))
                    .await?;
                let last = page.last().filter(|_| page.len() == PAGE);
                let next = last.map_or(Step::Closing, |last| Step::Grants(Some(last.id)));
                (page.into_iter().map(|grant| Entry::Grant((*grant).clone())).collect(), next)
            }
            Step::Closing => return self.close(backup).await,
            Step::Finished => return Ok(()),
        };
        backup.step = next;
        backup.add(page, Vec::new()).await?;
        // Now and not at the end alone: the feed does not remember for ever.
        self.follow(backup, None).await
    }

    /// Follows the feed to its head and closes the file.
    async fn close(&self, backup: &mut Backup) -> Result<(), Error> {
        // The time first, then the head: what ended by then is at the head or before.
        let end_time = self.records.now();
        let head = self.records.read(self.records.store.head()).await?;
        self.follow(backup, Some(head)).await?;
        let damaged = self.records.store.condition().damaged;
        if damaged > 0 {
            tracing::warn!(damaged, "the backup is without the records that are damaged");
        }
        backup.keys.extend(self.records.read(self.records.store.key_ids()).await?);
        let signing = self.records.read(self.records.store.needed_signing_keys()).await?;
        backup.finish(end_time, signing).await
    }

    /// Adds the records named by the feed: all of it, and at least up to `target`.
    async fn follow(&self, backup: &mut Backup, target: Option<Sequence>) -> Result<(), Error> {
        loop {
            if target.is_some_and(|target| backup.seen >= target) {
                return Ok(());
            }
            let events = self.records.store.changes(backup.seen, PAGE).await;
            let events = events.map_err(|error| self.records.feed_failed(error))?;
            let (more, mut entries) = (events.len() == PAGE, Vec::with_capacity(events.len()));
            for (sequence, change) in events {
                entries.extend(self.state_after(&change).await?);
                backup.seen = sequence;
            }
            backup.add(Vec::new(), entries).await?;
            if target.is_none() && !more {
                return Ok(());
            }
        }
    }

    /// The record that an event names, as it is now. A grant that is gone was freed: nothing of it
    /// can be used.
    async fn state_after(&self, change: &Change) -> Result<Option<Entry>, Error> {
        let failed = |error| self.records.read_failed(error);
        Ok(match change {
            Change::GrantEnded(change)
            | Change::AccessRevoked(change)
            | Change::FamilyEnded(FamilyChange { grant: change, .. }) => {
                let grant =
                    self.records.store.grants().get(&change.grant_id).await.map_err(failed)?;
                grant.map(|grant| Entry::Grant((*grant).clone()))
            }
            Change::ClientEpochMoved(change) | Change::ClientChanged(change) => {
                let id = &change.client_id;
                let client = self.records.store.clients().get(id).await.map_err(failed)?;
                let gone = || Entry::NoClient(id.clone());
                Some(client.map_or_else(gone, |client| Entry::Client((*client).clone())))
            }
            Change::UserEpochMoved(change) | Change::UserChanged(change) => {
                let user = self.records.store.users().get(&change.user_id).await.map_err(failed)?;
                let gone = Entry::NoUser(change.user_id);
                Some(user.map_or(gone, |user| Entry::User((*user).clone())))
            }
        })
    }
}

impl Backup {
    /// Compresses entries off the runtime's threads.
    async fn add(&mut self, new: Vec<Entry>, repeated: Vec<Entry>) -> Result<(), Error> {
        if new.is_empty() && repeated.is_empty() {
            return Ok(());
        }
        self.write(move |mut writer| {
            for entry in new {
                writer.add(entry);
            }
            for entry in repeated {
                writer.repeat(entry);
            }
            let (ready, records) = (writer.take(), writer.counts().records());
            (Some(writer), ready, records)
        })
        .await
    }

    async fn finish(&mut self, end_time: Timestamp, signing: Vec<NeededKey>) -> Result<(), Error> {
        let keys = mem::take(&mut self.keys);
        self.step = Step::Finished;
        self.write(move |mut writer| {
            for id in keys {
                writer.add(Entry::Key(id));
            }
            for key in signing {
                writer.add(Entry::SigningKey(key));
            }
            let (mut ready, records) = (writer.take(), writer.counts().records());
            ready.extend(writer.finish(end_time));
            (None, ready, records)
        })
        .await
    }

    async fn write(
        &mut self,
        work: impl FnOnce(BackupWriter) -> (Option<BackupWriter>, Vec<u8>, u64) + Send + 'static,
    ) -> Result<(), Error> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let written = spawn_blocking(move || work(writer)).await;
        let (writer, ready, records) = written.map_err(|_| Error::UNAVAILABLE)?;
        self.writer = writer;
        self.ready.extend(ready);
        self.records = records;
        Ok(())
    }
}
